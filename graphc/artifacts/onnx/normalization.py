"""Normalisation: `nn.batch_norm`, `nn.layer_norm`, `nn.rms_norm` and `nn.group_norm`."""

from __future__ import annotations

import numpy as np

from graphc.artifacts.onnx.convolution import channels_first
from graphc.artifacts.onnx.sizes import is_static
from graphc.artifacts.onnx.task import Result, Table, Task, axes_of
from graphc.artifacts.onnx.writer import Tensor
from graphc.kernels.reference.normalization import normalized_axes


def _batch_norm(task: Task) -> Result:
    x, mean, variance, gamma, beta = task.inputs
    assert x is not None
    assert mean is not None
    assert variance is not None
    if task.held != "float32" or x.held != task.held or x.ndim < 2:
        return None
    (axis,) = axes_of(task.attr("axis", -1), x.ndim)
    if axis == 0 or mean.ndim != 1:
        return None
    order = (0, axis, *(a for a in range(1, x.ndim) if a != axis))
    count = int(str(mean.shape[0]))
    scale = gamma if gamma is not None else Tensor((count,), "float32", array=_filled(count, 1))
    shift = beta if beta is not None else Tensor((count,), "float32", array=_filled(count, 0))
    found = task.emit(
        "BatchNormalization", task.writer.stored(x, order), scale, shift, mean, variance,
        epsilon=float(task.attr("epsilon", 1e-3)),
    )  # fmt: skip
    return task.result(found, None if axis == 1 else order)


def _filled(count: int, value: float) -> np.ndarray:
    return np.full(count, value, "float32")


def _layer_norm(task: Task) -> Result:
    x, gamma, beta = task.inputs
    assert x is not None
    axes = normalized_axes(task.attr("axis", -1), x.ndim)
    first = axes[0]
    last = axes == tuple(range(first, x.ndim))
    if not last or task.attr("rms_scaling") or task.held != "float32":
        return None
    if not is_static(x.shape[first:]):
        return None
    scale = gamma
    if scale is None:
        sizes = [int(str(size)) for size in x.shape[first:]]
        scale = Tensor(tuple(sizes), "float32", array=np.ones(sizes, "float32"))
    return task.emit(
        "LayerNormalization", x, scale, beta, axis=first - x.ndim,
        epsilon=float(task.attr("epsilon", 1e-3)),
    )  # fmt: skip


def _rms_norm(task: Task) -> Result:
    x, scale = task.inputs
    assert x is not None
    axes = normalized_axes(task.attr("axis", -1), max(x.ndim, 1))
    first = axes[0]
    if task.writer.opset < 23 or not x.ndim or axes != tuple(range(first, x.ndim)):
        return None
    if task.held != "float32" or not is_static(x.shape[first:]):
        return None
    sizes = tuple(int(str(size)) for size in x.shape[first:])
    if scale is None:
        scale = Tensor(sizes, "float32", array=np.ones(sizes, "float32"))
    if tuple(scale.shape) != sizes:
        return None
    return task.emit(
        "RMSNormalization", x, scale, axis=first - x.ndim,
        epsilon=float(task.attr("epsilon", 1e-6)),
    )  # fmt: skip


def _group_norm(task: Task) -> Result:
    x, gamma, beta = task.inputs
    assert x is not None
    (axis,) = axes_of(task.attr("axis", -1), x.ndim)
    if task.writer.opset < 21 or task.held != "float32" or axis == 0 or x.ndim < 3:
        return None
    count = x.shape[axis]
    if axis not in (1, x.ndim - 1) or not isinstance(count, int):
        return None
    layout = "channels_first" if axis == 1 else "channels_last"
    order = channels_first(x.ndim - 2, layout)
    ones = Tensor((count,), "float32", array=_filled(count, 1))
    zeros = Tensor((count,), "float32", array=_filled(count, 0))
    found = task.emit(
        "GroupNormalization", task.writer.stored(x, order), gamma or ones, beta or zeros,
        num_groups=task.attr("groups"), epsilon=float(task.attr("epsilon", 1e-3)),
    )  # fmt: skip
    return task.result(found, None if axis == 1 else order)


OPS: Table = {
    "nn.batch_norm": _batch_norm, "nn.layer_norm": _layer_norm, "nn.rms_norm": _rms_norm,
    "nn.group_norm": _group_norm,
}  # fmt: skip
