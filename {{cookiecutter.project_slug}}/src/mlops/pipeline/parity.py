"""Does the bundle, where the server runs it, say what the estimator says?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.data.sample import evenly
from mlops.pipeline.fit import Fitted
from mlops.pipeline.measures import Floats, Judged, measure
from mlops.pipeline.served import Raw

TOLERANCE = 1e-4
SHARE = 0.001
EDGES = 3
NULLS, SPREAD = 3, 50  # rows to score alone: with a null in a column, and besides


def edge_rows(agreed: Contract, raw: Raw) -> Raw:
    """Make three rows that no table has: all null, a category never seen, and empty text.

    Args:
        agreed: the contract.
        raw: JSON values by column; the first row fills in where an edge row says nothing.

    Returns:
        JSON values of three rows.
    """
    edges: Raw = {}
    for column in agreed.inputs:
        text, first = column.kind == "string", raw[column.name][0]
        edges[column.name] = [None, "never seen \N{SNOWMAN}" if text else first, "" if text else first]
    return edges


def check(fitted: Fitted, frame: pd.DataFrame, served: Floats) -> float:
    """Compare the estimator's scores with the served ones.

    Args:
        fitted: the estimator.
        frame: its features, n rows.
        served: scores of the same rows by the bundle in the serving environment, (n, k) or (n,).

    Returns:
        The share of rows that differ by more than 1e-4 * max(1, |p|), or of the spread of a regression's scores.

    Raises:
        MlopsError: More than 0.1 % of the rows differ.
    """
    expected = fitted.scores(frame)
    apart = _apart(expected, served)
    share = float(apart.mean())
    if share > SHARE:
        row = int(np.argmax(apart))
        raise MlopsError(
            f"model.onnx and the estimator differ in {apart.sum()} of {len(apart)} rows (for example "
            f"{served[row].tolist()!r} instead of {expected[row].tolist()!r} in row {row}){_suspect(fitted, frame)}. "
            "Use another step, or define `to_onnx(fitted, example)` in model.py."
        )
    return share


def check_metric(metric: str, truth: NDArray[Any], expected: Floats, served: Floats, threshold: float | None) -> None:
    """Compare the deciding metric of the estimator's scores with that of the served ones.

    Scores that agree count as the same: a metric of ranks sees differences in the last digit of a float32, which
    make or break ties, and no model is another one for that.

    Raises:
        MlopsError: They differ by more than 1e-4 * max(1, |metric|).
    """
    apart = _apart(expected, served)
    told = np.where(apart[:, None] if served.ndim == 2 else apart, served, expected)
    try:
        wanted, found = (measure(metric, Judged(truth, scores, threshold)) for scores in (expected, told))
    except MlopsError:  # a class is too rare for these rows; evaluate asks all of them
        return
    if abs(found - wanted) > TOLERANCE * max(1, abs(wanted)):
        raise MlopsError(
            f"{metric} is {found!r} by model.onnx and {wanted!r} by the estimator on {len(truth)} test rows. "
            "Use another step, or define `to_onnx(fitted, example)` in model.py."
        )


def alone_rows(raw: Raw, n: int) -> list[int]:
    """Choose rows to score alone: the edge rows, some with a null and one without in each column, and some spread.

    Args:
        raw: JSON values of n rows by column, the edge rows last.
        n: their number.

    Returns:
        Different row numbers.
    """
    chosen = dict.fromkeys(range(n - EDGES, n))
    for values in raw.values():
        null = [row for row, value in enumerate(values) if value is None]
        known = [row for row, value in enumerate(values) if value is not None]
        chosen |= dict.fromkeys([*null[:: max(1, len(null) // NULLS)][:NULLS], *known[:1]])
    return list(chosen | dict.fromkeys(evenly(n, SPREAD).tolist()))


def check_alone(alone: Floats, among: Floats, rows: Sequence[int]) -> None:
    """Compare scores of rows that came one by one with those of the same rows among others.

    Args:
        alone: scores of m rows, (m, k) or (m,).
        among: scores of the same rows, which came with others.
        rows: the numbers of the m rows, for the message.

    Raises:
        MlopsError: One differs: features() looks at other rows.
    """
    apart = _apart(among, alone)
    if apart.any():
        at = int(np.argmax(apart))
        raise MlopsError(
            f"features.py looks at other rows: row {rows[at]} scores {alone[at].tolist()!r} alone "
            f"and {among[at].tolist()!r} among others. Compute what needs a whole table in model.py, or upstream."
        )


def _apart(expected: Floats, served: Floats) -> Any:
    # Amounts are sums of float32, so a small one is as exact as the large ones beside it.
    scale = 1.0 if expected.ndim == 2 else max(1.0, float(expected.std()))
    apart = np.abs(served - expected) > TOLERANCE * np.maximum(scale, np.abs(expected))
    return apart.any(axis=1) if apart.ndim == 2 else apart


def _suspect(fitted: Fitted, frame: pd.DataFrame) -> str:
    """Name the first step of a scikit-learn pipeline whose own graph differs."""
    steps = getattr(fitted.estimator, "steps", [])
    for length in range(1, len(steps)):
        part, name = fitted.estimator[:length], steps[length - 1][0]
        if not _same_graph(part, fitted, frame):
            return f": step {name!r} converts to something else"
    return f": step {steps[-1][0]!r} converts to something else" if steps else ""


def _same_graph(part: Any, fitted: Fitted, frame: pd.DataFrame) -> bool:
    import onnxruntime
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    types = {"float": FloatTensorType, "string": StringTensorType}
    graph = convert_sklearn(part, initial_types=[(f.name, types[f.kind]([None, 1])) for f in fitted.features])
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    feed = {
        node.name: frame[feature.name].to_numpy().reshape(-1, 1)
        for node, feature in zip(session.get_inputs(), fitted.features, strict=True)
    }
    try:
        got = np.asarray(session.run(None, feed)[0], dtype=np.float64)
    except Exception:  # a graph that raises is the culprit as much as one that lies
        return False
    return bool(np.allclose(got, np.asarray(part.transform(frame), dtype=np.float64), atol=1e-4, equal_nan=True))
