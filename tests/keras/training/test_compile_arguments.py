"""`steps_per_execution`, `jit_compile`, `run_eagerly`: which hooks come, and the same numbers."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from tests.oracle.pairing import MARKS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(22, 3)).astype("float32"), RNG.normal(size=(22, 1)).astype("float32")
KINDS = ("train", "test", "predict")


def model_of(k: Any, **compile: Any) -> Any:
    model = k.Sequential([k.Input((3,)), k.layers.Dense(4, activation="tanh"), k.layers.Dense(1)])
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile(k.optimizers.SGD(0.05), "mse", **compile)
    return model


def heard(k: Any, model: Any, run: Any) -> list[tuple[str, int]]:
    """Return the batch hooks that a run calls."""
    calls: list[tuple[str, int]] = []

    def note(name: str) -> Any:
        return lambda batch, logs=None: calls.append((name, batch))

    callback = k.callbacks.Callback()
    for kind in KINDS:
        for end in ("begin", "end"):
            name = f"on_{kind}_batch_{end}"
            setattr(callback, name, note(name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(model, [callback])
    return calls


def stream() -> Any:
    while True:
        for start in range(0, 20, 4):
            yield X[start : start + 4], Y[start : start + 4]


RUNS = {
    "fit": lambda model, c: model.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=c),
    "fit on batches": lambda model, c: model.fit(
        stream(), steps_per_epoch=5, epochs=2, verbose=0, callbacks=c
    ),
    "evaluate": lambda model, c: model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=c),
    "predict": lambda model, c: model.predict(X, batch_size=4, verbose=0, callbacks=c),
    "predict few": lambda model, c: model.predict(X[:3], verbose=0, callbacks=c),
}


class TestKeras:
    pytestmark = MARKS

    @pytest.mark.parametrize("steps", [1, 2, 4, 9])
    @pytest.mark.parametrize("run", RUNS)
    def test_hooks_come_once_for_so_many_steps(self, run: str, steps: int) -> None:
        keras = import_module("keras")
        mine, theirs = (
            heard(k, model_of(k, steps_per_execution=steps), RUNS[run]) for k in (ours, keras)
        )
        assert mine == theirs


@pytest.mark.parametrize(
    "options",
    [{"steps_per_execution": 4}, {"jit_compile": False}, {"jit_compile": True}, {"run_eagerly": 1}],
    ids=str,
)
def test_they_change_no_number(options: dict[str, Any]) -> None:
    plain, other = model_of(ours), model_of(ours, **options)
    for model in (plain, other):
        ours.utils.set_random_seed(3)
        model.history_of = model.fit(X, Y, batch_size=4, epochs=3, verbose=0).history["loss"]
    np.testing.assert_allclose(other.history_of, plain.history_of, rtol=1e-5)
    for one, two in zip(other.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [0, "auto", 2.5])
def test_a_wrong_number_of_steps_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="steps_per_execution"):
        model_of(ours, steps_per_execution=value)


@pytest.mark.parametrize(("jit_compile", "calls"), [(False, 5), (True, 0), ("auto", 0)])
def test_what_is_not_to_be_compiled_runs_call_by_call(jit_compile: Any, calls: int) -> None:
    seen: list[int] = []

    class Seen(ours.layers.Layer):
        def call(self, x: Any) -> Any:
            seen.append(1)
            return x

    model = ours.Sequential([ours.Input((3,)), Seen(), ours.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=jit_compile)
    model.fit(X[:20], Y[:20], batch_size=4, verbose=0)
    seen.clear()
    model.fit(X[:20], Y[:20], batch_size=4, verbose=0)
    assert len(seen) == calls, "five steps, or none: the second fit traces nothing anew"


@pytest.mark.parametrize("thawed", [[], [1]], ids=["fewer", "as many"])
def test_other_weights_than_at_compile_need_a_new_optimizer(thawed: list[int]) -> None:
    model = model_of(ours)
    for index in thawed:
        model.layers[index].trainable = False
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    for index in thawed:
        model.layers[index].trainable = True
    model.layers[0].trainable = False
    with pytest.raises(ValueError, match=r"made for other weights.*compile"):
        model.fit(X, Y, verbose=0)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
