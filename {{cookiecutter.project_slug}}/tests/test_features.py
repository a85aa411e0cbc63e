"""features(): a row's features come from that row alone, so training, gate and server agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.testing import assert_frame_equal

from mlops import project


def test_one_row_at_a_time_equals_all_at_once(rows: pd.DataFrame) -> None:
    some = rows.head(40)
    alone = [project.features(some.iloc[[row]].reset_index(drop=True)) for row in range(len(some))]
    assert_frame_equal(pd.concat(alone, ignore_index=True), project.features(some), check_exact=True)


def test_order_changes_nothing(rows: pd.DataFrame) -> None:
    order = np.random.default_rng(1).permutation(len(rows))
    shuffled = project.features(rows.iloc[order].reset_index(drop=True))
    assert_frame_equal(shuffled, project.features(rows).iloc[order].reset_index(drop=True), check_exact=True)


def test_a_row_of_nulls_has_the_same_features(rows: pd.DataFrame) -> None:
    nulls = rows.head(1).reindex([-1]).astype(rows.dtypes).reset_index(drop=True)
    assert list(project.features(nulls)) == list(project.features(rows))
