"""The project's Dockerfile: what it must keep, its bases and their pins."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest
from baking import PROJECT

from mlops.contract.errors import MlopsError
from mlops.delivery import dockerfile
from mlops.delivery.dockerfile import Base, bases, parse, pin, require_pinned
from mlops.delivery.image import manifest

OURS = (PROJECT / "Dockerfile").read_text(encoding="utf-8").replace("{{ cookiecutter.python_version }}", "3.11")
A, B = ("sha256:" + letter * 64 for letter in "ab")
COPIED = {"requirements/serve.txt", "src/mlops", "build/bundle"}
START = '["/opt/venv/bin/python", "-m", "mlops.serving", "--bundle", "/srv/mlops/bundle"]'


def faults(text: str) -> list[str]:
    """List what a Dockerfile of ours must not have or lacks."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    said = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    last = said[max(i for i, (word, _) in enumerate(said) if word == "FROM") :]
    copies = [rest for word, rest in said if word in ("COPY", "ADD")]
    sources = {part for rest in copies if "--from=environment" not in rest for part in rest.split()[:-1]}
    checks = {
        "a base without a version": any(base.tag in ("", "latest") for base in bases(text)),
        "two bases": len(bases(text)) != 1,
        "another user": [rest for word, rest in last if word == "USER"] != ["10001:10001"],
        "copies something else": sources != COPIED,
        "the model is not the last layer": [rest for word, rest in last if word in ("COPY", "ADD", "RUN")][-1]
        != "build/bundle /srv/mlops/bundle",
        "packages unchecked": "--require-hashes" not in text,
        "source packages, which need a compiler": "--only-binary :all:" not in text,
        "bytecode by time": "unchecked-hash" not in text,
        "starts something else": last[-1] != ["ENTRYPOINT", START],
        "an installer inside": "shutil.rmtree" not in text,
        "words of its own": any(word in ("LABEL", "CMD", "VOLUME") for word, _ in said),
    }
    return [name for name, wrong in checks.items() if wrong]


def test_ours_has_no_fault() -> None:
    assert faults(OURS) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("USER 10001:10001\n", "", "another user"),
        ("USER 10001:10001\n", "USER root\n", "another user"),
        (":3.11-slim", ":latest", "a base without a version"),
        (":3.11-slim", "", "a base without a version"),
        (":3.11-slim AS", ":3.10-slim AS", "two bases"),
        ("COPY build/bundle /srv/mlops/bundle", "COPY . /srv/mlops", "copies something else"),
        ("USER", "COPY . /srv\nUSER", "copies something else"),
        ("USER", "RUN touch /x\nUSER", "the model is not the last layer"),
        (" --require-hashes", "", "packages unchecked"),
        (" --only-binary :all:", "", "source packages, which need a compiler"),
        (" --invalidation-mode unchecked-hash", "", "bytecode by time"),
        ('"--bundle", ', "", "starts something else"),
        ("EXPOSE", "LABEL a=b\nEXPOSE", "words of its own"),
    ],
)
def test_each_fault_is_seen(old: str, new: str, fault: str) -> None:
    assert old in OURS
    assert fault in faults(OURS.replace(old, new))


def test_by_hand_docker_is_given_the_same_files(tmp_path: Path) -> None:
    """What .dockerignore lets through of the machinery is what the manifest lists."""
    patterns = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    (tmp_path / "build/bundle").mkdir(parents=True)
    (tmp_path / "build/bundle/model.onnx").touch()
    (tmp_path / "src").symlink_to(PROJECT / "src")
    (tmp_path / "requirements").symlink_to(PROJECT / "requirements")
    everything = [
        path.relative_to(PROJECT).as_posix()
        for folder in ("src", "requirements", "deploy", "tests")
        for path in (PROJECT / folder).rglob("*")
        if path.is_file()
    ]
    let_through = {name for name in ["build/bundle/model.onnx", *everything] if not ignored(name, patterns)}
    assert let_through == {file.source.relative_to(tmp_path).as_posix() for file in manifest(tmp_path)}


def ignored(name: str, patterns: list[str]) -> bool:
    result = False
    for pattern in patterns:
        bare = pattern.removeprefix("!").removeprefix("**/")
        whole = name == bare or name.startswith(f"{bare}/") or bare == "*"
        part = pattern.startswith("**/") and any(fnmatch.fnmatch(piece, bare) for piece in name.split("/"))
        result = not pattern.startswith("!") if whole or part else result
    return result


FIRST = f"FROM python:3.11-slim@{A} AS base\n"


def project(folder: Path, text: str, python: str = "3.11\n") -> Path:
    (folder / "Dockerfile").write_text(text)
    (folder / ".python-version").write_text(python)
    return folder


@pytest.mark.parametrize(
    ("reference", "base", "repository"),
    [
        ("python:3.11-slim", Base("python", "3.11-slim", ""), "docker.io/library/python"),
        (f"team/base@{A}", Base("team/base", "", A), "docker.io/team/base"),
        (f"localhost:5000/python:3@{A}", Base("localhost:5000/python", "3", A), "localhost:5000/python"),
        ("ghcr.io/a/b/c", Base("ghcr.io/a/b/c", "", ""), "ghcr.io/a/b/c"),
    ],
)
def test_a_reference_is_taken_apart(reference: str, base: Base, repository: str) -> None:
    assert parse(reference) == base
    assert (str(base), base.repository) == (reference, repository)


def several(python: str, copied: str, tools: str, debian: str) -> str:
    return (
        f"# FROM python:3.11-slim is not this\nFROM  --platform=linux/amd64 {python} as base\n"
        f"FROM base AS build\nCOPY --from={copied} /a /b\nfrom {tools}\nFROM scratch\nFROM build\n"
        f"COPY --chown=1:1 \\\n  # debian:12\n  --from={debian} /a /b\nCOPY --from=build /a /b\nCOPY --from=0 /a /b\n"
        f"RUN --mount=type=bind,from={tools},target=/t --mount=type=cache,target=/c cp --from=debian:12 /t /c\n"
    )


def test_pin_rewrites_the_bases_and_nothing_else(tmp_path: Path) -> None:
    text = several(f"python:3.10.2-slim@{A}", "python:3.11-slim", "ghcr.io/a/tools", "debian:12")
    asked: list[Base] = []

    def ask(base: Base) -> str:
        asked.append(base)
        return B

    made = pin(project(tmp_path, text), ask)
    assert asked == [Base("python", "3.11-slim", ""), Base("ghcr.io/a/tools", "", ""), Base("debian", "12", "")]
    pinned = tuple(dict.fromkeys(made.values()))
    python, tools, debian = map(str, pinned)
    assert [python, tools, debian] == [f"{base}@{B}" for base in asked]
    assert (tmp_path / "Dockerfile").read_text() == several(python, python, tools, debian)
    assert require_pinned(tmp_path) == pinned


@pytest.mark.parametrize(
    ("text", "python", "words"),
    [
        ("FROM python:3.11-slim\n", "3.11", "'python:3.11-slim' is not pinned.*`mlops image pin`"),
        (f"FROM python:3.11-slim@{A}\nFROM debian:12\n", "3.11", "'debian:12' is not pinned"),
        ("FROM python:3.11-slim@sha256:ab\n", "3.11", "is not pinned"),
        (f"FROM python:3.11-slim@{A}\n", "3.12", "but .python-version says 3.12. Run `mlops image pin`"),
        (f"FROM ghcr.io/a/python:3.11@{A}\n", "3.12", "but .python-version says 3.12"),
        ("ARG BASE=python\nFROM ${BASE}\n", "3.11", "depends on a build argument.*Name the base"),
        (f"{FIRST}COPY --from=${{X}} /a /b\n", "3.11", "'\\${X}' depends on a build argument.*Name the base"),
        ("FROM scratch\n", "3.11", "no FROM names a base"),
        (f"FROM python:3.11-slim@{A}\n", "python", "must begin with a version of Python"),
    ],
)
def test_what_would_make_the_identity_lie_is_refused(tmp_path: Path, text: str, python: str, words: str) -> None:
    with pytest.raises(MlopsError, match=words):
        require_pinned(project(tmp_path, text, python))


COPIES = [
    "COPY --from=debian:12 /a /b",
    "copy --from=debian:12 /a /b",
    "  COPY --link --from=debian:12 --chown=1:1 /a /b",
    'COPY --from="debian:12" /a /b',
    "COPY \\\n    --link \\\n    # a remark\n    --from=debian:12 \\\n    /a /b",
    "ONBUILD COPY --from=debian:12 /a /b",
    "RUN --mount=from=debian:12,target=/t cp /t/a /b",
    "RUN --mount=type=cache,target=/c --mount=type=bind,target=/t,from=debian:12 cp /t/a /b",
    'RUN --mount=type=bind,"from=debian:12",target=/t cp /t/a /b',
    "RUN --network=none \\\n --mount=type=bind,from=debian:12,target=/t cp /t/a /b",
]
ALIKE = [
    "COPY --from=base /a /b",
    "COPY --from=BASE /a /b",
    "COPY --from=0 /a /b",
    "RUN --mount=type=bind,from=base,target=/t cp /t/a /b",
    "RUN cp --from=debian:12 /a /b",
    "# COPY --from=debian:12 /a /b",
    f"COPY --from=debian:12@{B} /a /b",
    "RUN --mount=type=secret,id=not-from=debian:12 cat /run/secrets/x",
]


@pytest.mark.parametrize("line", COPIES)
def test_what_is_copied_from_another_image_is_pinned_too(tmp_path: Path, line: str) -> None:
    with pytest.raises(MlopsError, match=r"Dockerfile: the base 'debian:12' is not pinned by its digest.*image pin"):
        require_pinned(project(tmp_path, f"{FIRST}{line}\n"))
    pin(tmp_path, lambda _: B)
    assert require_pinned(tmp_path)[1] == Base("debian", "12", B)


@pytest.mark.parametrize("line", ALIKE)
def test_stages_digits_and_what_only_looks_alike_pass(tmp_path: Path, line: str) -> None:
    assert require_pinned(project(tmp_path, f"{FIRST}{line}\n"))[0] == Base("python", "3.11-slim", A)


def test_mutant_that_reads_no_options_lets_an_unpinned_image_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dockerfile, "OPTIONS", re.compile(r"\Z\A."))
    for line in COPIES:
        assert len(require_pinned(project(tmp_path, f"{FIRST}{line}\n"))) == 1


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MlopsError, match=r"Dockerfile: not readable.*git checkout Dockerfile"):
        require_pinned(tmp_path)
    with pytest.raises(MlopsError, match=r"\.python-version: not readable"):
        dockerfile.minor(tmp_path)


def test_a_base_of_another_name_has_the_tags_it_has(tmp_path: Path) -> None:
    text = f"FROM gcr.io/distroless/python3-debian12:nonroot@{A}\n"
    assert [base.tag for base in require_pinned(project(tmp_path, text, "3.12"))] == ["nonroot"]
