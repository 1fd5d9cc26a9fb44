"""Layers that change numbers, inside artifacts; and what cannot be exported, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import keras
from graphc.artifacts import loader

RNG = np.random.default_rng(3)
Draw = Callable[[int], np.ndarray]


def floats(*shape: int) -> Draw:
    return lambda rows: RNG.uniform(-2, 2, (rows, *shape)).astype("float32")


def integers(high: int, *shape: int) -> Draw:
    return lambda rows: RNG.integers(0, high, (rows, *shape)).astype("int32")


def adapted(name: str, data: np.ndarray, **arguments: Any) -> Any:
    layer = getattr(keras.layers, name)(**arguments)
    layer.adapt(data)
    return layer


DATA = RNG.normal(size=(50, 3)).astype("float32")
WORDS = np.array([[3], [3], [5], [8], [5], [3]])
LAYERS: dict[str, tuple[Callable[[], Any], Draw]] = {
    "Normalization": (lambda: adapted("Normalization", DATA), floats(3)),
    "Discretization": (lambda: adapted("Discretization", DATA, num_bins=4), floats(3)),
    "Discretization of given bins": (
        lambda: keras.layers.Discretization([-1.0, 0.0, 1.0], output_mode="one_hot"), floats(1)
    ),
    "IntegerLookup": (lambda: adapted("IntegerLookup", WORDS), integers(10, 2)),
    "IntegerLookup as counts": (
        lambda: adapted("IntegerLookup", WORDS, output_mode="count"), integers(10, 4)
    ),
    "Hashing": (lambda: keras.layers.Hashing(7), integers(50, 2)),
    "CategoryEncoding": (
        lambda: keras.layers.CategoryEncoding(6, output_mode="multi_hot"), integers(6, 3)
    ),
    "CategoryEncoding of one": (
        lambda: keras.layers.CategoryEncoding(6, output_mode="one_hot"), integers(6, 1)
    ),
    "Rescaling": (lambda: keras.layers.Rescaling(1 / 255, offset=-0.5), integers(255, 4, 4, 3)),
    "Resizing": (lambda: keras.layers.Resizing(5, 7), floats(8, 6, 3)),
    "Resizing, cropped": (
        lambda: keras.layers.Resizing(5, 5, crop_to_aspect_ratio=True), floats(8, 6, 3)
    ),
    "CenterCrop": (lambda: keras.layers.CenterCrop(3, 4), floats(8, 6, 3)),
    "TimeDistributed LSTM": (
        lambda: keras.layers.TimeDistributed(keras.layers.LSTM(3)), floats(2, 4, 3)
    ),
    "TimeDistributed cells": (
        lambda: keras.layers.TimeDistributed(
            keras.layers.RNN([keras.layers.GRUCell(2), keras.layers.LSTMCell(3)])
        ), floats(2, 4, 3),
    ),
    "TimeDistributed twice": (
        lambda: keras.layers.TimeDistributed(
            keras.layers.TimeDistributed(keras.layers.Dense(2))
        ), floats(2, 3, 4),
    ),
    "a cell, backwards": (
        lambda: keras.layers.RNN(keras.layers.GRUCell(3), go_backwards=True,
                                 return_sequences=True), floats(5, 2),
    ),
    "cells, both ways": (
        lambda: keras.layers.Bidirectional(
            keras.layers.RNN([keras.layers.LSTMCell(2), keras.layers.LSTMCell(3)])
        ), floats(5, 2),
    ),
    "ConvLSTM": (
        lambda: keras.layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True),
        floats(3, 5, 5, 2),
    ),
    "Permute": (lambda: keras.layers.Permute((2, 1)), floats(3, 4)),
}  # fmt: skip


def model_of(layer: Any, draw: Draw) -> Any:
    sample = draw(1)
    return keras.Sequential([keras.Input(sample.shape[1:], dtype=str(sample.dtype)), layer])


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_in_an_artifact(tmp_path: Path, name: str) -> None:
    make, draw = LAYERS[name]
    keras.utils.set_random_seed(0)
    model = model_of(make(), draw)
    graphc.export(model, tmp_path / "model.graphc", platforms=["cpu"])
    served = loader.load(tmp_path / "model.graphc")
    for rows in (1, 3, 7):
        x = draw(rows)
        expected = np.asarray(model.predict(x, batch_size=rows, verbose=0))
        found = np.asarray(served(x))
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        limit = 1e-5 * max(1.0, float(np.max(np.abs(expected))))
        np.testing.assert_allclose(found, expected, atol=limit)


def _over_rows(x: Any) -> Any:
    return x - keras.ops.mean(x, axis=0, keepdims=True)


def _numbered(x: Any) -> Any:
    rows = keras.ops.shape(x)[0]
    return x + keras.ops.reshape(keras.ops.arange(rows, dtype="float32"), (-1, 1))


def _drawn(x: Any) -> Any:
    return x + keras.random.normal(keras.ops.shape(x), seed=1)


# Rows depend on one another, or on their number: no program for single rows can give the same.
REFUSED: dict[str, Callable[[Any], Any]] = {
    "a mean over rows": _over_rows,
    "the number of a row": _numbered,
    "random numbers": _drawn,
    "rows in another order": lambda x: keras.ops.flip(x, axis=0),
    "the rows after one another": lambda x: keras.ops.reshape(x, (1, -1)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    function = REFUSED[name]

    class Mixing(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return function(x)

    model = model_of(Mixing(), floats(4))
    with pytest.raises(ValueError, match=r"any number of rows: '\w+\.\w+'"):
        graphc.export(model, tmp_path / "model.graphc", platforms=["cpu"])
    assert not (tmp_path / "model.graphc").exists()


def test_spectrograms_depend_on_the_loudest_row(tmp_path: Path) -> None:
    """Keras's layer measures decibels against the loudest sample of the batch."""
    layer = keras.layers.MelSpectrogram(
        fft_length=64, sequence_stride=32, num_mel_bins=8, sampling_rate=1000, max_freq=400
    )
    with pytest.raises(ValueError, match=r"'reduce\.max' in layer '\w+/mel_spectrogram'"):
        graphc.export(model_of(layer, floats(256)), tmp_path / "m", platforms=["cpu"])
