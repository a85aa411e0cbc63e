"""Counts what became of predictions, so that PromQL can tell the live metric of each slice."""

from __future__ import annotations

from collections.abc import Sequence

from mlops.contract.model import Scalar
from mlops.contract.task import TaskKind
from mlops.serving.bins import Coder
from mlops.serving.profile import OUTSIDE, Monitored, Profile
from mlops.serving.slices import slicers
from mlops.serving.tally import Labels, Plan, Tally

OUTCOMES, BELOW = "mlops_outcomes", "mlops_outcomes_below"
ERROR, SQUARED = "mlops_outcome_error", "mlops_outcome_squared_error"
TEXTS = {
    OUTCOMES: "Outcomes received for predictions of this release.",
    BELOW: "Outcomes of predictions in lower bins than this one.",
    ERROR: "Sum of absolute differences between outcome and prediction.",
    SQUARED: "Sum of squared differences between outcome and prediction.",
}


class Outcomes:
    """The counters of one release's outcomes."""

    def __init__(self, plan: Plan, profile: Profile, release: str, task: TaskKind) -> None:
        self.release, self.task = release, task
        self.slices = frozenset(all_slices(profile)) - {""}
        predicted = prediction(profile)
        self.coder = Coder(predicted) if predicted and task == "binary" else None
        self.bins = bins_of(predicted)
        more: list[Labels] = [()]
        labels: Labels = ()
        if task == "binary":
            more, labels = [(label, outcome) for label in self.bins for outcome in "01"], ("bin", "outcome")
        elif task == "multiclass":
            more, labels = [("right",), ("wrong",)], ("outcome",)
        labels = ("release", "slice", *labels)
        values = [(release, name, *rest) for name in all_slices(profile) for rest in more]
        metrics = {"binary": (OUTCOMES, BELOW), "multiclass": (OUTCOMES,), "regression": (OUTCOMES, ERROR, SQUARED)}
        self.places = {name: plan.family(name, TEXTS[name], labels, values) for name in metrics[task]}

    def count(self, tally: Tally, slices: Sequence[str], score: Scalar, outcome: Scalar) -> None:
        """Count one outcome, in all rows and in each of its slices that the profile knows."""
        for name in ("", *(name for name in slices if name in self.slices)):
            if self.task == "binary":
                self._binary(tally, name, float(score), "1" if outcome else "0")
            elif self.task == "multiclass":
                rest = "right" if score == outcome else "wrong"
                tally.add(self.places[OUTCOMES][self.release, name, rest])
            else:
                error = abs(float(score) - float(outcome))
                for metric, amount in ((OUTCOMES, 1.0), (ERROR, error), (SQUARED, error * error)):
                    tally.add(self.places[metric][self.release, name], amount)

    def _binary(self, tally: Tally, name: str, score: float, outcome: str) -> None:
        if self.coder is None:
            return
        at = self.coder.code(score)
        tally.add(self.places[OUTCOMES][self.release, name, self.bins[at], outcome])
        for label in self.bins[at + 1 :]:
            tally.add(self.places[BELOW][self.release, name, label, outcome])


def all_slices(profile: Profile) -> tuple[str, ...]:
    """Name the slices by which outcomes are counted, all rows ("") first."""
    return ("", *(name for slicer in slicers(profile.slices) for name in slicer.names))


def prediction(profile: Profile) -> Monitored | None:
    """Find what the profile says of the predictions."""
    return next((column for column in profile.monitored if column.kind == "prediction"), None)


def bins_of(predicted: Monitored | None) -> tuple[str, ...]:
    """List the bins in which a prediction can fall."""
    return tuple(label for label in predicted.labels if label not in OUTSIDE) if predicted else ()
