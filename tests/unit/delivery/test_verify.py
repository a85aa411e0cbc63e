from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import yaml
from unit.delivery.forge_server import serving
from unit.delivery.project import settings
from unit.delivery.test_status import PULL, TIME, WELL, A, B, app, version
from unit.delivery.world import STAGING, Clone

from mlops.commands import verify as command
from mlops.commands.landing import land
from mlops.commands.verify import Heal, conclude, looker
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery.commit_status import MOST, Reports, holders
from mlops.delivery.forge import TOKENS, Status, connect
from mlops.delivery.history import Standing, history
from mlops.delivery.live import Applied, Live
from mlops.delivery.patience import MARGIN, PATIENCE, patience
from mlops.delivery.presence import Presence
from mlops.delivery.publish import push
from mlops.delivery.records import Record
from mlops.delivery.trouble import Trouble
from mlops.delivery.verify import (
    FORGE_POLL,
    STEADY,
    Verdict,
    Watched,
    and_pods,
    of_app,
    of_local,
    of_statuses,
    unless_untested,
    wait,
)

HERE = Applied("1" * 40, A)
PROJECT = Path(__file__).parents[3] / "{{cookiecutter.project_slug}}"
SILENT = Live("local", versions={"x": None}, troubles=(Trouble("silent", "x", "x does not answer.", None),))


@pytest.mark.parametrize(
    ("live", "kind"),
    [
        (Live("local", versions={"http://x": version(A)}), "yes"),
        (Live("local", versions={"http://x": version(B)}), "wait"),
        (Live("local"), "unasked"),
        (SILENT, "unasked"),
    ],
)
def test_a_server_of_this_machine(live: Live, kind: str) -> None:
    assert of_local(A, live).kind == kind


# What Argo CD says, the record at the commit it compared with last, and the answer.
ARGOCD: dict[str, tuple[dict[str, Any], Applied | None, str]] = {
    "all well": ({}, HERE, "yes"),
    "a later commit that carries it": ({"synced": "0" * 40}, HERE, "yes"),
    "never synced by an operation": ({"operation": "", "synced": ""}, HERE, "yes"),
    "healthy at another release": ({}, Applied("1" * 40, B), "wait"),
    "degraded at another release": ({"health": "Degraded"}, Applied("1" * 40, B), "wait"),
    "failed at another release": ({"operation": "Failed"}, Applied("1" * 40, B), "wait"),
    "at a commit that main has not": ({}, Applied("1" * 40, None, known=False), "wait"),
    "at no commit": ({"revision": ""}, None, "wait"),
    "not synced": ({"sync": "OutOfSync"}, HERE, "wait"),
    "unknown": ({"sync": "Unknown"}, HERE, "wait"),
    "degraded, but what is healthy or not is the old one": ({"sync": "OutOfSync", "health": "Degraded"}, HERE, "wait"),
    "on its way": ({"health": "Progressing"}, HERE, "wait"),
    "missing": ({"health": "Missing"}, HERE, "wait"),
    "healthy, a sync is running": ({"operation": "Running"}, HERE, "wait"),
    "degraded, a sync is running": ({"operation": "Running", "health": "Degraded"}, HERE, "wait"),
    "degraded": ({"health": "Degraded"}, HERE, "no"),
    "a sync that failed": ({"operation": "Failed", "sync": "OutOfSync"}, HERE, "no"),
    "a sync with an error": ({"operation": "Error", "sync": "OutOfSync"}, HERE, "no"),
    "the sync of an older commit failed": (
        {"operation": "Failed", "sync": "OutOfSync", "synced": "0" * 40},
        HERE,
        "wait",
    ),
}


@pytest.mark.parametrize("case", ARGOCD)
def test_an_application(case: str) -> None:
    changes, compared, kind = ARGOCD[case]
    assert of_app(A, replace(WELL, app=app(**changes)), compared).kind == kind


def test_no_application_is_not_there_yet() -> None:
    assert of_app(A, Live("argocd"), None).kind == "wait"


def test_a_no_says_why() -> None:
    degraded = app(health="Degraded", troubles=("Job smoke Degraded: backoff limit",))
    assert of_app(A, replace(WELL, app=degraded), HERE).words == (
        "Argo CD: Synced, Degraded at 1111111111. Job smoke Degraded: backoff limit."
    )
    assert PULL.words[:-1] in of_app(A, replace(WELL, app=degraded, troubles=(PULL,)), HERE).words
    failed = app(operation="Failed", message="one or more objects failed to apply")
    assert "failed to apply" in of_app(A, replace(WELL, app=failed), HERE).words


# A release whose pods serve, and whose smoke test could not ask; then what makes it a definite no all the same.
UNASKED = Trouble("unasked", "smoke", "Job smoke failed (DeadlineExceeded): no room.", None)
BLIND = replace(WELL, app=app(health="Degraded", ill=("Job/smoke",)), troubles=(UNASKED,))
WRONG: dict[str, Live] = {
    "a wrong answer": replace(BLIND, troubles=(replace(UNASKED, kind="job"),)),
    "another trouble too": replace(BLIND, troubles=(UNASKED, PULL)),
    "no trouble that anybody knows": replace(BLIND, troubles=()),
    "another resource is ill": replace(BLIND, app=app(health="Degraded", ill=("Job/smoke", "Deployment/web"))),
    "a pod answers another release": replace(BLIND, versions={"web-1": version(A), "web-2": version(B)}),
    "a pod answers nothing": replace(BLIND, versions={"web-1": version(A), "web-2": None}),
    "a pod is not ready": replace(BLIND, versions={"web-1": version(A)}),
    "no pods": replace(BLIND, pods=(), versions={}),
    "pods were not asked": replace(BLIND, pods=None, versions={}, troubles=(), unasked={"pods": "no right."}),
}


def test_a_smoke_test_that_could_not_ask_is_no_wrong_answer() -> None:
    verdict = of_app(A, BLIND, HERE)
    assert verdict.kind == "unasked" and UNASKED.words in verdict.words and "delete the job" in verdict.words
    assert of_app(A, replace(BLIND, app=app(health="Degraded")), HERE).kind == "unasked"
    failure = replace(NO, pause=FORGE_POLL)
    asked = unless_untested(A, replace(BLIND, app=None, unasked={"argocd": "away."}), failure)
    assert (asked.kind, asked.pause) == ("unasked", FORGE_POLL)
    assert unless_untested(A, BLIND, WAIT) == WAIT and unless_untested(A, BLIND, YES) == YES
    failed = replace(BLIND, app=app(operation="Failed", health="Degraded"))
    assert of_app(A, failed, HERE).kind == "no"


@pytest.mark.parametrize("case", WRONG)
def test_it_is_one_where_anything_else_is_wrong(case: str) -> None:
    assert of_app(A, WRONG[case], HERE).kind == "no"


def test_a_pod_that_answers_something_else_ends_no_wait() -> None:
    yes, no = Verdict("yes", "Well."), Verdict("no", "Ill.")
    assert and_pods(A, WELL, yes).words == "Well. Each pod's /version is the record's."
    old = replace(WELL, versions={"web-1": version(A), "web-2": version(B)})
    assert and_pods(A, old, yes).kind == "wait" and and_pods(A, old, no) == no
    unasked = Live("argocd", unasked={"pods": "no right."})
    assert and_pods(A, unasked, yes) == yes
    assert and_pods(A, replace(WELL, versions={"web-1": None}), yes).kind == "yes"


def status(state: str) -> Status:
    return Status(state, "Degraded: job failed.", TIME)


@pytest.mark.parametrize(
    ("states", "kind"),
    [
        (["success"], "yes"),
        (["failure"], "no"),
        (["error"], "no"),
        (["pending"], "wait"),
        ([None], "wait"),
        ([], "wait"),
        ([None, "failure"], "no"),
        (["success", "failure"], "yes"),
        (["pending", "failure"], "wait"),
        (["failure", "success"], "no"),
    ],
)
def test_the_newest_commit_status_decides(states: list[str | None], kind: str) -> None:
    told = [(str(at) * 40, status(state) if state else None) for at, state in enumerate(states)]
    verdict = of_statuses(told, "mlops/staging")
    assert (verdict.kind, verdict.pause) == (kind, FORGE_POLL)
    if kind == "no":
        assert verdict.words.endswith(": Degraded: job failed.")


def test_only_commits_that_carry_the_record_are_asked(clone: Clone) -> None:
    clone.ship("1")
    clone.pull()
    before = clone.sh("rev-parse", "HEAD")
    release = clone.ship("2").commit
    clone.pull()
    clone.sh("checkout", "--quiet", "-b", "side")
    side = clone.commit("On a side branch", {"src/app.py": "version = 'side'\n"})
    clone.sh("checkout", "--quiet", "main")
    later = clone.commit("Later", {f"{STAGING}/values.yaml": "replicas: 3\n"})
    clone.sh("merge", "--quiet", "--no-ff", "--no-edit", "side")
    clone.push()
    tip = clone.trunk.tip()
    now = history(clone.git, "staging", tip)[0]
    assert holders(clone.git, now, tip) == [tip, later, release]
    assert before not in holders(clone.git, now, tip) and side not in holders(clone.git, now, tip)


class Counting:
    """A forge that counts what it is asked."""

    def __init__(self) -> None:
        self.statuses: dict[str, Status] = {}
        self.asked: list[str] = []

    def status(self, sha: str, context: str) -> Status | None:
        assert context == "mlops/staging"
        self.asked.append(sha)
        return self.statuses.get(sha)

    def round(self, reports: Reports, commits: list[str]) -> tuple[str, list[str]]:
        """The state that is found, and who was asked for it."""
        self.asked.clear()
        state = next((status.state for _, status in reports.of(commits) if status), "")
        return state, list(self.asked)


def test_of_many_commits_both_ends_are_asked(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops.delivery.commit_status.MOST", 1)
    release = clone.ship("1").commit
    clone.pull()
    later = [clone.commit(name, {"README.md": name}) for name in ("a", "b", "c")]
    now = history(clone.git, "staging", clone.git.head())[0]
    assert holders(clone.git, now, later[0]) == [later[0], release]
    assert holders(clone.git, now, later[2]) == [later[2], release]


def test_a_forge_is_asked_sparingly_and_no_commit_is_forgotten() -> None:
    forge, commits = Counting(), [f"c{at}" for at in range(MOST)]
    reports = Reports(lambda: forge, "mlops/staging")
    assert forge.round(reports, commits) == ("", commits)
    rounds = [forge.round(reports, commits)[1] for _ in range(MOST)]
    assert all(asked[0] == "c0" and len(asked) <= 2 for asked in rounds)
    assert {sha for asked in rounds for sha in asked} == set(commits)
    forge.statuses["c9"] = status("failure")
    while not (found := forge.round(reports, commits))[0]:
        pass
    assert found[0] == "failure"
    forge.statuses["c9"] = status("success")
    state, asked = forge.round(reports, commits)
    assert state == "success" and len(asked) == 3 and {"c0", "c9"} < set(asked) < set(commits[:10])
    newer = ["new", *commits]
    forge.statuses["new"] = status("failure")
    assert forge.round(reports, newer) == ("failure", ["new"])
    assert forge.round(reports, newer) == ("failure", ["new"])


def test_an_hour_of_asking_stays_within_what_a_jobs_token_may() -> None:
    forge, commits = Counting(), [f"c{at}" for at in range(2 * MOST)]
    forge.statuses[commits[-1]] = status("pending")
    reports = Reports(lambda: forge, "mlops/staging")
    total = sum(len(forge.round(reports, commits)[1]) for _ in range(int(3600 / FORGE_POLL)))
    assert total < 800


def told(*verdicts: Verdict, timeout: float = 60, step: float = 5) -> tuple[Verdict, list[str], float]:
    """Wait for scripted verdicts, the last one for ever, by a clock that only `sleep` and a look move."""
    left, heard, time = list(verdicts), [], [0.0]

    def look() -> Verdict:
        time[0] += step
        return left.pop(0) if len(left) > 1 else left[0]

    def sleep(seconds: float) -> None:
        time[0] += seconds

    verdict = wait(look, timeout=timeout, say=heard.append, clock=lambda: time[0], sleep=sleep)
    return verdict, heard, time[0]


NO, WAIT, YES, AWAY = (Verdict(kind, kind) for kind in ("no", "wait", "yes", "unasked"))  # type: ignore[arg-type]


def test_it_is_asked_until_the_answer_is_definite_and_each_change_is_said_once() -> None:
    verdict, heard, _ = told(AWAY, AWAY, WAIT, WAIT, YES)
    assert verdict == YES
    assert [line.split(" s  ")[1] for line in heard] == ["unasked", "wait", "yes"]


def test_time_that_is_over_is_no_answer() -> None:
    assert told(WAIT)[0] == WAIT and told(AWAY)[0] == AWAY
    assert told(AWAY)[2] < 60 + 5 + 2 + 1
    assert told(WAIT, timeout=0)[2] == 5


def test_a_no_must_stand() -> None:
    verdict, _, seconds = told(NO)
    assert verdict == NO and STEADY <= seconds - 5 < STEADY + 5 + 2
    assert told(NO, WAIT, NO, YES)[0] == YES
    assert told(NO, timeout=0)[0] == NO  # not after one look
    assert told(NO, timeout=0)[2] > STEADY
    assert told(WAIT, NO, WAIT, timeout=6)[0] == WAIT


def test_the_forge_is_asked_less_often() -> None:
    assert told(WAIT, WAIT, YES)[2] < told(*[replace(WAIT, pause=FORGE_POLL)] * 2, YES)[2]


Look = Callable[[Record, Standing, str], Verdict]


def watched(clone: Clone, look: Look = lambda record, now, tip: YES) -> Watched:
    return Watched(clone.trunk, "staging", look)


def test_what_stood_at_the_first_look_is_watched(clone: Clone) -> None:
    first = clone.ship("1")
    asked: list[tuple[Record, str, str]] = []

    def look(record: Record, now: Standing, tip: str) -> Verdict:
        asked.append((record, now.sha, tip))
        return WAIT

    watch = watched(clone, look)
    assert watch() == WAIT and watch.begun == first.record
    clone.pull()
    docs = clone.commit("Docs", {"README.md": "More.\n"})
    clone.push()
    assert watch() == WAIT
    assert asked == [(first.record, first.commit, first.commit), (first.record, first.commit, docs)]
    second = clone.ship("2").record
    assert second is not None and watch().kind == "replaced" and second.id in watch().words
    assert len(asked) == 2


def test_a_release_that_was_taken_back_need_not_be_verified(clone: Clone) -> None:
    clone.ship("1")
    watch = watched(clone)
    assert watch() == YES
    commit = history(clone.git, "staging", clone.trunk.tip())[0].sha
    clone.revert(commit)
    assert watch().kind == "replaced" and "no release" in watch().words


def test_a_remote_that_is_away_is_asked_again(clone: Clone) -> None:
    clone.ship("1")
    origin = clone.sh("remote", "get-url", "origin")
    clone.sh("remote", "set-url", "origin", f"{origin}-away")
    watch = watched(clone)
    assert watch().kind == "unasked" and watch.begun is None
    clone.sh("remote", "set-url", "origin", origin)
    assert watch() == YES


@pytest.mark.parametrize(("env", "words"), [("staging", "has had no release"), ("stagin", "Did you mean 'staging'")])
def test_nothing_to_verify_is_said_at_once(clone: Clone, env: str, words: str) -> None:
    with pytest.raises(MlopsError, match=words) as raised:
        Watched(clone.trunk, env, lambda record, now, tip: YES)()
    assert raised.value.exit_code == 2


def test_the_forge_is_asked_where_argo_cd_cannot_be(clone: Clone) -> None:
    clone.ship("1")
    release = clone.ship("2")
    clone.pull()
    clone.commit("Docs", {"README.md": "More.\n"})
    clone.push()

    def away() -> NoReturn:
        raise MlopsError("It is away.")

    with serving() as forge:
        look = looker(
            replace(settings(clone), target="argocd"), clone.trunk, "staging", away, away,
            lambda: connect(clone.trunk, environ=forge.environ),
        )  # fmt: skip
        watch = watched(clone, look)
        assert watch().kind == "wait"
        at = {"context": "mlops/staging", "description": "Healthy", "updated_at": "2013-05-01T12:00:00Z"}
        assert release.commit is not None
        forge.statuses[release.commit] = [at | {"state": "success"}]
        assert watch() == Verdict(
            "yes", f"Commit status mlops/staging of {release.commit[:10]} is success: Healthy.", FORGE_POLL
        )
        forge.fail = (503, "busy")
        assert watch().kind == "unasked" and "It is away." in watch().words and "busy" in watch().words
        seen: Any = SimpleNamespace(get=lambda name: None)
        assert (
            looker(replace(settings(clone), target="argocd"), clone.trunk, "staging", lambda: seen, away, away)(
                release.record,
                history(clone.git, "staging", clone.trunk.tip())[0],
                clone.trunk.tip(),  # type: ignore[arg-type]
            ).words
            == "Argo CD has no application for it yet."
        )


BY_PUSH = Heal(push)


def end(clone: Clone, verdict: Verdict, begun: Record | None, heal: Heal | None = BY_PUSH) -> tuple[int, str]:
    """The exit code and what is said."""
    try:
        conclude(clone.trunk, "staging", begun, verdict, timeout=9, heal=heal)
    except MlopsError as error:
        return error.exit_code, str(error)
    return 0, ""


BAD = Verdict("no", "Argo CD: Synced, Degraded. Pod web-3 cannot pull its image.")


def test_a_definite_no_takes_the_release_back_once_and_says_why(clone: Clone) -> None:
    first, second = clone.ship("1").record, clone.ship("2").record
    assert first is not None and second is not None
    code, words = end(clone, BAD, second)
    assert code == 1 and clone.standing() == first
    assert f"staging does not run {second.id}" in words and f"goes back to {first.id}" in words
    assert "Automatic releases to staging are held." in words
    assert f"because     {BAD.words}" in clone.sh("log", "-1", "--format=%B", clone.trunk.tip())
    code, words = end(clone, BAD, second)
    assert code == 1 and clone.standing() == first and "are held" not in words


def test_only_what_main_still_names_is_taken_back(clone: Clone) -> None:
    clone.ship("1")
    second, third = clone.ship("2").record, clone.ship("3").record
    tip = clone.trunk.tip()
    code, _ = end(clone, BAD, second)
    assert code == 1 and clone.standing() == third and clone.trunk.tip() == tip


@pytest.mark.parametrize(
    ("verdict", "revert", "code"),
    [
        (BAD, False, 1),
        (WAIT, True, 2),
        (AWAY, True, 2),
        (YES, True, 0),
        (Verdict("replaced", "By now."), True, 0),
    ],
)
def test_nothing_else_takes_anything_back(clone: Clone, verdict: Verdict, revert: bool, code: int) -> None:
    clone.ship("1")
    second = clone.ship("2").record
    tip = clone.trunk.tip()
    assert end(clone, verdict, second, Heal(push) if revert else None)[0] == code
    assert clone.trunk.tip() == tip


@pytest.mark.parametrize(("path", "left"), [(f"{STAGING}/values.yaml", True), ("README.md", False)])
def test_a_release_is_left_where_somebody_changed_its_values_since(clone: Clone, path: str, left: bool) -> None:
    clone.ship("1")
    second = clone.ship("2").record
    clone.pull()
    changed = clone.commit("Change something", {path: "replicas: 7\n"})
    clone.push()
    code, words = end(clone, BAD, second)
    assert code == 1 and (clone.standing() == second) == left
    assert (f"{changed[:10]} changed values.yaml" in words) == left


@pytest.mark.parametrize("there", [True, False])
def test_no_release_without_an_image_is_gone_back_to(clone: Clone, there: bool) -> None:
    first, second = clone.ship("1").record, clone.ship("2").record
    stock: Any = SimpleNamespace(has=lambda image: there)
    code, words = end(clone, BAD, second, Heal(push, Presence(stock)))
    assert code == 1 and clone.standing() == (first if there else second)
    assert ("It is not taken back" in words and "is gone" in words) != there


def test_the_first_release_is_not_taken_back(clone: Clone) -> None:
    first = clone.ship("1").record
    tip = clone.trunk.tip()
    code, words = end(clone, BAD, first)
    assert code == 1 and clone.trunk.tip() == tip
    assert "It is not taken back: " in words and "is the first release of staging" in words


def test_a_push_that_is_refused_stays_a_no(clone: Clone) -> None:
    clone.ship("1")
    second = clone.ship("2").record
    clone.sh("remote", "set-url", "--push", "origin", f"{clone.sh('remote', 'get-url', 'origin')}-away")
    with pytest.raises(Refused, match="It could not be taken back"):
        conclude(clone.trunk, "staging", second, BAD, timeout=9, heal=Heal(push))


PROTECTED = "#!/bin/sh\n[ \"${1#refs/heads/}\" != main ] || { echo 'GitLab: not allowed to push' >&2; exit 1; }\n"


def test_a_protected_branch_gets_one_pull_request(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    clone.ship("1")
    second = clone.ship("2").record
    assert second is not None
    hook = Path(clone.sh("remote", "get-url", "origin")) / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(PROTECTED)
    hook.chmod(0o755)
    tip = clone.trunk.tip()
    code, words = end(clone, BAD, second)
    assert code == 1 and "It could not be taken back" in words and "`--via pr`" in words
    with serving() as forge:
        for name, value in {**forge.environ, "NO_PROXY": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
        heal = Heal(land(settings(clone), clone.trunk, "pr"))
        for _ in range(2):
            code, words = end(clone, BAD, second, heal)
            assert code == 1 and "Main still names it; a pull request would take it back." in words
            assert "pull request https://forge.example.com/team/project/pull/1" in words and "are held" not in words
        assert len(forge.pulls) == 1 and f"because     {BAD.words}" in forge.pulls[0]["body"]
    assert clone.trunk.tip() == tip and clone.standing() == second


def test_no_way_to_a_pull_request_is_told_before_anything_is_asked(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in TOKENS["github"]:
        monkeypatch.delenv(name, raising=False)
    clone.ship("1")
    clone.write({"pyproject.toml": '[project]\nname = "p"\n[tool.mlops]\npackage = "p"\nfeatures = "f"\nmodel = "m"\n'})
    monkeypatch.chdir(clone.path)
    with pytest.raises(MlopsError, match=r"neither GITHUB_TOKEN nor GH_TOKEN is set.*Or use `--via push`") as raised:
        command.verify("staging", timeout=0, revert=True, via="pr")
    assert "Whether staging runs" not in str(raised.value)
    with pytest.raises(MlopsError, match="Whether staging runs"):
        command.verify("staging", timeout=0, revert=False, via="pr")


@pytest.mark.parametrize(
    ("values", "chart", "seconds"),
    [
        ("replicas: 2\n", "progressDeadline: 300\nsmoke: {timeout: 60}\n", 600),
        ("progressDeadline: 3600\n", "progressDeadline: 300\nsmoke: {timeout: 60}\n", 3900),
        ("progressDeadline: 20\nsmoke: {timeout: 5}\n", "", 265),
        ("smoke: {timeout: 100}\n", "progressDeadline: 300\nsmoke: {timeout: 60}\n", 640),
        ("smoke: [\n", "progressDeadline: 400\nsmoke: {timeout: 60}\n", 700),
        ("replicas: 2\n", "replicas: 1\n", PATIENCE),
    ],
)
def test_the_values_say_how_long_to_wait(clone: Clone, values: str, chart: str, seconds: float) -> None:
    clone.commit("Values", {f"{STAGING}/values.yaml": values, "deploy/chart/values.yaml": chart})
    assert patience(clone.git, "staging", clone.git.head()) == seconds
    other = "progressDeadline: 1000\nsmoke: {timeout: 60}\n"
    clone.commit("The chart of a release", {f"{STAGING}/chart/values.yaml": other})
    if "progressDeadline" not in values:
        assert patience(clone.git, "staging", clone.git.head()) == (1340 if "timeout: 100" in values else 1300)


def test_the_charts_own_values_grant_what_is_waited_where_nobody_asks() -> None:
    chart = yaml.safe_load((PROJECT / "deploy" / "chart" / "values.yaml").read_text(encoding="utf-8"))
    assert chart["progressDeadline"] + chart["smoke"]["timeout"] + MARGIN == PATIENCE


@pytest.mark.parametrize(
    ("target", "timeout", "waited"), [("argocd", None, 7240), ("argocd", 5, 5), ("local", None, PATIENCE)]
)
def test_a_timeout_that_is_given_comes_first(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, target: str, timeout: float | None, waited: float
) -> None:
    table = f'[project]\nname = "p"\n[tool.mlops]\ntarget = "{target}"\npackage = "p"\nfeatures = "f"\nmodel = "m"\n'
    clone.commit(
        "Long", {f"{STAGING}/values.yaml": "progressDeadline: 6900\nsmoke: {timeout: 100}\n", "pyproject.toml": table}
    )
    clone.push()
    monkeypatch.chdir(clone.path)
    heard: list[float] = []

    def wait(look: object, *, timeout: float, say: object) -> Verdict:
        heard.append(timeout)
        return Verdict("replaced", "")

    monkeypatch.setattr("mlops.delivery.verify.wait", wait)
    command.verify("staging", timeout=timeout, revert=False, via="push")
    assert heard == [waited]


def test_what_verifies_loads_nothing_that_judges() -> None:
    code = "import sys, mlops.commands.verify; print(*sys.modules)"
    env = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "mlops.delivery.verify" in loaded
    heavy = ("mlops.gates", "mlops.pipeline", "pandas", "sklearn", "kubernetes", "github")
    assert not [name for name in loaded if name.startswith(heavy)]
