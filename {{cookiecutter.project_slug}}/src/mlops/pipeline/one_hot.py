"""One-hot encoding with rare categories, which skl2onnx converts only where two columns come from two inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx.common.data_types import StringTensorType
from skl2onnx.operator_converters.one_hot_encoder import convert_sklearn_one_hot_encoder

UNKNOWN = ("ignore", "infrequent_if_exist")


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a fitted OneHotEncoder to a graph: ours where text has rare categories, else skl2onnx's."""
    if not _is_ours(operator):
        convert_sklearn_one_hot_encoder(scope, operator, container)
        return
    columns = [(given.full_name, place) for given in operator.inputs for place in range(given.type.shape[1])]
    parts = [_column(scope, container, operator.raw_operator, number, *at) for number, at in enumerate(columns)]
    container.add_node("Concat", parts, operator.output_full_names, axis=1, op_version=13)


def _is_ours(operator: Any) -> bool:
    encoder = operator.raw_operator
    grouped = any(rare is not None for rare in getattr(encoder, "infrequent_categories_", ()))
    return (
        (grouped or encoder.handle_unknown == "infrequent_if_exist")
        and all(isinstance(given.type, StringTensorType) for given in operator.inputs)
        and encoder.drop_idx_ is None
        and encoder.handle_unknown in UNKNOWN
        and np.issubdtype(encoder.dtype, np.floating)
    )


def _column(scope: Any, container: Any, encoder: Any, number: int, name: str, place: int) -> str:
    categories = encoder.categories_[number]
    weights, bias = merge(categories, _rare(encoder, number), encoder.handle_unknown)
    column = _node(scope, container, "Gather", [name, _constant(scope, container, np.array([place]))], axis=1)
    texts = [str(category).encode() for category in categories]
    cells = _node(scope, container, "OneHotEncoder", [column], "ai.onnx.ml", 1, cats_strings=texts, zeros=1)
    shape = _constant(scope, container, np.array([-1, len(categories)]))
    rows = _node(scope, container, "Reshape", [cells, shape])
    return _node(
        scope, container, "Gemm", [rows, _constant(scope, container, weights), _constant(scope, container, bias)]
    )


def _rare(encoder: Any, number: int) -> NDArray[Any] | None:
    grouped = getattr(encoder, "infrequent_categories_", None)  # is not there where nothing is ever rare
    return None if grouped is None else grouped[number]


def merge(
    categories: NDArray[Any], rare: NDArray[Any] | None, unknown: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the matrix and the offset that turn a column a category into one a frequent category and one for the rare.

    Args:
        categories: all k that the encoder knows.
        rare: those of them that share a column, if any.
        unknown: what becomes of another one: no 1 at all, or that of the rare.

    Returns:
        Shapes (k, m) and (m,).
    """
    if rare is None:
        return np.eye(len(categories), dtype=np.float32), np.zeros(len(categories), np.float32)
    seldom = np.isin(categories, rare)
    frequent = np.flatnonzero(~seldom)
    weights, bias = np.zeros((len(categories), len(frequent) + 1), np.float32), np.zeros(len(frequent) + 1, np.float32)
    weights[frequent, np.arange(len(frequent))] = 1
    if unknown == "ignore":
        weights[seldom, -1] = 1
    else:
        weights[frequent, -1] = -1
        bias[-1] = 1
    return weights, bias


def _constant(scope: Any, container: Any, values: NDArray[Any]) -> str:
    from onnx import TensorProto

    name: str = scope.get_unique_variable_name("one_hot_constant")
    kind = TensorProto.FLOAT if values.dtype == np.float32 else TensorProto.INT64
    container.add_initializer(name, kind, list(values.shape), values.flatten().tolist())
    return name


def _node(
    scope: Any, container: Any, kind: str, inputs: list[str], domain: str = "", version: int = 13, **attributes: Any
) -> str:
    name: str = scope.get_unique_variable_name(f"one_hot_{kind.lower()}")
    own = scope.get_unique_operator_name(kind)
    container.add_node(kind, inputs, name, op_domain=domain, op_version=version, name=own, **attributes)
    return name
