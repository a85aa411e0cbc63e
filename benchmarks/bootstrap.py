"""How long the gate's comparison takes, beside scikit-learn's own scorer called once a sample.

Prints ratios only: seconds of the peer over seconds of ours, both in this run, on 2,000 samples of the difference.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}" / "src"))

from mlops.pipeline import bootstrap
from mlops.pipeline.measures import ECE, Judged, measure

SHARE = 40  # the peer does this part of the samples; its time grows with their number


def models(rows: int) -> tuple[Judged, Judged]:
    rng = np.random.default_rng(0)
    truth = (rng.random(rows) < 0.2).astype(int)
    probabilities = [np.clip(0.3 * truth + 0.7 * rng.random(rows), 0.001, 0.999) for _ in range(2)]
    one, other = (Judged(truth, np.c_[1 - p, p], 0.4) for p in probabilities)
    return one, other


def seconds(work: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def peer(metric: str, one: Judged, other: Judged) -> None:
    rng = np.random.default_rng(0)
    for _ in range(bootstrap.RESAMPLES // SHARE):
        rows = rng.integers(0, len(one.truth), len(one.truth))
        measure(metric, one.rows(rows)) - measure(metric, other.rows(rows))


def main() -> None:
    print(f"{'metric':<32}{'rows':>8}{'times faster than sample by sample':>36}")
    for metric in ("roc_auc", "average_precision", "neg_log_loss", "balanced_accuracy", "f1", ECE):
        for rows in (300, 5_000, 30_000):
            one, other = models(rows)
            ours = seconds(bootstrap.differences, metric, one, other)
            theirs = seconds(peer, metric, one, other) * SHARE
            print(f"{metric:<32}{rows:>8}{theirs / ours:>36.1f}")


if __name__ == "__main__":
    main()
