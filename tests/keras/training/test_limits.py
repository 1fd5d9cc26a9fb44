"""The caps of `keras.config` on epochs and steps are honoured, and said."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from graphc import keras

X, Y = np.ones((12, 3), "float32"), np.ones((12, 1), "float32")


@pytest.fixture
def model():
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    yield made
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    keras.config.enable_interactive_logging()


def test_epochs(model):
    keras.config.set_max_epochs(2)
    with pytest.warns(UserWarning, match="Limiting epochs to 2"):
        history = model.fit(X, Y, epochs=5, verbose=0)
    assert len(history.history["loss"]) == 2


def test_steps(model):
    keras.config.set_max_steps_per_epoch(2)
    with pytest.warns(UserWarning, match="Limiting steps_per_epoch to 2"):
        model.fit(X, Y, batch_size=4, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 2
    with pytest.warns(UserWarning, match="Limiting"):
        assert model.predict(X, batch_size=4, verbose=0).shape == (8, 1)
    with pytest.warns(UserWarning, match="Limiting"):
        model.evaluate(X, Y, batch_size=4, verbose=0)


def test_log_lines(model, caplog):
    keras.config.disable_interactive_logging()
    with caplog.at_level(logging.INFO, logger="absl"):
        model.summary()
        model.fit(X, Y, epochs=1, verbose=2)
    assert "Total params: 4" in caplog.text
    assert "loss:" in caplog.text
