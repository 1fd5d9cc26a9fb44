"""Recurrent layers as ONNX's `RNN`, `GRU` and `LSTM`, the time first.

What these have nothing for (masks, recurrent dropout, other activations) is written as a loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.artifacts.onnx.shapes import flipped
from graphc.artifacts.onnx.task import Result, Table, Task, Translator, ints
from graphc.artifacts.onnx.writer import Tensor

ACTIVATIONS = {
    "tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "softsign": "Softsign",
    "softplus": "Softplus",
}  # fmt: skip
TIME_FIRST = (1, 0, 2)
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Kind:
    """A recurrent op: ONNX's operator, the order of its gates among ours, and its states."""

    op: str
    gates: tuple[int, ...]
    states: int
    activations: tuple[str, ...]


KINDS = {
    "simple_rnn": Kind("RNN", (0,), 1, ("activation",)),
    "gru": Kind("GRU", (0, 1, 2), 1, ("recurrent_activation", "activation")),
    "lstm": Kind("LSTM", (0, 3, 1, 2), 2, ("recurrent_activation", "activation", "activation")),
}


@dataclass(frozen=True)
class Direction:
    """The operands of one direction; weights are known."""

    kernel: Array
    recurrent: Array
    bias: Array | None
    states: Sequence[Tensor | None]


def _direction(
    kind: Kind, operands: Sequence[Tensor | None], dropout: Tensor | None
) -> Direction | None:
    """Return one direction, or None where ONNX has no such layer."""
    kernel, recurrent, bias, *states = operands
    weights = [one for one in (kernel, recurrent, bias) if one is not None]
    if dropout is not None or recurrent is None or not all(one.known for one in weights):
        return None
    hidden = recurrent.numpy()
    inputs = np.eye(hidden.shape[1], dtype="float32") if kernel is None else kernel.numpy()
    return Direction(inputs, hidden, None if bias is None else bias.numpy(), states[: kind.states])


def _by_gate(kind: Kind, weights: Array) -> Array:
    """Return weights [n, gates * units] as ONNX wants them: [gates * units, n], in its order."""
    parts = np.split(weights, len(kind.gates), axis=-1)
    return np.concatenate([parts[gate] for gate in kind.gates], axis=-1).T


def _biases(kind: Kind, direction: Direction) -> Array:
    width = direction.recurrent.shape[1]
    bias = np.zeros((2, width), "float32")
    if direction.bias is not None:
        bias[: max(direction.bias.ndim, 1)] = direction.bias.reshape(-1, width)
    return np.concatenate([_by_gate(kind, row[None])[:, 0] for row in bias])


def _activations(task: Task, kind: Kind) -> list[str] | None:
    defaults = {"activation": "tanh", "recurrent_activation": "sigmoid"}
    names = [task.attr(name, defaults[name]) for name in kind.activations]
    known = all(name in ACTIVATIONS for name in names)
    return [ACTIVATIONS[name] for name in names] if known else None


def _first_states(task: Task, kind: Kind, directions: Sequence[Direction]) -> list[Any]:
    """Return the states before the first step, [directions, B, units] each, or None."""
    found: list[Any] = []
    for place in range(kind.states):
        given = [_unless_zero(one.states[place]) for one in directions]
        if all(one is None for one in given):
            found.append(None)
            continue
        if any(one is None for one in given):
            return []
        parts = [task.emit("Unsqueeze", task.cast(one, "float32"), ints(0)) for one in given if one]
        found.append(parts[0] if len(parts) == 1 else task.emit("Concat", *parts, axis=0))
    return found


def _unless_zero(state: Tensor | None) -> Tensor | None:
    """Return a state, or None where it is zero, which is what ONNX begins with."""
    zero = state is not None and state.array is not None and not np.any(state.numpy())
    return None if zero else state


def _layer(
    task: Task, kind: Kind, directions: Sequence[Direction], direction: str
) -> list[str] | None:
    """Add the layer; return the outputs [T, directions, B, units] and the last states."""
    activations = _activations(task, kind)
    states = _first_states(task, kind, directions)
    if activations is None or task.held != "float32" or not states:
        return None
    weights = [np.stack(rows) for rows in (
        [_by_gate(kind, one.kernel) for one in directions],
        [_by_gate(kind, one.recurrent) for one in directions],
        [_biases(kind, one) for one in directions],
    )]  # fmt: skip
    attrs: dict[str, Any] = {}
    if kind.op == "GRU":
        attrs["linear_before_reset"] = int(task.attr("reset_after", True))
    return task.writer.several(
        kind.op, task.writer.stored(task.x(), TIME_FIRST),
        *(one.astype("float32") for one in weights), None, *states, outputs=1 + kind.states,
        hidden_size=directions[0].recurrent.shape[0], direction=direction,
        activations=activations * len(directions), **attrs,
    )  # fmt: skip


def _one_way(name: str) -> Translator:
    kind = KINDS[name]

    def translate(task: Task) -> Result:
        *operands, mask, dropout = task.inputs[1:]
        direction = _direction(kind, operands, dropout)
        if direction is None or mask is not None:
            return None
        backwards = bool(task.attr("go_backwards", False))
        found = _layer(task, kind, [direction], "reverse" if backwards else "forward")
        if found is None:
            return None
        outputs = task.emit("Squeeze", found[0], ints(1))
        if backwards:
            outputs = flipped(task, outputs, [0])
        last = [task.emit("Squeeze", state, ints(0)) for state in found[1:]]
        return [task.result(outputs, TIME_FIRST), *last]

    return translate


def _bidirectional(task: Task) -> Result:
    kind = KINDS[task.attr("layer")]
    operands = task.inputs[2:]
    half = len(operands) // 2
    parts = [operands[:half], operands[half:]]
    directions = [_direction(kind, part[:-1], part[-1]) for part in parts]
    if task.inputs[1] is not None or any(one is None for one in directions):
        return None
    found = _layer(task, kind, [one for one in directions if one], "bidirectional")
    if found is None:
        return None
    results: list[str | Tensor] = []
    for way in range(2):
        outputs = task.emit("Gather", found[0], np.asarray(way, "int64"), axis=1)
        results.append(task.result(outputs, TIME_FIRST, place=len(results)))
        results += [
            task.emit("Gather", state, np.asarray(way, "int64"), axis=0) for state in found[1:]
        ]
    return results


OPS: Table = {
    **{f"nn.{name}": _one_way(name) for name in KINDS},
    "nn.bidirectional": _bidirectional,
}
