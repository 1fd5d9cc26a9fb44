"""Reductions and scans over axes: `reduce.*`, and the primitives of the same meaning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.artifacts.onnx.task import (
    WIDER,
    Result,
    Table,
    Task,
    Translator,
    axes_of,
    ints,
    scalar,
)
from graphc.artifacts.onnx.writer import Tensor

LARGEST = np.iinfo(np.int64).max


def reduced(task: Task, op: str, x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """Return a reduction over axes, of a tensor as it is stored."""
    order = x.order if x.thin is None else None
    own = order or tuple(range(x.ndim))
    dtype = WIDER.get(task.held, task.held)
    source = x if order is None else Tensor(x.shape, x.dtype, x.name)
    places = sorted(own.index(axis) for axis in axes)
    found = task.emit(op, task.cast(source, dtype), ints(*places), keepdims=int(keepdims))
    found = task.cast(found, task.held, dtype)
    if order is None or keepdims:
        return task.result(found, order)
    left = [axis for axis in own if axis not in axes]
    ranks = tuple(sorted(left).index(axis) for axis in left)
    return task.result(found, None if list(ranks) == sorted(ranks) else ranks)


def _reduce(op: str) -> Translator:
    def translate(task: Task) -> Result:
        x = task.x()
        if len(task.inputs) > 1 or set(task.attrs) - {"axis", "keepdims"} or task.held == "bool":
            return None
        axes = axes_of(task.attr("axis"), x.ndim)
        if not axes:
            return None
        return reduced(task, op, x, axes, bool(task.attr("keepdims", False)))

    return translate


def _primitive(op: str) -> Translator:
    def translate(task: Task) -> Result:
        x, axes = task.x(), task.attr("axes")
        if not axes:
            return Tensor(task.shape, task.dtypes[0], x.name, x.array, x.order, x.thin)
        if task.held == "bool":
            found = task.emit(op, task.emit("Cast", x, to="int32"), ints(*axes), keepdims=0)
            return task.emit("Cast", found, to="bool")
        return reduced(task, op, x, axes, keepdims=False)

    return translate


def _argument(op: str) -> Translator:
    def translate(task: Task) -> Result:
        x = task.x()
        axis, keepdims = task.attr("axis"), int(bool(task.attr("keepdims", False)))
        if "axes" in task.attrs:
            (axis,) = task.attr("axes")
        wide = WIDER.get(x.held, "int32" if x.held == "bool" else x.held)
        source = task.cast(x, wide)
        if axis is None:
            source = task.emit("Reshape", source, ints(-1))
            if keepdims:
                return None
        found = task.emit(op, source, axis=int(axis or 0), keepdims=keepdims)
        return task.cast(found, task.held, "int64")

    return translate


def _cumsum(task: Task) -> Result:
    x, axis = task.x(), task.attr("axis")
    dtype = WIDER.get(task.held, task.held)
    if axis is None or dtype == "bool" or set(task.attrs) - {"axis", "reverse"}:
        return None
    place = np.asarray(axes_of(axis, x.ndim)[0], "int64")
    reverse = int(bool(task.attr("reverse", False)))
    found = task.emit("CumSum", task.cast(x, dtype), place, reverse=reverse)
    return task.cast(found, task.held, dtype)


def _doubling(op: str, neutral: float) -> Translator:
    """Return the translator of a scan by an associative operator, in log2(length) steps."""

    def translate(task: Task) -> Result:
        x = task.x()
        (axis,) = axes_of(task.attr("axis"), x.ndim)
        size = x.shape[axis]
        dtype = WIDER.get(task.held, task.held)
        if not isinstance(size, int) or dtype == "bool":
            return None
        name = task.emit("Identity", task.cast(x, dtype))
        step, fill = 1, scalar(_limit(neutral, dtype), dtype)
        while step < size:
            pads = [0] * (2 * x.ndim)
            pads[axis + (x.ndim if task.attr("reverse") else 0)] = step
            moved = task.emit("Pad", name, ints(*pads), fill)
            ends = (step, LARGEST) if task.attr("reverse") else (0, size)
            moved = task.emit("Slice", moved, ints(ends[0]), ints(ends[1]), ints(axis))
            name, step = task.emit(op, name, moved), step * 2
        return task.cast(name, task.held, dtype)

    return translate


def _limit(value: float, dtype: str) -> float:
    if np.isfinite(value) or dtype.startswith("float"):
        return value
    limits = np.iinfo(dtype)
    return limits.min if value < 0 else limits.max


def _logsumexp(task: Task) -> Result:
    """Translate what is finite for finite numbers; ONNX Runtime subtracts the largest first."""
    if task.held != "float32":
        return None
    return _reduce("ReduceLogSumExp")(task)


def _count_nonzero(task: Task) -> Result:
    x = task.x()
    axes = axes_of(task.attr("axis"), x.ndim)
    if not axes:
        return None
    truth = task.emit("Cast", task.emit("Cast", x, to="bool"), to=task.held)
    keepdims = int(bool(task.attr("keepdims", False)))
    return task.emit("ReduceSum", truth, ints(*axes), keepdims=keepdims)


REDUCTIONS = {
    "sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin",
    "prod": "ReduceProd",
}  # fmt: skip

OPS: Table = {
    **{f"reduce.{name}": _reduce(op) for name, op in REDUCTIONS.items()},
    "reduce.logsumexp": _logsumexp, "reduce.count_nonzero": _count_nonzero,
    "reduce.argmax": _argument("ArgMax"), "reduce.argmin": _argument("ArgMin"),
    "reduce.cumsum": _cumsum,
}  # fmt: skip

PRIMITIVES: Table = {
    "reduce_sum": _primitive("ReduceSum"), "reduce_max": _primitive("ReduceMax"),
    "reduce_min": _primitive("ReduceMin"), "reduce_prod": _primitive("ReduceProd"),
    "reduce_and": _primitive("ReduceMin"), "reduce_or": _primitive("ReduceMax"),
    "argmax": _argument("ArgMax"), "argmin": _argument("ArgMin"), "cumsum": _cumsum,
    "cumprod": _doubling("Mul", 1.0), "cummax": _doubling("Max", -np.inf),
    "cummin": _doubling("Min", np.inf),
}  # fmt: skip
