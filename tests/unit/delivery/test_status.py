from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from unit.delivery.world import STAGING, Clone

from mlops.commands import status as command
from mlops.commands import status_text as texts
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import live as lives
from mlops.delivery.argocd import App
from mlops.delivery.history import Standing
from mlops.delivery.kube import Pod
from mlops.delivery.live import Applied, Live, told
from mlops.delivery.records import ContractRef, Data, Image, Model, Record
from mlops.delivery.status import Asked, Named, Row, named, rows
from mlops.delivery.trouble import Trouble

TIME = datetime(2013, 5, 1, 12, tzinfo=UTC)
LATER = datetime(2013, 5, 1, 12, 3, tzinfo=UTC)


def record(letter: str = "a", id_: str = "20130501-1") -> Record:
    return Record(
        id=id_,
        identity=f"sha256:{letter * 64}",
        commit=letter * 40,
        image=Image(repository="registry.example.com/flights", digest=f"sha256:{letter * 64}"),
        model=Model(sha256=letter * 64),
        data=Data(sha256=letter * 64, batches=3, rows=81000),
        contract=ContractRef(version="1.0.0", sha256=letter * 64),
        metrics={"roc_auc": 0.7},
    )


A, B = record(), record("b", "20130501-2")


def version(of: Record, **changes: Any) -> dict[str, Any]:
    return told({"release": of.model_dump() | changes, "model_sha256": of.model.sha256})


def app(**changes: Any) -> App:
    well = App(
        name="flights-staging", namespace="flights-staging", sync="Synced", health="Healthy", revision="1" * 40,
        synced="1" * 40, since=LATER, operation="Succeeded", message="", release=A.id, images=(), troubles=(),
    )  # fmt: skip
    return replace(well, **changes)


def pod(name: str = "web-1", of: Record = A, **changes: Any) -> Pod:
    return replace(Pod(name, of.id, of.image.digest, True, 0, LATER), **changes)


def standing(of: Record | None, problem: str = "") -> Standing:
    return Standing("staging", of, "c" * 40, "Ada", TIME, "Release 20130501-1 to staging", problem)


GIT = Named("staging", A, standing(A))
WELL = Live(
    "argocd", app(), Applied("1" * 40, A), (pod("web-1"), pod("web-2")), {"web-1": version(A), "web-2": version(A)}
)
SILENT = Live("argocd", unasked={"argocd": "it is down.", "pods": "it is down."})
PULL = Trouble("image", "web-3", "Pod web-3 cannot pull its image 'x': not found.", LATER)


def join(live: Live, name: Named = GIT) -> Row:
    return rows([name], {"staging": live})[0]


def said(live: Live, name: Named = GIT) -> list[str]:
    return [one.words for one in join(live, name).disagreements]


def test_what_git_names_who_did_it_and_what_is_held(clone: Clone) -> None:
    first = clone.ship("1").record
    clone.ship("2")
    clone.rollback()
    production, staging = (named(clone.git, env, clone.trunk.tip()) for env in ("production", "staging"))
    assert production == Named("production")
    assert staging.record == first and staging.since is not None and "Roll staging back" in staging.since.by
    assert "staging is held" in staging.held and "--force" in staging.held


@pytest.mark.parametrize("text", ["garbage", "release: {}"])
def test_an_unreadable_record_is_a_problem_and_not_a_hold(clone: Clone, text: str) -> None:
    clone.ship("1")
    clone.pull()
    clone.commit("Oops", {f"{STAGING}/release.yaml": text})
    name = named(clone.git, "staging", clone.git.head())
    assert name.record is None and "not a release record" in name.problem and name.held == ""
    assert said(Live("local"), name) == [name.problem]


def test_a_first_release_that_was_taken_away_is_remembered(clone: Clone) -> None:
    done = clone.ship("1")
    assert done.commit is not None
    clone.revert(done.commit)
    name = named(clone.git, "staging", clone.trunk.tip())
    assert (name.record, name.before) == (None, done.record)
    (words,) = said(WELL, name)
    assert done.record is not None and f"but {done.record.id} still serves (web-1, web-2)" in words
    unasked = replace(
        WELL, pods=None, versions={}, app=app(images=("flights@sha256:a",)), unasked={"pods": "no right."}
    )
    assert "still serves (flights@sha256:a)" in said(unasked, name)[0]
    assert said(replace(unasked, app=app()), name) == []
    assert name.since is not None and f"`git revert {name.since.sha[:10]}` brings it back" in words


def test_all_agree() -> None:
    assert said(WELL) == []
    command.conclude(Asked("tip", [join(WELL)]))
    nothing = Live("argocd", pods=())
    assert said(nothing, Named("staging")) == []
    assert said(Live("local")) == [] and said(Live("local", versions={"http://x": version(A)})) == []


# What is seen, and what is said of it: each differs in one thing from a row where all agree.
ONE_WRONG: dict[str, tuple[Live, str]] = {
    "no application": (replace(WELL, app=None, applied=None), "Argo CD has no application"),
    "another release is synced": (
        replace(WELL, applied=Applied("2" * 40, B)),
        "Git names 20130501-1, but Argo CD has synced 20130501-2 (commit 2222222222).",
    ),
    "nothing is synced": (replace(WELL, applied=None), "Argo CD has synced nothing yet."),
    "a commit that main has not": (replace(WELL, applied=Applied("2" * 40, None, False)), "which main does not hold"),
    "no record there": (replace(WELL, applied=Applied("2" * 40, None)), "has synced no readable release"),
    "OutOfSync": (replace(WELL, app=app(sync="OutOfSync")), "Argo CD calls it OutOfSync."),
    "Unknown": (replace(WELL, app=app(sync="Unknown")), "Argo CD calls it Unknown."),
    "a sync that failed": (
        replace(WELL, app=app(operation="Failed", message="quota")),
        "The last sync of Argo CD is Failed: quota",
    ),
    "Degraded": (replace(WELL, app=app(health="Degraded")), "Argo CD calls it Degraded."),
    "Progressing": (replace(WELL, app=app(health="Progressing")), "Argo CD calls it Progressing."),
    "another digest": (
        replace(WELL, pods=(pod("web-1"), pod("web-2", B)), versions={}),
        "1 of 2 pods runs bbbbbbbbbbbb (release 20130501-2) instead of aaaaaaaaaaaa.",
    ),
    "the same image of another release": (
        replace(WELL, pods=(pod("web-1"), pod("web-2", release="20130501-2"))),
        "1 of 2 pods runs release 20130501-2 instead of 20130501-1.",
    ),
    "no pod": (replace(WELL, pods=(), versions={}), "No pod runs."),
    "a pod that is not ready": (
        replace(WELL, pods=(pod("web-1"), pod("web-2", ready=False))),
        "1 of 2 pods of 20130501-1 are not ready.",
    ),
    "another release answers": (
        replace(WELL, versions={"web-1": version(A), "web-2": version(A, id="x")}),
        "web-2 answers release x instead of 20130501-1.",
    ),
    "another digest answers": (
        replace(WELL, versions={"web-1": version(A, image={"digest": "x"})}),
        "web-1 answers digest x instead of aaaaaaaaaaaa.",
    ),
    "another identity answers": (
        replace(WELL, versions={"web-1": version(A, identity="x")}),
        "web-1 answers identity x instead of aaaaaaaaaaaa.",
    ),
    "another commit answers": (
        replace(WELL, versions={"web-1": version(A, commit="x")}),
        "web-1 answers commit x instead of aaaaaaaaaaaa.",
    ),
    "another model answers": (
        replace(WELL, versions={"web-1": version(A) | {"model_sha256": "x"}}),
        "web-1 answers model_sha256 x instead of aaaaaaaaaaaa.",
    ),
    "a server of this machine answers something else": (
        Live("local", versions={"http://x": version(B)}),
        "http://x answers release 20130501-2 instead of 20130501-1.",
    ),
    "a server of this machine is silent": (
        Live("local", versions={"http://x": None}, troubles=(Trouble("silent", "x", "x does not answer.", None),)),
        "x does not answer.",
    ),
}


@pytest.mark.parametrize("case", ONE_WRONG)
def test_one_thing_that_is_wrong_is_one_disagreement(case: str) -> None:
    live, words = ONE_WRONG[case]
    (heard,) = said(live)
    assert words in heard
    with pytest.raises(Refused, match="Git and what runs disagree: staging"):
        command.conclude(Asked("tip", [join(live)]))


def test_a_disagreement_says_since_when_and_why() -> None:
    old = Trouble("image", "web-4", "older", TIME)
    broken = replace(
        WELL, app=app(health="Progressing"), pods=(pod("web-1", B), pod("web-3", digest=None, ready=False)),
        versions={}, troubles=(PULL, old),
    )  # fmt: skip
    health, other = join(broken).disagreements
    assert health.since == other.since == LATER
    assert health.why == other.why == (f"{PULL.words[:-1]} (since {LATER.astimezone():%Y-%m-%d %H:%M:%S}).",)
    behind = replace(WELL, applied=Applied("2" * 40, B), app=app(operation="Running", message="retrying (quota)"))
    (synced,) = join(behind).disagreements
    assert (synced.since, synced.why) == (TIME, ("Its sync is Running: retrying (quota).",))
    early = replace(WELL, pods=(pod(of=B, started=datetime(2013, 4, 1, tzinfo=UTC)),), versions={})
    assert join(early).disagreements[0].since == TIME
    degraded = replace(WELL, app=app(health="Degraded", troubles=("Job smoke Degraded: failed",)))
    assert join(degraded).disagreements[0].why == ("Job smoke Degraded: failed.",)


def test_who_could_not_be_asked_is_named_and_what_is_known_still_compared() -> None:
    assert said(SILENT) == []
    with pytest.raises(MlopsError, match="Not all could be asked: staging") as raised:
        command.conclude(Asked("tip", [join(SILENT)]))
    assert raised.value.exit_code == 2
    half = replace(WELL, pods=None, versions={}, unasked={"pods": "no right."}, app=app(health="Degraded"))
    assert said(half) == ["Argo CD calls it Degraded."]
    assert "Pods were not asked: no right." in "\n".join(texts.lines(Asked("tip", [join(half)])))
    other = replace(SILENT, pods=(pod(of=B),), unasked={"argocd": "it is down."})
    assert len(said(other)) == 1
    with pytest.raises(Refused):
        command.conclude(Asked("tip", [join(other)]))


def test_a_remote_that_cannot_be_asked_is_never_an_answer(clone: Clone) -> None:
    for live in (WELL, replace(WELL, app=app(health="Degraded"))):
        with pytest.raises(MlopsError) as raised:
            command.conclude(Asked("tip", [join(live)], "origin is away."))
        assert raised.value.exit_code == 2
    assert texts.lines(Asked("tip", [], "origin is away.")) == [
        "What Git names is as of the last fetch: origin is away."
    ]


class Away:
    """Argo CD and a cluster that answer what they are given; what is missing cannot be asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def _answer(self, key: str) -> Any:
        if key not in self.answers:
            raise MlopsError(f"{key} is away.")
        return self.answers[key]

    def get(self, name: str) -> Any:
        return self._answer("app")

    def pods(self, namespace: str, selector: str) -> Any:
        assert (namespace, selector) == ("flights-staging", "app.kubernetes.io/instance=flights")
        return self._answer("pods")

    def version(self, namespace: str, pod: str) -> Any:
        return self._answer("version")

    def troubles(self, namespace: str) -> Any:
        return self._answer("troubles")


def seen(clone: Clone, **answers: Any) -> Live:
    away = Away(**answers)
    return lives.in_cluster(clone.git, "flights", "staging", lambda: away, lambda: away)


def test_each_part_is_asked_on_its_own(clone: Clone) -> None:
    raw = {"release": A.model_dump(), "model_sha256": A.model.sha256}
    answers: dict[str, Any] = {"app": app(), "pods": [pod(), pod("web-2", ready=False)], "version": raw, "troubles": []}
    whole = seen(clone, **answers)
    assert whole.unasked == {} and whole.versions == {"web-1": version(A)}
    expected = {"app": {"argocd"}, "pods": {"pods"}, "version": {"versions"}, "troubles": {"troubles"}}
    for missing, unasked in expected.items():
        part = seen(clone, **{key: value for key, value in answers.items() if key != missing})
        assert part.unasked.keys() == unasked and f"{missing} is away." in part.unasked.values()
    assert seen(clone, **answers | {"version": None}).unasked == {
        "versions": "web-1 did not answer /version through the API server."
    }


def test_what_argo_cd_applied_is_read_from_its_commit(clone: Clone) -> None:
    first, second = clone.ship("1"), clone.ship("2")
    tip = clone.trunk.tip()
    assert first.commit and second.commit == tip

    def at(**changes: str) -> Applied | None:
        return seen(clone, app=app(**changes), pods=[], troubles=[]).applied

    assert at(revision=tip, synced=first.commit) == Applied(tip, second.record)
    assert at(revision=tip, synced=first.commit, sync="OutOfSync") == Applied(first.commit, first.record)
    assert at(revision="f" * 40) == Applied("f" * 40, None, known=False)
    assert at(revision="") is None


def test_lines_say_all_of_it() -> None:
    broken = replace(WELL, app=app(health="Degraded"), troubles=(PULL,))
    first, second, why = texts.lines(Asked("tip", [join(broken)]))
    assert first.startswith(f"staging      20130501-1 aaaaaaaaaaaa (commit aaaaaaaaaa)  since {TIME.astimezone():%F} ")
    assert "by Ada  Argo CD: Synced, Degraded (1111111111)  pods: 2 of 2 ready, aaaaaaaaaaaa" in first
    assert first.endswith("/version: 20130501-1")
    assert second.strip().startswith(f"DISAGREES: Argo CD calls it Degraded. Since {LATER.astimezone():%F} ")
    assert why.strip().startswith(f"because: {PULL.words[:-1]} (since {LATER.astimezone():%F} ")
    (local,) = texts.lines(Asked("tip", [join(Live("local"), Named("staging"))]))
    assert local == "staging      no release  nothing runs here"


def test_a_terminal_gets_a_table_with_everything_in_it() -> None:
    from rich.console import Console

    console = Console(width=200, record=True, force_terminal=True)
    console.print(texts.table(Asked("tip", [join(replace(WELL, app=app(health="Degraded")))])))
    text = console.export_text()
    for part in ("environment", "Argo CD", "/version", "Synced, Degraded", "2 of 2 ready", "DISAGREES"):
        assert part in text


def test_json_is_one_document_with_everything() -> None:
    asked = Asked("tip", [join(replace(WELL, app=app(health="Degraded"), troubles=(PULL,)))])
    document = json.loads(json.dumps(texts.document(asked), default=str))
    assert (document["agrees"], document["commit"]) == (False, "tip")
    answers = {"well": [join(WELL)], "silent": [join(SILENT)]}
    assert {key: texts.document(Asked("tip", row))["agrees"] for key, row in answers.items()} == {
        "well": True, "silent": None,
    }  # fmt: skip
    assert texts.document(Asked("tip", [join(WELL)], "origin is away."))["agrees"] is None
    (environment,) = document["environments"]
    assert environment["release"]["image"]["digest"] == A.image.digest
    assert environment["argocd"]["health"] == "Degraded" and environment["applied"]["release"] == A.id
    assert environment["pods"][0]["name"] == "web-1" and environment["versions"]["web-2"]["release"] == A.id
    assert environment["troubles"][0]["kind"] == "image" and len(environment["disagreements"]) == 1


def test_watching_says_only_what_is_new() -> None:
    looks = iter([WELL, WELL, replace(WELL, app=app(health="Degraded")), WELL])
    rest = iter([True, True, True, False])
    heard: list[str] = []
    last = command.follow(lambda: Asked("tip", [join(next(looks))]), command.printer(heard.append), lambda: next(rest))
    assert ["Degraded" in line for line in heard] == [False, True, True, False]
    assert last.rows[0].disagreements == ()


def test_who_interrupts_gets_the_last_answer() -> None:
    looks = iter([replace(WELL, app=app(health="Degraded"))])

    def look() -> Asked:
        for live in looks:
            return Asked("tip", [join(live)])
        raise KeyboardInterrupt

    last = command.follow(look, lambda _: None, lambda: True)
    assert len(last.rows[0].disagreements) == 1
