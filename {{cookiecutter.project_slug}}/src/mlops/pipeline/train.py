"""Stage `train`: fit, convert, write the bundle, see that the server would say the same, and keep what it says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops.contract.columns import to_columns
from mlops.contract.model import Contract
from mlops.contract.task import load_task
from mlops.data import table
from mlops.data.sample import evenly, spread
from mlops.monitoring import reference
from mlops.pipeline import bundle, convert, dataset, parity, prepare, smoke
from mlops.pipeline.fit import Fitted, fit
from mlops.pipeline.labels import encode
from mlops.pipeline.measures import Floats
from mlops.pipeline.params import Params
from mlops.pipeline.params import load as load_params
from mlops.pipeline.served import serve
from mlops.pipeline.stage import run
from mlops.pipeline.texts import gate_metric
from mlops.serving.profile import NAME
from mlops.settings import Settings

PARITY_ROWS = 5000


def _work(settings: Settings) -> str:
    agreed, params, prepared = dataset.contract(settings), load_params(settings.root), prepare.load(settings.root)
    name = agreed.target.name
    known = pd.concat([prepared.train[name], prepared.test[name]])
    fitted = fit(settings, agreed, params, prepared.train, known)
    graph = convert.to_onnx(settings, fitted)
    bundle.write(settings, agreed, params, fitted, graph, prepared.split, prepared.batches, settings.bundle)
    held_out = spread(prepared.test, reference.ROWS)
    apart, scores = check_parity(settings, agreed, fitted, held_out, gate_metric(settings.root))
    write_profile(settings, agreed, params, held_out, scores)
    untested = smoke.write(settings.bundle)
    empty = [feature.name for feature in fitted.features if feature.constant]
    warning = f"; always null and so a constant: {', '.join(empty)}" if empty else ""
    warning += f"; no smoke test: {untested}" if untested else ""
    return (
        f"{fitted.name} on {len(fitted.example)} rows and {len(fitted.features)} features, "
        f"{len(graph.SerializeToString()) / 1e6:.2f} MB; ONNX equals it in {1 - apart:.2%} of rows{warning}"
    )


def check_parity(
    settings: Settings, agreed: Contract, fitted: Fitted, test: pd.DataFrame, metric: str
) -> tuple[float, Floats]:
    """Compare the bundle in the serving environment with the estimator here, on test rows and edge rows.

    Returns:
        The share of compared rows that differ, and what the bundle said of all test rows.
    """
    raw = table.to_json(test, agreed)
    edges = parity.edge_rows(agreed, raw)
    both = {name: [*raw[name], *values] for name, values in edges.items()}
    n = len(test) + parity.EDGES
    rows = parity.alone_rows(both, n)
    order = [*rows, *sorted(set(range(n)) - set(rows))]
    mixed = {name: [values[row] for row in order] for name, values in both.items()}
    among, alone = np.split(serve(settings, mixed, n, "--alone", str(len(rows))), [n])
    parity.check_alone(alone, among[: len(rows)], rows)
    served = among[np.argsort(order)]
    at = evenly(len(test), PARITY_ROWS)
    looked_at = test.iloc[at].reset_index(drop=True)
    function = dataset.features_function(settings)
    # Test rows go the way of training here and the way of a request there; edge rows have only the latter.
    frame = pd.concat(
        [
            dataset.features(function, agreed, looked_at),
            dataset.frame_of(function, to_columns(agreed, edges), parity.EDGES),
        ],
        ignore_index=True,
    )
    apart = parity.check(fitted, frame, np.concatenate([served[at], served[len(test) :]]))
    truth = encode(looked_at[agreed.target.name], fitted.classes)
    expected = fitted.scores(frame.head(len(at)))
    parity.check_metric(metric, truth, expected, served[at], fitted.threshold)
    return apart, served[: len(test)]


def write_profile(settings: Settings, agreed: Contract, params: Params, test: pd.DataFrame, scores: Floats) -> None:
    """Write the reference profile of a bundle that is there already.

    Args:
        settings: where the bundle is.
        agreed: the contract.
        params: by which columns drift is judged, and in how many bins.
        test: typed rows.
        scores: what the bundle says of them, in the serving environment.
    """
    task, asked = load_task(settings.bundle / "task.json"), params.monitoring
    made = reference.of_rows(test, agreed, task, scores, slices=asked.slices, bins=asked.bins)
    made.dump(settings.bundle / NAME)


if __name__ == "__main__":
    run("train", _work)
