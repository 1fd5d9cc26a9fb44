"""Ctrl-C in `fit`: it arrives between chunks, and leaves the model as so many steps left it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphc import keras


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    """Python's own handling of Ctrl-C, which processes in the background do without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def built() -> Any:
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(70, 6)), rng.normal(size=(70, 1))


def test_ctrl_c_changes_nothing_that_was_done() -> None:
    whole, stopped = built(), None
    whole.fit(*data(), epochs=2, verbose=0)
    expected = whole.get_weights()

    stopped = built()

    def interrupt(epoch: int, logs: Any) -> None:
        if epoch == 1:
            signal.raise_signal(signal.SIGINT)

    callback = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(*data(), epochs=5, verbose=0, callbacks=[callback])
    for mine, theirs in zip(stopped.get_weights(), expected, strict=True):
        assert mine.tobytes() == theirs.tobytes()
    assert int(stopped.optimizer.iterations.numpy()) == 6


def test_a_stopped_model_goes_on() -> None:
    model = built()

    def interrupt(batch: int, logs: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data(), epochs=1, verbose=0, callbacks=[callback])
    assert int(model.optimizer.iterations.numpy()) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    losses = model.fit(*data(), epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
