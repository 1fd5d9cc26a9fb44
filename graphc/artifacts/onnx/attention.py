"""Attention as one node, from the opset on that has it; else as the products it consists of."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from graphc.artifacts.onnx.task import Result, Table, Task, broadcast
from graphc.artifacts.onnx.writer import Tensor
from graphc.kernels.reference.attention import MASKED, in_reach


def _attention(task: Task) -> Result:
    query, key, value, bias, mask = task.inputs
    assert query is not None
    assert key is not None
    assert value is not None
    heads, shared, width = query.shape[2], key.shape[2], query.shape[3]
    causal, window = bool(task.attr("is_causal", False)), task.attr("window")
    plain = mask is None or not task.attr("zero_empty_rows")
    sizes = all(isinstance(size, int) for size in (heads, shared, width, value.shape[3]))
    if task.writer.opset < 23 or not plain or not sizes or task.held != "float32":
        return None
    alone = bias is None and mask is None and window is None
    shown = None
    if window is not None or (causal and not (alone and query.shape[1] == key.shape[1])):
        shown = _in_reach(query, key, causal, window)
        if shown is None or not (shown.any(-1).all() or not task.attr("zero_empty_rows")):
            return None
    scale = task.attr("scale")
    parts = [one.shape for one in (bias, mask) if one is not None]
    parts += [] if shown is None else [shown.shape]
    added = _added(task, bias, mask, shown)
    if added is not None and any(broadcast(parts)[axis] == 1 for axis in (2, 3)):
        # Runtimes broadcast what is added over rows and heads alone.
        added = task.emit("Expand", added, task.writer.shape((1, 1, query.shape[1], key.shape[1])))
    found = task.emit(
        "Attention", *(_flat(task, one) for one in (query, key, value)), added,
        q_num_heads=heads, kv_num_heads=shared, is_causal=int(causal and shown is None),
        scale=float(int(str(width)) ** -0.5 if scale is None else scale),
    )  # fmt: skip
    return task.writer.reshaped(found, task.shape)


def _flat(task: Task, x: Tensor) -> str:
    """Return a tensor [B, T, N, H] as [B, T, N * H]."""
    count = int(str(x.shape[2])) * int(str(x.shape[3]))
    batch, length = x.shape[:2]
    source = task.cast(x, task.held)
    return task.writer.reshaped(source, (batch, length, count))


def _in_reach(
    query: Tensor, key: Tensor, causal: bool, window: int | None
) -> np.ndarray[Any, Any] | None:
    """Return which keys [1, 1, T, S] are near enough to a query; None for unknown lengths."""
    rows, columns = query.shape[1], key.shape[1]
    if not isinstance(rows, int) or not isinstance(columns, int):
        return None
    near = in_reach(jnp.arange(rows)[:, None], jnp.arange(columns), causal, window)
    return np.asarray(near)[None, None]


def _added(
    task: Task, bias: Tensor | None, mask: Tensor | None, near: np.ndarray[Any, Any] | None
) -> Tensor | str | None:
    """Return what is added to the scores: the bias, and what hides keys that must not be seen."""
    added = None if bias is None else task.cast(bias, task.held)
    if near is not None:
        reach = Tensor(near.shape, "bool", array=near)
        both = reach if mask is None else task.emit("And", task.cast(mask, "bool"), reach)
        mask = both if isinstance(both, Tensor) else Tensor((), "bool", both)
    if mask is None:
        return None if added is None else task.writer.name_of(added)
    zero = Tensor((), task.held, array=0.0)
    hidden = Tensor((), task.held, array=MASKED)
    shown = zero if added is None else added
    return task.emit("Where", task.cast(mask, "bool"), shown, hidden)


OPS: Table = {"nn.attention": _attention}
