"""Steps that keep the weights compute with them once, not in every step, and to the same bits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import config, keras
from graphc.keras.training.runs import Bound, empty_buffers
from graphc.runtime import step as steps
from graphc.runtime.data import upload
from graphc.runtime.step import Form, Mode

KERNEL = (3, 3, 16, 128)  # large enough to be worth preparing
ROWS, BATCH = 20, 4
X = np.random.default_rng(0).normal(size=(ROWS, 6, 6, KERNEL[2])).astype("float32")
Y = np.random.default_rng(1).normal(size=(ROWS, 1)).astype("float32")


@pytest.fixture(autouse=True)
def _reference_kernels() -> Iterator[None]:
    """Let a convolution stay one, whatever kernels there are for it."""
    with config.KERNELS(("reference",)):
        yield


def _model() -> Any:
    keras.utils.set_random_seed(0)
    inputs = keras.Input(X.shape[1:])
    x = keras.layers.Conv2D(KERNEL[3], KERNEL[0])(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    outputs = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    rng = np.random.default_rng(2)  # for statistics other than zero and one
    model.set_weights([rng.uniform(0.1, 1.0, w.shape) - 0.05 for w in model.get_weights()])
    return model


def _predicted(model: Any) -> np.ndarray:
    return model.predict(X, batch_size=BATCH, verbose=0)


def _evaluated(model: Any) -> float:
    return model.evaluate(X, Y, batch_size=BATCH, verbose=0)


RUNS: dict[Mode, Any] = {"predict": _predicted, "test": _evaluated}


class Counting:
    """Computes what is prepared, and counts how often."""

    def __init__(self, bound: Bound) -> None:
        assert bound.program.prepared is not None
        self.calls, self._run = 0, bound.program.prepared._run
        bound.program.prepared._run = self

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        return self._run(*arguments)


def test_a_predict_prepares_once_for_each_set_of_weights() -> None:
    model = _model()
    with config.LOOP("step"), config.CHUNK(2):
        first = _predicted(model)
        model.layers[1].kernel.assign(model.layers[1].kernel * 0.5)
        counting = Counting(model._programs.latest["predict"])
        halved = _predicted(model)
        assert counting.calls == 1
        np.testing.assert_array_equal(_predicted(model), halved)
        assert counting.calls == 1
        model.layers[1].kernel.assign(model.layers[1].kernel * 2.0)
        np.testing.assert_array_equal(_predicted(model), first)
    assert counting.calls == 2
    assert np.abs(halved - first).max() > 1e-3


def test_an_evaluation_prepares_twice_a_chunk_at_most() -> None:
    model = _model()
    with config.LOOP("step"), config.CHUNK(ROWS // BATCH):
        _evaluated(model)
        counting = Counting(model._programs.latest["test"])
        _evaluated(model)
    assert 1 <= counting.calls <= 2 < ROWS // BATCH


@pytest.mark.parametrize("mode", RUNS)
def test_what_is_prepared_changes_no_bit(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model()
    with config.LOOP("step"):
        ours = RUNS[mode](model)
        assert model._programs.latest[mode].program.prepared is not None
        graphc.clear_cache()
        model._programs.clear()
        monkeypatch.setattr(steps, "_divided", lambda step, *_: (step.graph, None))
        theirs = RUNS[mode](model)
        assert model._programs.latest[mode].program.prepared is None
    np.testing.assert_array_equal(ours, theirs)


def _arguments(bound: Bound) -> Any:
    """Return what the program of a predict is called with."""
    data, buffers = upload((X,), ROWS, BATCH), empty_buffers(bound.traced, ROWS)
    shared = bound.run(data, buffers=buffers).shared(False)
    shared = bound.program.prepare(shared, tuple(buffers))
    return tuple(buffers), shared, data.arrays, None, np.int32(0), np.int32(1)


def _scalings(text: str) -> int:
    """Return how often a tensor of the kernel's size is multiplied, in a jaxpr or in HLO."""
    shape = rf"f32\[{','.join(map(str, KERNEL))}\]\S*"
    return len(re.findall(rf"{shape} = mul|= {shape} multiply\(", text))


def _bound(form: Form) -> Bound:
    model = _model()
    with config.LOOP(form):
        _predicted(model)
    return model._programs.latest["predict"]


def test_a_single_step_leaves_out_what_was_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = _bound("step")
    jaxpr = str(bound.program.run.jitted.trace(*_arguments(bound)).jaxpr)
    assert "conv_general_dilated" in jaxpr and _scalings(jaxpr) == 0
    graphc.clear_cache()
    monkeypatch.setattr(steps, "_divided", lambda step, *_: (step.graph, None))
    bound = _bound("step")
    assert _scalings(str(bound.program.run.jitted.trace(*_arguments(bound)).jaxpr)) == 1


def test_xla_moves_it_out_of_a_loop() -> None:
    """Which is why the program of a loop is not divided."""
    bound = _bound("scan")
    assert bound.program.prepared is None
    text = bound.program.run.jitted.lower(*_arguments(bound)).compile().as_text()
    parts = {part.split(" ", 1)[0].lstrip("\n%"): part for part in re.split(r"\n(?=%|ENTRY)", text)}
    (body,) = re.findall(r" while\(.*body=%([\w.-]+)", text)
    inside, waiting = set(), [body]
    while waiting:
        name = waiting.pop()
        inside.add(name)
        called = re.findall(r"(?:calls|to_apply)=%([\w.-]+)", parts[name])
        waiting += [each for each in called if each not in inside]
    in_body = "\n".join(parts[name] for name in inside)
    assert "convolution(" in in_body and _scalings(in_body) == 0
    assert _scalings(text) == 1
