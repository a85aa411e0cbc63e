"""Where the project lies and what it calls its own modules: `[tool.mlops]` in pyproject.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError

CHOICES = {
    "target": ("local", "argocd"),
    "builder": ("buildah", "docker"),
    "platform": ("linux/amd64", "linux/arm64"),
    "main": ("restore", "retrain"),
    "ci": ("github", "gitlab"),
}


@dataclass(frozen=True)
class Settings:
    """The project's own names and places.

    `features` and `model` are dotted names of the user's modules inside `package`; `source` names a module that
    yields batches, where the project has one.
    """

    root: Path
    slug: str
    package: str
    features: str
    model: str
    source: str | None = None
    image: str = ""
    target: str = "local"
    builder: str = "buildah"
    platform: str = "linux/amd64"
    soak: int = 30
    main: str = "restore"
    branch: str = "main"
    remote: str = "origin"
    ci: str = "github"
    feedback: str = ".mlops/feedback/staging"

    @property
    def bundle(self) -> Path:
        """The folder that `train` writes."""
        return self.root / "build" / "bundle"

    @property
    def cache(self) -> Path:
        """The folder of what can be made again: environments, champions, running servers."""
        return self.root / ".mlops"


def find(start: Path | None = None) -> Settings:
    """Read the settings of the project that holds `start` (default: the working directory).

    Raises:
        MlopsError: No project there, or `[tool.mlops]` is incomplete or has an unknown key.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        table = _table(folder / "pyproject.toml")
        if table is not None:
            return _settings(folder, table)
    raise MlopsError(f"{str(here)!r} is not inside a project: no pyproject.toml with [tool.mlops]. Change into one.")


def _table(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise MlopsError(f"{path}: not valid TOML: {error}.") from error
    table: dict[str, Any] | None = document.get("tool", {}).get("mlops")
    return None if table is None else {"slug": document.get("project", {}).get("name", ""), **table}


def _settings(root: Path, table: dict[str, Any]) -> Settings:
    where = f"{root / 'pyproject.toml'}: [tool.mlops]"
    for key, known in CHOICES.items():
        if table.get(key, known[0]) not in known:
            raise MlopsError(f"{where}: {key} is {table[key]!r} and must be one of {', '.join(map(repr, known))}.")
    if type(soak := table.get("soak", 0)) is not int or soak < 0:
        raise MlopsError(f"{where}: soak is {soak!r} and must be a whole number of minutes, 0 or more.")
    try:
        return Settings(root=root, **table)
    except TypeError as error:
        raise MlopsError(f"{where}: {error}. See docs/reference/settings.md.") from error
