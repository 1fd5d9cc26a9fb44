"""`apply`: one op on whatever its tensors are: arrays, symbols of a trace, or KerasTensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.builder import infer
from graphc.ir import attrs_key
from graphc.keras.engine.lazy import as_arrays
from graphc.keras.engine.operation import Operation, OpOperation, record_call
from graphc.keras.engine.scope import TraceScope, current_trace, entered
from graphc.keras.engine.structure import flatten, map_structure, pack_as
from graphc.keras.engine.tensor import Dispatcher, KerasTensor, Symbol
from graphc.keras.engine.variable import Variable
from graphc.kernels.registry import OPS
from graphc.spec import LITERAL_DTYPES, TensorSpec, spec_of

FILLS = (1009, 1013)  # primes stand in for unknown dimensions: what differs between them is unknown


def apply(op: str, *tensors: Any, **attrs: Any) -> Any:
    """Apply the op named `op`.

    KerasTensors record the call; inside a trace symbols and variables emit a node; anything else
    runs the reference kernel at once.
    """
    if any(isinstance(tensor, KerasTensor) for tensor in tensors):
        operation = OpOperation(op, attrs, apply)
        return record_call(operation, tensors, {}, _infer_op(op, tensors, attrs))
    trace = current_trace()
    values = [tensor.value if isinstance(tensor, Variable) else tensor for tensor in tensors]
    if trace is not None and trace.takes(values):
        return trace.emit(op, values, attrs)
    if any(isinstance(value, Symbol) for value in values):  # of a trace that is over
        values = as_arrays(values)
    return OPS[op].reference(*values, **attrs)


Dispatcher.apply = staticmethod(apply)


def _infer_op(op: str, tensors: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """Return KerasTensors for the results of an op on KerasTensors."""
    found = [
        infer(op, tuple(_described(tensor, fill) for tensor in tensors), attrs_key(attrs))
        for fill in FILLS
    ]
    (first, many), (second, _) = found
    outputs = [_merge(a, b) for a, b in zip(first, second, strict=True)]
    return tuple(outputs) if many else outputs[0]


def _described(tensor: Any, fill: int) -> Any:
    if tensor is None:
        return None
    if type(tensor) in LITERAL_DTYPES:
        return (type(tensor), tensor)
    return _filled(tensor, fill)


def _filled(tensor: Any, fill: int) -> TensorSpec:
    if not isinstance(tensor, (KerasTensor, Variable)):
        return spec_of(tensor)
    return TensorSpec(tuple(fill if size is None else size for size in tensor.shape), tensor.dtype)


def _merge(first: TensorSpec, second: TensorSpec) -> KerasTensor:
    shape = tuple(a if a == b else None for a, b in zip(first.shape, second.shape, strict=True))
    return KerasTensor(shape, first.dtype)


def infer_call(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return KerasTensors for `function(*args, **kwargs)` by tracing it on filled-in shapes.

    Masks travel with their tensors. The traces are thrown away: variables keep their values.
    """
    leaves = [leaf for leaf in flatten((args, kwargs)) if isinstance(leaf, KerasTensor)]
    unknown = any(size is None for leaf in leaves for size in leaf.shape)
    traced = [_trace_filled(function, args, kwargs, fill) for fill in FILLS[: 1 + unknown]]
    first, last = flatten(traced[0]), flatten(traced[-1])
    merged = [_merge_symbols(a, b) for a, b in zip(first, last, strict=True)]
    return pack_as(traced[0], merged)


def _trace_filled(function: Callable[..., Any], args: Any, kwargs: Any, fill: int) -> Any:
    scope = TraceScope()

    def symbol(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        made = scope.input(_filled(leaf, fill), leaf.name)
        made._keras_mask = symbol(leaf._keras_mask)
        return made

    filled_args, filled_kwargs = map_structure(symbol, (args, kwargs))
    with entered(scope):
        return function(*filled_args, **filled_kwargs)


def _merge_symbols(first: Any, last: Any) -> Any:
    if first is None:
        return None
    merged = _merge(spec_of(first), spec_of(last))
    mask = getattr(first, "_keras_mask", None)
    if mask is not None:
        merged._keras_mask = _merge_symbols(mask, last._keras_mask)
    return merged


__all__ = ["Operation", "apply", "infer_call"]
