"""Can the scores be taken as probabilities, and as well as the champion's?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops.gates.bar import Gates
from mlops.gates.match import Check, Match, Outcome
from mlops.gates.verdict import Answer, compare
from mlops.pipeline.bootstrap import CHUNK_CELLS, Spec, joint
from mlops.pipeline.kernels import prepare_of
from mlops.pipeline.measures import ECE, Floats, Judged, brier, calibration_error, confidence

PERFECT = 500


@dataclass(frozen=True)
class Against:
    """The growth of the error, challenger less champion, with one-sided 95 % bounds: above 0 is worse."""

    champion: float
    difference: float
    low: float
    high: float
    answer: Answer


def check_calibration(match: Match, gates: Gates) -> Check:
    """Compare the expected calibration error with the champion's, and with the limit where the bar has one.

    The error of few rows is never 0. A limit is therefore read from what a perfectly calibrated model would show: the
    error must be more than the limit above that, and above 95 % of what such a model would show, to block.
    """
    if match.challenger.is_regression:
        return Check("calibration", "pass", "For classes only: this model predicts a number.")
    error = calibration_error(match.challenger)
    perfect = chance(match.challenger)
    typical, bound = float(perfect.mean()), float(np.quantile(perfect, 0.95))
    drawn = _resampled(match)
    against = None if match.champion is None else _against(match.champion, error, drawn, gates.calibration.margin)
    limit = _limit(error, typical, bound, gates.calibration.max_ece)
    outcome, words = _answer(gates, against, limit)
    shown = f"Expected calibration error {error:.3f}, of which {typical:.3f} is what chance makes of any model here"
    if against is not None:
        shown += (
            f"; the champion's is {against.champion:.3f} (difference {against.difference:+.3f}, 90 % interval "
            f"{against.low:+.3f} to {against.high:+.3f}, margin {gates.calibration.margin})"
        )
    details = _details(match, error, typical, drawn[:, 0], against)
    details |= {"limit": gates.calibration.max_ece, "limit_answer": limit}
    return Check("calibration", outcome, f"{words} {shown}.", details)


def chance(judged: Judged) -> Floats:
    """Simulate the error of a model that is right as often as it says, with these very scores.

    Args:
        judged: scores of classes; its truth is not looked at.

    Returns:
        500 errors, always the same ones. Outcomes are independent of each other.
    """
    random, claim = np.random.default_rng(0), _claim(judged)
    members = np.eye(10)[confidence(judged)[0]]
    chunk = max(1, CHUNK_CELLS // len(claim))
    parts = [
        np.abs(((random.random((min(chunk, PERFECT - start), len(claim))) < claim) - claim) @ members).sum(axis=1)
        for start in range(0, PERFECT, chunk)
    ]
    return np.asarray(np.concatenate(parts) / len(claim))


def _claim(judged: Judged) -> Floats:
    return np.asarray(judged.scores[:, 1] if judged.scores.shape[1] == 2 else judged.scores.max(axis=1))


def _resampled(match: Match) -> Floats:
    """Resample the errors of both, shape (2000, models), without strata: how many are positive is chance, too."""
    models = [match.challenger] if match.champion is None else [match.challenger, match.champion]
    specs = [Spec(prepare_of(ECE), judged) for judged in models]
    return -joint(specs, len(match.challenger.truth), None, match.groups)


def _against(champion: Judged, error: float, drawn: Floats, margin: float) -> Against:
    theirs = calibration_error(champion)
    # Chance adds to each error, and resampling adds it again: the interval leans to no difference, never to a false no.
    found = compare(-theirs, -error, drawn[:, 1] - drawn[:, 0], margin)
    return Against(theirs, error - theirs, 0.0 - found.high, 0.0 - found.low, found.answer)


def _limit(error: float, typical: float, bound: float, limit: float | None) -> str | None:
    if limit is None:
        return None
    if error - typical <= limit:
        return "within"
    return "too large" if error > bound else "cannot tell"


def _answer(gates: Gates, against: Against | None, limit: str | None) -> tuple[Outcome, str]:
    if against is not None and against.answer == "worse":
        return "block", "Read as probabilities, the scores are further off than the champion's."
    if limit == "too large":
        most = gates.calibration.max_ece
        return "block", f"Read as probabilities, the scores are further off than chance and the limit of {most} allow."
    if limit == "cannot tell" or (against is not None and against.answer == "cannot tell"):
        return gates.when_unsure, "Cannot tell from these rows whether the scores are further off as probabilities."
    if against is None:
        return "pass", "There is no champion to compare with."
    return "pass", "Read as probabilities, the scores are as good as the champion's."


def _details(match: Match, error: float, typical: float, drawn: Floats, against: Against | None) -> dict[str, Any]:
    # Resampling adds as much chance as there was: reflecting its quantiles at the estimate takes that out again.
    low, high = (max(0.0, 2 * error - float(q)) for q in np.quantile(drawn, [0.95, 0.05]))
    theirs = None if match.champion is None else float(brier(match.champion).mean())
    return {
        "ece": error,
        "chance": typical,
        "low": low,
        "high": high,
        "brier": float(brier(match.challenger).mean()),
        "champion_ece": against and against.champion,
        "champion_brier": theirs,
        "difference": against and against.difference,
        "difference_low": against and against.low,
        "difference_high": against and against.high,
        "answer": against.answer if against else "no champion",
    }
