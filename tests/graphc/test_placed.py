"""The batch at another axis or merged with others: what keeps samples apart, and near misses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphc.body import Body
from graphc.builder import Builder
from graphc.ir import Value
from graphc.separable import mixing_node
from tests.graphc.graphs import spec
from tests.graphc.test_separable import FEATURES, StepGraph, _mixing, _shared_results

Make = Callable[[StepGraph], Value]
STEPS = 2


def steps_of(s: StepGraph) -> Value:
    return s.emit("shape.stack", s.x, s.y, axis=1)  # [B, 2, F]


def swapped(s: StepGraph) -> Value:
    return s.emit("shape.swapaxes", steps_of(s), axis1=0, axis2=1)  # [2, B, F]


def merged(s: StepGraph) -> Value:
    return s.emit("shape.reshape", steps_of(s), newshape=(s.batch * STEPS, FEATURES))


def split(s: StepGraph, value: Value) -> Value:
    last = value.spec.shape[-1]
    return s.emit("shape.reshape", value, newshape=(s.batch, STEPS, last))


def back(s: StepGraph, value: Value) -> Value:
    return s.emit("shape.swapaxes", value, axis1=0, axis2=1)


def zeros(s: StepGraph, *shape: int) -> Value:
    return s.builder.constant(np.zeros(shape, "float32"))


def numbers(s: StepGraph, *shape: int) -> Value:
    content = np.arange(np.prod(shape)).reshape(shape).astype("float32")
    return s.builder.constant(content)


def scanned(s: StepGraph, sequence: Value, step: str, reverse: bool = False) -> tuple[Value, ...]:
    """Run a carry [B, F] along axis 0: `carry = step(carry) + slice @ w`."""
    b = Builder()
    rows = sequence.spec.shape[1]
    carry, piece = b.input(spec(rows, FEATURES), "c"), b.input(spec(rows, FEATURES), "p")
    w = b.input(spec(FEATURES, FEATURES), "w")
    made: dict[str, Callable[[], Value]] = {
        "tanh": lambda: b.emit("math.tanh", carry),
        "mean": lambda: b.emit("reduce.mean", carry, axis=0, keepdims=True),
        "roll": lambda: b.emit("shape.roll", carry, shift=1, axis=0),
    }
    after = b.emit("math.add", made[step](), b.emit("linalg.matmul", piece, w))
    body = Body(b.finish([after, b.emit("nn.softmax", after, axis=-1)], []))
    start = zeros(s, rows, FEATURES)
    node = s.emit("core.scan", start, sequence, s.w, body=body, carries=1, sequences=1,
                  length=None, reverse=reverse, unroll=1)  # fmt: skip
    return tuple(node)


def _merged_scan(s: StepGraph) -> Value:
    several = s.emit("shape.stack", merged(s), merged(s), axis=0)  # [2, B * 2, F]
    return split(s, scanned(s, several, "tanh")[0])


APART: dict[str, Make] = {
    "there and back": lambda s: back(s, s.emit("math.exp", swapped(s))),
    "over time": lambda s: s.emit("reduce.sum", swapped(s), axis=0),
    "kept axis": lambda s: back(s, s.emit("reduce.max", swapped(s), axis=2, keepdims=True)),
    "negative axis": lambda s: s.emit("reduce.mean", swapped(s), axis=-3),
    "one step": lambda s: s.emit("shape.getitem", swapped(s), index=(-1,)),
    "turned round": lambda s: back(s, s.emit("shape.flip", swapped(s), axis=0)),
    "features": lambda s: back(s, s.emit("nn.softmax", swapped(s), axis=-1)),
    "dense": lambda s: back(s, s.emit("nn.dense", swapped(s), s.w, None)),
    "with a bias": lambda s: back(s, s.emit("math.add", swapped(s), zeros(s, FEATURES))),
    "with rows": lambda s: back(s, s.emit("math.multiply", swapped(s), s.x)),
    "transposed": lambda s: s.emit(
        "shape.transpose", s.emit("shape.transpose", steps_of(s), axes=(2, 0, 1)), axes=(1, 2, 0)
    ),
    "moved": lambda s: s.emit(
        "shape.moveaxis", s.emit("shape.moveaxis", steps_of(s), source=0, destination=-1),
        source=-1, destination=0,
    ),
    "an axis before": lambda s: s.emit(
        "shape.squeeze", s.emit("shape.expand_dims", s.x, axis=0), axis=0
    ),
    "joined": lambda s: back(s, s.emit("shape.concatenate", swapped(s), swapped(s), axis=0)),
    "merged": lambda s: split(s, s.emit("math.tanh", merged(s))),
    "merged product": lambda s: split(s, s.emit("linalg.matmul", merged(s), s.w)),
    "merged features": lambda s: split(s, s.emit("nn.softmax", merged(s), axis=1)),
    "merged with merged": lambda s: split(s, s.emit("math.add", merged(s), merged(s))),
    "merged with zeros": lambda s: split(
        s, s.emit("math.add", merged(s), zeros(s, s.batch * STEPS, FEATURES))
    ),
    "merged deeper": lambda s: s.emit(
        "shape.reshape", s.emit("math.exp", s.emit(
            "shape.reshape", merged(s), newshape=(s.batch * STEPS * FEATURES,))),
        newshape=(s.batch, STEPS * FEATURES),
    ),
    "merged behind time": lambda s: s.emit(
        "shape.reshape", back(s, s.emit(
            "shape.reshape", s.emit("shape.reshape", swapped(s),
                                    newshape=(STEPS, s.batch * FEATURES)),
            newshape=(STEPS, s.batch, FEATURES))),
        newshape=(s.batch, STEPS * FEATURES),
    ),
    "scan": lambda s: scanned(s, swapped(s), "tanh")[0],
    "scan, stacked": lambda s: back(s, scanned(s, swapped(s), "tanh", reverse=True)[1]),
    "scan of merged": _merged_scan,
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_samples_stay_apart(name: str) -> None:
    def build(s: StepGraph) -> tuple[list[Value], list[Value]]:
        return [APART[name](s)], [s.count]

    assert _mixing(build) is None
    (outputs, _), (wanted, _) = _shared_results(build)
    for one, other in zip(outputs, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


MIXED: dict[str, tuple[Make, str]] = {
    "over the moved batch": (lambda s: s.emit("reduce.sum", swapped(s), axis=1), "reduce.sum"),
    "over all": (lambda s: s.emit("reduce.max", swapped(s)), "reduce.max"),
    "softmax over it": (lambda s: back(s, s.emit("nn.softmax", swapped(s), axis=1)), "nn.softmax"),
    "turned round": (lambda s: back(s, s.emit("shape.flip", swapped(s), axis=1)), "shape.flip"),
    "joined along it": (
        lambda s: back(s, s.emit("shape.concatenate", swapped(s), swapped(s), axis=1)),
        "shape.concatenate",
    ),
    "one of its rows": (
        lambda s: s.emit("shape.getitem", swapped(s), index=(("slice", None, None, None), 0)),
        "shape.getitem",
    ),
    "left where it is": (swapped, "shape.swapaxes"),
    "each with each": (
        lambda s: s.emit("math.add", s.emit("shape.expand_dims", s.x, axis=0),
                         s.emit("shape.expand_dims", s.y, axis=1)), "math.add"
    ),
    "with numbers": (
        lambda s: back(s, s.emit("math.add", swapped(s), numbers(s, s.batch, FEATURES))),
        "math.add",
    ),
    "merged, left": (merged, "shape.reshape"),
    "merged, over all": (lambda s: s.emit("reduce.sum", merged(s), axis=0), "reduce.sum"),
    "merged, sorted": (lambda s: split(s, s.emit("shape.sort", merged(s), axis=0)), "shape.sort"),
    "merged, numbered": (
        lambda s: split(s, s.emit("math.add", merged(s), numbers(s, s.batch * STEPS, 1))),
        "math.add",
    ),
    "merged with rows": (
        lambda s: s.emit("shape.concatenate", merged(s), s.x, axis=0), "shape.concatenate"
    ),
    "split the other way": (
        lambda s: s.emit("shape.reshape", merged(s), newshape=(STEPS, s.batch, FEATURES)),
        "shape.reshape",
    ),
    "rows split the other way": (
        lambda s: s.emit("shape.reshape", steps_of(s), newshape=(STEPS, s.batch, FEATURES)),
        "shape.reshape",
    ),
    "time before the batch, merged": (
        lambda s: s.emit("shape.reshape", swapped(s), newshape=(s.batch * STEPS, FEATURES)),
        "shape.reshape",
    ),
    "scan along the batch": (
        lambda s: scanned(s, s.emit("shape.stack", s.x, s.y, axis=1), "tanh")[1], "core.scan"
    ),
    "scan with a mean": (lambda s: scanned(s, swapped(s), "mean")[0], "core.scan"),
    "scan with a roll": (lambda s: scanned(s, swapped(s), "roll")[0], "core.scan"),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_near_misses_are_named(name: str) -> None:
    make, op = MIXED[name]
    node = _mixing(lambda s: ([make(s)], [s.count]))
    assert node is not None
    assert node.op == op


NUMBERED: dict[str, tuple[Make, bool]] = {
    "arange": (lambda s: s.emit(
        "math.add", s.x, s.emit("shape.expand_dims", s.emit(
            "shape.arange", start=0, stop=s.batch, dtype="float32"), axis=1)), False),
    "numbers": (lambda s: s.emit("math.add", s.x, numbers(s, s.batch, FEATURES)), False),
    "zeros": (lambda s: s.emit("math.add", s.x, zeros(s, s.batch, FEATURES)), True),
    "ones": (lambda s: s.emit("math.add", s.x, s.emit(
        "shape.full", shape=(s.batch, FEATURES), value=1.0, dtype="float32")), True),
    "one row": (lambda s: s.emit("math.add", s.x, s.emit(
        "shape.broadcast_to", numbers(s, FEATURES), shape=(s.batch, FEATURES))), True),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERED)
def test_rows_that_depend_on_their_number(name: str) -> None:
    """They may where a batch is padded, and must not where rows are computed one by one."""
    make, alike = NUMBERED[name]
    step = StepGraph(6)
    graph, node = step.finish([make(step)], [step.count])
    assert node is None
    batch = frozenset((step.x, step.y))
    assert (mixing_node(graph, batch, step.valid, numbered=False) is None) == alike
