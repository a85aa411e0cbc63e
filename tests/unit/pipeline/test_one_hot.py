from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops.pipeline import one_hot


def words(n: int, values: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).geometric(2 / values, n)
    return np.array([f"w{number % values}" for number in drawn], dtype=object)


@pytest.mark.parametrize("columns", [["a"], ["a", "b"], ["few"], ["few", "a"]])
@pytest.mark.parametrize("unknown", ["ignore", "infrequent_if_exist"])
@pytest.mark.parametrize("imputed", [False, True])
def test_the_graph_encodes_as_the_encoder_does(columns: list[str], unknown: str, imputed: bool) -> None:
    frame = pd.DataFrame({"a": words(500, 90), "b": words(500, 40, 1), "few": words(500, 3, 2)}, dtype=object)
    encoder: Any = OneHotEncoder(handle_unknown=unknown, max_categories=12, sparse_output=False)
    if imputed:
        encoder = make_pipeline(SimpleImputer(strategy="constant", fill_value="w0", missing_values=""), encoder)
    fitted = make_column_transformer((encoder, columns)).fit(frame[columns])
    graph = convert_sklearn(
        fitted,
        "m",
        [(name, StringTensorType([None, 1])) for name in columns],
        custom_conversion_functions={OneHotEncoder: one_hot.convert},
    )
    rows = frame.head(60).copy()
    rows.iloc[0], rows.iloc[1] = "never seen", "w89"
    feed = {name: rows[name].to_numpy(dtype=object)[:, None] for name in columns}
    said = onnxruntime.InferenceSession(graph.SerializeToString()).run(None, feed)[0]
    np.testing.assert_array_equal(said, fitted.transform(rows[columns]))
