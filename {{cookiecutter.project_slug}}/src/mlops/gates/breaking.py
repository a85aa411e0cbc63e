"""Whether predictions are what an expectation wants, and how to say that they are not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlops.contract.model import Scalar
from mlops.contract.task import Task
from mlops.gates.conditions import fail
from mlops.gates.expectation import Condition, Expectation
from mlops.pipeline.measures import Floats, Judged

# A score is float32: the same row in another batch may differ in the last digits.
TINY = 1e-6
LONGEST = 40


def require_answerable(task: Task, asked: Expectation) -> None:
    """See that an expectation can be asked of a model of this task.

    Raises:
        MlopsError: It speaks of classes that there are not, or leaves open which one is meant.
    """
    said, wanted = described(asked), asked.prediction
    listed = ", ".join(map(repr, task.classes))
    if task.task == "regression":
        if wanted.same or wanted.label is not None or wanted.of is not None:
            fail(said, "`same`, `label` and `class` are for classes, and the model predicts a number. Use `within`.")
        return
    if wanted.relative:
        fail(said, "a share of a probability can be read in two ways. Write `within` as a difference, like 0.05.")
    for label in (wanted.label, wanted.of):
        if label is not None and _number(task, label) is None:
            quote = " Quote yes and no." if isinstance(label, bool) else ""
            fail(said, f"{label!r} is no class of the model. Classes are {listed}.{quote}")
    if task.task == "multiclass" and (wanted.never or wanted.bounded) and wanted.of is None:
        fail(said, f"name whose probability is meant: `class`, one of {listed}.")


def excess(task: Task, asked: Expectation, before: Floats, after: Floats) -> Floats:
    """Say by how much each prediction is beyond what is wanted; above 0 it is broken, and where it is no number.

    Args:
        task: the model's.
        asked: an expectation that the model can answer.
        before: scores of the rows as they are, (m, k) or (m,).
        after: scores of the rows as changed, of the same shape.
    """
    wanted = asked.prediction
    if wanted.same or wanted.label is not None:
        first, last = _labels(task, before), _labels(task, after)
        goal = first if wanted.same else np.full(len(last), _number(task, wanted.label))
        return np.where(np.isfinite(after).all(axis=1), np.where(goal == last, -1.0, 1.0), np.inf)
    first, last = _of(task, asked, before), _of(task, asked, after)
    room = TINY * np.maximum(1.0, np.abs(first))
    if wanted.within is not None:
        limit = wanted.within * np.abs(first) if wanted.relative else wanted.within
        over = np.abs(last - first) - limit - room
    elif wanted.never:
        over = (first - last if wanted.never == "falls" else last - first) - wanted.by - room
    else:
        low = -math.inf if wanted.at_least is None else wanted.at_least
        high = math.inf if wanted.at_most is None else wanted.at_most
        over = np.maximum(low - last, last - high) - room
    beyond: Floats = np.where(np.isfinite(over), over, np.inf).reshape(len(over), -1).max(axis=1)
    return beyond


def predicted(task: Task, asked: Expectation, before: Floats, after: Floats) -> dict[str, Any]:
    """Give the prediction of one row as a reader wants it: a label, or a number; None where it is no number.

    Returns:
        `prediction_before`, `prediction_after`, and `class` where the probability of one class is shown.
    """
    if asked.prediction.same or asked.prediction.label is not None:
        ends = [task.classes[_labels(task, scores)[0]] for scores in (before, after)]
        return {"prediction_before": ends[0], "prediction_after": ends[1]}
    first, last = _of(task, asked, before)[0], _of(task, asked, after)[0]
    shown: dict[str, Any] = {} if asked.prediction.of is None else {"class": asked.prediction.of}
    if np.ndim(first):
        most = int(np.argmax(np.abs(last - first)))
        first, last, shown = first[most], last[most], {"class": task.classes[most]}
    return {"prediction_before": _finite(first), "prediction_after": _finite(last)} | shown


def _of(task: Task, asked: Expectation, scores: Floats) -> Floats:
    """Pick the number that is meant, (m,); without a class all of them, (m, k)."""
    if task.task == "regression":
        return scores
    if asked.prediction.of is not None:
        return scores[:, _number(task, asked.prediction.of)]
    return scores[:, 1] if task.task == "binary" else scores


def _labels(task: Task, scores: Floats) -> Any:
    threshold = (0.5 if task.threshold is None else task.threshold) if task.task == "binary" else None
    return Judged(np.empty(0), scores, threshold).predictions


def _number(task: Task, label: Scalar | None) -> int | None:
    same = [i for i, c in enumerate(task.classes) if c == label and isinstance(c, bool) == isinstance(label, bool)]
    return same[0] if same else None


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def described(asked: Expectation) -> str:
    """Name an expectation by what it does: "distance *1.02 where region is north"."""
    done = f"{asked.column} {asked.change.text}" if asked.change is not None else ""
    where = " and ".join(f"{name} is {_condition(condition)}" for name, condition in asked.where.items())
    return " ".join(part for part in (done, f"where {where}" if where else "") if part) or "on any row"


def _condition(condition: Condition) -> str:
    if condition.one_of:
        return " or ".join(value_text(value) for value in condition.one_of)
    ends = [("at least", condition.min), ("at most", condition.max)]
    return " and ".join(f"{word} {value_text(end)}" for word, end in ends if end is not None)


def verb(asked: Expectation) -> str:
    """Say what a broken expectation does."""
    wanted, whose = asked.prediction, _whose(asked)
    if wanted.within is not None:
        return f"moves {whose} by more than {_share(wanted.within) if wanted.relative else f'{wanted.within:g}'}"
    if wanted.never:
        beyond = f" by more than {wanted.by:g}" if wanted.by else ""
        return f"{'lowers' if wanted.never == 'falls' else 'raises'} {whose}{beyond}"
    if wanted.same:
        return "changes the predicted label"
    if wanted.label is not None:
        label = value_text(wanted.label)
        return f"the label is not {label}" if asked.change is None else f"does not give the label {label}"
    bounds = [("below", wanted.at_least), ("above", wanted.at_most)]
    where = " or ".join(f"{word} {end:g}" for word, end in bounds if end is not None)
    return f"{whose} is {where}" if asked.change is None else f"leaves {whose} {where}"


def _whose(asked: Expectation) -> str:
    of = asked.prediction.of
    return "the prediction" if of is None else f"the probability of {value_text(of)}"


def _share(value: float) -> str:
    return f"{100 * value:g} %"


def value_text(value: Any) -> str:
    """Write a value in a sentence: four digits, 40 characters, nothing for null."""
    if value is None:
        return "missing"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.6g}"
    text = str(value) or "''"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
