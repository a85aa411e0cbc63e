"""Write docs/reference/gate_error_rates.md: how often the gate errs, by simulation through the code that decides.

Two models of a known true quality meet on fresh test rows again and again. Their errors are correlated, as those of
two fits on resampled training data are.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import softmax
from scipy.stats import norm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "{{cookiecutter.project_slug}}" / "src"))

from mlops.contract.model import Contract, Scalar  # noqa: E402
from mlops.contract.task import Task, TaskKind  # noqa: E402
from mlops.data.margin import METRICS, TYPICAL, margin  # noqa: E402
from mlops.data.target import Target  # noqa: E402
from mlops.gates.bar import Gates  # noqa: E402
from mlops.gates.match import Match  # noqa: E402
from mlops.gates.slices import check_slices  # noqa: E402
from mlops.gates.verdict import compare  # noqa: E402
from mlops.pipeline import bootstrap  # noqa: E402
from mlops.pipeline.bootstrap import Spec  # noqa: E402
from mlops.pipeline.kernels import prepare_of  # noqa: E402
from mlops.pipeline.measures import Floats, Judged  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "gate_error_rates.md"
CORRELATION = 0.9
LOSSES = (0, 1, 2, 4)
SHARES: dict[TaskKind, tuple[float, ...]] = {"binary": (0.8, 0.2), "multiclass": (0.5, 0.3, 0.2), "regression": ()}
GROUPS, BAD, SLICE_LOSS = 10, "g3", 3
TOGETHER = 10  # simulations that share their bootstrap samples, which depend on the classes alone
REPLICATES = {150: 1000, 2_000: 400, 20_000: 150}
SLICE_REPLICATES = {2_000: (300, 50), 20_000: (150, 20)}  # equal refits, one group degraded


@dataclass(frozen=True)
class World:
    """A task with its proposed margin at n test rows, and how models of any quality score them."""

    task: TaskKind
    n: int

    @property
    def margin(self) -> float:
        """What `mlops contract infer` would propose."""
        counts: dict[Scalar, int] = {label: round(share * self.n) for label, share in enumerate(SHARES[self.task])}
        return margin(Target("y", "string", self.task, counts, rows=self.n), self.n)

    def truth(self, random: np.random.Generator) -> NDArray[np.generic]:
        """Draw the target of n rows; classes have their exact shares, in one order."""
        if self.task == "regression":
            return random.normal(size=self.n)
        edges = np.cumsum(SHARES[self.task])[:-1]
        return np.random.default_rng(0).permutation(np.searchsorted(edges * self.n, np.arange(self.n), side="right"))

    def models(
        self, random: np.random.Generator, truth: NDArray[np.generic], losses: Iterable[float | Floats]
    ) -> list[Judged]:
        """Score rows with a champion of typical quality and with challengers that truly lose so much of the metric."""
        shape = (self.n, len(SHARES["multiclass"])) if self.task == "multiclass" else (self.n,)
        first, own = random.normal(size=shape), random.normal(size=shape)
        if self.task == "regression":
            return _regression(random, truth, first, own, losses)
        second = CORRELATION * first + np.sqrt(1 - CORRELATION**2) * own
        return [
            self._scored(truth, errors, loss) for errors, loss in ((first, 0.0), *((second, loss) for loss in losses))
        ]

    def _scored(self, truth: NDArray[np.generic], errors: Floats, loss: float | Floats) -> Judged:
        signal = _by_value(SIGNALS[self.task], TYPICAL[self.task] - np.asarray(loss))
        if self.task == "multiclass":
            strength = errors + np.broadcast_to(signal, (self.n,))[:, None] * np.eye(errors.shape[1])[truth.astype(int)]
            return Judged(truth, softmax(strength, axis=1))
        probability = 1 / (1 + np.exp(-(signal * truth.astype(float) + errors)))
        return Judged(truth, np.c_[1 - probability, probability], 0.5)


def _regression(
    random: np.random.Generator,
    truth: NDArray[np.generic],
    first: Floats,
    own: Floats,
    losses: Iterable[float | Floats],
) -> list[Judged]:
    """Err by what no model can know, which is shared, and by what each fit got wrong."""
    error = 1 - TYPICAL["regression"]
    shared = error * CORRELATION
    # The share of the target that nobody can know is part of it: predictions and errors are uncorrelated.
    known = (1 - shared) * truth.astype(float) + np.sqrt(shared * (1 - shared)) * random.normal(size=len(truth))
    parts = ((first, 0.0), *((own, loss) for loss in losses))
    return [Judged(truth, known + np.sqrt(error - shared + np.asarray(loss)) * noise) for noise, loss in parts]


def _auc_signal(value: float) -> float:
    return float(np.sqrt(2) * norm.ppf(value))


@cache
def _recall_signal(value: float) -> float:
    """Find the signal at which the true one of three normal strengths is the largest so often."""

    def recall(signal: float) -> float:
        return float(quad(lambda z: norm.pdf(z - signal) * norm.cdf(z) ** 2, -8, 12)[0])

    return float(brentq(lambda signal: recall(signal) - value, 0, 6))


SIGNALS: dict[TaskKind, Callable[[float], float]] = {"binary": _auc_signal, "multiclass": _recall_signal}


def _by_value(function: Callable[[float], float], values: NDArray[np.float64]) -> Floats:
    distinct, place = np.unique(values, return_inverse=True)
    return np.array([function(value) for value in distinct])[place].reshape(values.shape)


def verdicts(world: World, replicates: int) -> list[Counter[str]]:
    """Count the answers for each true loss, 0, 1, 2 and 4 margins."""
    counts: list[Counter[str]] = [Counter() for _ in LOSSES]
    for start in range(0, replicates, TOGETHER):
        seeds = range(start, min(start + TOGETHER, replicates))
        specs = [_specs(world, seed) for seed in seeds]
        flat = [spec for part in specs for spec in part]
        drawn = bootstrap.joint(flat, world.n, bootstrap.strata_of(flat[0].judged))
        for place, part in enumerate(specs):
            points, columns = [spec.point() for spec in part], drawn[:, place * len(part) : (place + 1) * len(part)]
            for number, count in enumerate(counts, 1):
                resampled = columns[:, number] - columns[:, 0]
                count[compare(points[0], points[number], resampled, world.margin).answer] += 1
    return counts


def _specs(world: World, seed: int) -> list[Spec]:
    random = np.random.default_rng([seed, world.n, len(world.task)])
    models = world.models(random, world.truth(random), [times * world.margin for times in LOSSES])
    return [Spec(prepare_of(METRICS[world.task]), model) for model in models]


def slice_verdicts(world: World, replicates: int, loss: float) -> Counter[str]:
    """Count outcomes of ten equal groups, one of which truly loses so many slice margins."""
    counts: Counter[str] = Counter()
    gates = Gates(metric=METRICS[world.task], margin=world.margin)
    for seed in range(replicates):
        random = np.random.default_rng([seed, world.n, len(world.task), 1])
        truth = world.truth(random)
        names = np.char.add("g", (np.arange(world.n) % GROUPS).astype(str)).astype(object)
        lost = np.where(names == BAD, loss * gates.slice_margin, 0.0)
        champion, challenger = world.models(random, truth, [lost])
        check = check_slices(_match(world, challenger, champion, pd.Series(names, dtype=object)), gates)
        worse = [group["group"] for group in check.details["groups"] if group["answer"] == "worse"]
        counts[check.outcome] += 1
        counts["named"] += BAD in worse
        counts["others"] += bool(set(worse) - {BAD})
    return counts


def _match(world: World, challenger: Judged, champion: Judged, groups: pd.Series) -> Match:
    rows = pd.DataFrame({"group": groups})
    task = Task(world.task, "y", (), None, "simulated", (), {}, ())
    agreed = Contract("simulated", "simulated", "1.0.0", "", ZoneInfo("UTC"), ())
    return Match(task, agreed, rows, rows, challenger, champion, slices={"group": groups})


HEAD = """# How often the gate errs

Made by `python scripts/simulate.py`, about fifteen minutes on two cores, through the code that decides: never edit it.

## How to read it

Two models of known true quality score fresh test rows, again and again. Their errors are correlated ({correlation}), as
those of two fits on resampled training data are. The champion scores {typical}.
The margin is what `mlops contract infer` proposes for so many test rows: one standard error of the metric, between
0.005 and 0.05. Each cell says how often the gate **blocked** and how often it said *cannot tell*, which warns; in the
remaining cases it passed. A rate of 5 % seen in {few} simulations lies between {low} and {high}.

- **Equal**: an equal refit, nothing is lost. To block is a false alarm, at most 5 % are meant.
- **1 margin**: the loss that is just tolerated. Neither answer is wrong; the gate must not pass it unseen too often.
- **2 and 4 margins**: real losses. To block is right, *cannot tell* is honest, to pass is wrong.
"""
GROUPED = """## Ten groups

One `slice` column with ten groups of equal size; its margin is three times the one above. *Equal*: how often any of the
ten blocked though none is worse, at most 5 % are meant. Then one group truly loses three slice margins. At 150 rows no
group has the 100 rows that it takes, and nothing is compared.
"""
OVERALL = "| task, metric | test rows | margin | simulations | equal | 1 margin | 2 margins | 4 margins |"
SLICED = (
    "| task, metric | test rows | rows a group | slice margin | equal: blocked | 3 slice margins: blocked | "
    "by the right name | another group, too |"
)


def page(replicates: dict[int, int], sliced: dict[int, tuple[int, int]], workers: int = 0) -> str:
    """Simulate and render the page.

    Args:
        replicates: numbers of test rows, and how many simulations of each.
        sliced: the same for groups: how many of equal refits, how many with a degraded group.
        workers: processes to spread the rows of the tables over; none by default.
    """
    few = min(replicates.values())
    spread = 1.96 * np.sqrt(0.05 * 0.95 / few)
    low, high = _percent(max(0.05 - spread, 0), 1), _percent(0.05 + spread, 1)
    typical = ", ".join(f"{METRICS[task]} {TYPICAL[task]}" for task in SHARES)
    head = HEAD.format(correlation=CORRELATION, typical=typical, few=few, low=low, high=high)
    whole = [(World(task, n), times) for task in SHARES for n, times in replicates.items()]
    parts = [(World(task, n), *times) for task in SHARES for n, times in sliced.items()]
    with ProcessPoolExecutor(workers) if workers else nullcontext() as pool:
        spread_over = pool.map if pool else map
        lines = list(spread_over(_overall, *zip(*whole, strict=True)))
        groups = list(spread_over(_sliced, *zip(*parts, strict=True)))
    tables = [OVERALL, _rule(OVERALL), *lines, "", GROUPED, SLICED, _rule(SLICED), *groups]
    return "\n".join([head, "## All rows", "", *tables]) + "\n"


def _overall(world: World, times: int) -> str:
    counts = verdicts(world, times)
    cells = [f"**{_percent(c['worse'], times)}** / {_percent(c['cannot tell'], times)}" for c in counts]
    return _line(_task(world), f"{world.n:,}", f"{world.margin}", f"{times:,}", *cells)


def _sliced(world: World, equal: int, bad: int) -> str:
    calm, hurt = slice_verdicts(world, equal, 0), slice_verdicts(world, bad, SLICE_LOSS)
    return _line(
        _task(world),
        f"{world.n:,}",
        f"{world.n // GROUPS:,}",
        f"{3 * world.margin:.3f}",
        f"**{_percent(calm['block'], equal)}** of {equal}",
        f"**{_percent(hurt['block'], bad)}** of {bad}",
        _percent(hurt["named"], bad),
        _percent(hurt["others"], bad),
    )


def _task(world: World) -> str:
    return f"{world.task}, {METRICS[world.task]}"


def _line(*cells: str) -> str:
    line = f"| {' | '.join(cells)} |"
    print(line, file=sys.stderr, flush=True)
    return line


def _rule(header: str) -> str:
    return "|" + " --- |" * (header.count("|") - 1)


def _percent(part: float, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


if __name__ == "__main__":
    PAGE.write_text(page(REPLICATES, SLICE_REPLICATES, workers=2), encoding="utf-8")
