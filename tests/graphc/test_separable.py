"""Separability: known mixers are named; what is called separable gives the same with padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

from graphc.builder import Builder
from graphc.errors import GraphError
from graphc.ir import Graph, Node, Value
from graphc.separable import mixing_node
from tests.graphc.graphs import run, spec

FULL, REAL, FEATURES = 6, 5, 3  # all different: no shape fits by accident


class StepGraph:
    """A step under construction: rows x and y, their validity, a parameter."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.builder = b = Builder()
        self.w = b.param(spec(FEATURES, FEATURES), "w")
        self.count = b.state(spec(), "count")
        self.x, self.y = (b.input(spec(batch, FEATURES), name) for name in "xy")
        self.valid = b.input(spec(batch), "valid")

    def emit(self, op: str, *operands: Any, **attrs: Any) -> Any:
        return self.builder.emit(op, *operands, **attrs)

    def weighted(self, value: Value) -> Value:
        """Rows times validity."""
        column = self.emit("shape.expand_dims", self.valid, axis=1)
        return self.emit("math.multiply", value, column)

    def mean(self, value: Value) -> Value:
        """The mean over the real rows, as a loss takes it."""
        total = self.emit("reduce.sum", self.weighted(value), axis=0)
        return self.emit("math.divide", total, self.emit("reduce.sum", self.valid))

    def finish(self, outputs: list[Value], updates: list[Value]) -> tuple[Graph, Node | None]:
        graph = self.builder.finish(outputs, updates)
        return graph, mixing_node(graph, frozenset((self.x, self.y)), self.valid)


Build = Callable[[StepGraph], tuple[list[Value], list[Value]]]


def _mixing(build: Build) -> Node | None:
    step = StepGraph(FULL)
    return step.finish(*build(step))[1]


def _shared_results(build: Build) -> tuple[Any, Any]:
    """Run a full batch with padding and a batch of the real rows; return what both must share."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.5, 2.0, (2, REAL, FEATURES)).astype("float32")
    w = rng.uniform(-1, 1, (FEATURES, FEATURES)).astype("float32")
    found = []
    for batch in (FULL, REAL):
        step = StepGraph(batch)
        outputs, updates = build(step)
        graph, _ = step.finish(outputs, updates)
        padded = [np.concatenate([a, np.repeat(a[:1], batch - REAL, 0)]) for a in (x, y)]
        valid = (np.arange(batch) < REAL).astype("float32")
        given = ((w,), (np.float32(0),), (*padded, valid))
        found.append(run(graph, given))
    (outputs, updates), (wanted, wanted_updates) = found
    cut = [a if a.shape == b.shape else a[:REAL] for a, b in zip(outputs, wanted, strict=True)]
    return (cut, updates), (wanted, wanted_updates)


def _loss(s: StepGraph) -> tuple[list[Value], list[Value]]:
    dense = s.emit("nn.dense", s.x, s.w, None)
    loss = s.mean(s.emit("math.square", s.emit("math.subtract", dense, s.y)))
    seen = s.emit("math.add", s.count, s.emit("reduce.sum", s.valid))
    return [s.emit("reduce.mean", loss)], [seen]


def _rows_of_its_own(s: StepGraph) -> tuple[list[Value], list[Value]]:
    return [s.emit("nn.softmax", s.emit("nn.dense", s.x, s.w, None), axis=1)], [s.count]


def _scaled_by_batch_length(s: StepGraph) -> tuple[list[Value], list[Value]]:
    ones = s.emit("shape.full", shape=(s.batch, FEATURES), value=1.0, dtype="float32")
    return [s.mean(ones), s.emit("math.multiply", s.x, ones)], [s.count]


def _numbered_rows(s: StepGraph) -> tuple[list[Value], list[Value]]:
    numbers = s.emit("shape.arange", start=0, stop=s.batch, dtype="float32")
    return [s.emit("math.multiply", numbers, s.emit("reduce.sum", s.x, axis=1))], [s.count]


SEPARABLE = [_loss, _rows_of_its_own, _scaled_by_batch_length, _numbered_rows]


@pytest.mark.parametrize("build", SEPARABLE)
def test_what_is_separable_gives_the_same_with_padding(build: Build) -> None:
    assert _mixing(build) is None
    (outputs, updates), (wanted, wanted_updates) = _shared_results(build)
    for one, other in zip([*outputs, *updates], [*wanted, *wanted_updates], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def _of(op: str, *operands: str, **attrs: Any) -> Build:
    def build(s: StepGraph) -> tuple[list[Value], list[Value]]:
        result = s.emit(op, *(o and getattr(s, o) for o in operands), **attrs)
        return [result[0] if isinstance(result, tuple) else result], [s.count]

    build.__name__ = f"{op}_{attrs}"
    return build


MIXERS = [
    _of("nn.batch_norm_train", "x", None, None),
    _of("reduce.mean", "x", axis=0),
    _of("reduce.mean", "x"),
    _of("reduce.sum", "x", axis=(0, 1)),
    _of("reduce.max", "x", axis=-2),
    _of("nn.softmax", "x", axis=0),
    _of("nn.softmax", "x", axis=(0, 1)),
    _of("nn.log_softmax", "x", axis=-2),
    _of("reduce.cumsum", "x", axis=0),
    _of("shape.sort", "x", axis=0),
    _of("shape.argsort", "x", axis=0),
    _of("shape.flip", "x", axis=0),
    _of("shape.flip", "x"),
    _of("shape.roll", "x", shift=1, axis=0),
    _of("nn.layer_norm", "x", None, None, axis=(0, 1)),
    _of("nn.moments", "x", axes=(0,)),
    _of("shape.transpose", "x"),
    _of("shape.reshape", "x", newshape=(-1,)),
    _of("shape.concatenate", "x", "y", axis=0),
    _of("shape.getitem", "x", index=(0,)),
    _of("shape.unique", "x", size=4, fill_value=0),
    _of("linalg.tensordot", "x", "y", axes=((0,), (0,))),
    _of("core.call", "x", fn=lambda x: (x,)),
]


@pytest.mark.parametrize("build", MIXERS, ids=lambda build: build.__name__.split(" at 0x")[0])
def test_a_mixer_is_named(build: Build) -> None:
    node = _mixing(build)
    assert node is not None and build.__name__.startswith(node.op)


def test_the_first_of_several_is_named() -> None:
    def build(s: StepGraph) -> tuple[list[Value], list[Value]]:
        mixed = s.emit("reduce.mean", s.x, axis=0)
        return [s.emit("nn.softmax", s.emit("math.exp", mixed), axis=0)], [s.count]

    node = _mixing(build)
    assert node is not None and node.op == "reduce.mean"


def test_a_mixer_that_nothing_returned_depends_on_does_not_count() -> None:
    def build(s: StepGraph) -> tuple[list[Value], list[Value]]:
        s.emit("reduce.mean", s.x, axis=0)
        return [s.x], [s.count]

    assert _mixing(build) is None


def test_an_update_must_not_depend_on_the_rows() -> None:
    def build(s: StepGraph) -> tuple[list[Value], list[Value]]:
        return [], [s.emit("math.add", s.count, s.emit("reduce.sum", s.x))]

    node = _mixing(build)
    assert node is not None and node.op == "reduce.sum"
    assert _mixing(lambda s: ([], [s.x])) is not None


@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        ("shape.eye", {"n": FULL, "dtype": "float32"}),
        ("shape.arange", {"start": FULL, "stop": 0, "step": -1, "dtype": "int32"}),
        ("shape.full", {"shape": (1, FULL), "value": 1.0, "dtype": "float32"}),
    ],
)
def test_what_is_made_from_the_batch_length_mixes(op: str, attrs: dict[str, Any]) -> None:
    node = _mixing(lambda s: ([s.emit("reduce.sum", s.emit(op, **attrs), axis=-1)], [s.count]))
    assert node is not None and node.op == op


def test_zeros_of_any_length_do_not_mix() -> None:
    """An initial state [B, units] with as many units as rows."""
    attrs = {"shape": (FULL, FULL), "value": 0.0, "dtype": "float32"}
    assert _mixing(lambda s: ([s.emit("shape.full", **attrs)], [s.count])) is None


UNARY = (
    "math.exp", "math.negative", "math.tanh", "math.square", "math.log", "math.sqrt", "nn.relu",
    "nn.sigmoid", "math.abs", "math.isfinite", "math.reciprocal",
)  # fmt: skip
BINARY = (
    "math.add", "math.subtract", "math.multiply", "math.divide", "math.divide_no_nan",
    "math.maximum", "math.minimum", "linalg.matmul", "math.greater", "nn.binary_crossentropy",
)  # fmt: skip
AXIS = (
    "reduce.sum", "reduce.mean", "reduce.max", "reduce.var", "reduce.cumsum", "reduce.any",
    "reduce.count_nonzero", "nn.softmax", "shape.sort", "shape.flip", "shape.expand_dims",
    "shape.squeeze", "shape.diff",
)  # fmt: skip
MADE = ("full", "arange", "eye", "broadcast", "weigh", "transpose", "first", "join", "mean")


def _apply(s: StepGraph, pool: list[Value], kind: str, a: int, b: int) -> Any:
    x, y = pool[a % len(pool)], pool[b % len(pool)]
    if kind in UNARY:
        return s.emit(kind, x)
    if kind in BINARY:
        return s.emit(kind, x, y)
    if kind in AXIS:
        return s.emit(kind, x, axis=(0, 1, -1)[b % 3])
    made: dict[str, Callable[[], Any]] = {
        "full": lambda: s.emit("shape.full", shape=(s.batch,), value=a, dtype="float32"),
        "arange": lambda: s.emit("shape.arange", start=0, stop=s.batch, dtype="float32"),
        "eye": lambda: s.emit("shape.eye", n=s.batch, dtype="float32"),
        "broadcast": lambda: s.emit("shape.broadcast_to", x, shape=(s.batch, FEATURES)),
        "weigh": lambda: s.weighted(x),
        "transpose": lambda: s.emit("shape.transpose", x),
        "first": lambda: s.emit("shape.getitem", x, index=(0,)),
        "join": lambda: s.emit("shape.concatenate", x, y, axis=b % 2),
        "mean": lambda: s.mean(x),
    }
    return made[kind]()


INSTRUCTION = st.tuples(
    st.sampled_from((*UNARY, *BINARY, *AXIS, *MADE)), st.integers(0, 11), st.integers(0, 11)
)


def _program(instructions: list[tuple[str, int, int]]) -> Build:
    def build(s: StepGraph) -> tuple[list[Value], list[Value]]:
        pool = [s.w, s.x, s.y, s.valid, s.count]
        for kind, a, b in instructions:
            try:
                pool.append(_apply(s, pool, kind, a, b))
            except GraphError:
                pool.append(s.x)
        results = pool[-3:]
        return results, [v for v in results if v.spec.shape in ((), (FEATURES,))]

    return build


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(INSTRUCTION, min_size=3, max_size=9))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_steps_that_are_called_separable_are(
    instructions: list[tuple[str, int, int]],
) -> None:
    build = _program(instructions)
    assume(_mixing(build) is None)
    (outputs, updates), (wanted, wanted_updates) = _shared_results(build)
    for one, other in zip([*outputs, *updates], [*wanted, *wanted_updates], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)
