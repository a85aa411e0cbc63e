from __future__ import annotations

import numpy as np
import pytest

from mlops.contract.errors import MlopsError
from mlops.pipeline import bootstrap
from mlops.pipeline.measures import DEFAULT, Judged, best_possible, known, measure


def binary(n: int = 300, ties: bool = False, seed: int = 0) -> Judged:
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.2).astype(int)
    score = np.clip(0.3 * truth + 0.7 * rng.random(n), 0.001, 0.999)
    score = np.clip(score.round(1), 0.05, 0.95) if ties else score
    return Judged(truth, np.c_[1 - score, score], 0.4)


def several(n: int = 300) -> Judged:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, n)
    scores = rng.random((n, 3)) + 0.3 * np.eye(3)[truth]
    return Judged(truth, scores / scores.sum(axis=1, keepdims=True))


def amounts(n: int = 300) -> Judged:
    rng = np.random.default_rng(0)
    truth = rng.normal(5, 2, n)
    return Judged(truth, truth + rng.normal(size=n))


CASES = [
    *(
        (binary(), name)
        for name in ("roc_auc", "f1", "accuracy", "balanced_accuracy", "neg_log_loss", "neg_brier_score")
    ),
    *((binary(ties=True), name) for name in ("roc_auc", "neg_log_loss")),
    *((several(), name) for name in ("balanced_accuracy", "accuracy", "neg_log_loss", "neg_brier_score")),
    *((amounts(), name) for name in ("r2", "neg_mean_absolute_error", "neg_mean_squared_error")),
    (amounts(), "neg_root_mean_squared_error"),
]


@pytest.mark.parametrize(("judged", "name"), CASES, ids=[f"{name}-{i}" for i, (_, name) in enumerate(CASES)])
def test_many_samples_at_once_equal_scikit_learn_sample_by_sample(judged: Judged, name: str) -> None:
    weights = next(bootstrap.samples(len(judged.truth), None, None))[:25]
    rows = [np.repeat(np.arange(len(judged.truth)), counts.astype(int)) for counts in weights]
    expected = [measure(name, judged.rows(index)) for index in rows]
    np.testing.assert_allclose(bootstrap.KERNELS[name](judged, weights), expected, atol=1e-12)


def test_every_kernel_is_compared_with_scikit_learn() -> None:
    assert {name for _, name in CASES} == set(bootstrap.KERNELS)


def test_a_scorer_without_a_kernel_is_resampled_one_by_one() -> None:
    weights = next(bootstrap.samples(60, binary(60).truth, None))[:200]
    found = bootstrap.kernel_of("average_precision")(binary(60), weights)
    assert abs(found.mean() - measure("average_precision", binary(60))) < 0.1


@pytest.mark.parametrize("task", DEFAULT)
def test_default_metrics_exist_and_have_a_best_value(task: str) -> None:
    judged = {"binary": binary(), "multiclass": several(), "regression": amounts()}[task]
    for name in DEFAULT[task]:
        assert measure(name, judged) < best_possible(name)


def test_an_unknown_scorer_is_named() -> None:
    with pytest.raises(MlopsError, match="'rocauc' is not a scikit-learn scorer"):
        known("rocauc")


def test_a_metric_that_the_rows_do_not_define_says_why() -> None:
    one_class = Judged(np.ones(20, int), np.full((20, 2), 0.5), 0.5)
    with pytest.raises(MlopsError, match="all of one class"):
        measure("roc_auc", one_class)


def test_resampling_is_the_same_every_time_and_paired() -> None:
    first, second = binary(), Judged(binary().truth, binary(seed=1).scores, 0.4)
    once, again = (bootstrap.differences("roc_auc", first, second) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(bootstrap.differences("roc_auc", first, first), np.zeros(bootstrap.RESAMPLES))


def test_entities_are_drawn_whole() -> None:
    groups = np.repeat(np.arange(30), 10)
    counts = next(bootstrap.samples(300, None, groups))[:50].reshape(50, 30, 10)
    assert (counts == counts[:, :, :1]).all()
    assert counts[:, :, 0].sum(axis=1).tolist() == [30] * 50


def test_correlated_rows_of_an_entity_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    entity = np.repeat(np.arange(20), 20)
    shift = rng.normal(0, 1, 20)[entity]
    one = Judged(truth, np.c_[0 * truth, truth + shift])
    other = Judged(truth, np.c_[0 * truth, truth + 0.1 * rng.normal(size=400)])
    together = bootstrap.differences("neg_brier_score", one, other, entity).std()
    assert together > 1.5 * bootstrap.differences("neg_brier_score", one, other).std()


def test_strata_keep_every_class_in_every_sample() -> None:
    truth = np.r_[np.zeros(197, int), np.ones(3, int)]
    counts = next(bootstrap.samples(200, truth, None))
    assert (counts[:, 197:].sum(axis=1) == 3).all()


def test_too_many_undefined_samples_are_an_error() -> None:
    groups = np.r_[np.zeros(50), np.ones(50)]
    judged = Judged(groups.astype(int), np.c_[1 - groups, groups], 0.5)
    with pytest.raises(MlopsError, match="too few test rows of a class"):
        bootstrap.values("roc_auc", judged, groups)
