"""The guard against recompiles that nobody expects, and the switch for determinism."""

import numpy as np
import pytest

from graphc import keras
from graphc.config import DETERMINISM
from graphc.keras import layers
from graphc.kernels.registry import Target
from graphc.xla_options import compiler_options


def model_of(**kwargs):
    model = keras.Sequential(
        [keras.Input((None, 3)), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    model.compile("sgd", "mse", **kwargs)
    return model


def fit(model, length, rows=24, batch_size=8):
    x, y = np.zeros((rows, length, 3), "float32"), np.zeros((rows, 1), "float32")
    model.fit(x, y, batch_size=batch_size, verbose=0)


def test_the_second_surprise_is_printed_with_what_changed(capsys):
    model = model_of()
    fit(model, 4)
    fit(model, 5)
    assert capsys.readouterr().out == ""
    fit(model, 6)
    said = capsys.readouterr().out
    assert "2 recompiles so far" in said and "data changed" in said
    assert "(5, 3)" in said and "(6, 3)" in said
    fit(model, 7)
    assert capsys.readouterr().out == ""
    fit(model, 7, batch_size=4)
    assert "batch_size changed from 8 to 4" in capsys.readouterr().out  # the fourth


def test_a_partial_last_batch_is_no_surprise(capsys):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("sgd", "mse")
    for rows in (20, 21, 22):
        model.fit(np.zeros((rows, 3)), np.zeros((rows, 1)), batch_size=8, verbose=0)
    assert capsys.readouterr().out == ""


@pytest.fixture
def restored(monkeypatch):
    monkeypatch.setenv(DETERMINISM.env, "0")


@pytest.mark.usefixtures("restored")
def test_determinism_is_one_switch():
    assert "xla_gpu_deterministic_ops" not in compiler_options(Target("gpu"))
    keras.config.enable_determinism()
    assert compiler_options(Target("gpu"))["xla_gpu_deterministic_ops"] is True
