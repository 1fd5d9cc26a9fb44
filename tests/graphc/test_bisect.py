"""Bisecting: a wrong pass is named with its rule and its layer, right ones are not accused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import keras
from graphc.bisect import BrokenPass, bisect
from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.passes import PASSES
from graphc.passes.base import AnyPass, Mode, Pass
from graphc.rewrite import Event, Rule
from graphc.show import Trace
from tests.graphc.graphs import numbers, spec

Rewrite = Callable[[Builder, Match], Value]


def _pass(
    name: str, op: str, rewrite: Rewrite, modes: tuple[Mode, ...] = ("train", "infer")
) -> Pass:
    def pattern(p: PatternBuilder) -> PatternNode:
        return p.emit(op, "x")

    return Pass(name, (Rule(f"{name}_rule", pattern, lambda m: None, rewrite),), "exact")


def _sine(b: Builder, m: Match) -> Value:
    """Right: sin(x) as cos(x - pi / 2), up to rounding."""
    return b.emit("math.cos", b.emit("math.subtract", m["x"], float(np.pi / 2)))


def _wrong_in_deep(b: Builder, m: Match) -> Value:
    """Wrong where the layer is called deep."""
    return b.emit("math.sinh" if m.root.scope == "deep" else "math.tanh", _twice(b, m["x"]))


def _twice(b: Builder, x: Any) -> Value:
    return b.emit("math.multiply", b.emit("math.divide", x, 2.0), 2.0)


def _raising(b: Builder, m: Match) -> Value:
    raise RuntimeError("no such luck")


def _stopped(b: Builder, m: Match) -> Value:
    """The same number, with a gradient of zero."""
    return b.emit("core.stop_gradient", b.emit("math.negative", b.emit("math.negative", m["x"])))


RIGHT = _pass("turn_sine", "math.sin", _sine)
RENAME = _pass("rename_tan", "math.tan", lambda b, m: b.emit("math.tanh", m["x"]))


@dataclass(frozen=True)
class _Misdeclaring:
    """A pass that leaves a graph which fails verification."""

    name: str = "misdeclare"
    modes: tuple[Mode, ...] = ("train", "infer")

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        wrong = replace(graph.nodes[-1], specs=(spec(9),))
        output = replace(graph.outputs[0], node=wrong)
        after = replace(graph, nodes=(*graph.nodes[:-1], wrong), outputs=(output,))
        return after, (Event("shape", wrong.scope, wrong.op, None),)


def _trace(*ops: str) -> Trace:
    """A chain of ops on a parameter, the layers named by their number, the last one deep."""
    b = Builder()
    value = b.param(spec(3, 4), "p")
    for number, op in enumerate(ops):
        b.scope = "deep" if number == len(ops) - 1 else f"layer_{number}"
        value = b.emit(op, value)
    graph = b.finish([value])
    return Trace(graph, *numbers(graph))


def found(trace: Trace, passes: Sequence[AnyPass], mode: Any = "infer") -> BrokenPass | None:
    return bisect(trace, None, mode=mode, passes=passes)


def test_right_passes_are_not_accused() -> None:
    assert found(_trace("math.sin", "math.exp"), (RIGHT,)) is None
    assert found(_trace("math.sin"), ()) is None


@pytest.mark.parametrize("place", range(5))
def test_the_wrong_pass_is_found_wherever_it_stands(place: int) -> None:
    others = [replace(RIGHT, name=f"right_{number}") for number in range(4)]
    passes = (*others[:place], RENAME, *others[place:])
    broken = found(_trace("math.sin", "math.tan"), passes)
    assert broken is not None
    assert (broken.name, broken.rule, broken.layer) == ("rename_tan", "rename_tan_rule", "deep")
    assert broken.reason.startswith("output 0 moves by")
    assert broken.before is not None and "math.tan" in str(broken.before)
    assert ("math.cos" in str(broken.before)) == (place > 0)
    assert "'rename_tan' (rename_tan_rule at 'deep') breaks the model" in str(broken)


def test_the_rewrite_is_found_among_many() -> None:
    wrong = _pass("raise_tanh", "math.tanh", _wrong_in_deep)
    once = replace(wrong, rules=tuple(replace(r, check=_not_yet) for r in wrong.rules))
    broken = found(_trace(*["math.tanh"] * 6), (once,))
    assert broken is not None and (broken.rule, broken.layer) == ("raise_tanh_rule", "deep")


def _not_yet(m: Match) -> str | None:
    value = m["x"]
    assert value is not None
    return "it is done" if value.node.op == "math.multiply" else None


def test_what_raises_is_told_with_its_place() -> None:
    broken = found(_trace("math.sin", "math.log"), (RIGHT, _pass("fail", "math.log", _raising)))
    assert broken is not None
    assert (broken.name, broken.layer) == ("fail", "deep")
    assert broken.reason == "RuntimeError: no such luck"


def test_what_fails_verification_is_told_by_passes_without_rules_too() -> None:
    broken = found(_trace("math.sin"), (RIGHT, _Misdeclaring()))
    assert broken is not None
    assert (broken.name, broken.rule, broken.layer) == ("misdeclare", "shape", "deep")
    assert broken.reason.startswith("the graph fails verification")


def test_gradients_count_in_training_alone() -> None:
    stop = _pass("stop", "math.abs", _stopped)
    b = Builder()
    graph = b.finish([b.emit("math.add", x := b.param(spec(4)), b.emit("math.abs", x))])
    trace = Trace(graph, (np.arange(1.0, 5.0, dtype="float32"),))
    assert found(trace, (stop,)) is None
    broken = found(trace, (stop,), "train")
    assert broken is not None and broken.reason.startswith("gradient 0 moves by")


def test_a_softmax_has_gradients_to_compare() -> None:
    stop = _pass("stop", "math.abs", _stopped)
    b = Builder()
    positive = b.emit("math.abs", b.param(spec(4)))
    graph = b.finish([b.emit("nn.softmax", positive, axis=-1)])
    trace = Trace(graph, (np.arange(1.0, 5.0, dtype="float32"),))
    assert found(trace, (stop,), "train") is not None


def test_only_passes_of_the_mode_are_tried() -> None:
    wrong = replace(RENAME, modes=("train",))
    assert found(_trace("math.tan"), (wrong,)) is None
    assert found(_trace("math.tan"), (wrong,), "train") is not None


def test_the_tolerance_decides() -> None:
    close = _pass("scale", "math.exp", lambda b, m: b.emit("math.multiply", _expm1(b, m), 1.001))
    trace = _trace("math.exp")
    assert bisect(trace, None, mode="infer", passes=(close,), tolerance=1e-2) is None
    assert bisect(trace, None, mode="infer", passes=(close,), tolerance=1e-4) is not None


def _expm1(b: Builder, m: Match) -> Value:
    return b.emit("math.add", b.emit("math.expm1", m["x"]), 1.0)


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="tanh", name="wide"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(3, activation="softmax", name="head"),
        ],
        name="model",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
Y = np.arange(8) % 3


def test_a_model_is_fine_and_stays_as_it_was(model: Any) -> None:
    before = model.get_weights()
    assert graphc.bisect(model, X, Y) is None
    assert graphc.bisect(model, X) is None
    assert graphc.bisect(model, X, Y, mode="test") is None
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_layer_of_a_model_is_named(model: Any) -> None:
    wrong = _pass("drop_tanh", "math.tanh", lambda b, m: b.emit("math.sin", m["x"]))
    broken = bisect(model, X, Y, passes=(*PASSES, wrong))
    assert broken is not None and (broken.name, broken.layer) == ("drop_tanh", "model/wide")
    broken = bisect(model, X, passes=(wrong, *PASSES))
    assert broken is not None and broken.name == "drop_tanh"
