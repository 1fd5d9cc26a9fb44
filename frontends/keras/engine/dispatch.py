"""`apply`: one op on whatever its tensors are: arrays, symbols of a trace, or KerasTensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from graphc.builder import infer
from graphc.errors import GraphError
from graphc.ir import attrs_key
from graphc.keras.engine.lazy import as_arrays
from graphc.keras.engine.operation import Operation, OpOperation, record_call
from graphc.keras.engine.scope import TraceScope, current_trace, entered
from graphc.keras.engine.structure import flatten, map_structure, pack_as
from graphc.keras.engine.tensor import Dispatcher, KerasTensor, Symbol
from graphc.keras.engine.variable import Variable
from graphc.kernels.registry import OPS
from graphc.spec import LITERAL_DTYPES, TensorSpec, spec_of

# Sizes taken for known: by the identity of the tensor and the axis.
Known = dict[tuple[int, int], int]
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

    def inferred(known: Known, fill: int) -> Any:
        described = tuple(_described(tensor, fill, known) for tensor in tensors)
        return infer(op, described, attrs_key(attrs))

    (first, many), (second, _) = _with_unknowns(
        inferred, tensors, len(FILLS), (TypeError, ValueError)
    )
    outputs = [_merge(a, b) for a, b in zip(first, second, strict=True)]
    return tuple(outputs) if many else outputs[0]


def _with_unknowns(
    inferred: Callable[[Known, int], Any],
    tensors: Sequence[Any],
    count: int,
    clash: tuple[type[Exception], ...],
) -> list[Any]:
    """Return what is inferred with each stand-in for the unknown sizes.

    A size that nothing fits may be one that another tensor knows: where the stand-ins clash,
    unknown sizes are taken for those that they meet.

    Raises:
        Exception: whatever was raised with the stand-ins alone, when nothing else fits either.
    """
    try:
        return [inferred({}, fill) for fill in FILLS[:count]]
    except clash as error:
        for known in _meetings([t for t in tensors if isinstance(t, KerasTensor)]):
            with suppress(*clash):
                return [inferred(known, fill) for fill in FILLS[:count]]
        raise error


def _meetings(tensors: Sequence[KerasTensor]) -> Iterator[Known]:
    """Yield what unknown sizes, those of the batch aside, could be: sizes of the other tensors.

    First the one at the same place from the end, as broadcasting and joining have it; then each
    size that there is, as products may have it.
    """
    unknown = [
        (t, axis) for t in tensors for axis in range(1, len(t.shape)) if t.shape[axis] is None
    ]
    if not unknown:
        return
    aligned: Known = {}
    for tensor, axis in unknown:
        place = axis - len(tensor.shape)
        met = [t.shape[place] for t in tensors if len(t.shape) >= -place and t.shape[place]]
        if met:
            aligned[id(tensor), axis] = max(met)
    yield aligned
    for size in sorted({size for t in tensors for size in t.shape[1:] if size}):
        yield {(id(tensor), axis): size for tensor, axis in unknown}


def _described(tensor: Any, fill: int, known: Known) -> Any:
    if tensor is None:
        return None
    if type(tensor) in LITERAL_DTYPES:
        return (type(tensor), tensor)
    return _filled(tensor, fill, known)


def _filled(tensor: Any, fill: int, known: Known) -> TensorSpec:
    if not isinstance(tensor, (KerasTensor, Variable)):
        return spec_of(tensor)
    sizes = enumerate(tensor.shape)
    shape = (known.get((id(tensor), a), fill) if size is None else size for a, size in sizes)
    return TensorSpec(tuple(shape), tensor.dtype)


def _merge(first: TensorSpec, second: TensorSpec) -> KerasTensor:
    shape = tuple(a if a == b else None for a, b in zip(first.shape, second.shape, strict=True))
    return KerasTensor(shape, first.dtype)


def infer_call(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return KerasTensors for `function(*args, **kwargs)` by tracing it on filled-in shapes.

    Masks travel with their tensors. The traces are thrown away: variables keep their values.
    """
    leaves = [leaf for leaf in flatten((args, kwargs)) if isinstance(leaf, KerasTensor)]
    unknown = any(size is None for leaf in leaves for size in leaf.shape)

    def inferred(known: Known, fill: int) -> Any:
        return _trace_filled(function, args, kwargs, fill, known)

    traced = _with_unknowns(inferred, leaves, 1 + unknown, (GraphError,))
    first, last = flatten(traced[0]), flatten(traced[-1])
    merged = [_merge_symbols(a, b) for a, b in zip(first, last, strict=True)]
    return pack_as(traced[0], merged)


def _trace_filled(
    function: Callable[..., Any], args: Any, kwargs: Any, fill: int, known: Known
) -> Any:
    scope = TraceScope()

    def symbol(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        made = scope.input(_filled(leaf, fill, known), leaf.name)
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
