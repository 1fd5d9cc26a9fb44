"""Ops of a functional graph as Keras writes them: one class per function of `keras.ops`.

Keras gives every function a class (`Mean(axis=1)(x)`), so its configuration holds the class's name,
the attributes, and the call's tensors. Ours has one `OpOperation` for all of them; an op that Keras
does not have is written under that name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.operation import OpOperation
from graphc.keras.engine.settings import to_snake_case
from graphc.keras.engine.structure import flatten
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

# Ops whose tensors and attributes are those of the class of the same name in CamelCase.
MODULES = {
    "numpy": """
        math.abs math.absolute math.add math.arccos math.arccosh math.arcsin math.arcsinh
        math.arctan math.arctan2 math.arctanh math.cbrt math.ceil math.cos math.cosh math.divide
        math.equal math.exp math.exp2 math.expm1 math.floor math.floor_divide math.greater
        math.greater_equal math.hypot math.isfinite math.isinf math.isnan math.less
        math.less_equal math.log math.log10 math.log1p math.log2 math.logaddexp math.logical_and
        math.logical_not math.logical_or math.logical_xor math.maximum math.minimum math.mod
        math.multiply math.negative math.not_equal math.power math.reciprocal math.round math.sign
        math.sin math.sinh math.sqrt math.square math.subtract math.tan math.tanh math.where
        reduce.all reduce.any reduce.argmax reduce.argmin reduce.count_nonzero reduce.cumprod
        reduce.cumsum reduce.max reduce.mean reduce.median reduce.min reduce.prod reduce.std
        reduce.sum reduce.var shape.argsort shape.broadcast_to shape.diagonal shape.expand_dims
        shape.flip shape.moveaxis shape.ravel shape.repeat shape.reshape shape.roll shape.sort
        shape.squeeze shape.swapaxes shape.take shape.take_along_axis shape.tile shape.transpose
        shape.tril shape.triu linalg.dot linalg.einsum linalg.matmul linalg.outer linalg.tensordot
        shape.concatenate shape.stack shape.split shape.getitem math.clip
    """,
    "math": "math.erf math.erfinv math.rsqrt reduce.logsumexp shape.top_k",
    "nn": """
        nn.celu nn.elu nn.gelu nn.glu nn.hard_sigmoid nn.hard_silu nn.hard_tanh nn.leaky_relu
        nn.log_sigmoid nn.log_softmax shape.one_hot nn.relu nn.relu6 nn.selu nn.sigmoid nn.silu
        nn.softmax nn.softplus nn.softsign
    """,
    "core": "core.cast",
    "linalg": "linalg.norm",
}
PLACES = {op: f"keras.src.ops.{name}" for name, text in MODULES.items() for op in text.split()}
PACKED = ("shape.concatenate", "shape.stack")  # their tensors are one list argument
CLASSES = {"shape.getitem": "GetItem", "math.abs": "Absolute"}
BOUNDS = {"math.clip": ("x_min", "x_max")}  # tensors of ours after the first, attributes of Keras's
ATTRIBUTES = {"shape.split": {"sections": "indices_or_sections"}}
FUNCTIONS: dict[str, Callable[..., Any]] = {  # those that are not called (tensors, attributes)
    "Einsum": lambda *xs, subscripts: ops.einsum(subscripts, *xs),
    "GetItem": lambda x, key: x[tuple(key) if isinstance(key, list) else key],
}
OWN = "OpOperation"


def op_entry(operation: OpOperation, name: str, tensors: tuple[Any, ...]) -> dict[str, Any]:
    """Return the configuration of an op called on `tensors`: Keras's class for it, else ours."""
    op, attrs = operation.op, operation.attrs
    if not _has_class(op, tensors):
        config = {"name": name, "op": op, "attrs": serialize_keras_object(dict(attrs))}
        return {
            "module": "graphc.keras", "class_name": OWN, "config": config, "registered_name": OWN,
        }  # fmt: skip
    renamed = ATTRIBUTES.get(op, {})
    arguments = {renamed.get(key, key): value for key, value in attrs.items()}
    arguments = {} if op == "shape.getitem" else arguments
    arguments |= dict(zip(BOUNDS.get(op, ()), tensors[1:], strict=False))
    class_name = CLASSES.get(op) or "".join(
        part[:1].upper() + part[1:] for part in op.rpartition(".")[2].split("_")
    )
    return {
        "module": PLACES[op], "class_name": class_name,
        "config": {"name": name, **serialize_keras_object(arguments)},
        "registered_name": class_name,
    }  # fmt: skip


def _has_class(op: str, tensors: tuple[Any, ...]) -> bool:
    symbolic = any(isinstance(tensor, KerasTensor) for tensor in tensors[1:])
    return op in PLACES and not (op in BOUNDS and symbolic)


def op_arguments(operation: OpOperation, tensors: tuple[Any, ...]) -> list[Any]:
    """Return the arguments of the call of an op as its class takes them."""
    if not _has_class(operation.op, tensors):
        return list(tensors)
    if operation.op in BOUNDS:
        return [tensors[0]]
    if operation.op in PACKED:
        return [list(tensors)]
    if operation.op == "shape.getitem":
        key = [_index(item, tensors[1:]) for item in operation.attrs["index"]]
        return [tensors[0], key]
    return list(tensors)


def _index(item: Any, arrays: tuple[Any, ...]) -> Any:
    if isinstance(item, tuple):
        return arrays[item[1]] if item[0] == "array" else slice(*item[1:])
    return item


def is_op(entry: dict[str, Any]) -> bool:
    """Return whether a configuration is that of an op rather than of a layer."""
    module = entry.get("module") or ""
    return entry["class_name"] == OWN or module.startswith("keras.src.ops")


def op_from_entry(entry: dict[str, Any]) -> Callable[..., Any]:
    """Return a function that applies the op, and names the operation it records.

    Raises:
        ValueError: there is no such op.
    """
    config = dict(entry["config"])
    name = config.pop("name", entry.get("name"))
    function = _function(entry["class_name"], config)

    def call(*args: Any, **kwargs: Any) -> Any:
        given = {id(tensor) for tensor in flatten((args, kwargs))}
        outputs = function(*args, **kwargs)
        for tensor in flatten(outputs):
            if id(tensor) not in given:
                tensor._keras_history.operation.name = name
        return outputs

    return call


def _function(class_name: str, config: dict[str, Any]) -> Callable[..., Any]:
    if class_name == OWN:
        attrs = {key: _hashable(value) for key, value in config["attrs"].items()}
        return lambda *tensors: apply(config["op"], *tensors, **attrs)
    function = FUNCTIONS.get(class_name) or getattr(ops, to_snake_case(class_name), None)
    function = function or getattr(ops, class_name.lower(), None)
    if function is None:
        raise ValueError(f"Expected the class of a function of `keras.ops`. Received: {class_name}")
    arguments = deserialize_keras_object(config)
    return lambda *args, **kwargs: function(*args, **kwargs, **arguments)


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value
