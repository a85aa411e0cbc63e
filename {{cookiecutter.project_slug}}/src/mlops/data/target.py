"""What is predicted: the task, its classes and which of them is the positive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlops.contract.errors import MlopsError
from mlops.contract.model import Kind, Scalar
from mlops.contract.near import did_you_mean
from mlops.contract.task import TaskKind
from mlops.data.profile import Profile

TASKS: tuple[TaskKind, ...] = ("binary", "multiclass", "regression")
FEWEST_ROWS = 50
FEWEST_PER_CLASS = 5
MOST_CLASSES = 50
MOST_INTEGER_CLASSES = 10
YES = frozenset(("yes", "y", "true", "t", "positive", "pos"))
ONE_OF = ({"0", "1"}, {"-1", "1"})
OTHER_TARGET = "Name another with --target."
OTHER_TASK = "Name another target with --target, or another task with --task."


@dataclass(frozen=True)
class Target:
    """The decided task; `classes` are the labels and their counts, in order, empty for regression."""

    name: str
    kind: Kind
    task: TaskKind
    classes: dict[Scalar, int] = field(default_factory=dict)
    positive: Scalar | None = None
    nulls: int = 0
    rows: int = 0
    decisions: tuple[str, ...] = ()


def decide_target(column: Profile, task: str | None, positive: object | None) -> Target:
    """Decide what kind of task a target column is.

    Args:
        column: the target's profile.
        task: the task that a person asked for, if any.
        positive: the positive label that a person asked for, if any; text is compared with the label's text.

    Raises:
        MlopsError: Nothing can be learned from the column, or not what was asked for.
    """
    if task is not None and task not in TASKS:
        raise MlopsError(f"the task {task!r} is unknown. {did_you_mean(task, TASKS)}")
    known = column.rows - column.nulls
    here = f"target {column.name!r}"
    _check_usable(column, known, here)
    kind = _kind(column)
    chosen, why = _task(column, kind, task)
    decisions = [f"task: {chosen}, because {here} {why}."]
    if chosen == "regression":
        _check_regression(kind, positive, here)
        return Target(column.name, kind, chosen, {}, None, column.nulls, known, tuple(decisions))
    classes = _classes(column, kind, here)
    label = None
    if chosen == "binary":
        label, reason = _positive(classes, positive, here)
        decisions.append(f"positive: {label!r} ({classes[label]} of {known} rows), {reason}.")
    elif positive is not None:
        raise MlopsError(
            f"{here} has {len(classes)} classes, so there is no positive {positive!r}. Leave --positive out."
        )
    return Target(column.name, kind, chosen, classes, label, column.nulls, known, tuple(decisions))


def _check_usable(column: Profile, known: int, here: str) -> None:
    if known == 0:
        raise MlopsError(f"{here} is null in all {column.rows} rows, so there is nothing to learn. {OTHER_TARGET}")
    if column.distinct == 1:
        raise MlopsError(
            f"{here} is {_shown(column.counts.index[0])} in all {known} rows, so there is nothing to learn. "
            f"{OTHER_TARGET}"
        )
    if known < FEWEST_ROWS:
        raise MlopsError(f"{here} is known in {known} rows; at least {FEWEST_ROWS} are needed. Bring more rows.")
    if column.kind in ("date", "timestamp"):
        raise MlopsError(f"{here} is a {column.kind}, which cannot be predicted. {OTHER_TARGET}")


def _kind(column: Profile) -> Kind:
    """Take a number that is always whole as an integer where it may be a label."""
    if column.kind == "number" and column.distinct <= MOST_INTEGER_CLASSES:
        values = column.counts.index.to_numpy(dtype=float)
        if np.all(values == np.trunc(values)):
            return "integer"
    return column.kind


def _task(column: Profile, kind: Kind, asked: str | None) -> tuple[TaskKind, str]:
    found, why = _natural_task(column, kind)
    if asked is None or asked == found:
        return found, why if asked is None else f"{why}, as asked"
    many = column.distinct
    if asked == "binary":
        step = "Write them as whole numbers or as text." if many == 2 else OTHER_TASK
        raise MlopsError(
            f"target {column.name!r} has {many} different values, such as {_shown(column.counts.index[0])}, "
            f"so the task is not binary. {step}"
        )
    if asked == "regression" and kind not in ("number", "integer"):
        raise MlopsError(f"target {column.name!r} is a {kind}, so the task is not regression. {OTHER_TASK}")
    if asked == "multiclass" and (kind == "number" or many < 3):
        raise MlopsError(
            f"target {column.name!r} has {many} different values of kind {kind}, so it is not multiclass. {OTHER_TASK}"
        )
    return ("regression" if asked == "regression" else "multiclass"), "was asked to be"


def _natural_task(column: Profile, kind: Kind) -> tuple[TaskKind, str]:
    many = column.distinct
    if many == 2 and kind != "number":
        labels = sorted(_label(value, kind) for value in column.counts.index)
        return "binary", f"has two values, {labels[0]!r} and {labels[1]!r}"
    if kind == "string":
        return "multiclass", f"is text with {many} values"
    if kind == "integer" and many <= MOST_INTEGER_CLASSES and column.counts.min() >= FEWEST_PER_CLASS:
        return "multiclass", f"has only {many} different integers (if they are amounts, say --task regression)"
    return "regression", f"is a number with {many} values"


def _check_regression(kind: Kind, positive: object | None, here: str) -> None:
    if positive is not None:
        raise MlopsError(
            f"{here} is a {kind} to be estimated, so there is no positive {positive!r}. Leave --positive out."
        )


def _classes(column: Profile, kind: Kind, here: str) -> dict[Scalar, int]:
    if column.distinct > MOST_CLASSES:
        why = f" ({column.note})" if column.note else ""
        raise MlopsError(
            f"{here} has {column.distinct} different values such as {_shown(column.counts.index[0])}{why}; at most "
            f"{MOST_CLASSES} classes can be told apart. {OTHER_TARGET}"
        )
    counts = {_label(value, kind): int(count) for value, count in column.counts.items()}
    rare = {label: count for label, count in counts.items() if count < FEWEST_PER_CLASS}
    if rare:
        shown = ", ".join(f"{label!r} ({count})" for label, count in list(rare.items())[:5])
        raise MlopsError(
            f"{here}: {len(rare)} of {len(counts)} classes have fewer than {FEWEST_PER_CLASS} rows: {shown}. "
            "Merge them with others, or remove their rows."
        )
    return dict(sorted(counts.items(), key=lambda item: item[0]))


def _shown(value: Any) -> str:
    text = repr(value.item() if hasattr(value, "item") else value)
    return text if len(text) <= 60 else text[:57] + "…"


def _label(value: Any, kind: Kind) -> Scalar:
    convert: dict[Kind, Any] = {"boolean": bool, "integer": int, "number": float, "string": str}
    return convert[kind](value)  # type: ignore[no-any-return]


def _positive(classes: dict[Scalar, int], asked: object | None, here: str) -> tuple[Scalar, str]:
    if asked is not None:
        for label in classes:
            if str(label).casefold() == str(asked).casefold():
                return label, "as asked"
        raise MlopsError(f"{here} has no value {asked!r} to be the positive. {did_you_mean(asked, map(str, classes))}")
    words = {"1"} if {str(label) for label in classes} in ONE_OF else YES
    yes = [label for label in classes if str(label).casefold() in words]
    if len(yes) == 1:
        return yes[0], "which reads as yes"
    first, second = classes
    if classes[first] == classes[second]:
        return second, "the second of two that are equally frequent"
    return min(classes, key=lambda label: classes[label]), "the rarer one"
