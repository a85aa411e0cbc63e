"""One scorer for the gate, the server and a batch: contract columns in, scores out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from mlops.contract.document import load
from mlops.contract.errors import MlopsError
from mlops.contract.features import model_inputs
from mlops.contract.model import Contract, Scalar
from mlops.contract.task import Task, load_task
from mlops.serving.bundle import Columns, FeatureFunction, load_features

CHUNK = 8192
HALF = 0.5
Run = Callable[[dict[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Scorer:
    """A bundle, ready to score rows."""

    contract: Contract
    task: Task
    features: FeatureFunction
    run: Run

    @classmethod
    def load(cls, bundle: Path, threads: int = 1) -> Scorer:
        """Read contract, task, features and graph of a bundle.

        Args:
            bundle: The folder that `train` wrote.
            threads: Threads for one run of the graph; with 1 the same rows give the same bytes on one machine.

        Raises:
            MlopsError: A file is missing or does not fit the others.
        """
        task = load_task(bundle / "task.json")
        return cls(
            contract=load(bundle / "contract.yaml"),
            task=task,
            features=load_features(bundle, task.package),
            run=_runner(bundle / "model.onnx", task, threads),
        )

    def scores(self, columns: Columns, n: int) -> np.ndarray:
        """Score n rows.

        Args:
            columns: One array of shape (n,) per input column of the contract.
            n: Number of rows.

        Returns:
            float64: (n, k) probabilities in the order of the task's classes, or (n,) for regression.

        Raises:
            MlopsError: features() failed, the graph failed, or a score is not finite.
        """
        inputs = self._inputs(columns, n)
        parts = [self.run(chunk) for chunk in _chunks(inputs, n)]
        scores = np.concatenate(parts) if parts else np.empty((0, len(self.task.classes)))
        scores = self._shaped(scores.astype(np.float64), n)
        _check_finite(scores)
        return scores

    def predictions(self, scores: np.ndarray) -> list[Scalar]:
        """Turn scores into labels, or numbers for regression."""
        if self.task.task == "regression":
            numbers: list[Scalar] = scores.tolist()
            return numbers
        if self.task.task == "binary":
            threshold = HALF if self.task.threshold is None else self.task.threshold
            chosen = (scores[:, 1] >= threshold).astype(int)
        else:
            chosen = scores.argmax(axis=1)
        return [self.task.classes[index] for index in chosen.tolist()]

    def _inputs(self, columns: Columns, n: int) -> dict[str, np.ndarray]:
        found = model_inputs(self.features, columns, n)
        inputs = {}
        for feature in self.task.features:
            if feature.constant:
                inputs[feature.onnx] = _constant(feature.kind, n)
            elif feature.name in found:
                inputs[feature.onnx] = found[feature.name].reshape(n, 1)
            else:
                raise MlopsError(f"features() returns no {feature.name!r}, which the model was trained with.")
        return inputs

    def _shaped(self, scores: np.ndarray, n: int) -> np.ndarray:
        if self.task.task == "regression":
            if scores.size != n:
                raise MlopsError(
                    f"model.onnx gave an output of shape {scores.shape} for {n} rows: one number a row is due."
                )
            return scores.reshape(n)
        wanted = (n, len(self.task.classes))
        if scores.shape != wanted:
            raise MlopsError(
                f"model.onnx gave probabilities of shape {scores.shape}, but {wanted} is due for the "
                f"{len(self.task.classes)} classes of task.json. Train again."
            )
        return scores


def _constant(kind: str, n: int) -> np.ndarray:
    return np.zeros((n, 1), np.float32) if kind == "float" else np.full((n, 1), "", dtype=object)


def _chunks(inputs: dict[str, np.ndarray], n: int) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, n, CHUNK):
        yield {name: values[start : start + CHUNK] for name, values in inputs.items()}


def _check_finite(scores: np.ndarray) -> None:
    finite = np.isfinite(scores)
    if not finite.all():
        row = int(np.argmin(finite.reshape(len(scores), -1).all(axis=1)))
        raise MlopsError(
            f"model.onnx gave {scores[row].tolist()!r} for row {row}: a score must be a finite number. "
            f"Impute missing values in model.py."
        )


def _runner(path: Path, task: Task, threads: int) -> Run:
    session = _session(path, threads)
    wanted = {feature.onnx for feature in task.features}
    known = {given.name for given in session.get_inputs()}
    if not known <= wanted:
        raise MlopsError(
            f"{path}: wants {sorted(known - wanted)}, which task.json does not map to a feature. Train again."
        )
    output = _output(path, task, [(o.name, o.type) for o in session.get_outputs()])

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        try:
            # A graph may have lost inputs that the fitted model never uses.
            result: np.ndarray = session.run([output], {name: inputs[name] for name in known})[0]
        except Exception as error:
            raise MlopsError(f"{path.name}: ONNX Runtime could not score these rows: {error}") from error
        return result

    return run


def _session(path: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    if not path.is_file():
        raise MlopsError(f"{path}: no such file. Run `dvc repro train` to write the bundle again.")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise MlopsError(f"{path}: no graph that ONNX Runtime reads: {error}") from error


def _output(path: Path, task: Task, outputs: list[tuple[str, str]]) -> str:
    """Choose the output that holds the scores; a classifier's graph has the label first."""
    if task.task == "regression":
        return outputs[0][0]
    names = [name for name, _ in outputs]
    chosen = names.index("probabilities") if "probabilities" in names else min(1, len(names) - 1)
    name, kind = outputs[chosen]
    if not kind.startswith("tensor("):
        raise MlopsError(f"{path}: output {name!r} is a {kind}, not a tensor. Convert with the option zipmap=False.")
    return name
