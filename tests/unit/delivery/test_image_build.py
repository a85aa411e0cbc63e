"""From a working tree to an image in a registry: what the builder is given and told, and what is found again."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from unit.delivery.builders import Builders, install
from unit.delivery.project import BUILT, CONFIG, SOURCE
from unit.delivery.registry_server import FakeRegistry, serving
from unit.delivery.world import hexed

from mlops.commands import image as command
from mlops.contract.errors import MlopsError
from mlops.delivery import context, oci, registry_client
from mlops.delivery.builder import find_or_build
from mlops.delivery.image import identity, manifest
from mlops.delivery.oci import OciBuilder
from mlops.settings import Settings

PIN = "sha256:" + "ab" * 32
DOCKERFILE = f"FROM docker.io/library/python:3.11-slim@{PIN} AS base\nUSER 10001\n"
BESIDE = {"secret.env": "TOKEN=1", "src/mlops/delivery/oci.py": "x = 1", "src/mlops/serving/__pycache__/a.pyc": "x",
          "data/raw/0001-a.csv": "a", "deploy/envs/staging/release.yaml": "release: {}"}  # fmt: skip


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    monkeypatch.setattr(registry_client, "PAUSE", 0)
    with serving() as server:
        yield server


@pytest.fixture
def project(fake: FakeRegistry, tmp_path: Path) -> Settings:
    """A trained project for a cluster, with much beside it that no image holds."""
    root = tmp_path / "project"
    files = {**SOURCE, **BUILT, **BESIDE, "Dockerfile": DOCKERFILE, ".python-version": "3.11\n", ".dvc/config": CONFIG}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    own = f'package = "p"\nfeatures = "p.features"\nmodel = "p.model"\nimage = "{fake.host}/team/model"\n'
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "m"\nversion = "1"\n[tool.mlops]\ntarget = "argocd"\n{own}'
    )
    return Settings(root, "m", "p", "p.features", "p.model", image=f"{fake.host}/team/model", target="argocd")


@pytest.fixture
def builders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builders:
    made = install(tmp_path / "tools", "buildah", "docker")
    monkeypatch.setenv("PATH", str(tmp_path / "tools" / "bin"))
    return made


def write(settings: Settings, name: str, text: str) -> None:
    (settings.root / name).write_text(text)


@pytest.mark.parametrize("tool", ["buildah", "docker"])
def test_it_is_built_once_and_found_from_then_on(
    tool: str, project: Settings, builders: Builders, fake: FakeRegistry
) -> None:
    image, built = find_or_build(project, builder=tool)
    assert built and image.identity == identity(project)
    assert fake.tags == {"team/model": {image.identity.removeprefix("sha256:"): image.digest}}
    assert (image.repository, builders.did) == (project.image, ["build", "push"])
    assert find_or_build(project, builder=tool) == (image, False)
    assert builders.did == ["build", "push"]


def test_going_back_builds_nothing(project: Settings, builders: Builders) -> None:
    first, _ = find_or_build(project)
    write(project, "build/bundle/model.onnx", "another model")
    second, built = find_or_build(project)
    assert built and second.identity != first.identity
    write(project, "build/bundle/model.onnx", BUILT["build/bundle/model.onnx"])
    assert find_or_build(project) == (first, False)
    assert builders.did == ["build", "push"] * 2


def test_the_builder_is_given_exactly_what_the_image_holds(project: Settings, builders: Builders) -> None:
    (project.root / "build/bundle/p/features.py").chmod(0o775)
    find_or_build(project)
    given = builders.calls[0]["files"]
    files = {name: mode for name, (mode, _) in given.items() if mode.startswith("0o100")}
    sources = {file.source.relative_to(project.root).as_posix(): file.mode for file in manifest(project.root)}
    assert files == {name: f"0o{mode}" for name, mode in sources.items()}
    assert {time for _, time in given.values()} == {0}
    assert {mode for name, (mode, _) in given.items() if name not in files} == {"0o40755"}
    assert builders.calls[0]["dockerfile"] == DOCKERFILE


def test_what_the_builder_is_told(project: Settings, builders: Builders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_BUILD_OPTIONS", "--network host --volume '/a b:/c:ro'")
    monkeypatch.setenv("BUILDAH_ISOLATION", "chroot")
    arm = replace(project, platform="linux/arm64")
    name, _ = find_or_build(arm)
    find_or_build(arm, builder="docker", push=False)
    buildah, _, docker = builders.calls
    labels = [
        f"mlops.identity={name.identity}", f"mlops.model={hexed('the model')}",
        f"mlops.contract={hexed('version: 1.2.0' + chr(10))}",
    ]  # fmt: skip
    for call in (buildah, docker):
        words = call["words"]
        assert [words[i + 1] for i, word in enumerate(words) if word == "--label"] == labels
        assert words[words.index("--platform") + 1] == "linux/arm64"
        assert words[-5:-1] == ["--network", "host", "--volume", "/a b:/c:ro"]
        assert call["environment"] == {"BUILDAH_ISOLATION": "chroot", "SOURCE_DATE_EPOCH": "0"}
    assert buildah["words"][:5] == ["build", "--layers", "--timestamp", "0", "--identity-label=false"]
    assert "--timestamp" not in docker["words"]


OTHER = [
    ("--from debian:12", r"MLOPS_BUILD_OPTIONS: the base 'debian:12' is not pinned by its digest: next week the same"),
    ("--network host --from=debian:12", r"the base 'debian:12' is not pinned.*Name it in the Dockerfile"),
    (f"--from debian:12@sha256:{'cd' * 32}", r"is none of the Dockerfile's, and no identity covers it"),
    ("--build-context base=/elsewhere", r"--build-context 'base=/elsewhere' may replace a base or a stage"),
    ("--network 'host", r"MLOPS_BUILD_OPTIONS: .* cannot be read \(No closing quotation\)\. Close the quote"),
]


@pytest.mark.parametrize(("options", "why"), OTHER, ids=[row[0] for row in OTHER])
def test_no_option_puts_another_image_under_the_same_identity(
    project: Settings, builders: Builders, options: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_BUILD_OPTIONS", options)
    with pytest.raises(MlopsError, match=why):
        find_or_build(project)
    assert not builders.calls


def test_the_same_base_from_elsewhere_is_the_same(
    project: Settings, builders: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_BUILD_OPTIONS", f"--from mirror.example.com/python@{PIN}")
    assert find_or_build(project)[1]


def test_mutant_that_takes_every_option_builds_another_image(
    project: Settings, builders: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_BUILD_OPTIONS", "--from debian:12")
    monkeypatch.setattr("mlops.delivery.builder.require_same", lambda *_: None)
    assert find_or_build(project)[1] and "debian:12" in builders.calls[0]["words"]


def test_only_a_loopback_registry_is_pushed_to_without_tls(
    project: Settings, builders: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_or_build(project)
    assert "--tls-verify=false" in builders.calls[-1]["words"]
    far = OciBuilder(replace(project, image="registry.example.com/team/model"), "buildah")
    monkeypatch.setattr(OciBuilder, "lookup", lambda self, identity: "sha256:there")
    assert far.push("sha256:1") == "sha256:there"
    assert "--tls-verify=false" not in builders.calls[-1]["words"]


def test_who_is_slower_takes_what_is_there(
    project: Settings, builders: Builders, fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = identity(project)
    build = OciBuilder.build

    def meanwhile(self: OciBuilder, *arguments: object) -> None:
        build(self, *arguments)  # type: ignore[arg-type]
        fake.put("team/model", name.removeprefix("sha256:"), {"mlops.identity": name}, b"another run's")

    monkeypatch.setattr(OciBuilder, "build", meanwhile)
    image, built = find_or_build(project)
    assert built and image.digest == fake.tags["team/model"][name.removeprefix("sha256:")]
    assert builders.did == ["build"]


def test_a_tag_that_cannot_be_written_twice_is_as_good(
    project: Settings, builders: Builders, fake: FakeRegistry
) -> None:
    image, _ = find_or_build(project)
    fake.immutable = True
    assert OciBuilder(project, "buildah").push(image.identity) == image.digest
    fake.tags.clear()
    fake.auth = "basic"
    with pytest.raises(MlopsError, match=r"`buildah push` exited with 1|refuses access"):
        OciBuilder(project, "buildah").push(image.identity)


def test_another_image_under_this_name_is_not_taken(project: Settings, builders: Builders, fake: FakeRegistry) -> None:
    fake.put("team/model", identity(project).removeprefix("sha256:"), {"mlops.identity": "sha256:other"})
    with pytest.raises(MlopsError, match=r"mlops\.identity='sha256:other'.*another image.*Delete that tag"):
        find_or_build(project)
    assert builders.did == []


def test_without_push_the_builders_store_is_all(project: Settings, builders: Builders, fake: FakeRegistry) -> None:
    image, built = find_or_build(project, push=False)
    assert (built, fake.asked, builders.did) == (True, [], ["build"])
    assert find_or_build(project, push=False) == (image, False)
    pushed, built = find_or_build(project)
    assert (built, pushed.identity, builders.did) == (True, image.identity, ["build", "push"])


def test_a_file_that_changes_while_it_is_copied_builds_nothing(
    project: Settings, builders: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay = context.lay

    def slowly(*arguments: object) -> None:
        lay(*arguments)  # type: ignore[arg-type]
        write(project, "Dockerfile", DOCKERFILE + "USER 0\n")

    monkeypatch.setattr(context, "lay", slowly)
    with pytest.raises(MlopsError, match="changed while it was copied"):
        find_or_build(project)
    assert builders.did == []


def test_a_base_that_floats_is_refused_even_where_its_image_exists(project: Settings, builders: Builders) -> None:
    find_or_build(project)
    write(project, "Dockerfile", DOCKERFILE.replace(f"@{PIN}", ""))
    for push in (True, False):
        with pytest.raises(MlopsError, match=r"python:3\.11-slim' is not pinned by its digest.*`mlops image pin`"):
            find_or_build(project, push=push)
    assert find_or_build(replace(project, image=""), builder="local")[1]


def test_what_keeps_it_from_being_built_is_said(
    project: Settings, builders: Builders, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (builders.store / "fail").touch()
    with pytest.raises(MlopsError, match=r"`buildah build` exited with 1: no space left.*docs/guides/image\.md"):
        find_or_build(project)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "STEP 1: FROM base\nno space left on device\n")
    (tmp_path / "tools/bin/buildah").unlink()
    with pytest.raises(
        MlopsError, match=r"'buildah' is not installed: `apt install buildah`.*`builder = .docker"
    ) as no:
        find_or_build(project)
    assert "--builder" not in str(no.value), "`mlops release` has no such option"
    with pytest.raises(MlopsError, match=r"'' is no repository.*`image` under \[tool.mlops\]"):
        find_or_build(replace(project, image=""))


def test_the_command_ends_with_the_reference(
    project: Settings, builders: Builders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("PATH", os.environ["PATH"] + ":/usr/bin:/bin")
    for word in ("built", "found"):
        command.build(None, push=True)
        *_, state, reference = capsys.readouterr().out.splitlines()
        image, _ = find_or_build(project)
        assert (state, reference) == (f"{word}  {image.identity}", f"{project.image}@{image.digest}")
    assert (project.root / "build/sbom.cdx.json").is_file()
    with pytest.raises(MlopsError, match="A local image is pushed nowhere"):
        command.build("local", push=True)


def test_a_job_gets_the_parts_of_the_reference_and_nothing_else(
    project: Settings, builders: Builders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("PATH", os.environ["PATH"] + ":/usr/bin:/bin")
    command.build(None, push=True, outputs=True)
    out, err = capsys.readouterr()
    image, _ = find_or_build(project)
    assert out == f"repository={image.repository}\ndigest={image.digest}\nsbom=build/sbom.cdx.json\n"
    assert f"{image.repository}@{image.digest}" in err


def test_pin_asks_the_registry_and_else_the_builders_store(
    project: Settings, builders: Builders, fake: FakeRegistry, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(project.root)
    base = f"{fake.host}/library/python"
    digest = fake.put("library/python", "3.11-slim")
    text = f"FROM {base}:3.11-slim AS base\nFROM base\n"
    write(project, "Dockerfile", text)
    for word in ("pinned", "as it was"):
        command.pin(None)
        assert capsys.readouterr().out == f"{word:<10}{base}:3.11-slim@{digest}\n"
    pinned = text.replace("-slim", f"-slim@{digest}")
    assert (project.root / "Dockerfile").read_text() == pinned
    fake.tags.clear()
    with pytest.raises(MlopsError, match=r"has no '3\.11-slim'"):
        command.pin(None)
    with pytest.raises(MlopsError, match="is not in the store of docker"):
        command.pin("docker")
    assert (project.root / "Dockerfile").read_text() == pinned
    write(project, "Dockerfile", text.replace(base, f"{fake.host}/mine/python"))
    held = builders.store / "buildah" / hexed(f"{fake.host}/mine/python:3.11-slim")
    held.write_text("{}")
    command.pin(None)
    said = capsys.readouterr().out
    assert "lies in the store of buildah: others must have it too" in said
    assert f"FROM {fake.host}/mine/python:3.11-slim@sha256:{held.name} AS" in (project.root / "Dockerfile").read_text()
    shutil.rmtree(tmp_path / "tools/bin")
    with pytest.raises(MlopsError, match=r"has no '3\.11-slim'"):
        command.pin(None)


@pytest.mark.parametrize("tool", ["buildah", "docker"])
def test_a_builder_that_hangs_is_not_waited_for(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / tool
    # A pipe that nobody writes to: it would wait for ever.
    program.write_text(f"#!{sys.executable} -SE\nimport os\nos.read(os.pipe()[0], 1)\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(oci, "SECONDS", 0.1)
    with pytest.raises(MlopsError, match=f"{tool} did not answer in 0.1 s"):
        oci.inspect(tool, "registry.example.com/team/model:1", oci.HELD)
