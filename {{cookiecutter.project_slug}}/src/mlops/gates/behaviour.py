"""Gate `behaviour`: changes that must not matter, must not hurt, or must help, tried on real test rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mlops.contract.columns import Json
from mlops.contract.errors import MlopsError
from mlops.data import table
from mlops.gates.bar import Gates
from mlops.gates.breaking import described, excess, predicted, require_answerable, value_text, verb
from mlops.gates.expectation import Expectation
from mlops.gates.match import Check, Match, Outcome
from mlops.gates.variants import Variant, vary, without_optional
from mlops.pipeline.measures import Floats
from mlops.pipeline.served import Raw

OPTIONAL_ROWS = 200
SHOWN = 3
HIDDEN = "•••"
WORST_FIRST: tuple[Outcome, ...] = ("block", "warn", "pass")
NO_OPTIONAL = "every optional input missing"


@dataclass(frozen=True)
class Finding:
    """How one expectation fared; `words` is the sentence's part that says so."""

    name: str
    rows: int
    violations: int
    allowed: float
    outcome: Outcome
    words: str
    example: dict[str, Any] | None = None


def check_behaviour(match: Match, gates: Gates, score: Callable[[Raw, int], Floats]) -> Check:
    """Try the declared expectations, and that no optional input is needed.

    Invariance, directional and minimum functionality tests of Ribeiro et al. 2020, "Beyond Accuracy: Behavioral
    Testing of NLP Models with CheckList" (ACL), on real rows, all scored in one call.

    Args:
        match: the rows, and the challenger's scores of them.
        gates: the expectations.
        score: from what a client would send of n rows to the challenger's scores, (n, k) or (n,).

    Raises:
        MlopsError: An expectation does not fit the contract or the task.
    """
    asked = gates.behaviour
    for expectation in asked:
        require_answerable(match.task, expectation)
    variants = [vary(match, e, described(e)) for e in asked]
    empty = without_optional(match, OPTIONAL_ROWS)
    scored = _scores(match, [*variants, empty], score)
    found = [_judged(match, e, v, s) for e, v, s in zip(asked, variants, scored, strict=False)]
    bare = _bare(empty, scored[-1])
    every: list[Finding] = [*found, *([bare] if bare else [])]
    outcomes = {finding.outcome for finding in every} | {"pass"}
    outcome = next(one for one in WORST_FIRST if one in outcomes)
    return Check("behaviour", outcome, _words(found, bare), {"checks": [_details(finding) for finding in every]})


def _scores(
    match: Match, variants: Sequence[Variant], score: Callable[[Raw, int], Floats]
) -> list[Floats | MlopsError | None]:
    """Score all variants in one call; one by one only where that fails, to tell which it is."""
    frames = [v.changed if v.changed is not None and len(v.rows) else None for v in variants]
    sent = [None if frame is None else table.to_json(frame, match.agreed) for frame in frames]
    parts = [part for part in sent if part is not None]
    if not parts:
        return [None] * len(variants)
    together: Raw = {name: [value for part in parts for value in part[name]] for name in parts[0]}
    try:
        scores = np.asarray(score(together, len(next(iter(together.values())))))
    except MlopsError:
        return [None if part is None else _alone(part, score) for part in sent]
    ends = iter(np.cumsum([len(next(iter(part.values()))) for part in parts]))
    return [None if part is None else _last(scores, int(next(ends)), part) for part in sent]


def _last(scores: Floats, end: int, part: Raw) -> Floats:
    return scores[end - len(next(iter(part.values()))) : end]


def _alone(part: Raw, score: Callable[[Raw, int], Floats]) -> Floats | MlopsError:
    try:
        return np.asarray(score(part, len(next(iter(part.values())))))
    except MlopsError as error:
        return error


def _judged(match: Match, asked: Expectation, variant: Variant, after: Floats | MlopsError | None) -> Finding:
    name, said, rows = asked.name or described(asked), described(asked), len(variant.rows)
    said = f"{asked.name} ({said})" if asked.name else said
    if rows == 0:
        what = "can be changed like that" if asked.change is not None else "meets it"
        return Finding(name, 0, 0, asked.allow, "warn", f"{said}, as no test row {what}")
    if isinstance(after, MlopsError):
        return Finding(name, rows, rows, asked.allow, "block", f"{said} cannot be scored: {_bare_text(after)}")
    before = match.challenger.scores[variant.rows]
    after = before if after is None else after
    over = excess(match.task, asked, before, after)
    broken = ~(over <= 0)
    count, row = int(broken.sum()), int(np.argmax(over))
    if count == 0:
        return Finding(name, rows, 0, asked.allow, "pass", f"{said} holds")
    example = _example(match, asked, variant, row, before, after)
    allowed = f" ({100 * asked.allow:g} % may)" if asked.allow else ""
    words = f"{said} {verb(asked)} in {count:,} of {rows:,} rows{allowed}, for example {_told(asked, example)}"
    return Finding(name, rows, count, asked.allow, "block" if count > asked.allow * rows else "pass", words, example)


def _example(
    match: Match, asked: Expectation, variant: Variant, row: int, before: Floats, after: Floats
) -> dict[str, Any]:
    here = [variant.rows[row]]
    inputs = {column.name: column for column in match.agreed.inputs}
    old = table.to_json(match.rows.iloc[here], match.agreed)
    hidden = {name for name in old if match.agreed.column(name).restricted}
    shown: dict[str, Json] = {n: HIDDEN if n in hidden else v[0] for n, v in old.items() if n in inputs}
    found = {"column": asked.column} | predicted(match.task, asked, before[[row]], after[[row]])
    if asked.column is not None and variant.changed is not None:
        new = table.to_json(variant.changed.iloc[[row]], match.agreed)[asked.column][0]
        found |= {"before": shown.pop(asked.column), "after": HIDDEN if asked.column in hidden else new}
    return found | {"row": shown}


def _told(asked: Expectation, example: dict[str, Any]) -> str:
    ends = (example["prediction_before"], example["prediction_after"])
    first, last = ("no number" if end is None else value_text(end) for end in ends)
    if asked.column is not None:
        at = f"at {asked.column} {value_text(example['before'])} -> {value_text(example['after'])}"
        which = (
            f" for class {value_text(example['class'])}" if asked.prediction.of is None and "class" in example else ""
        )
        return f"from {first} to {last}{which} {at}" if asked.prediction.compares else f"{last} {at}"
    at = ", ".join(f"{name} {value_text(example['row'][name])}" for name in asked.where if name in example["row"])
    return f"{last} at {at}" if at else last


def _bare(empty: Variant, scored: Floats | MlopsError | None) -> Finding | None:
    """Judge predictions without optional inputs: they exist, and are finite."""
    rows = len(empty.rows)
    if scored is None:
        return None
    if isinstance(scored, MlopsError):
        words = f"With every optional input missing there is no prediction: {_bare_text(scored)}"
        return Finding(NO_OPTIONAL, rows, rows, 0.0, "block", words)
    bad = int((~np.isfinite(scored.reshape(rows, -1)).all(axis=1)).sum())
    if bad:
        words = f"With every optional input missing {bad:,} of {rows:,} predictions are not finite numbers"
        return Finding(NO_OPTIONAL, rows, bad, 0.0, "block", words)
    return Finding(NO_OPTIONAL, rows, 0, 0.0, "pass", "predictions exist when every optional input is missing")


def _bare_text(error: MlopsError) -> str:
    return str(error).removesuffix(".")


def _words(found: Sequence[Finding], bare: Finding | None) -> str:
    """Say what is broken first, then what could not be tried, then what holds."""
    parts = []
    for outcome, one, several in (
        ("block", "is broken", "are broken"),
        ("warn", "could not be tried", "could not be tried"),
    ):
        those = [finding.words for finding in found if finding.outcome == outcome]
        if those:
            more = f"; and {len(those) - SHOWN} more" if len(those) > SHOWN else ""
            count = f"{len(those)} of {len(found)} expectations {one if len(those) == 1 else several}"
            parts.append(f"{count}: {'; '.join(those[:SHOWN])}{more}.")
    if bare is not None and bare.outcome == "block":
        parts.append(f"{bare.words}.")
    if parts:
        return " ".join(parts)
    held = "Nothing declared" if not found else f"All {len(found)} expectations hold"
    held = "The one expectation holds" if len(found) == 1 else held
    return f"{held}; {bare.words}." if bare else f"{held}; the contract requires every input."


def _details(finding: Finding) -> dict[str, Any]:
    return asdict(finding)
