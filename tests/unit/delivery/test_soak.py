"""Since when an environment runs healthy: by its own server, by Argo CD, by the forge, or nobody knows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from loopback import Quiet, listening
from unit.delivery.project import settings
from unit.delivery.world import Clone

from mlops.contract.errors import MlopsError
from mlops.delivery import local_state, soak
from mlops.delivery.argocd import App
from mlops.delivery.forge import Forge, Status
from mlops.delivery.history import Standing, history
from mlops.delivery.local_state import Running
from mlops.delivery.records import Record

T0 = datetime(2013, 5, 1, 12, tzinfo=UTC)


def status(state: str, minute: int) -> Status:
    return Status(state, "", T0 + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("statuses", "minute"),
    [
        ([None, None], None),
        ([status("success", 9)], 9),
        ([None, status("success", 9), None, status("success", 3)], 3),
        ([status("success", 9), status("failure", 5), status("success", 3)], 9),
        ([status("failure", 9), status("success", 3)], None),
        ([status("pending", 9), status("success", 3)], None),
    ],
)
def test_statuses_newest_first_give_the_oldest_success_since_anything_else(
    statuses: list[Status | None], minute: int | None
) -> None:
    assert soak.of_statuses(statuses) == (None if minute is None else T0 + timedelta(minutes=minute))


def now(clone: Clone) -> Standing:
    return history(clone.git, "staging", clone.trunk.tip())[0]


def app(synced: str, **changes: object) -> App:
    since = datetime(2100, 1, 1, tzinfo=UTC)
    well = App("p-staging", "p-staging", "Synced", "Healthy", synced, synced, since, "Succeeded", "", "", (), ())
    return replace(well, **changes)  # type: ignore[arg-type]


def test_argo_cd_counts_from_the_change_to_healthy_of_this_very_release(clone: Clone) -> None:
    older = clone.ship("1").commit
    clone.ship("2")
    standing = now(clone)
    clone.source("a later commit, which Argo CD has applied")
    assert older
    for synced in (standing.sha, clone.trunk.tip()):
        assert soak.of_app(clone.git, app(synced), standing) == datetime(2100, 1, 1, tzinfo=UTC)
    for wrong in (
        app(older),
        app("f" * 40),
        app(""),
        app(standing.sha, health="Degraded"),
        app(standing.sha, health="Progressing"),
        app(standing.sha, sync="OutOfSync"),
        app(standing.sha, operation="Running"),
        app(standing.sha, since=None),
    ):
        assert soak.of_app(clone.git, wrong, standing) is None
    early = app(standing.sha, since=T0 - timedelta(days=9999))
    assert soak.of_app(clone.git, early, standing) == standing.date, "it cannot have run before it was released"


class Told:
    """A forge that has statuses by commit."""

    def __init__(self, statuses: dict[str, Status]) -> None:
        self.statuses = statuses

    def open_pull(self, branch: str, base: str, title: str, body: str) -> str:
        raise AssertionError

    def merge_when_green(self, branch: str) -> str:
        raise AssertionError

    def status(self, sha: str, context: str) -> Status | None:
        assert context == "mlops/staging"
        return self.statuses.get(sha)


def silent() -> App | None:
    raise MlopsError("No `argocd` on the PATH.")


def test_where_argo_cd_cannot_be_asked_the_forge_is(clone: Clone) -> None:
    before = clone.ship("1").commit
    clone.ship("2")
    standing = now(clone)
    later = clone.source("later")
    assert before

    def asked(**statuses: Status) -> datetime | None:
        names = {"before": before, "release": standing.sha, "later": later}
        forge: Forge = Told({names[name]: status for name, status in statuses.items()})
        return soak.of_cluster(clone.trunk, "staging", standing, silent, lambda: forge)

    assert asked(release=status("success", 3), later=status("success", 9)) == status("", 3).at
    assert asked(release=status("success", 3), later=status("failure", 9)) is None
    with pytest.raises(MlopsError, match=r"Nobody knows how long staging ran.*'mlops/staging'") as caught:
        asked(before=status("success", 1))
    assert caught.value.exit_code == 2


def test_nobody_to_ask_is_no_answer(clone: Clone) -> None:
    clone.ship("1")

    def no_token() -> Forge:
        raise MlopsError("No token for the forge.")

    with pytest.raises(MlopsError, match=r"Nobody could be asked.*No `argocd`.*No token") as caught:
        soak.of_cluster(clone.trunk, "staging", now(clone), silent, no_token)
    assert caught.value.exit_code == 2
    assert soak.of_cluster(clone.trunk, "staging", now(clone), lambda: None, no_token) is None
    with pytest.raises(MlopsError, match=r"mlops local up --env staging"):
        soak.healthy_since(settings(clone), clone.trunk, "staging")


@contextmanager
def served(clone: Clone, record: Record) -> Iterator[None]:
    """A server that answers /version, held by this process as its reconciler would."""
    told = {"release": {"id": record.id, "identity": record.identity, "commit": record.commit}}

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

    place = settings(clone)
    with listening(Handler) as port, local_state.hold(place, "staging"):
        local_state.write(place, "staging", Running(os.getpid(), port, "log", record.id, record.commit))
        yield


def test_a_local_server_counts_from_when_it_began_to_serve(clone: Clone) -> None:
    first, second = clone.ship("1").record, clone.ship("2").record
    assert first and second
    place = settings(clone)
    with served(clone, second):
        os.utime(local_state.state_file(place, "staging"), (T0.timestamp(), T0.timestamp()))
        assert soak.healthy_since(place, clone.trunk, "staging") == T0
    with served(clone, first):
        assert soak.healthy_since(place, clone.trunk, "staging") is None
