"""Check a release that never stood, as `mlops release --via pr` brings one: all that can be asked without training.

That the model is good enough is the verdict of the gate on main, which ran before the release was made. It cannot be
repeated here: the data of a release is at the DVC remote, and judging it takes as long as making it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from mlops.contract.errors import MlopsError
from mlops.delivery.candidate import metrics_of, source_commit
from mlops.delivery.git import Entry, Git
from mlops.delivery.history import given, history, order_of
from mlops.delivery.layout import FIRST, RECORD, folder
from mlops.delivery.oci import LABEL
from mlops.delivery.records import Record, parse, render
from mlops.delivery.release import decide
from mlops.delivery.stock import Stock, Tagged

METRICS = "metrics.json"
SINGLE = (RECORD, "dvc.lock", METRICS, "model-card.md")
CHART = "chart/"


@dataclass(frozen=True)
class Rules:
    """Which environment new releases go to, and where images are; without that, no release may be new."""

    first: str = FIRST
    stock: Stock | None = None


@dataclass(frozen=True)
class Fresh:
    """A record that is new to main, with the machine-owned files beside it."""

    git: Git
    base: str
    env: str
    files: Mapping[str, Entry]
    record: Record
    rules: Rules

    def read(self, path: str) -> bytes:
        """Read one of the files."""
        name = self.files[path].sha
        return self.git.blobs([name]).get(name, b"")

    @cached_property
    def tagged(self) -> Tagged | None:
        """The image of its identity."""
        return self.rules.stock.tagged(self.record.identity) if self.rules.stock else None


def fresh(git: Git, base: str, env: str, files: Mapping[str, Entry], rules: Rules) -> Fresh | None:
    """Tell a new release from an edited one: its id was never given, or only to another commit's release."""
    entry = files.get(RECORD)
    try:
        record = parse(git.blobs([entry.sha]).get(entry.sha, b"")) if entry else None
    except MlopsError:
        return None
    known = record and any((other.id, other.commit) == (record.id, record.commit) for other in given(git, base))
    return None if record is None or known else Fresh(git, base, env, files, record, rules)


def refusals(new: Fresh) -> list[str]:
    """Say what speaks against a new release; nothing where it may be merged. The registry is asked last.

    Raises:
        MlopsError: Where the images are cannot be asked.
    """
    where = folder(new.env)
    for step in STEPS:
        found = [f"{where}/{words}" for words in (condition(new) for condition in step) if words]
        if found:
            return found
    return []


def _first(new: Fresh) -> str:
    if new.env == new.rules.first:
        return ""
    return (
        f"{RECORD}: {new.record.id} never stood, and new releases go to {new.rules.first} alone. "
        f"{new.env} gets promotions and what stood there before."
    )


def _whole(new: Fresh) -> str:
    missing = [path for path in SINGLE if path not in new.files]
    more = [path for path in new.files if path not in SINGLE and not path.startswith(CHART)]
    if missing:
        return f"{missing[0]}: is missing; a release has {', '.join(SINGLE)} and {CHART}."
    return f"{more[0]}: no release has such a file." if more else ""


def _written(new: Fresh) -> str:
    odd = next((path for path in SINGLE if path in new.files and new.files[path].mode != "100644"), None)
    if odd:
        return f"{odd}: is no ordinary file (mode {new.files[odd].mode})."
    same = new.read(RECORD) == render(new.record).encode()
    return "" if same else f"{RECORD}: is not as `mlops release` writes it. Make the release anew."


def _on_main(new: Fresh) -> str:
    if new.record.commit in new.git.first_parent(new.base):
        return ""
    return f"{RECORD}: its commit {new.record.commit[:10]} is not on the main branch's own line."


def _source(new: Fresh) -> str:
    commit = new.record.commit
    newest = source_commit(new.git, commit)
    return "" if newest == commit else f"{RECORD}: its commit {commit[:10]} changes no source; {newest[:10]} does."


def _due(new: Fresh) -> str:
    commit, identity = new.record.commit, new.record.identity
    standings = history(new.git, new.env, new.base)
    try:
        order = order_of(new.git, new.base, standings, commit)
        verdict = decide(commit, identity, standings, order, env=new.env)
    except MlopsError as error:
        return f"{RECORD}: {error}"
    if verdict.kind == "held":
        return f"{RECORD}: {verdict.words} With `--force` it goes by a push alone."
    return "" if verdict.kind == "go" else f"{RECORD}: {verdict.words}"


def _unused(new: Fresh) -> str:
    if all(record.id != new.record.id for record in given(new.git, new.base)):
        return ""
    return f"{RECORD}: another release has the id {new.record.id} by now. Run `mlops release` again."


def _chart(new: Fresh) -> str:
    theirs = new.git.ls(new.record.commit, "deploy/chart")
    ours = {path.removeprefix(CHART): entry for path, entry in new.files.items() if path.startswith(CHART)}
    odd = sorted(path for path in theirs.keys() | ours.keys() if theirs.get(path) != ours.get(path))
    return f"{CHART}{odd[0]}: is not deploy/chart/{odd[0]} of {new.record.commit[:10]}." if odd else ""


def _metrics(new: Fresh) -> str:
    try:
        same = metrics_of(new.read(METRICS), METRICS) == new.record.metrics
    except MlopsError as error:
        return str(error)
    return "" if same else f"{METRICS}: its metrics are not those of {RECORD}."


def _repository(new: Fresh) -> str:
    named, ours = new.record.image.repository, new.rules.stock.repository if new.rules.stock else ""
    if named == ours:
        return ""
    return f"{RECORD}: its image is of {named!r}; [tool.mlops] names {ours or 'no image'!r}."


def _image(new: Fresh) -> str:
    record, found = new.record, new.tagged
    if found is None:
        return f"{RECORD}: {record.image.repository} has no image of its identity {record.identity[:19]}…."
    if found.digest == record.image.digest:
        return ""
    return f"{RECORD}: its digest is {record.image.digest}, and the image of its identity is {found.digest}."


def _labels(new: Fresh) -> str:
    record, found = new.record, new.tagged
    says = {LABEL: record.identity, "mlops.model": record.model.sha256, "mlops.contract": record.contract.sha256}
    wrong = [name for name, value in says.items() if found and found.labels.get(name) != value]
    if not found or not wrong:
        return ""
    told = found.labels.get(wrong[0])
    return f"{RECORD}: its image has {wrong[0]}={told!r}, and the record says {says[wrong[0]]!r}."


# What must hold; a step is asked when all before it hold, so that each may rely on them.
STEPS: tuple[tuple[Callable[[Fresh], str], ...], ...] = (
    (_first, _whole, _written, _on_main),
    (_source, _due, _unused, _chart, _metrics, _repository),
    (_image, _labels),
)
