"""Where a project's DVC objects and local images lie, read from DVC's own configuration."""

from __future__ import annotations

import configparser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.settings import Settings

CONFIGS = ("config", "config.local")


@dataclass(frozen=True)
class Remote:
    """The default DVC remote: its name and address; `folder` where that is a folder of this machine."""

    name: str
    url: str
    folder: Path | None


@dataclass(frozen=True)
class Storage:
    """Where local images lie; `note` says so when that is not beside the DVC remote."""

    folder: Path
    note: str = ""


def default_remote(root: Path, files: Sequence[str] = CONFIGS) -> Remote:
    """Read which DVC remote a project uses.

    Args:
        root: The project.
        files: The files of .dvc to believe, a later one over an earlier one.

    Raises:
        MlopsError: It has none, or names one that is not configured.
    """
    config = read_config(root, files)
    name = _value(config, "core", "remote")
    if not name:
        raise MlopsError(
            "No default DVC remote. Run `dvc remote add --default storage ../storage` and commit .dvc/config."
        )
    url = _value(config, _section(name), "url")
    if not url:
        raise MlopsError(f"The default DVC remote {name!r} has no url. Run `dvc remote add --default {name} URL`.")
    return Remote(name, url, _folder(root, url))


def storage(settings: Settings) -> Storage:
    """Say where a project's local images lie: beside the DVC remote's folder, which every clone shares."""
    remote = default_remote(settings.root)
    if remote.folder:
        return Storage(remote.folder.parent)
    own = settings.cache / "storage"
    return Storage(
        own, f"The DVC remote {remote.url!r} is no folder: local images lie in {str(own)!r}, for this clone alone."
    )


def link_remote(clone: Path, original: Path) -> None:
    """Let a temporary clone use the original's DVC remote and cache, so that nothing is fetched or stored twice.

    The clone may be of a commit that has another remote, or none: the whole section of the original's comes along, and
    what its .dvc/config.local holds (credentials). Relative addresses become absolute. What is fetched is hashed, as
    the clone's features are run.
    """
    remote, given = default_remote(original), read_config(original)
    config = _parser()
    config.read(original / ".dvc" / "config.local", encoding="utf-8")
    section, cache = _section(remote.name), _value(given, "cache", "dir") or "cache"
    own = {"url": str(remote.folder) if remote.folder else remote.url, "verify": "true"}
    for name, options in {
        "core": {"remote": remote.name},
        section: {**given[section], **own},
        "cache": {"dir": str((original / ".dvc" / cache).resolve())},
    }.items():
        if not config.has_section(name):
            config.add_section(name)
        for key, value in options.items():
            config.set(name, key, value)
    with (clone / ".dvc" / "config.local").open("w", encoding="utf-8") as file:
        config.write(file)


def read_config(root: Path, files: Sequence[str] = CONFIGS) -> Mapping[str, Mapping[str, str]]:
    """Read .dvc/config with .dvc/config.local over it.

    Raises:
        MlopsError: They are no configuration.
    """
    config = _parser()
    try:
        config.read([root / ".dvc" / name for name in files], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise MlopsError(f".dvc/config is unreadable: {error}. Mend it, or `git checkout .dvc/config`.") from error
    return {name: dict(config.items(name)) for name in config.sections()}


def _parser() -> configparser.ConfigParser:
    return configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",), default_section="")


def _section(remote: str) -> str:
    return f"'remote \"{remote}\"'"


def _value(config: Mapping[str, Mapping[str, str]], section: str, key: str) -> str:
    value = config.get(section, {}).get(key, "").strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _folder(root: Path, url: str) -> Path | None:
    path = url.removeprefix("file://")
    return None if "://" in path else (root / ".dvc" / Path(path).expanduser()).resolve()
