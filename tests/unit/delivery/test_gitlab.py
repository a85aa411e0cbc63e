"""What GitLab is asked, and what is said when it refuses; against a server that speaks its API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from unit.delivery.gitlab_server import BOT, NUMBER, PROJECT, TIP, TOKEN, Forge, serving
from unit.delivery.world import NOON, Clone, image, no_sleep

from mlops.contract.errors import MlopsError
from mlops.delivery import forge_text
from mlops.delivery.forge import connect
from mlops.delivery.forge_place import on_gitlab
from mlops.delivery.gitlab import PATIENCE, GitLab
from mlops.delivery.pull_request import ByPullRequest
from mlops.delivery.release import release

SHA = "a" * 40
MARKER = "<!-- mlops report -->"


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as there:
        yield there


def gitlab(forge: Forge, waited: list[float] | None = None) -> GitLab:
    return GitLab(on_gitlab("", forge.environ), TOKEN, sleep=[].append if waited is None else waited.append)


@pytest.mark.parametrize(
    ("url", "api", "project"),
    [
        ("https://gitlab.com/team/project.git", "https://gitlab.com/api/v4", "team/project"),
        ("git@gitlab.com:team/models/eu/project.git", "https://gitlab.com/api/v4", "team/models/eu/project"),
        ("ssh://git@altssh.gitlab.com:443/team/project.git", "https://gitlab.com/api/v4", "team/project"),
        ("https://ci:s3cret@git.example.com:8443/a/b/c", "https://git.example.com:8443/api/v4", "a/b/c"),
        ("http://127.0.0.1:1/a/b", "http://127.0.0.1:1/api/v4", "a/b"),
    ],
)
def test_api_and_project_follow_from_the_remote(url: str, api: str, project: str) -> None:
    found = on_gitlab(url, {})
    assert (found.api, found.repository) == (api, project)
    told = on_gitlab(url, {"CI_API_V4_URL": "https://git.example.com/sub/api/v4/", "CI_PROJECT_PATH": "x/y/z"})
    assert (told.api, told.repository) == ("https://git.example.com/sub/api/v4", "x/y/z")


def test_a_folder_is_no_project_and_the_variables_of_gitlab_are_named(clone: Clone) -> None:
    with pytest.raises(MlopsError, match=r"names no repository of a forge\. Set CI_API_V4_URL and CI_PROJECT_PATH"):
        on_gitlab("/srv/origin.git", {})
    with pytest.raises(MlopsError, match=r"GITLAB_TOKEN is not set.*scope `api`"):
        connect(clone.trunk, "gitlab", {"GITHUB_TOKEN": TOKEN})


def test_a_merge_request_is_opened_once_and_brought_up_to_date(forge: Forge) -> None:
    first = gitlab(forge).open_pull("mlops/staging-1", "main", "Release 1", "Because.\n\n/merge\n")
    assert first == f"https://forge.example.com/{PROJECT}/-/merge_requests/1"
    assert forge.requests[0]["description"] == "Because.\n\n\\/merge\n"
    forge.asked.clear()
    assert gitlab(forge).open_pull("mlops/staging-1", "main", "Release 1", "Because.\n\n/merge\n") == first
    assert not [line for line in forge.asked if not line.startswith("GET")]
    assert gitlab(forge).open_pull("mlops/staging-1", "main", "Release 1", "Because of more.") == first
    assert [r["description"] for r in forge.requests] == ["Because of more."]
    forge.hidden_until_post = True
    assert gitlab(forge).open_pull("mlops/staging-1", "main", "Release 1", "Because of more.") == first


def test_a_release_by_merge_request_and_main_waits(clone: Clone, forge: Forge) -> None:
    sha = clone.source("1")
    by = ByPullRequest(connect(clone.trunk, "gitlab", forge.environ))
    made = clone.candidate(sha, "1")
    outcome = release(clone.trunk, "staging", made, image("1"), now=NOON, sleep=no_sleep, land=by)
    assert outcome.kind == "asked" and outcome.words.endswith(
        "/merge_requests/1. The forge merges it when its checks pass."
    )
    assert clone.trunk.tip() == sha and clone.standing() is None
    assert forge.requests[0]["target_branch"] == "main" and image("1").identity in forge.requests[0]["description"]


def test_a_forks_branch_of_the_same_name_is_another(forge: Forge) -> None:
    gitlab(forge).open_pull("b", "main", "Evil", "x")
    forge.requests[0]["source_project_id"] = NUMBER + 1
    assert gitlab(forge).merge_when_green("b") == "It is not open any more."
    assert gitlab(forge).open_pull("b", "main", "Ours", "x").endswith("/2")


def test_it_merges_what_was_pushed_once_there_is_a_pipeline_for_it(forge: Forge) -> None:
    gitlab(forge).open_pull("b", "main", "t", "x")
    forge.merge_answers = [(405, "405 Method Not Allowed"), (409, "SHA does not match HEAD of source branch")]
    waited: list[float] = []
    assert gitlab(forge, waited).merge_when_green("b") == "The forge merges it when its checks pass."
    assert waited == list(PATIENCE[:2])
    wish = {"merge_when_pipeline_succeeds": True, "auto_merge": True, "sha": TIP}
    assert forge.merging == [wish] * 3
    forge.green = True
    assert gitlab(forge).merge_when_green("b") == "The forge merged it."


def test_what_an_earlier_run_arranged_stands_for_that_commit_only(forge: Forge) -> None:
    gitlab(forge).open_pull("b", "main", "t", "x")
    forge.requests[0]["merge_when_pipeline_succeeds"] = True
    forge.merge_answers = [(405, "405 Method Not Allowed")] * 9
    assert gitlab(forge).merge_when_green("b") == "The forge merges it when its checks pass."
    forge.requests[0]["sha"] = SHA
    assert gitlab(forge).merge_when_green("b").startswith("A person must merge it")


@pytest.mark.parametrize(
    ("code", "words"),
    [(405, "405: Method Not Allowed): the merge request has no pipeline"), (401, "this token's user may not merge")],
)
def test_where_gitlab_does_not_merge_a_person_must(forge: Forge, code: int, words: str) -> None:
    gitlab(forge).open_pull("b", "main", "t", "x")
    forge.merge_answers = [(code, f"{code} Method Not Allowed")] * 9
    waited: list[float] = []
    said = gitlab(forge, waited).merge_when_green("b")
    assert said.startswith("A person must merge it: ") and words in said
    assert waited == (list(PATIENCE) if code == 405 else [])


def test_a_status_is_set_and_the_newest_of_the_context_is_read(forge: Forge) -> None:
    hub = gitlab(forge)
    assert hub.status(SHA, "mlops/gate") is None
    hub.set_status(SHA, "mlops/gate", "failure", "worse " * 50)
    found = hub.status(SHA, "mlops/gate")
    assert found is not None and len(found.description) == forge_text.SHORT
    assert (found.state, found.at) == ("failure", datetime(2026, 1, 1, 12, tzinfo=UTC))
    for said, read in {"canceled": "error", "running": "pending", "success": "success"}.items():
        forge.status(SHA, "mlops/gate", said, "")
        newest = hub.status(SHA, "mlops/gate")
        assert newest is not None and newest.state == read
    assert hub.status(SHA, "mlops/staging") is None and hub.status("b" * 40, "mlops/gate") is None


def test_one_note_which_the_next_report_replaces(forge: Forge) -> None:
    gitlab(forge).open_pull("b", "main", "t", "x")
    forge.note(1, {"id": 99, "username": "eve"}, f"{MARKER} mine, and I change it afterwards")
    first = gitlab(forge).comment("b", MARKER, "One.\n/approve\n \r/merge\n")
    assert first == f"https://forge.example.com/{PROJECT}/-/merge_requests/1#note_2"
    assert forge.notes[-1]["body"] == f"{MARKER}\nOne.\n\\/approve\n \n\\/merge\n"
    assert gitlab(forge).comment("b", MARKER, "Two.") == first
    assert [note["body"] for note in forge.notes if note["author"] == BOT] == [f"{MARKER}\nTwo."]
    with pytest.raises(MlopsError, match="No pull request of the branch 'c' is open"):
        gitlab(forge).comment("c", MARKER, "x")


def test_mutant_a_text_that_is_not_inert_would_be_obeyed(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forge_text, "inert", lambda text: text)
    gitlab(forge).open_pull("b", "main", "t", "x")
    gitlab(forge).comment("b", MARKER, "One.\n/approve\n")
    assert "\n/approve" in forge.notes[0]["body"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, "401 Unauthorized"), r"401: Unauthorized\. The token is not accepted"),
        ((403, "403 Forbidden"), r"403: Forbidden\. Give the token the scope `api`"),
        ((404, "404 Project Not Found"), r"404: Project Not Found\. Is it 'team/models/project'"),
        ((400, {"title": ["is bad"]}), r"400: title \['is bad'\]\. Run again"),
        ((500, f"oops {TOKEN}"), r"500: oops \*\*\*"),
    ],
)
def test_what_gitlab_refuses_is_said_without_the_token(forge: Forge, answer: tuple[int, Any], words: str) -> None:
    forge.fail = answer
    with pytest.raises(MlopsError, match=words) as caught:
        gitlab(forge).open_pull("b", "main", "t", "x")
    assert caught.value.exit_code == 2 and TOKEN not in str(caught.value)


def test_a_jobs_token_that_is_not_enough_and_a_gitlab_that_is_away(forge: Forge, clone: Clone) -> None:
    told = {**forge.environ, "GITLAB_TOKEN": "", "CI_JOB_TOKEN": "j0b"}
    with pytest.raises(MlopsError, match=r"401: .*CI_JOB_TOKEN may not do this: set GITLAB_TOKEN"):
        connect(clone.trunk, "gitlab", told).open_pull("b", "main", "t", "x")
    away = {**forge.environ, "CI_API_V4_URL": "http://127.0.0.1:9/api/v4"}
    with pytest.raises(MlopsError, match="could not be reached"):
        connect(clone.trunk, "gitlab", away).status(SHA, "x")
