"""Where the project lies and what it calls its own modules: `[tool.mlops]` in pyproject.toml."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.contract.near import did_you_mean
from mlops.contract.text import decode

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
        document = tomllib.loads(decode(path.read_bytes(), str(path)))
    except tomllib.TOMLDecodeError as error:
        raise MlopsError(f"{path}: not valid TOML: {error}.") from error
    tool, project = document.get("tool"), document.get("project")
    table = tool.get("mlops") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not (isinstance(table, dict) and isinstance(project, dict)):
        raise MlopsError(f"{path}: [project] and [tool.mlops] must be tables. See docs/reference/settings.md.")
    return {"slug": project.get("name", ""), **table}


def _settings(root: Path, table: dict[str, Any]) -> Settings:
    where = f"{root / 'pyproject.toml'}: [tool.mlops]"
    known = {field.name: field.default for field in fields(Settings) if field.name != "root"}
    for key, value in table.items():
        if key not in known:
            raise MlopsError(f"{where}: the key {key!r} is unknown. {did_you_mean(key, known)}")
        if key in CHOICES and value not in CHOICES[key]:
            raise MlopsError(f"{where}: {key} is {value!r} and must be one of {', '.join(map(repr, CHOICES[key]))}.")
        if key == "soak" and (type(value) is not int or value < 0):
            raise MlopsError(f"{where}: soak is {value!r} and must be a whole number of minutes, 0 or more.")
        if key != "soak" and not isinstance(value, str):
            raise MlopsError(f"{where}: {key} is {value!r} and must be text in quotes.")
    for key, default in known.items():
        if default is MISSING and key not in table:
            raise MlopsError(f"{where}: the key {key!r} is missing. See docs/reference/settings.md.")
    return Settings(root=root, **table)
