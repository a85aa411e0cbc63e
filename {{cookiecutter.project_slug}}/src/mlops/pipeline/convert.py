"""Turn the fitted estimator into an ONNX graph with inputs f0…fn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.preprocessing import OneHotEncoder

from mlops.contract.errors import MlopsError
from mlops.pipeline import one_hot
from mlops.pipeline.dataset import user_module
from mlops.pipeline.fit import Fitted
from mlops.pipeline.rounding import round_thresholds
from mlops.settings import Settings

INSTEAD = {
    "DummyClassifier": "an estimator that looks at its inputs",
    "FixedThresholdClassifier": "`threshold` in params.yaml",
    "HashingVectorizer": "TfidfVectorizer",
    "IterativeImputer": "SimpleImputer or KNNImputer",
    "NMF": "TruncatedSVD",
    "Nystroem": "HistGradientBoosting, which bends without it",
    "RandomizedSearchCV": "GridSearchCV, or the best numbers in params.yaml",
    "SplineTransformer": "KBinsDiscretizer",
}


def to_onnx(settings: Settings, fitted: Fitted) -> onnx.ModelProto:
    """Convert with the model module's own `to_onnx(fitted, example)` if it has one, else with skl2onnx.

    Raises:
        MlopsError: A step has no converter; the message names it and what to use instead.
    """
    own = getattr(user_module(settings, settings.model), "to_onnx", None)
    round_thresholds(fitted.estimator)
    graph = own(fitted.estimator, fitted.example) if own else _sklearn(fitted)
    _rename_inputs(graph, fitted)
    if fitted.classes and len(fitted.estimator.classes_) < len(fitted.classes):
        _pad_classes(graph, fitted)
    # skl2onnx keeps these in a set, whose order changes from process to process.
    versions = sorted(graph.opset_import, key=lambda version: version.domain)
    del graph.opset_import[:]
    graph.opset_import.extend(versions)
    onnx.checker.check_model(graph)
    return graph


def _sklearn(fitted: Fitted) -> onnx.ModelProto:
    types = {"float": FloatTensorType, "string": StringTensorType}
    inputs = [(feature.name, types[feature.kind]([None, 1])) for feature in fitted.features]
    options = {id(fitted.estimator): {"zipmap": False}} if fitted.classes else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converted: onnx.ModelProto = convert_sklearn(
                fitted.estimator,
                "model",
                inputs,
                options=options,
                custom_conversion_functions={OneHotEncoder: one_hot.convert},
            )
            return converted
    except (MissingConverter, MissingShapeCalculator) as error:
        step, name = culprit(fitted.estimator)
        raise MlopsError(
            f"model.py: step {step!r} ({name}) has no ONNX converter. "
            f"Use {INSTEAD.get(name, 'a step that skl2onnx knows')}, or define `to_onnx(fitted, example)` in model.py."
        ) from error
    except Exception as error:
        raise MlopsError(
            f"model.py: the estimator cannot be converted to ONNX: {type(error).__name__}: {error}"
        ) from error


def culprit(estimator: Any, name: str = "model") -> tuple[str, str]:
    """Name the innermost step that skl2onnx has no converter for, as (step, class)."""
    from skl2onnx import supported_converters

    known = {alias.removeprefix("Sklearn") for alias in supported_converters()}
    for step, inner in _steps(estimator):
        found = culprit(inner, step)
        if found[1]:
            return found
    plain = type(estimator).__name__
    return (name, "") if _steps(estimator) or plain in known or _aliased(estimator) else (name, plain)


def _aliased(estimator: Any) -> bool:
    from skl2onnx._supported_operators import sklearn_operator_name_map

    return type(estimator) in sklearn_operator_name_map


def _steps(estimator: Any) -> list[tuple[str, Any]]:
    if hasattr(estimator, "steps"):
        return [(name, step) for name, step in estimator.steps if hasattr(step, "get_params")]
    if hasattr(estimator, "transformers_"):
        return [(name, step) for name, step, _ in estimator.transformers_ if hasattr(step, "get_params")]
    inner = getattr(estimator, "estimators_", None)
    return [(type(step).__name__, step) for step in inner[:1]] if isinstance(inner, list) else []


def _rename_inputs(graph: onnx.ModelProto, fitted: Fitted) -> None:
    """Give the inputs the names of the bundle's map; skl2onnx keeps their order but not odd names."""
    inputs = graph.graph.input
    if len(inputs) != len(fitted.features):
        raise MlopsError(f"the ONNX graph has {len(inputs)} inputs, but there are {len(fitted.features)} features.")
    names = {old.name: feature.onnx for old, feature in zip(inputs, fitted.features, strict=True)}
    # Two steps, as an old name may be another input's new one.
    for rename in ({old: f"__{new}" for old, new in names.items()}, {f"__{new}": new for new in names.values()}):
        for value in inputs:
            value.name = rename[value.name]
        for node in graph.graph.node:
            node.input[:] = [rename.get(name, name) for name in node.input]


def _pad_classes(graph: onnx.ModelProto, fitted: Fitted) -> None:
    """Widen the probabilities to all classes; one that no training row had gets 0."""
    output = graph.graph.output[1]
    seen = np.asarray(fitted.estimator.classes_, dtype=np.int64)
    matrix = np.zeros((len(seen), len(fitted.classes)), dtype=np.float32)
    matrix[np.arange(len(seen)), seen] = 1
    graph.graph.initializer.append(numpy_helper.from_array(matrix, "__classes"))
    graph.graph.node.append(helper.make_node("MatMul", [output.name, "__classes"], ["all_probabilities"]))
    output.CopyFrom(
        helper.make_tensor_value_info("all_probabilities", onnx.TensorProto.FLOAT, [None, len(fitted.classes)])
    )
