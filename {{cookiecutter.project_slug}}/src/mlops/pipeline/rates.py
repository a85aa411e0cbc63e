"""Rates of a model in groups of rows: by fairlearn as they are, by the bootstrap as they might have been.

Rows are drawn without strata: a selection rate is also chance in which rows came, and fixing the number of positives
would hide that; rates among the positives only have a denominator that varies, as it does in life.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics import mean_absolute_error, zero_one_loss

from mlops.pipeline import bootstrap
from mlops.pipeline.measures import Floats, Judged

Names = NDArray[Any]
Draws = dict[str, Floats]
FRAME = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "error_rate": zero_one_loss,
    "mae": mean_absolute_error,
}
HALF_A_ROW = 0.5


def parts(judged: Judged) -> dict[str, tuple[Floats, Floats]]:
    """Split each rate of a task into what it counts and what it counts among, both of shape (n,)."""
    everyone = np.ones(len(judged.truth))
    if judged.is_regression:
        return {"mae": (np.abs(judged.truth - judged.scores), everyone)}
    wrong = {"error_rate": ((judged.predictions != judged.truth).astype(np.float64), everyone)}
    if judged.threshold is None:
        return wrong
    said = (judged.predictions == 1).astype(np.float64)
    ones, zeros = ((judged.truth == label).astype(np.float64) for label in (1, 0))
    return {
        "selection_rate": (said, everyone),
        "true_positive_rate": (said * ones, ones),
        "false_positive_rate": (said * zeros, zeros),
        **wrong,
    }


def rates(judged: Judged, names: Names) -> pd.DataFrame:
    """Compute rows and rates of each group, shape (G, 1 + rates), sorted by name; NaN where no row defines a rate."""
    split = parts(judged)
    frame = MetricFrame(
        metrics={rate: FRAME[rate] for rate in split},
        y_true=judged.truth,
        y_pred=judged.predictions,
        sensitive_features=pd.Series(names, name="group"),
    ).by_group.astype(np.float64)
    groups, code = np.unique(names.astype(str), return_inverse=True)
    found: pd.DataFrame = frame.set_axis(frame.index.astype(str)).reindex(groups)
    for rate, (_, among) in split.items():
        # fairlearn says 0 where there is nothing to count among.
        found[rate] = found[rate].where(np.bincount(code, among) > 0)
    found.insert(0, "rows", np.bincount(code))
    return found


def draws(models: Sequence[Judged], codes: Sequence[Names], entities: Names | None) -> list[list[Draws]]:
    """Resample every rate of one or two models: for each column and model, rates of shape (B, G).

    A group in which nobody is selected would never vary, nor would a difference that all goes one way. Each rate of a
    group therefore gets four rows more, of weight Gamma(1/2): a hit of both models, of either, of none, much as
    Jeffreys' prior on their table would. Such rows are what makes intervals of few rows hold their level (Brown, Cai
    and DasGupta 2001, Statistical Science 16, on one rate; Bonett and Price 2012, JEBS 37, on the difference of pairs).
    """
    split = [parts(model) for model in models]
    values = [values for rate in split[0] for values in (split[0][rate][1], *(one[rate][0] for one in split))]
    sums = [_sums(code, values) for code in codes]
    n = len(models[0].truth)
    weighted = [[weights @ s for s in sums] for weights in bootstrap.samples(n, None, entities)]
    random, found = np.random.default_rng(1), []
    for column, code in enumerate(codes):
        whole = np.concatenate([chunk[column] for chunk in weighted])
        blocks = iter(np.split(whole, len(values), axis=1))
        by_model: list[Draws] = [{} for _ in models]
        for rate in split[0]:
            among = next(blocks)
            more = random.gamma(HALF_A_ROW, size=(4, len(whole), int(code.max()) + 1)) * (rate != "mae")
            for own, hits in zip(by_model, (more[:2], more[::2]), strict=False):
                with np.errstate(invalid="ignore", divide="ignore"):
                    own[rate] = (next(blocks) + hits.sum(axis=0)) / (among + more.sum(axis=0))
        found.append(by_model)
    return found


def _sums(code: Names, values: list[Floats]) -> Any:
    """Make a sparse matrix by which weights of shape (B, n) become sums of each value in each group."""
    at, groups = np.arange(len(code)), int(code.max()) + 1
    made = sparse.hstack([sparse.coo_matrix((v, (at, code)), shape=(len(code), groups)) for v in values]).tocsr()
    made.eliminate_zeros()
    return made
