"""Activations that ONNX has as operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.artifacts.onnx.elementwise import FLOATS, unary
from graphc.artifacts.onnx.task import Result, Table, Task, Translator, aligned, scalar
from graphc.artifacts.onnx.writer import Tensor


def _with(op: str, **names: str) -> Translator:
    """Return the translator to an operator whose attributes are these of ours, where given."""

    def translate(task: Task) -> Result:
        values = {theirs: _number(task, ours) for theirs, ours in names.items()}
        if task.held != "float32" or any(value is None for value in values.values()):
            return None
        return unary(op, **values)(task)

    return translate


DEFAULTS = {"alpha": 1.0, "negative_slope": 0.01, "threshold": 0.5}


def _number(task: Task, name: str) -> float | None:
    """Return an attribute or an operand that is a number known now."""
    if name in task.attrs:
        return float(task.attrs[name])
    if len(task.inputs) < 2:
        return DEFAULTS[name]
    given = task.inputs[1]
    known = given is not None and given.known and given.ndim == 0
    return float(given.numpy()) if given is not None and known else None


def _relu(task: Task) -> Result:
    slope, top = task.attr("negative_slope", 0.0), task.attr("max_value")
    threshold = task.attr("threshold", 0.0)
    if threshold:
        plain = slope == 0.0 and top is None and threshold > 0 and task.held == "float32"
        return unary("ThresholdedRelu", alpha=float(threshold))(task) if plain else None
    if slope == 0.0 and top is None:
        return unary("Relu")(task)
    if slope == 0.0 and top is not None and task.held in FLOATS:
        return _clip(task, 0.0, float(top))
    if top is None and task.held == "float32":
        return unary("LeakyRelu", alpha=float(slope))(task)
    return None


def _clip(task: Task, low: float, high: float) -> Tensor:
    (x,), form = aligned(task, [task.x()])
    limits = (scalar(low, task.held), scalar(high, task.held))
    return task.formed(task.emit("Clip", task.cast(x, task.held), *limits), form)


def _limited(low: float, high: float) -> Translator:
    return lambda task: _clip(task, low, high) if task.held in FLOATS else None


def _floating(op: str, **attrs: Any) -> Translator:
    def translate(task: Task) -> Result:
        return unary(op, **attrs)(task) if task.held == "float32" else None

    return translate


def _gelu(task: Task) -> Result:
    approximate = task.attr("approximate", True)
    if len(task.inputs) > 1 or task.held != "float32":
        return None
    if task.writer.opset >= 20:
        return unary("Gelu", approximate="tanh" if approximate else "none")(task)
    if approximate:
        return None
    (x,), form = aligned(task, [task.x()])
    part = task.emit("Erf", task.emit("Mul", x, scalar(float(np.sqrt(0.5)))))
    half = task.emit("Mul", x, scalar(0.5))
    return task.formed(task.emit("Mul", half, task.emit("Add", part, scalar(1.0))), form)


def _silu(task: Task) -> Result:
    (x,), form = aligned(task, [task.x()])
    value = task.cast(x, task.held)
    return task.formed(task.emit("Mul", value, task.emit("Sigmoid", value)), form)


def _softmax(op: str) -> Translator:
    def translate(task: Task) -> Result:
        x, axis = task.x(), task.attr("axis", -1)
        if not isinstance(axis, int) or len(task.inputs) > 1 or not x.ndim:
            return None
        (stored,), form = aligned(task, [x])
        if form.thin is not None:
            stored, form = x, type(form)()
        place = axis % x.ndim
        place = place if form.order is None else form.order.index(place)
        return task.formed(task.emit(op, task.cast(stored, task.held), axis=place), form)

    return translate


def _prelu(task: Task) -> Result:
    x, alpha = task.given
    if task.held != "float32" or not alpha.known:
        return None
    given, form = aligned(task, [x, alpha])
    return task.formed(task.emit("PRelu", *given), form)


def _soft_shrink(task: Task) -> Result:
    if task.held != "float32":
        return None
    value = float(task.attr("threshold", 0.5))
    return unary("Shrink", lambd=value, bias=value)(task)


OPS: Table = {
    "nn.relu": _relu, "nn.relu6": _limited(0.0, 6.0), "nn.hard_tanh": _limited(-1.0, 1.0),
    "nn.sigmoid": _floating("Sigmoid"), "nn.softplus": _floating("Softplus"),
    "nn.softsign": _floating("Softsign"), "nn.mish": _floating("Mish"),
    "nn.selu": _floating("Selu"), "nn.elu": _with("Elu", alpha="alpha"),
    "nn.celu": _with("Celu", alpha="alpha"),
    "nn.leaky_relu": _with("LeakyRelu", alpha="negative_slope"),
    "nn.hard_sigmoid": _floating("HardSigmoid", alpha=1 / 6, beta=0.5),
    "nn.hard_silu": _floating("HardSwish"), "nn.silu": _silu, "nn.gelu": _gelu,
    "nn.softmax": _softmax("Softmax"), "nn.log_softmax": _softmax("LogSoftmax"),
    "nn.prelu": _prelu, "nn.soft_shrink": _soft_shrink,
}  # fmt: skip
