"""A new model's first `fit` compiles its step and nothing else."""

from __future__ import annotations

import logging

import jax
import numpy as np
import pytest

from graphc import clear_cache, keras

OPTIMIZERS = ["sgd", "rmsprop", "adam", "adagrad", "lion", "nadam", "adafactor"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_is_compiled_beside_the_step(name: str, caplog: pytest.LogCaptureFixture) -> None:
    width = 31 + OPTIMIZERS.index(name)  # shapes that no other test has
    with jax.log_compiles(), caplog.at_level(logging.DEBUG, "jax"):
        clear_cache()
        model = keras.Sequential([keras.layers.Input((width,)), keras.layers.Dense(width + 2)])
        model.compile(name, "mse", metrics=["mae"])
        model.fit(np.ones((7, width), "float32"), np.ones((7, width + 2), "float32"), verbose=0)
    told = [record.getMessage() for record in caplog.records]
    compiled = [text.split(" in ")[0] for text in told if text.startswith("Finished XLA compil")]
    assert compiled == ["Finished XLA compilation of jit(run)"]
