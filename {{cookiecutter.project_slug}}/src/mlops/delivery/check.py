"""Check what a branch does to deploy/envs: what stood, a promotion, a release that is what it says, people's values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mlops.contract.errors import MlopsError
from mlops.delivery.check_chart import Judge
from mlops.delivery.check_new import Rules, fresh, refusals
from mlops.delivery.check_words import Known, explain
from mlops.delivery.git import Entry, Git, complaint
from mlops.delivery.history import Standing, held, history, order_of
from mlops.delivery.layout import ENVS, PEOPLES, RECORD, environments, folder, machine_files
from mlops.delivery.records import parse

Files = Mapping[str, Entry]
GETS = (
    "gets the new release {}. Its image is there, and its files belong together. Whether its model is good enough "
    "is the verdict of main's own gate: this check cannot repeat it."
)


@dataclass(frozen=True)
class Finding:
    """What a branch does to an environment: `no` is empty where that may be merged, `words` say what it is."""

    env: str
    words: str
    no: str = ""


def check(
    git: Git, base: str, head: str = "HEAD", rules: Rules | None = None, chart: Judge | None = None
) -> list[Finding]:
    """Check what merging `head` into `base` would change, and every commit on the way: a rebase merge lands them all.

    Args:
        git: The repository, with its full history.
        base: The newest commit of the branch that it would be merged into.
        head: The branch.
        rules: Where new releases may go, and where their images are; default: there may be none.
        chart: Says whether the chart of an environment takes its values; default: nobody does.

    Raises:
        MlopsError: It cannot be compared, or nobody can say what a new image is.
    """
    git.require_full_history()
    base, head = git.rev_parse(base), git.rev_parse(head)
    inside, outside = _changed(git, base, head)
    merged = _merged(git, base, head)
    if merged is None:
        return [Finding("", "", f"it conflicts with {base[:10]}, which changed meanwhile. Make it anew on that.")]
    if no := _misplaced(inside, outside):
        return [Finding("", "", no)]
    touched = {path.partition("/")[0] for path in inside}
    states = [*git.text("rev-list", "--reverse", head, f"^{base}").split(), merged]
    known = touched.union(*(environments(git, rev) for rev in states))
    found = [_environment(git, base, env, states, rules or Rules()) for env in sorted(known)]
    return [_valued(git, merged, finding, chart) for finding in found if finding.no or finding.env in touched]


def _valued(git: Git, merged: str, finding: Finding, chart: Judge | None) -> Finding:
    """Judge what Argo CD would render after the merge, where nothing else speaks against that."""
    if finding.no or chart is None:
        return finding
    judged = chart(git, merged, finding.env)
    return Finding(finding.env, "", judged.no) if judged.no else replace(finding, words=finding.words + judged.note)


def _changed(git: Git, base: str, head: str) -> tuple[list[str], list[str]]:
    """List the files that a branch changes: those of deploy/envs by their path in it, and the others."""
    met = git.attempt("merge-base", base, head)
    if met.returncode:
        raise MlopsError(f"{head[:10]} and {base[:10]} have no commit in common. `git fetch` the base.")
    found = git.run("diff", "--name-only", "--no-renames", "-z", met.stdout.decode().strip(), head)
    paths = [path.decode("utf-8", "surrogateescape") for path in found.split(b"\0") if path]
    inside = [path.removeprefix(f"{ENVS}/") for path in paths if path.startswith(f"{ENVS}/")]
    return inside, [path for path in paths if not path.startswith(f"{ENVS}/")]


def _misplaced(inside: Sequence[str], outside: Sequence[str]) -> str:
    """Say which file is where it may not be, whatever is in it."""
    stray = next((path for path in inside if "/" not in path), None)
    if stray:
        return f"{ENVS}/{stray}: is in no environment's folder. {ENVS}/ holds a folder for each alone."
    machines = next((path for path in inside if path.partition("/")[2] not in PEOPLES), None)
    if machines and outside:
        return (
            f"{ENVS}/{machines}: only mlops writes it, and the branch changes {outside[0]!r}, too. A release commit "
            f"touches only {ENVS}/: put it into a pull request of its own."
        )
    return ""


def _merged(git: Git, base: str, head: str) -> str | None:
    """Merge in memory; gives the tree, None on a conflict."""
    done = git.attempt("merge-tree", "--write-tree", "--no-messages", base, head)
    if done.returncode not in (0, 1):
        raise MlopsError(f"Git could not merge {head[:10]} into {base[:10]}: {complaint(done)} Git 2.38 or newer can.")
    return None if done.returncode else done.stdout.decode().split()[0]


def _environment(git: Git, base: str, env: str, states: Sequence[str], rules: Rules) -> Finding:
    """Judge each state of an environment that the branch would bring to main; the last is what it ends with."""
    now, last = machine_files(git, base, env), machine_files(git, states[-1], env)
    if last and PEOPLES - git.ls(states[-1], folder(env)).keys():
        return Finding(env, "", f"{folder(env)}/values.yaml is not there: {env} is no environment, yet has a release.")
    unchanged = found = Finding(env, f"{env}: its release stays as it is; values.yaml is people's.")
    for rev in states:
        after = machine_files(git, rev, env)
        found = found if after == now else _state(git, base, env, after, rules)
        if found.no:
            at = f" (commit {rev[:10]})" if rev != states[-1] else ""
            return Finding(env, "", f"{found.no}{at}")
    return found if last != now else unchanged


def _state(git: Git, base: str, env: str, after: Files, rules: Rules) -> Finding:
    if not after:
        return _taken_away(git, base, env)
    for known in _stood(git, base, env):
        if known.files == after and _readable(git, known):
            return Finding(env, f"{env}: goes back to what stood from {known.rev[:10]} on, byte for byte.")
    # The first environment gets new releases: what stands further down has been there already.
    sources = [] if env == rules.first else list(_sources(git, base, env))
    for known in sources:
        if known.files == after and not known.held:
            return Finding(env, f"{env}: gets what {known.env} runs, byte for byte.")
    new = fresh(git, base, env, after, rules) if rules.stock else None
    if new:
        return Finding(env, f"{env}: {GETS.format(new.record.id)}", " ".join(refusals(new)))
    elsewhere = (known for source in sources for known in _stood(git, base, source.env))
    past = next((known for known in elsewhere if known.files == after), None)
    return Finding(env, "", explain(git, env, after, [*_stood(git, base, env), *sources], past))


def _taken_away(git: Git, base: str, env: str) -> Finding:
    """Let the first release be reverted; after a second one an environment has something to go back to."""
    standings = history(git, env, base)
    stood = list(dict.fromkeys(name for standing in standings if (name := _named(standing))))
    if len(stood) <= 1:
        return Finding(env, f"{env}: its release is taken away. Its pods stay and keep serving what they serve.")
    return Finding(
        env,
        "",
        f"{folder(env)}/{RECORD}: is gone with all beside it, and more than one release stood in {env}: "
        f"{', '.join(stood[:3])}. Argo CD would let go of {env}. Only the revert of a first release leaves nothing. To "
        f"go back to what stood before, revert the newest release commit alone, or run "
        f"`mlops rollback --env {env} --via pr`.",
    )


def _named(standing: Standing) -> str:
    """Name a record by its id, and one that nobody can read by its commit; nothing where there was none."""
    return standing.record.id if standing.record else standing.problem and f"something at {standing.sha[:10]}"


def _stood(git: Git, base: str, env: str) -> Iterator[Known]:
    """List what stood in an environment, newest first, as whole trees: any commit of main that changed its folder."""
    spec = f":(top,literal){folder(env)}"
    for sha in git.text("rev-list", "--first-parent", base, "--", spec).split():
        files = machine_files(git, sha, env)
        if files:
            yield Known(env, sha, files)


def _sources(git: Git, base: str, env: str) -> Iterator[Known]:
    """List what other environments run: what a promotion copies, unless somebody took a release back there."""
    for other in environments(git, base):
        files = machine_files(git, base, other)
        if other != env and files:
            standings = history(git, other, base)
            hold = held(standings, order_of(git, base, standings))
            yield Known(other, base, files, held=hold is not None or bool(standings and standings[0].problem))


def _readable(git: Git, known: Known) -> bool:
    text = git.show(known.rev, f"{folder(known.env)}/{RECORD}")
    try:
        return text is not None and bool(parse(text))
    except MlopsError:
        return False
