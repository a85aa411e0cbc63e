from __future__ import annotations

import pytest
from baking import BakedProject, bake

# Says nothing of the example, so that whatever does is the template's.
OTHER = {
    "project_name": 'Köchelverzeichnis "No 1" – Ümläute & <Zeichen> \\ 🎼',
    "project_slug": "koechel",
    "package_name": "koechel_no1",
    "author": "D'Artagnan \"Chuck\" O'Neil",
    "description": "Say: what's `it` worth? #1 \\o/ 100 %",
    "license": "Proprietary",
    "ci_provider": "gitlab",
    "repository_url": "git@git.example.org:music/scores/koechel.git",
    "image_registry": "localhost:5000/music",
    "python_version": "3.12",
    "example_data": "no",
}


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A project with every default."""
    return bake(tmp_path_factory.mktemp("example"))


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A project without example data, every answer another than the default."""
    return bake(tmp_path_factory.mktemp("plain"), **OTHER)


@pytest.fixture(scope="session", params=["example", "plain"])
def baked(request: pytest.FixtureRequest) -> BakedProject:
    """One project after the other."""
    project: BakedProject = request.getfixturevalue(request.param)
    return project
