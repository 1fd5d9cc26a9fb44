"""Products: `nn.dense`, `linalg.matmul`, `linalg.einsum`, and the primitive of all of them."""

from __future__ import annotations

import math
from string import ascii_lowercase

from graphc.artifacts.onnx.sizes import is_static
from graphc.artifacts.onnx.task import WIDER, Result, Table, Task
from graphc.artifacts.onnx.writer import Tensor


def _operands(task: Task, *tensors: Tensor) -> list[Tensor | str]:
    dtype = WIDER.get(task.held, task.held)
    return [task.cast(one, dtype) for one in tensors]


def _finished(task: Task, name: str) -> str:
    return task.cast(name, task.held, WIDER.get(task.held, task.held))


def _dense(task: Task) -> Result:
    x, kernel, bias = task.inputs
    assert x is not None
    assert kernel is not None
    if x.ndim == 1:
        return None
    if bias is not None and x.ndim == 2 and kernel.ndim == 2 and bias.ndim == 1:
        if task.held not in ("float32", "float64"):
            return None
        return task.emit("Gemm", *_operands(task, x, kernel, bias))
    found = task.emit("MatMul", *_operands(task, x, kernel))
    if bias is not None:
        found = task.emit("Add", found, *_operands(task, bias))
    return _finished(task, found)


def _matmul(task: Task) -> Result:
    x, y = task.given
    return _finished(task, task.emit("MatMul", *_operands(task, x, y)))


def _einsum(task: Task) -> Result:
    subscripts = task.attr("subscripts").replace(" ", "")
    letters = [c for term in subscripts.split("->")[0].split(",") for c in [*term.replace(".", "")]]
    twice = any(
        len(set(term)) < len(term)
        for term in subscripts.split("->")[0].replace("...", "").split(",")
    )
    fits = task.held in ("float32", "float64", "int32", "int64") and len(task.given) <= 2
    sizes = [one for operand in task.given for one in operand.shape]
    if twice or not fits or not letters or 1 in sizes:  # a length of one broadcasts, in some
        return None
    return task.emit("Einsum", *_operands(task, *task.given), equation=subscripts)


def _dot_general(task: Task) -> Result:
    x, y = task.given
    (left, right), (left_batch, right_batch) = task.attr("dimension_numbers")
    standard = _as_matmul(task, x, y)
    if standard is not None:
        return _finished(task, standard)
    if WIDER.get(task.held, task.held) not in ("float32", "float64", "int32", "int64"):
        return None
    letters = iter(ascii_lowercase)
    first = [next(letters) for _ in range(x.ndim)]
    second = [next(letters) for _ in range(y.ndim)]
    for a, b in zip((*left, *left_batch), (*right, *right_batch), strict=True):
        second[b] = first[a]
    kept = [first[a] for a in left_batch]
    kept += [c for a, c in enumerate(first) if a not in (*left, *left_batch)]
    kept += [c for b, c in enumerate(second) if b not in (*right, *right_batch)]
    equation = f"{''.join(first)},{''.join(second)}->{''.join(kept)}"
    return _finished(task, task.emit("Einsum", *_operands(task, x, y), equation=equation))


def _as_matmul(task: Task, x: Tensor, y: Tensor) -> str | None:
    """Return the product as a matrix product over the last axes, where it is one."""
    (left, right), (left_batch, right_batch) = task.attr("dimension_numbers")
    lead = tuple(range(len(left_batch)))
    if len(left) != 1 or tuple(left_batch) != lead or tuple(right_batch) != lead:
        return None
    if y.ndim != len(lead) + 2 or x.ndim < len(lead) + 1:
        return None
    if lead and x.ndim != len(lead) + 2:
        return None
    order = [*lead, right[0], next(b for b in range(len(lead), y.ndim) if b != right[0])]
    free = [axis for axis in range(len(lead), x.ndim) if axis != left[0]]
    if not free:
        return None
    x_order = (*lead, *free, left[0])
    dtype = WIDER.get(task.held, task.held)
    if x.held != dtype or y.held != dtype:
        return None
    first = task.writer.stored(x, x_order)
    return task.emit("MatMul", first, task.writer.stored(y, tuple(order)))


def _tensordot(task: Task) -> Result:
    """Translate a product over the last axes of one and the first of the other."""
    x, y = task.given
    count = task.attr("axes", 2)
    if not isinstance(count, int) or count < 1 or y.ndim <= count or not is_static(y.shape):
        return None
    sizes = [int(str(size)) for size in y.shape]
    inner = math.prod(sizes[:count])
    if count == 1 and y.ndim == 2:
        return _matmul(task)
    left = task.writer.reshaped(x, (*x.shape[: x.ndim - count], inner))
    right = task.writer.reshaped(y, (inner, math.prod(sizes[count:])))
    if x.held != task.held or y.held != task.held:
        return None
    return task.writer.reshaped(task.emit("MatMul", left, right), task.shape)


OPS: Table = {
    "nn.dense": _dense, "linalg.matmul": _matmul, "linalg.einsum": _einsum,
    "linalg.tensordot": _tensordot,
}  # fmt: skip

PRIMITIVES: Table = {"dot_general": _dot_general}
