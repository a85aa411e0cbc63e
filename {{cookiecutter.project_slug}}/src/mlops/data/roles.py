"""What each column is for, decided from its values and its name, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mlops.contract.errors import MlopsError
from mlops.contract.near import did_you_mean
from mlops.data.ids import ids, unused_order
from mlops.data.leaks import enough, gives_away
from mlops.data.names import is_birth, is_protected
from mlops.data.profile import Profile
from mlops.data.target import Target
from mlops.data.useless import may_be_group, useless

MOST_SLICES = 3
SLICE_VALUES = range(2, 13)
FAIRNESS = (
    "fairness: no column is called like a personal trait. Tag one `protected`, or say in contract.yaml why there is "
    "none; until then the gate warns. docs/reference/gates.md says how."
)


@dataclass
class Roles:
    """The tags of each column, why a column is kept out, and what there is to tell."""

    tags: dict[str, list[str]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    decisions: list[str] = field(default_factory=list)

    def exclude(self, name: str, reason: str) -> None:
        """Keep a column out."""
        self.tags[name] = ["excluded"]
        self.reasons[name] = reason
        self.decisions.append(f"column {name!r}: excluded, {reason}.")

    def tag(self, name: str, tags: list[str], why: str) -> None:
        """Give a column a role."""
        self.tags[name] = tags
        self.decisions.append(f"column {name!r}: tagged {', '.join(tags)}, {why}.")


def decide_roles(columns: Mapping[str, Profile], target: Target, time: str | None) -> Roles:
    """Decide the role of each column but the target.

    Args:
        columns: every column's profile.
        target: what is predicted.
        time: the column that a person says orders the rows, if any.

    Raises:
        MlopsError: No input is left, or `time` cannot order rows.
    """
    roles = Roles()
    roles.tags[target.name] = ["target"]
    others = {name: column for name, column in columns.items() if name != target.name}
    for name, column in others.items():
        if reason := useless(column):
            roles.exclude(name, reason)
    _decide_time(roles, others, time)
    _decide_ids(roles, others)
    _decide_group(roles, others)
    _decide_leaks(roles, _open(roles, others), columns[target.name], target)
    for name in _open(roles, others):
        if is_protected(name):
            why = "a personal trait; take `input` away if the model must not see it"
            roles.tag(name, ["protected", "input"], why)
    if not any("protected" in tags for tags in roles.tags.values()):
        roles.decisions.append(FAIRNESS)
    _decide_slices(roles, _open(roles, others))
    if not any(_is_input(roles.tags.get(name, [])) for name in others):
        raise MlopsError(
            f"no column is left to predict {target.name!r} from: {_why_none(roles)}. Bring a table with more columns."
        )
    return roles


def _why_none(roles: Roles) -> str:
    named = {name: f"is the {tags[0]}" for name, tags in roles.tags.items() if tags[0] in ("id", "group")}
    shown = list((roles.reasons | named).items())[:5]
    return "; ".join(f"{name!r} {reason}" for name, reason in shown) or "there is no other column"


def _is_input(tags: list[str]) -> bool:
    return not set(tags) & {"excluded", "id", "group", "target"}


def _open(roles: Roles, columns: Mapping[str, Profile]) -> dict[str, Profile]:
    return {name: column for name, column in columns.items() if name not in roles.tags}


def _decide_time(roles: Roles, columns: Mapping[str, Profile], asked: str | None) -> None:
    if asked is not None:
        roles.tag(asked, ["time"], f"as asked; {_time_use(_asked_time(columns, asked))}")
        return
    found = {
        name: c for name, c in _open(roles, columns).items() if c.kind in ("date", "timestamp") and not is_birth(name)
    }
    if not found:
        if name := unused_order(_open(roles, columns)):
            roles.decisions.append(
                f"time: {name!r} rises from row to row but is no date. Written as 2024-12-31, it could order the rows "
                "and the newest be the test rows."
            )
        return
    complete = {name: column for name, column in found.items() if column.nulls == 0 and column.distinct >= 10}
    ordered = [name for name, column in complete.items() if column.values.is_monotonic_increasing]
    if len(complete) == 1 or len(ordered) == 1:
        name = ordered[0] if len(ordered) == 1 else next(iter(complete))
        why = "the only one that the rows are in order of" if len(complete) > 1 else "the only time that every row has"
        roles.tag(name, ["time"], f"{why}; {_time_use(complete[name])}")
        return
    why = f"{len(complete)} could" if complete else "none has a value in every row and at least 10 different ones"
    roles.decisions.append(
        f"time: none of {sorted(found)!r} is taken to order the rows, since {why}. Say which with --time."
    )


def _asked_time(columns: Mapping[str, Profile], asked: str) -> Profile:
    if asked not in columns:
        raise MlopsError(f"the time column {asked!r} is not in the table. {did_you_mean(asked, columns)}")
    column = columns[asked]
    if column.kind not in ("date", "timestamp"):
        raise MlopsError(
            f"the time column {asked!r} is a {column.kind}. Write its values as 2024-12-31T23:59:00 (ISO 8601)."
        )
    if column.nulls:
        raise MlopsError(
            f"the time column {asked!r} is null in {column.nulls} rows. Give every row a time, or remove them."
        )
    return column


def _time_use(column: Profile) -> str:
    first, last = column.values.min(), column.values.max()
    return f"it orders the rows, {first:%Y-%m-%d} to {last:%Y-%m-%d}, and the newest are the test rows"


def _decide_ids(roles: Roles, columns: Mapping[str, Profile]) -> None:
    needed = not any(tags == ["time"] for tags in roles.tags.values())
    for place, (name, why) in enumerate(ids(_open(roles, columns), needed).items()):
        if place == 0:
            roles.tag(name, ["id"], why)
        else:
            roles.exclude(name, "different in every row, like an identifier")


def _decide_group(roles: Roles, columns: Mapping[str, Profile]) -> None:
    found = [name for name, column in _open(roles, columns).items() if may_be_group(column)]
    if len(found) == 1:
        many = columns[found[0]].distinct
        roles.tag(
            found[0],
            ["group"],
            f"by its name: {many} different, each with several rows, which stay on one side of the split",
        )
    elif found:
        roles.decisions.append(
            f"group: each of {found!r} could be one; none is taken. Tag one `group` in contract.yaml."
        )


def _decide_leaks(roles: Roles, inputs: Mapping[str, Profile], truth: Profile, target: Target) -> None:
    found = dict(_leaks(inputs, truth, target))
    if not found:
        return
    if not enough(target) or len(found) == len([name for name in inputs if "time" not in roles.tags.get(name, [])]):
        why = "no input would be left" if enough(target) else f"{target.rows} rows are too few to tell"
        roles.decisions += [f"column {name!r}: {what}, but it stays: {why}." for name, what in found.items()]
        return
    for name, what in found.items():
        roles.exclude(
            name,
            f"looks like a leak of the target: {what}; if it is known before the target, put "
            "`customProperties: [{property: leak, value: reviewed}]` in the tag's place",
        )


def _leaks(inputs: Mapping[str, Profile], truth: Profile, target: Target) -> Iterator[tuple[str, str]]:
    for name, column in inputs.items():
        if what := gives_away(column, truth, target):
            yield name, what


def _decide_slices(roles: Roles, inputs: Mapping[str, Profile]) -> None:
    found = [name for name, column in inputs.items() if column.kind == "string" and column.distinct in SLICE_VALUES]
    for name in found[:MOST_SLICES]:
        roles.tag(name, ["slice"], f"results are reported for each of its {inputs[name].distinct} values")
