from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlops.contract.model import Contract
from mlops.contract.task import Task
from mlops.pipeline import dataset, prepare
from mlops.pipeline.linear import linear
from mlops.pipeline.params import load as load_params
from mlops.settings import Settings


@pytest.fixture
def sides(shop: Settings) -> prepare.Prepared:
    return prepare.divide(dataset.load(shop), load_params(shop.root))


@pytest.fixture
def task(shop: Settings, agreed: Contract, sides: prepare.Prepared) -> Task:
    frame = dataset.features(dataset.features_function(shop), agreed, sides.train)
    return Task("binary", "back", (False, True), 0.4, "shop", dataset.describe(frame), {}, ())


def test_it_finds_the_signal_in_numbers_and_text_and_is_the_same_twice(
    shop: Settings, agreed: Contract, sides: prepare.Prepared, task: Task
) -> None:
    first, again = (linear(shop, agreed, task, sides.train, sides.test, "roc_auc") for _ in range(2))
    assert first == again and isinstance(first, float) and 0.75 < first < 0.95


def test_it_predicts_several_classes_and_numbers(
    shop: Settings, agreed: Contract, sides: prepare.Prepared, task: Task
) -> None:
    def relabelled(values: object) -> list[pd.DataFrame]:
        return [side.assign(back=values(side)) for side in (sides.train, sides.test)]  # type: ignore[operator]

    several = replace(task, task="multiclass", classes=(0, 1, 2), threshold=None)
    train, test = relabelled(lambda side: np.digitize(side["price.€"].fillna(40), [30, 50]))
    assert linear(shop, agreed, several, train, test, "accuracy") > 0.6
    numbers = replace(task, task="regression", classes=(), threshold=None)
    train, test = relabelled(lambda side: side["price.€"].fillna(40) * 2)
    assert linear(shop, agreed, numbers, train, test, "r2") > 0.9


def test_a_fit_that_fails_says_why_and_stops_nothing(
    shop: Settings, agreed: Contract, sides: prepare.Prepared, task: Task
) -> None:
    one_class = sides.train[sides.train["back"].astype(bool)]
    found = linear(shop, agreed, task, one_class, sides.test, "roc_auc")
    assert isinstance(found, str) and "could not be fitted" in found
