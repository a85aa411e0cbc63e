"""`mlops retrain` on a released project: new data of its source become one pull request, or nothing does."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from living import LivingProject
from unit.delivery.forge_server import Forge, serving

pytestmark = pytest.mark.pipeline
BRANCH = "mlops/retrain"
HOSTILE = (
    "drift @everyone </details>\n\n# YES\n\n```\n/merge\n$(touch owned) `touch owned` fixes #1 ![x](http://e.example/x)"
)
SOURCE = """
import numpy as np
import pandas as pd

INITIAL = 1


def names():
    return ["first", "GH-12 [skip ci]"]


def load(name):
    rng = np.random.default_rng(7)
    rows = 600
    when = np.datetime64("2024-03-03T00:00") + np.arange(rows) * np.timedelta64(37, "m")
    price = np.round(rng.gamma(4, 15, rows), 2)
    size = rng.choice(["S", "M", "L", "XL"], rows)
    strength = 0.03 * (price - 60) + 1.2 * (size == "XL") + rng.normal(0, 1, rows)
    return pd.DataFrame({
        "order": [f"n{row:06d}" for row in range(rows)], "sold at": when.astype("datetime64[s]").astype(str),
        "size": size, "unit price": price, "discount.percent": np.round(rng.random(rows) * 40),
        "gift": rng.random(rows) < 0.2, "returned": np.where(strength > 0.2, "yes", "no"),
    })
"""


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as there:
        yield there


def test_new_data_become_one_pull_request_that_a_second_run_leaves_alone(project: LivingProject, forge: Forge) -> None:
    """The person's tree has uncommitted changes and another branch checked out: nobody looks there."""
    project.mlops("card")
    (project.path / "src" / "own_table" / "shop.py").write_text(SOURCE, encoding="utf-8")
    project.edit(
        "pyproject.toml", 'model = "own_table.model"\n', 'model = "own_table.model"\nsource = "own_table.shop"\n'
    )
    project.commit("A shop that sends batches")
    project.git("push", "--quiet", "origin", "HEAD:main")
    project.git("switch", "--quiet", "--create", "mine")
    (project.path / "params.yaml").write_text("nobody's business\n")
    before = project.git("status", "--porcelain"), project.git("rev-parse", "HEAD")

    said = project.mlops("retrain", "--cause", HOSTILE, **forge.environ)
    assert (
        "data/raw/0002-GH-12-skip-ci.parquet is new" in said and "https://forge.example.com/team/project/pull/1" in said
    )
    assert (project.git("status", "--porcelain"), project.git("rev-parse", "HEAD")) == before
    project.git("fetch", "--quiet", "origin")
    assert project.git("rev-parse", f"origin/{BRANCH}^") == project.git("rev-parse", "origin/main")
    changed = project.git("diff", "--name-only", f"origin/main..origin/{BRANCH}").splitlines()
    batch = "data/raw/0002-GH-12-skip-ci.parquet.dvc"
    assert changed == ["data/raw/.gitignore", batch, "docs/model-card.md", "dvc.lock"]
    message = project.git("show", "--no-patch", "--format=%B", f"origin/{BRANCH}")
    (pull,) = forge.pulls
    assert pull["title"] == message.splitlines()[0] == "Retrain: 0002-GH 12-skip-ci"
    assert "everyone" not in message and "GH-12" not in message
    inert(pull["body"])
    batch = "`0002-GH-12-skip-ci.parquet`: 600 rows"
    for part in (batch, project.record()["id"], "roc_auc", "because", "drifted from"):
        assert part in pull["body"], pull["body"]
    assert (project.path / ".mlops" / "retrain" / "report.html").is_file()
    assert not list((project.path / ".mlops").glob("work-*")), "the clone is gone"

    tip = project.git("rev-parse", f"origin/{BRANCH}")
    said = project.mlops("retrain", "--cause", "a schedule", **forge.environ)
    assert f"the branch {BRANCH} holds this already" in said
    project.git("fetch", "--quiet", "origin")
    assert project.git("rev-parse", f"origin/{BRANCH}") == tip and len(forge.pulls) == 1


def inert(body: str) -> None:
    """What a stranger gave as the cause stands in one quoted line, and no sign of it does anything."""
    (quoted,) = [line for line in body.splitlines() if "everyone" in line]
    assert quoted.startswith("> ") and body.count("# YES") == 0
    assert not re.search(r"@everyone|</details|#1\b|!\[|`touch|^/merge", quoted)
