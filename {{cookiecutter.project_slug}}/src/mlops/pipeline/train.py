"""Stage `train`: fit, convert, write the bundle, and see that the server would say the same."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops.contract.columns import to_columns
from mlops.contract.model import Contract
from mlops.data import table
from mlops.pipeline import bundle, convert, dataset, parity, prepare, smoke
from mlops.pipeline.fit import Fitted, fit
from mlops.pipeline.labels import encode
from mlops.pipeline.params import load as load_params
from mlops.pipeline.served import serve
from mlops.pipeline.stage import run
from mlops.pipeline.texts import gate_metric
from mlops.settings import Settings

PARITY_ROWS, ALONE_ROWS = 5000, 50


def _work(settings: Settings) -> str:
    agreed, params, prepared = dataset.contract(settings), load_params(settings.root), prepare.load(settings.root)
    name = agreed.target.name
    known = pd.concat([prepared.train[name], prepared.test[name]])
    fitted = fit(settings, agreed, params, prepared.train, known)
    graph = convert.to_onnx(settings, fitted)
    bundle.write(settings, agreed, params, fitted, graph, prepared.split, prepared.batches, settings.bundle)
    apart = check_parity(settings, agreed, fitted, spread(prepared.test, PARITY_ROWS), gate_metric(settings.root))
    untested = smoke.write(settings.bundle)
    empty = [feature.name for feature in fitted.features if feature.constant]
    warning = f"; always null and so a constant: {', '.join(empty)}" if empty else ""
    warning += f"; no smoke test: {untested}" if untested else ""
    return (
        f"{fitted.name} on {len(fitted.example)} rows and {len(fitted.features)} features, "
        f"{len(graph.SerializeToString()) / 1e6:.2f} MB; ONNX equals it in {1 - apart:.2%} of rows{warning}"
    )


def spread(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Take rows at even distances: a table may be sorted by its target."""
    at = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64))
    return rows.iloc[at].reset_index(drop=True)


def check_parity(settings: Settings, agreed: Contract, fitted: Fitted, test: pd.DataFrame, metric: str) -> float:
    """Compare the bundle in the serving environment with the estimator here, on test rows and edge rows."""
    raw = table.to_json(test, agreed)
    edges = parity.edge_rows(agreed, raw)
    function = dataset.features_function(settings)
    # Test rows go the way of training here and the way of a request there; edge rows have only the latter.
    frame = pd.concat(
        [
            dataset.features(function, agreed, test),
            dataset.frame_of(function, to_columns(agreed, edges), parity.EDGES),
        ],
        ignore_index=True,
    )
    both = {name: [*raw[name], *values] for name, values in edges.items()}
    served = serve(settings, both, len(frame))
    few = {name: values[:ALONE_ROWS] for name, values in both.items()}
    alone = serve(settings, few, min(ALONE_ROWS, len(frame)), "--one-by-one")
    parity.check_alone(alone, served[:ALONE_ROWS])
    apart = parity.check(fitted, frame, served)
    truth = encode(test[agreed.target.name], fitted.classes)
    parity.check_metric(metric, truth, fitted.scores(frame.head(len(test))), served[: len(test)], fitted.threshold)
    return apart


if __name__ == "__main__":
    run("train", _work)
