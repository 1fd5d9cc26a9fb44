"""What computes nothing goes.

    cast(x, dtype of x) = x                   cast(cast(x, wider), dtype) = cast(x, dtype)
    transpose(transpose(x, p), q) = transpose(x, p[q])          transpose(x, 0 1 2 ...) = x
    reshape(reshape(x, ...), shape) = reshape(x, shape)         reshape(x, shape of x) = x
    x * 1 = x / 1 = x - 0 = x + -0.0 = x      sum of one term = that term
    where(true, x, y) = x, where(false, x, y) = y

Exact, signs of zeros and dtypes included: what would not be is declined (-0.0 + 0 is 0.0). A branch
of `where` that is never taken gets no gradient, not a zero made from it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from graphc.builder import Builder
from graphc.errors import RewriteLimitError
from graphc.ir import ConstantArray, Graph, Node, Value
from graphc.match import count_uses
from graphc.passes.base import Mode, Numerics
from graphc.rewrite import Event, replay

LIMIT = 100  # replays; each shortens every chain of ops that there is, so a few are enough
TRANSPOSES: dict[str, Callable[..., Any]] = {
    "shape.transpose": np.transpose, "shape.swapaxes": np.swapaxes, "shape.moveaxis": np.moveaxis,
}  # fmt: skip
RESHAPES = ("shape.reshape", "shape.ravel", "shape.squeeze", "shape.expand_dims")
NEUTRAL = {"math.multiply": 1, "math.divide": 1, "math.add": 0, "math.subtract": 0}
COMMUTING = ("math.multiply", "math.add")


@dataclass(frozen=True)
class Instead:
    """What stands in for a node: a value, or the op still to be applied to it."""

    value: Value
    op: str = ""
    attrs: dict[str, Any] = field(default_factory=dict[str, Any])


# None where there is nothing to simplify; the reason where there nearly is.
Verdict = Instead | str | None
Uses = Counter[Value]


def _unchanged(node: Node, _: Uses) -> Verdict:
    return _itself(node, node.inputs[0])


def _itself(node: Node, value: Value | None) -> Verdict:
    """Return a value as what stands for a node of the same shape and dtype."""
    if value is None or value.node.literal is not None or value.spec != node.specs[0]:
        return None
    return Instead(value)


def _cast_of_cast(node: Node, uses: Uses) -> Verdict:
    outer = node.inputs[0]
    inner = outer and outer.node.op == "core.cast" and outer.node.inputs[0]
    if not outer or not inner or inner.node.literal is not None:
        return None
    dtypes = inner.spec.dtype, outer.spec.dtype, node.specs[0].dtype
    reason = reason_against_joining(*dtypes)
    if reason is not None:
        return reason
    if uses[outer] > 1 and is_float(inner.spec.dtype):
        return f"the gradients of several users would be added up in {inner.spec.dtype}"
    return Instead(inner, "core.cast", {"dtype": node.specs[0].dtype})


def reason_against_joining(source: str, middle: str, target: str) -> str | None:
    """Return None where casting by way of `middle` is the same as casting at once, else why not."""
    if not holds(middle, source):
        return f"{middle} cannot hold every {source}"
    if is_float(source) and is_float(target) and not holds(middle, target):
        return f"the gradient is rounded to {middle} on its way"
    whole = not is_float(target) and target != "bool"
    if whole and is_float(middle) and not holds(target, source):
        return f"numbers that {target} cannot hold are converted in another way"
    return None


def holds(wide: str, narrow: str) -> bool:
    """Return whether every number of one dtype is one of the other."""
    if narrow in (wide, "bool"):
        return True
    if not is_float(wide):
        return not is_float(narrow) and wide != "bool" and np.can_cast(narrow, wide)
    if not is_float(narrow):
        largest = int(jnp.iinfo(narrow).max)
        return largest <= min(2 ** (jnp.finfo(wide).nmant + 1), float(jnp.finfo(wide).max))
    w, n = jnp.finfo(wide), jnp.finfo(narrow)
    return w.nmant >= n.nmant and w.maxexp >= n.maxexp and w.minexp - w.nmant <= n.minexp - n.nmant


def is_float(dtype: str) -> bool:
    """Return whether a dtype holds real floating-point numbers."""
    return bool(jnp.issubdtype(dtype, jnp.floating))


def permutation(node: Node) -> tuple[int, ...]:
    """Return which axis of its operand each axis of a transposition is."""
    ndim = node.specs[0].ndim
    named = np.empty(tuple(range(ndim)))  # every axis has a length of its own
    return TRANSPOSES[node.op](named, **node.attrs).shape


def _transpose(node: Node, _: Uses) -> Verdict:
    x = node.inputs[0]
    assert x is not None
    axes = permutation(node)
    if axes == tuple(range(len(axes))):
        return _itself(node, x)
    if x.node.op not in TRANSPOSES or x.node.inputs[0] is None:
        return None
    before = permutation(x.node)
    joined = tuple(before[axis] for axis in axes)
    if joined == tuple(range(len(axes))):
        return Instead(x.node.inputs[0])
    return Instead(x.node.inputs[0], "shape.transpose", {"axes": joined})


def _reshape(node: Node, _: Uses) -> Verdict:
    outer = node.inputs[0]
    inner = outer and outer.node.op in RESHAPES and outer.node.inputs[0]
    if not outer or not inner or inner.node.literal is not None:
        return None
    if inner.spec == node.specs[0]:
        return Instead(inner)
    if "shape.reshape" not in (node.op, outer.node.op):
        return None
    return Instead(inner, "shape.reshape", {"newshape": node.specs[0].shape})


def _neutral(node: Node, _: Uses) -> Verdict:
    left, right = node.inputs
    places = [(left, right), (right, left)] if node.op in COMMUTING else [(left, right)]
    for x, number in places:
        if x is None or number is None or x.node.literal is not None:
            continue
        if _is_literal(number, NEUTRAL[node.op]):
            return _without(node, x, number.node.literal)
    return None


def _without(node: Node, x: Value, number: float) -> Verdict:
    """Return the other operand of an op with a neutral number, where nothing changes."""
    if x.spec != node.specs[0]:
        return f"{x.spec.dtype} becomes {node.specs[0].dtype}"
    negative = math.copysign(1, number) < 0
    if number == 0 and is_float(x.spec.dtype) and negative != (node.op == "math.add"):
        return "a zero could change its sign"
    return Instead(x)


def _is_literal(value: Value, number: int) -> bool:
    return type(value.node.literal) in (int, float) and value.node.literal == number


def _one_term(node: Node, _: Uses) -> Verdict:
    x, axis = node.inputs[0], node.attrs.get("axis")
    if x is None or x.node.literal is not None:
        return None
    axes = range(x.spec.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    if any(x.spec.shape[each] != 1 for each in axes):
        return None
    if x.spec.dtype != node.specs[0].dtype:
        return f"{x.spec.dtype} becomes {node.specs[0].dtype}"
    return _itself(node, x) or Instead(x, "shape.reshape", {"newshape": node.specs[0].shape})


def _one_part(node: Node, _: Uses) -> Verdict:
    return _itself(node, node.inputs[0]) if len(node.inputs) == 1 else None


def _known_branch(node: Node, _: Uses) -> Verdict:
    condition, x, y = node.inputs
    value = condition and condition.node.attrs.get("value")
    if condition is None or condition.node.op != "core.constant" or condition.spec.dtype != "bool":
        return None
    truth = value.array if isinstance(value, ConstantArray) else np.asarray(value)
    if truth.all() == truth.any():
        return _itself(node, x if truth.all() else y) or "the branch has another shape or dtype"
    return None


RULES: tuple[tuple[str, tuple[str, ...], Callable[[Node, Uses], Verdict]], ...] = (
    ("identity", ("core.identity", "core.cast", "shape.broadcast_to", *RESHAPES), _unchanged),
    ("cast_of_cast", ("core.cast",), _cast_of_cast),
    ("transpose", tuple(TRANSPOSES), _transpose),
    ("reshape_of_reshape", RESHAPES, _reshape),
    ("neutral_number", tuple(NEUTRAL), _neutral),
    ("one_term", ("reduce.sum", "reduce.mean"), _one_term),
    ("one_part", ("shape.concatenate",), _one_part),
    ("known_branch", ("math.where",), _known_branch),
)
BY_OP = {
    op: [(name, judge) for name, known, judge in RULES if op in known]
    for op in dict.fromkeys(op for _, ops, _ in RULES for op in ops)
}


@dataclass(frozen=True)
class Simplify:
    """The pass: replays until nothing is left that computes nothing."""

    name: str = "simplify"
    numerics: Numerics = "exact"
    modes: tuple[Mode, ...] = ("train", "infer")

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        """Return the graph without what computes nothing, and what happened."""
        fired: list[Event] = []
        for _ in range(LIMIT):
            instead, events = _judged(graph)
            if not instead:
                return graph, (*fired, *events)
            fired += [event for event in events if event.reason is None]
            graph = replay(graph, {node: partial(_emit, found) for node, found in instead.items()})
        raise RewriteLimitError(f"{self.name} still finds something after {LIMIT} replays.")


def _judged(graph: Graph) -> tuple[dict[Node, Instead], list[Event]]:
    uses = count_uses(graph)
    instead: dict[Node, Instead] = {}
    events: list[Event] = []
    for node in graph.nodes:
        for name, judge in BY_OP.get(node.op, ()):
            verdict = judge(node, uses)
            if verdict is None:
                continue
            reason = verdict if isinstance(verdict, str) else None
            events.append(Event(name, node.scope, node.op, reason))
            if isinstance(verdict, Instead):
                instead[node] = verdict
                break
    return instead, events


def _emit(found: Instead, builder: Builder, new: dict[Value, Value]) -> tuple[Value, ...]:
    value = new[found.value]
    return (builder.emit(found.op, value, **found.attrs) if found.op else value,)


SIMPLIFY = Simplify()
