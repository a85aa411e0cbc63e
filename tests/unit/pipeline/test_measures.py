from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from mlops.contract.errors import MlopsError
from mlops.pipeline import bootstrap
from mlops.pipeline.kernels import KERNELS, prepare_of
from mlops.pipeline.measures import DEFAULT, ECE, Judged, best_possible, known, measure


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
        for name in (
            *("roc_auc", "average_precision", "f1", "precision", "recall", "accuracy", "balanced_accuracy"),
            *("neg_log_loss", "neg_brier_score", "neg_expected_calibration_error"),
        )
    ),
    *((binary(ties=True), name) for name in ("roc_auc", "average_precision", "neg_log_loss", ECE)),
    *((several(), name) for name in ("balanced_accuracy", "accuracy", "f1_macro", "neg_log_loss")),
    *((several(), name) for name in ("neg_brier_score", ECE)),
    (Judged(several().truth, several().scores * [0.9, 0.8, 1]), "neg_log_loss"),  # a class more that is not among ours
    *((amounts(), name) for name in ("r2", "neg_mean_absolute_error", "neg_mean_squared_error")),
    (amounts(), "neg_root_mean_squared_error"),
]


@pytest.mark.parametrize(("judged", "name"), CASES, ids=[f"{name}-{i}" for i, (_, name) in enumerate(CASES)])
def test_many_samples_at_once_equal_scikit_learn_sample_by_sample(judged: Judged, name: str) -> None:
    weights = next(bootstrap.samples(len(judged.truth), None, None))[:25]
    rows = [np.repeat(np.arange(len(judged.truth)), counts.astype(int)) for counts in weights]
    expected = [measure(name, judged.rows(index)) for index in rows]
    kernel = KERNELS[name](judged)
    np.testing.assert_allclose(kernel(weights), expected, atol=1e-12)
    assert kernel(np.ones((1, len(judged.truth))))[0] == pytest.approx(measure(name, judged), abs=1e-12)


def test_every_kernel_is_compared_with_scikit_learn() -> None:
    assert {name for _, name in CASES} == set(KERNELS)


@pytest.mark.parametrize("rows", [binary(40_000), several(40_000)])
def test_blocks_of_many_rows_are_put_together(rows: Judged) -> None:
    weights = next(bootstrap.samples(40_000, rows.truth, None))[:3]
    metric = "roc_auc" if rows.threshold else "balanced_accuracy"
    expected = [measure(metric, rows.rows(np.repeat(np.arange(40_000), w.astype(int)))) for w in weights]
    np.testing.assert_allclose(KERNELS[metric](rows)(weights), expected, atol=1e-12)


def test_a_scorer_without_a_kernel_is_resampled_one_by_one() -> None:
    weights = next(bootstrap.samples(60, binary(60).truth, None))[:200]
    found = prepare_of("matthews_corrcoef")(binary(60))(weights)
    assert abs(found.mean() - measure("matthews_corrcoef", binary(60))) < 0.1
    ranks = prepare_of("roc_auc")(several(60))(weights[:2])  # scikit-learn wants to know one against which
    assert np.isnan(ranks).all()


def test_the_brier_score_is_scikit_learns() -> None:
    assert measure("neg_brier_score", binary()) == -brier_score_loss(binary().truth, binary().scores[:, 1])
    assert measure("neg_brier_score", several()) == pytest.approx(-brier_score_loss(several().truth, several().scores))


def test_one_class_has_a_brier_score_and_a_calibration_error() -> None:
    alone = Judged(np.zeros(10, int), np.tile([0.7, 0.3], (10, 1)), 0.5)
    assert measure("neg_brier_score", alone) == pytest.approx(-0.09)
    assert measure(ECE, alone) == pytest.approx(-0.3)


def test_the_expected_calibration_error_by_hand() -> None:
    scores = np.array([0.0, 0.1, 0.15, 0.2, 1.0])
    judged = Judged(np.array([0, 1, 0, 1, 1]), np.c_[1 - scores, scores], 0.5)
    # Bins (-, 0.1]: one of two, 0.05 claimed; (0.1, 0.2]: one of two, 0.175 claimed; the last is right.
    assert measure(ECE, judged) == pytest.approx(-(2 * 0.45 + 2 * 0.325) / 5)
    sure = Judged(np.array([2, 0]), np.array([[0.1, 0.1, 0.8], [0.2, 0.5, 0.3]]))
    assert measure(ECE, sure) == pytest.approx(-(0.2 + 0.5) / 2)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_a_sample_without_a_class_does_not_define_a_rank_metric(metric: str) -> None:
    weights = np.ones((1, 300)) * (binary().truth == 0)
    assert np.isnan(KERNELS[metric](binary())(weights)).all()
    with pytest.raises(MlopsError, match="all of one class"):
        measure(metric, binary().rows(binary().truth == 0))


def test_joint_samples_are_those_of_each_alone() -> None:
    one, other = binary(), binary(seed=1)
    other = Judged(one.truth, other.scores, 0.4)
    rows = np.arange(100)
    specs = [bootstrap.Spec(prepare_of("roc_auc"), judged) for judged in (one, other)]
    specs += [bootstrap.Spec(prepare_of("f1"), judged.rows(rows), rows) for judged in (one, other)]
    found = bootstrap.joint(specs, 300, one.truth)
    assert found.shape == (bootstrap.RESAMPLES, 4)
    np.testing.assert_array_equal(found[:, 0] - found[:, 1], bootstrap.differences("roc_auc", one, other))
    first = next(bootstrap.samples(300, one.truth, None))[0]
    drawn = one.rows(np.repeat(np.arange(100), first[:100].astype(int)))
    assert found[0, 2] == pytest.approx(measure("f1", drawn))
    assert specs[2].point() == pytest.approx(measure("f1", one.rows(rows)))


@pytest.mark.parametrize("task", DEFAULT)
def test_default_metrics_exist_and_have_a_best_value(task: str) -> None:
    judged = {"binary": binary(), "multiclass": several(), "regression": amounts()}[task]
    for name in DEFAULT[task]:
        assert measure(name, judged) < best_possible(name)


def test_our_metric_is_known_and_told_of() -> None:
    assert known(ECE) == ECE
    assert best_possible(ECE) == 0
    with pytest.raises(MlopsError, match=ECE):
        known("expected_calibration_error")
    with pytest.raises(MlopsError, match="cannot be computed"):
        measure(ECE, amounts())


def test_an_unknown_scorer_is_named() -> None:
    with pytest.raises(MlopsError, match="'rocauc' is not a scikit-learn scorer"):
        known("rocauc")
    with pytest.raises(MlopsError, match="does not say how good predictions are"):
        known("rand_score")


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


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1_macro"])
def test_one_row_of_a_rare_class_is_no_certainty(metric: str) -> None:
    truth = np.r_[np.zeros(100, int), np.ones(60, int), 2]
    right, wrong = np.eye(3)[truth], np.eye(3)[truth]
    wrong[-1] = [1, 0, 0]
    drawn = bootstrap.differences(metric, Judged(truth, wrong), Judged(truth, right))
    assert drawn.min() < -0.3
    assert np.quantile(drawn, 0.95) == 0


def test_strata_are_shared_by_rare_classes_alone() -> None:
    assert bootstrap.common_strata(np.repeat([0, 1, 2], [90, 20, 3])).tolist() == [0] * 90 + [2] * 23
    for kept in (np.repeat([0, 1], [90, 3]), np.repeat([0, 1, 2], [90, 20, 10])):
        assert bootstrap.common_strata(kept) is kept


def test_too_many_undefined_samples_are_an_error() -> None:
    groups = np.r_[np.zeros(50), np.ones(50)]
    judged = Judged(groups.astype(int), np.c_[1 - groups, groups], 0.5)
    with pytest.raises(MlopsError, match="too few test rows of a class"):
        bootstrap.values("roc_auc", judged, groups)


@pytest.mark.parametrize("entities", [3, 6, 12])
def test_few_entities_are_not_surer_than_they_are(entities: int) -> None:
    """Two equally good models: a one-sided 95 % bound misses no difference in about one of twenty tables."""
    rng, missed, tables = np.random.default_rng(entities), 0, 300
    for _ in range(tables):
        groups, truth = np.repeat(np.arange(entities), 2), np.zeros(2 * entities)
        ours, theirs = (Judged(truth, 10 + np.repeat(rng.normal(size=entities), 2)) for _ in range(2))
        drawn = bootstrap.differences("neg_mean_absolute_error", ours, theirs, groups)
        missed += bool(np.quantile(drawn, 0.95) < 0)
    assert 0.02 <= missed / tables <= 0.09


def test_one_entity_tells_nothing_of_others() -> None:
    judged = amounts()
    with pytest.raises(MlopsError, match="all 300 test rows are of one entity"):
        bootstrap.differences("r2", judged, judged, np.full(300, "a"))
