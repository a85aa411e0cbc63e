"""Where a repository lies, and what a forge is asked; against a server that speaks GitHub's API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from unit.delivery.forge_server import PAGE, REPOSITORY, TOKEN, Forge, serving
from unit.delivery.world import Clone

from mlops.contract.errors import MlopsError
from mlops.delivery import github as delivery_github
from mlops.delivery import github_rest, protected
from mlops.delivery.forge import connect
from mlops.delivery.forge_place import on_github
from mlops.delivery.github import GitHub
from mlops.delivery.github_rest import Rest
from mlops.delivery.trunk import Trunk


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as there:
        yield there


def github(forge: Forge, token: str = TOKEN) -> GitHub:
    return GitHub(on_github("", forge.environ), token)


MARKER = "<!-- mlops report -->"
GITHUB = "https://api.github.com"


@pytest.mark.parametrize(
    ("url", "api", "repository"),
    [
        ("https://github.com/team/project.git", GITHUB, "team/project"),
        ("https://github.com/team/project", GITHUB, "team/project"),
        ("https://user:s3cret@github.com/team/project.git", GITHUB, "team/project"),
        ("git@github.com:team/project.git", GITHUB, "team/project"),
        ("github.com:team/project", GITHUB, "team/project"),
        ("ssh://git@ssh.github.com:443/team/project.git", GITHUB, "team/project"),
        ("git@git.example.com:team/project.git", "https://git.example.com/api/v3", "team/project"),
        ("ssh://git@git.example.com:2222/team/project.git", "https://git.example.com/api/v3", "team/project"),
        ("https://git.example.com:8443/team/project/", "https://git.example.com:8443/api/v3", "team/project"),
        ("http://127.0.0.1:13000/dev/repo.git", "http://127.0.0.1:13000/api/v3", "dev/repo"),
    ],
)
def test_api_and_repository_follow_from_the_remote(url: str, api: str, repository: str) -> None:
    found = on_github(url, {})
    assert (found.api, found.repository) == (api, repository)


def test_the_environment_comes_first() -> None:
    told = {"GITHUB_API_URL": "http://127.0.0.1:1/api/v1/", "GITHUB_REPOSITORY": "a/b"}
    found = on_github("git@github.com:team/project.git", told)
    assert (found.api, found.repository) == ("http://127.0.0.1:1/api/v1", "a/b")


@pytest.mark.parametrize("url", ["/srv/git/origin.git", "file:///srv/origin.git", "https://x:s3cret@h/a/b/c", "", "C"])
def test_a_remote_that_is_no_forges_is_named_without_its_password(url: str) -> None:
    with pytest.raises(MlopsError, match=r"names no repository of a forge.*GITHUB_REPOSITORY=owner/name\.$") as caught:
        on_github(url, {})
    assert "s3cret" not in str(caught.value) and caught.value.exit_code == 2


def test_without_a_token_or_a_remote_it_says_how_to_go_on(clone: Clone) -> None:
    with pytest.raises(MlopsError, match=r"GITHUB_TOKEN.*commit statuses.*gh auth token") as caught:
        connect(clone.trunk, environ={})
    assert caught.value.exit_code == 2 and "--via push" not in str(caught.value)
    with pytest.raises(MlopsError, match=r"There is no remote"):
        connect(Trunk(clone.git, remote=None), environ={"GITHUB_TOKEN": TOKEN})
    assert connect(clone.trunk, environ={"GH_TOKEN": TOKEN, "GITHUB_API_URL": GITHUB, "GITHUB_REPOSITORY": "a/b"})


def test_a_pull_request_is_opened_once(forge: Forge) -> None:
    first = github(forge).open_pull("mlops/staging-1", "main", "Release 1", "Because.")
    assert first == f"https://forge.example.com/{REPOSITORY}/pull/1"
    assert github(forge).open_pull("mlops/staging-1", "main", "Release 1", "Because.") == first
    assert [p["title"] for p in forge.pulls] == ["Release 1"]
    forge.pulls[0]["state"] = "closed"
    assert github(forge).open_pull("mlops/staging-1", "main", "Release 1", "Because.").endswith("/2")


def test_one_that_somebody_else_opens_in_between_is_found(forge: Forge) -> None:
    first = github(forge).open_pull("b", "main", "t", "x")
    forge.hidden_until_post = True
    assert github(forge).open_pull("b", "main", "t", "x") == first
    assert len(forge.pulls) == 1


def test_the_forge_is_asked_to_merge_when_checks_pass(forge: Forge) -> None:
    github(forge).open_pull("b", "main", "t", "x")
    assert github(forge).merge_when_green("b") == "The forge merges it when its required checks pass."
    assert forge.merging == [{"pullRequestId": "PR_1", "mergeMethod": "SQUASH"}]
    forge.squash = False
    github(forge).merge_when_green("b")
    assert forge.merging[-1]["mergeMethod"] == "MERGE"


def test_where_the_forge_does_not_merge_a_person_must(forge: Forge) -> None:
    github(forge).open_pull("b", "main", "t", "x")
    forge.merges = "Auto merge is not allowed for this repository"
    said = github(forge).merge_when_green("b")
    assert said.startswith("A person must merge it") and "Auto merge is not allowed" in said
    forge.merges = "Pull request Pull request is in clean status"
    assert "A person must merge it: no check is required" in github(forge).merge_when_green("b")
    assert github(forge).merge_when_green("gone") == "It is not open any more."


def test_the_newest_status_of_the_context_counts(forge: Forge) -> None:
    def status(context: str, state: str, minute: int) -> dict[str, str]:
        return {
            "context": context,
            "state": state,
            "description": state,
            "updated_at": f"2026-01-01T10:{minute:02}:00Z",
        }

    forge.statuses["a" * 40] = [
        status("mlops/production", "failure", 9), status("mlops/staging", "success", 8),
        status("mlops/staging", "pending", 7),
    ]  # fmt: skip
    found = github(forge).status("a" * 40, "mlops/staging")
    assert found is not None
    assert (found.state, found.at) == ("success", datetime(2026, 1, 1, 10, 8, tzinfo=UTC))
    assert github(forge).status("a" * 40, "mlops/other") is None
    assert github(forge).status("b" * 40, "mlops/staging") is None


def test_what_is_open_gets_the_new_title_and_text_and_only_where_they_differ(forge: Forge) -> None:
    github(forge).open_pull("b", "main", "Release 1", "Because.\n/merge\n")
    assert forge.pulls[0]["body"] == "Because.\n\\/merge\n"
    forge.pulls[0]["body"] = "Because.\r\n\\/merge"
    github(forge).open_pull("b", "main", "Release 1", "Because.\n/merge\n")
    assert not [line for line in forge.asked if line.startswith("PATCH")]
    github(forge).open_pull("b", "main", "Release 2", "x" * 70_000)
    assert forge.pulls[0]["title"] == "Release 2" and len(forge.pulls[0]["body"]) == 65_536
    assert forge.pulls[0]["body"].startswith(
        "*The text below is cut: the forge takes at most 65,536 characters.*\n\nxxx"
    )


def test_a_forks_branch_of_the_same_name_is_another(forge: Forge) -> None:
    github(forge).open_pull("b", "main", "Evil", "x")
    forge.pulls[0]["head"]["repo"] = {"id": 8}
    forge.pulls.append(forge.pulls[0] | {"head": {"ref": "b", "repo": None}})
    assert github(forge).merge_when_green("b") == "It is not open any more."
    with pytest.raises(MlopsError, match="No pull request of the branch 'b' is open"):
        github(forge).comment("b", MARKER, "x")


def test_its_workflow_is_started_where_that_is_asked_for(forge: Forge) -> None:
    starting = GitHub(on_github("", forge.environ), TOKEN, dispatch="pull-request.yml")
    starting.open_pull("mlops/x", "main", "t", "x")
    starting.open_pull("mlops/x", "main", "t", "x")
    assert forge.dispatched == [("pull-request.yml", "mlops/x")] * 2
    forge.refusing = {"/dispatches": (403, "Resource not accessible by integration")}
    with pytest.raises(
        MlopsError, match=r"permissions actions: write; .*The pull request is open: https://\S+/pull/1\."
    ):
        starting.open_pull("mlops/x", "main", "t", "x")


def test_actions_that_may_not_open_pull_requests_are_let(forge: Forge) -> None:
    said = "GitHub Actions is not permitted to create or approve pull requests."
    forge.refusing = {"/pulls": (403, said)}
    with pytest.raises(MlopsError, match="Allow GitHub Actions to create and approve pull requests"):
        github(forge).open_pull("b", "main", "t", "x")


def test_a_status_is_set_in_one_line_that_fits(forge: Forge) -> None:
    github(forge).set_status("a" * 40, "mlops/gate", "failure", "worse\n" * 50)
    found = github(forge).status("a" * 40, "mlops/gate")
    assert found is not None and found.state == "failure" and len(found.description) == 140
    assert found.description.startswith("worse worse") and found.description.endswith("…")
    forge.statuses["a" * 40][0].pop("state")
    with pytest.raises(MlopsError, match="has no 'state', as GitHub's has"):
        github(forge).status("a" * 40, "mlops/gate")


def test_one_comment_which_the_next_report_replaces(forge: Forge) -> None:
    github(forge).open_pull("b", "main", "t", "x")
    for number in range(PAGE):
        forge.said_by("ada", 1, f"Talk {number}")
    forge.said_by("eve", 1, f"{MARKER} mine, and I change it afterwards")
    first = github(forge).comment("b", MARKER, "One.\n")
    assert first == f"https://forge.example.com/{REPOSITORY}/pull/1#issuecomment-{PAGE + 2}"
    assert github(forge).comment("b", MARKER, "Two.\n") == first
    assert [c["body"] for c in forge.comments[PAGE:]][1:] == [f"{MARKER}\nTwo.\n"]


def test_a_jobs_token_that_knows_no_name_takes_what_no_person_wrote(forge: Forge) -> None:
    forge.me = ""
    github(forge).open_pull("b", "main", "t", "x")
    forge.said_by("eve", 1, MARKER)
    first = github(forge).comment("b", MARKER, "One.")
    assert github(forge).comment("b", MARKER, "Two.") == first
    assert [c["body"] for c in forge.comments] == [MARKER, f"{MARKER}\nTwo."]


def test_mutant_without_the_marker_there_is_a_second_comment(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rest, "mine", lambda *_: None)
    github(forge).open_pull("b", "main", "t", "x")
    assert github(forge).comment("b", MARKER, "One.") != github(forge).comment("b", MARKER, "Two.")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, "Bad credentials"), r"401: Bad credentials\. The token is not accepted"),
        (
            (403, "Resource not accessible"),
            r"403: Resource not accessible\. .* contents: write and pull-requests: write;",
        ),
        ((404, "Not Found"), r"404: Not Found\. Is it 'team/project'"),
        ((500, f"oops {TOKEN}"), r"500: oops \*\*\*"),
    ],
)
def test_what_the_forge_refuses_is_said_without_the_token(forge: Forge, answer: tuple[int, str], words: str) -> None:
    forge.fail = answer
    with pytest.raises(MlopsError, match=words) as caught:
        github(forge).open_pull("b", "main", "t", "x")
    assert caught.value.exit_code == 2 and TOKEN not in str(caught.value)


def test_mutant_a_fork_or_a_stranger_that_counts_as_own(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_github, "_own", lambda pull: True)
    monkeypatch.setattr(github_rest, "_by", lambda me, author: True)
    github(forge).open_pull("b", "main", "Evil", "x")
    forge.pulls[0]["head"]["repo"] = {"id": 8}
    forge.said_by("eve", 1, MARKER)
    github(forge).comment("b", MARKER, "One.")
    assert github(forge).merge_when_green("b").startswith("The forge merges it")
    assert [(c["user"]["login"], c["body"]) for c in forge.comments] == [("eve", f"{MARKER}\nOne.")]


def test_mutant_without_the_mask_the_token_is_shown(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    forge.fail = (500, f"oops {TOKEN}")
    monkeypatch.setattr(github_rest, "refusal", lambda place, what, reason, token: MlopsError(reason))
    with pytest.raises(MlopsError, match=TOKEN):
        github(forge).open_pull("b", "main", "t", "x")


def test_a_forge_that_is_not_there(forge: Forge) -> None:
    away = GitHub(on_github("", {**forge.environ, "GITHUB_API_URL": "http://127.0.0.1:9"}), TOKEN)
    with pytest.raises(MlopsError, match="could not be reached") as caught:
        away.status("a" * 40, "x")
    assert TOKEN not in str(caught.value)


REFUSALS = [
    (
        "protected branch hook declined",
        "remote: error: GH006: Protected branch update failed for refs/heads/main.        \n"
        "remote: error: Changes must be made through a pull request.        \n"
        "error: failed to push some refs to 'https://github.com/team/project'\n",
        ("GitHub protects it", "Settings > Branches > main", "Changes must be made through a pull request"),
    ),
    (
        "push declined due to repository rule violations",
        "remote: error: GH013: Repository rule violations found for refs/heads/main.        \nremote: \n"
        'remote: - Required status check "required" is expected.        \nremote: \n'
        "error: failed to push some refs to 'https://github.com/team/project'\n",
        ("rule set", "bypass list", 'Required status check "required"'),
    ),
    (
        "pre-receive hook declined",
        "remote: GitLab: You are not allowed to push code to protected branches on this project.        \n",
        ("GitLab protects it", "Allowed to push and merge"),
    ),
    (
        "pre-receive hook declined",
        "remote: GitLab: You are not allowed to force push code to a protected branch on this project.        \n",
        ("GitLab protects it", "Allowed to force push"),
    ),
    (
        "pre-receive hook declined",
        "remote: GitLab: Pushes to protected branches that contain changes to files that        \n"
        "remote: match patterns defined in `CODEOWNERS` are disabled for        \n",
        ("code owners", "Protected branches > main", "`CODEOWNERS` are disabled"),
    ),
    (
        "pre-receive hook declined",
        "remote: GitLab: Author 'ci@example.com' is not a member of team        \n",
        ("Push rules", "is not a member of team"),
    ),
    (
        "pre-receive hook declined",
        "remote: \nremote: Gitea: Not allowed to push to protected branch main        \n",
        ("Gitea protects it", "Settings > Branches > main"),
    ),
    (
        "pre-receive hook declined",
        "remote: no releases on Fridays\n",
        ("a hook of the remote", "no releases on Fridays"),
    ),
]


@pytest.mark.parametrize(("reason", "said", "parts"), REFUSALS)
def test_a_refused_push_names_the_branch_the_rule_and_who_may_lift_it(
    reason: str, said: str, parts: tuple[str, ...]
) -> None:
    told = protected.words("origin", "main", f"({reason})", said)
    for part in ("'main'", reason, *parts):
        assert part in told
    assert "failed to push" not in told and "  " not in told
