"""Random graphs: passes keep the numbers and the invariants, compiling and printing are stable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from graphc.builder import Builder
from graphc.errors import GraphError
from graphc.ir import Graph, Value, fingerprint
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from graphc.passes.base import Mode, Pass
from graphc.pipeline import Observer, Pipeline
from graphc.rewrite import Event, replay
from graphc.verify import verify
from tests.graphc.graphs import numbers, run, spec

SIZE = 4
# Away from saturation the passes move results by rounding: a few of the 2**-24 of float32, times
# the depth of the graph. Batch statistics in [0.5, 2) keep the scale of a folded weight near 1.
TOLERANCE = 2e-4
SETTINGS = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

UNARY = (
    "math.tanh", "nn.sigmoid", "nn.softmax", "nn.relu", "math.negative", "shape.transpose",
    "core.identity", "math.sin",
)  # fmt: skip
BINARY = ("math.add", "math.subtract", "math.multiply", "math.maximum", "linalg.matmul")
COMPOUND = ("dense", "normalized", "crossentropy", "binary_crossentropy", "sparse", "split", "mean")


class Drawn:
    """A graph under construction, of square matrices and what is reduced from them."""

    def __init__(self) -> None:
        self.builder = b = Builder()
        self.kernels = [b.param(spec(SIZE, SIZE), f"kernel_{i}") for i in range(2)]
        self.bias, self.gamma = (b.param(spec(SIZE), name) for name in ("bias", "gamma"))
        self.mean, self.variance = (b.state(spec(SIZE), name) for name in ("mean", "variance"))
        self.x = b.input(spec(SIZE, SIZE), "x")
        self.target = b.input(spec(SIZE, dtype="int32"), "target")
        self.pool: list[Value] = [self.x, *self.kernels]

    def emit(self, op: str, *operands: Any, **attrs: Any) -> Any:
        return self.builder.emit(op, *operands, **attrs)

    def add(self, position: int, kind: str, a: int, b: int) -> None:
        """Apply one instruction; what does not fit the shapes is left out."""
        self.builder.scope = f"layer_{position}"
        x, y = self.pool[a % len(self.pool)], self.pool[b % len(self.pool)]
        try:
            self.pool.append(self._made(kind, x, y, b))
        except GraphError:
            return

    def _made(self, kind: str, x: Value, y: Value, number: int) -> Value:
        if kind in UNARY:
            return self.emit(kind, x, **({"axis": -1 - number % 2} if kind == "nn.softmax" else {}))
        if kind in BINARY:
            return self.emit(kind, x, y)
        bias = self.bias if number % 2 else None
        if kind == "dense":
            return self.emit("nn.dense", x, self.kernels[number % 2], bias)
        if kind == "normalized":
            dense = self.emit("nn.dense", x, self.kernels[number % 2], bias)
            return self.emit("nn.batch_norm", dense, self.mean, self.variance, self.gamma, None)
        if kind == "split":
            return self.emit("shape.split", x, sections=2)[number % 2]
        if kind == "mean":
            return self.emit("reduce.mean", x, axis=-1)
        return self._loss(kind, x, y)

    def _loss(self, kind: str, x: Value, y: Value) -> Value:
        # A bounded logit cannot saturate, whatever came before.
        logits = self.emit("math.tanh", x)
        if kind == "sparse":
            p = self.emit("nn.softmax", logits, axis=-1)
            return self.emit("nn.sparse_categorical_crossentropy", self.target, p)
        if kind == "crossentropy":
            p = self.emit("nn.softmax", logits, axis=-1)
            return self.emit("nn.categorical_crossentropy", self.emit("nn.sigmoid", y), p)
        p = self.emit("nn.sigmoid", logits)
        return self.emit("nn.binary_crossentropy", self.emit("nn.sigmoid", y), p)

    def finish(self, results: int) -> Graph:
        outputs = self.pool[-results:]
        updates = [self.emit("math.add", self.mean, 1.0), self.variance]
        return self.builder.finish(outputs, updates)


INSTRUCTION = st.tuples(
    st.sampled_from((*UNARY, *BINARY, *COMPOUND, *COMPOUND)), st.integers(0, 9), st.integers(0, 9)
)


@st.composite
def graphs(draw: Any) -> Graph:
    drawn = Drawn()
    for position, instruction in enumerate(draw(st.lists(INSTRUCTION, min_size=1, max_size=10))):
        drawn.add(position, *instruction)
    return drawn.finish(draw(st.integers(1, 3)))


def _arguments(graph: Graph) -> Any:
    params, (mean, _), inputs = numbers(graph, 0, -1.0, 1.0)
    return params, (mean, np.linspace(0.5, 2.0, SIZE, dtype="float32")), inputs


class Checking(Observer):
    """Verifies after every pass and keeps what fired."""

    def __init__(self) -> None:
        self.fired: list[str] = []

    def after(self, step: Pass, old: Graph, new: Graph, events: Sequence[Event]) -> None:
        verify(new)
        fired = [event.rule for event in events if event.reason is None]
        assert (new is old) == (not fired), f"{step.name}: unchanged means the same object"
        self.fired += fired


def _close(ours: Any, theirs: Any) -> None:
    for ones, others in zip(ours, theirs, strict=True):
        for one, other in zip(ones, others, strict=True):
            scale = max(1.0, float(np.abs(other).max(initial=0.0)))
            np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE * scale)
            assert one.dtype == other.dtype


@pytest.mark.parametrize("mode", ["train", "infer"])
@settings(SETTINGS, max_examples=60)
@given(graph=graphs())
def test_passes_keep_the_numbers_and_the_invariants(mode: Mode, graph: Graph) -> None:
    verify(graph)
    after = Pipeline()(graph, mode, [Checking()])
    arguments = _arguments(graph)
    _close(run(after, arguments), run(graph, arguments))


@settings(SETTINGS, max_examples=40)
@given(graph=graphs())
def test_passes_leave_nothing_to_do(graph: Graph) -> None:
    after = Pipeline()(graph, "infer")
    again = Pipeline()(after, "infer")
    assert again is after


@settings(SETTINGS, max_examples=60)
@given(graph=graphs())
def test_replay_print_and_fingerprint_are_stable(graph: Graph) -> None:
    copy = replay(graph, {})
    assert str(copy) == str(graph) == str(graph)
    assert fingerprint(copy) == fingerprint(graph)
    lines = str(graph).splitlines()
    assert len(lines) == len(set(lines)), "no two lines are the same"


@settings(SETTINGS, max_examples=6)
@given(graph=graphs())
def test_compiled_and_uncompiled_agree(graph: Graph) -> None:
    arguments = _arguments(graph)
    outputs, updates = jax.jit(lower(graph, plan(graph, Target())))(*arguments)
    _close((outputs, updates), run(graph, arguments))


def test_the_random_graphs_make_every_rule_fire() -> None:
    """What the tests above draw is worth drawing: each family of rule is met."""
    fired: set[str] = set()

    @settings(SETTINGS, max_examples=60, database=None)
    @given(graph=graphs())
    def draw(graph: Graph) -> None:
        checking = Checking()
        Pipeline()(graph, "infer", [checking])
        fired.update(checking.fired)

    draw()
    assert fired >= {
        "batch_norm_of_dense", "binary_crossentropy_of_sigmoid",
        "categorical_crossentropy_of_softmax", "sparse_categorical_crossentropy_of_softmax",
    }  # fmt: skip
