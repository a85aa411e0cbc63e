"""What a registry is asked, with whose credentials, and what its refusals become."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.delivery.registry_server import USER, FakeRegistry, serving

from mlops.contract.errors import MlopsError
from mlops.delivery import registry, registry_client
from mlops.delivery.registry_client import plain, require_repository


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(registry_client, "PAUSE", 0)
    with serving() as server:
        yield server


def log_in(file: Path, host: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"auths": {host: {"auth": USER}}}))


def test_tags_sizes_and_deletion(fake: FakeRegistry) -> None:
    repository = f"{fake.host}/team/model"
    digests = {tag: fake.put("team/model", tag, {}, b"base", tag.encode()) for tag in ("a", "bb", "c")}
    assert registry.tags(repository) == digests
    assert registry.tags(f"{fake.host}/team/other") == {}
    config = len(b'{"os": "linux", "config": {"Labels": {}}}')
    assert registry.size(repository, digests["bb"]) == config + len(b"base") + len(b"bb")
    shared = registry.blobs(repository, digests["a"]).keys() & registry.blobs(repository, digests["c"]).keys()
    assert len(shared) == 2
    registry.delete(repository, digests["bb"])
    registry.delete(repository, digests["bb"])
    assert registry.tags(repository) == {tag: digests[tag] for tag in ("a", "c")}
    with pytest.raises(MlopsError, match="Somebody deleted it"):
        registry.size(repository, digests["bb"])
    fake.deletes = False
    with pytest.raises(MlopsError, match=r"deletes nothing.*Allow deletion"):
        registry.delete(repository, digests["a"])


def test_lookup_and_labels_also_through_an_index(fake: FakeRegistry) -> None:
    repository = f"{fake.host}/team/model"
    inner = fake.put("team/model", "amd64", {"mlops.identity": "x"}, b"layer")
    parts = [
        {"digest": "sha256:none", "platform": {"architecture": "unknown", "os": "unknown"}},
        {"digest": inner, "platform": {"architecture": "amd64", "os": "linux"}},
    ]
    index = fake.put_manifest("team/model", "all", json.dumps({"manifests": parts}).encode())
    assert registry.lookup(repository, "all") == index
    assert registry.labels(repository, index) == registry.labels(repository, inner) == {"mlops.identity": "x"}
    assert registry.lookup(repository, "gone") is None
    assert registry.lookup(f"{fake.host}/team/other", "all") is None
    assert registry.labels(repository, fake.put("team/model", "bare")) == {}


@pytest.mark.parametrize("auth", ["basic", "bearer"])
@pytest.mark.parametrize("place", ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "HOME"])
@pytest.mark.parametrize("key", ["{host}", "{host}/team"])
def test_it_comes_in_with_what_a_login_left(
    fake: FakeRegistry, auth: str, place: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"REGISTRY_AUTH_FILE": "", "DOCKER_CONFIG": "config.json", "XDG_RUNTIME_DIR": "containers/auth.json",
             "HOME": ".docker/config.json"}  # fmt: skip
    folder = tmp_path / "place"
    log_in(folder / (files[place] or "auth.json"), key.format(host=fake.host))
    monkeypatch.setenv(place, str(folder if files[place] else folder / "auth.json"))
    digest = fake.put("team/model", "a")
    fake.auth = auth
    assert registry.lookup(f"{fake.host}/team/model", "a") == digest


@pytest.mark.parametrize("auth", ["basic", "bearer"])
@pytest.mark.parametrize("known", [False, True])
def test_who_may_not_is_told_to_log_in(
    fake: FakeRegistry, auth: str, known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.auth = auth
    if known:
        log_in(tmp_path / "auth.json", fake.host)
        text = (tmp_path / "auth.json").read_text()
        (tmp_path / "auth.json").write_text(text.replace(USER, "d3Jvbmc6d3Jvbmc="))
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    with pytest.raises(MlopsError, match=rf"refuses access to 'team/model'.*docker login {fake.host}") as caught:
        registry.lookup(f"{fake.host}/team/model", "a")
    assert caught.value.exit_code == 2


def test_credentials_that_are_no_json_are_named(
    fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "auth.json").write_text("{")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    with pytest.raises(MlopsError, match=r"auth\.json: no readable credentials.*Log in again"):
        registry.lookup(f"{fake.host}/team/model", "a")


def test_what_passes_is_asked_again_and_what_stays_is_told(fake: FakeRegistry) -> None:
    digest = fake.put("team/model", "a")
    fake.failing = 2
    assert registry.lookup(f"{fake.host}/team/model", "a") == digest
    fake.failing = 99
    with pytest.raises(MlopsError, match=r"answers 503 .*Try again later"):
        registry.lookup(f"{fake.host}/team/model", "a")


def test_nobody_there(fake: FakeRegistry) -> None:
    with socket.socket() as taken:  # and does not listen, so that nobody else can
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(MlopsError, match=rf"{host} cannot be reached: .*Connection refused.*'{host}/team/model'"):
            registry.lookup(f"{host}/team/model", "a")


@pytest.mark.parametrize(
    "name", ["", "model", "team/model", "ghcr.io", "ghcr.io/Team/model", "ghcr.io/a:b", "ghcr.io/a@sha256:b", "a.b/c d"]
)
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(MlopsError, match=r"is no repository.*`image` under \[tool.mlops\]"):
        require_repository(name)


def test_only_this_machine_is_spoken_to_without_tls() -> None:
    assert [plain(f"{host}/a") for host in ("127.0.0.1:5000", "localhost", "localhost:1")] == [True] * 3
    assert [plain(f"{host}/a") for host in ("ghcr.io", "127.0.0.1.evil.io", "localhost.io:80", "10.0.0.1:5000")] == [
        False
    ] * 4
