"""A new model's first `fit` compiles its step and hardly anything else."""

from __future__ import annotations

import logging
import re

import jax
import numpy as np
import pytest

from graphc import clear_cache, keras

FINISHED = re.compile(r"Finished XLA compilation of jit\((\w+)\)")
OPTIMIZERS = ["sgd", "rmsprop", "adam", "adagrad", "lion", "nadam", "adafactor"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_is_compiled_beside_the_step(name: str, caplog: pytest.LogCaptureFixture) -> None:
    width = 31 + OPTIMIZERS.index(name)  # shapes that no other test has
    with jax.log_compiles(), caplog.at_level(logging.DEBUG, "jax"):
        clear_cache()
        model = keras.Sequential([keras.layers.Input((width,)), keras.layers.Dense(width + 2)])
        model.compile(name, "mse", metrics=["mae"])
        model.fit(np.ones((7, width), "float32"), np.ones((7, width + 2), "float32"), verbose=0)
    assert compiled(caplog) == ["run"]


@pytest.mark.parametrize("name", ["he_normal", "truncated_normal", "orthogonal"])
def test_an_initializer_has_one_program(name: str, caplog: pytest.LogCaptureFixture) -> None:
    draw = keras.initializers.get(name)
    with jax.log_compiles(), caplog.at_level(logging.DEBUG, "jax"):
        for width in (53, 59, 61):
            keras.Variable(draw, (width, 67))
    made = compiled(caplog)
    assert made.count("_quantile") <= 1  # for all shapes; an earlier test may have met it
    assert made.count("_orthonormal") == (3 if name == "orthogonal" else 0)
    assert set(made) <= {"_quantile", "_orthonormal"}


def compiled(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the names of the functions that were compiled, in order."""
    told = [record.getMessage() for record in caplog.records]
    return [found[1] for text in told if (found := FINISHED.match(text))]
