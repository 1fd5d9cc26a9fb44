"""Files and JSON of Keras 2: old class paths, names and arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graphc import keras

layers = keras.layers
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


def keras_2_file(path: Path) -> dict[str, np.ndarray]:
    """Write a file as Keras 2.4 did, and return its weights."""
    rng = np.random.default_rng(3)
    arrays = {
        "hidden/kernel:0": rng.normal(size=(4, 3)), "hidden/bias:0": rng.normal(size=3),
        "bn/gamma:0": rng.normal(size=3), "bn/beta:0": rng.normal(size=3),
        "bn/moving_mean:0": rng.normal(size=3), "bn/moving_variance:0": rng.random(3) + 0.5,
    }  # fmt: skip
    glorot = {"class_name": "GlorotUniform", "config": {"seed": None}}
    config = {"class_name": "Sequential", "config": {"name": "sequential", "layers": [
        {"class_name": "InputLayer", "config": {
            "batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "ragged": False,
            "name": "hidden_input"}},
        {"class_name": "Dense", "config": {
            "name": "hidden", "trainable": True, "batch_input_shape": [None, 4],
            "dtype": "float32", "units": 3, "activation": "relu", "use_bias": True,
            "kernel_initializer": glorot, "bias_initializer": {"class_name": "Zeros", "config": {}},
            "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None,
            "kernel_constraint": None, "bias_constraint": None}},
        {"class_name": "BatchNormalization", "config": {
            "name": "bn", "trainable": True, "dtype": "float32", "axis": [1], "momentum": 0.99,
            "epsilon": 0.001, "center": True, "scale": True,
            "beta_initializer": {"class_name": "Zeros", "config": {}},
            "gamma_initializer": {"class_name": "Ones", "config": {}},
            "moving_mean_initializer": {"class_name": "Zeros", "config": {}},
            "moving_variance_initializer": {"class_name": "Ones", "config": {}},
            "beta_regularizer": None, "gamma_regularizer": None, "beta_constraint": None,
            "gamma_constraint": None}},
    ]}}  # fmt: skip
    training = {
        "loss": "mse", "metrics": [[{"class_name": "MeanMetricWrapper", "config": {
            "name": "mae", "dtype": "float32", "fn": "mean_absolute_error"}}]],
        "weighted_metrics": None, "loss_weights": None,
        "optimizer_config": {"class_name": "SGD", "config": {
            "name": "SGD", "lr": 0.25, "decay": 0.0, "momentum": 0.5, "nesterov": False}},
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = b"2.4.0", b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"hidden", b"bn"]
        for layer in ("hidden", "bn"):
            names = [name for name in arrays if name.startswith(layer)]
            inner = group.create_group(layer)
            inner.attrs["weight_names"] = [name.encode() for name in names]
            for name in names:
                inner[name] = arrays[name].astype("float32")
    return arrays


def test_json_of_keras_2(tmp_path: Path) -> None:
    keras_2_file(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5") as file:
        config = json.loads(file.attrs["model_config"])
    text = json.dumps(config | {"keras_version": "2.4.0", "backend": "tensorflow"})
    model = keras.models.model_from_json(text)
    assert [layer.name for layer in model.layers] == ["hidden", "bn"]
    assert model.input_shape == (None, 4)


def test_functional_json_of_keras_2() -> None:
    def entry(class_name: str, name: str, inbound: Any, **config: Any) -> dict[str, Any]:
        return {
            "class_name": class_name, "name": name, "inbound_nodes": inbound,
            "config": {"name": name, "trainable": True, "dtype": "float32", **config},
        }  # fmt: skip

    layers_of = [
        entry("InputLayer", "a", [], batch_input_shape=[None, 6, 3], sparse=False, ragged=False),
        entry("LSTM", "lstm", [[["a", 0, 0, {}]]], units=4, implementation=2, time_major=False,
              return_sequences=True, unroll=False),
        entry("GRU", "gru", [[["lstm", 0, 0, {}]]], units=4, implementation=2, time_major=False,
              reset_after=True),
        entry("Dense", "b", [[["gru", 0, 0, {}]]], units=4, activation="linear"),
        entry("Add", "c", [[["gru", 0, 0, {}], ["b", 0, 0, {}]]]),
    ]  # fmt: skip
    del layers_of[0]["config"]["trainable"]
    text = json.dumps({"class_name": "Functional", "keras_version": "2.9.0", "config": {
        "name": "model", "layers": layers_of, "input_layers": [["a", 0, 0]],
        "output_layers": [["c", 0, 0]]}})  # fmt: skip
    model = keras.models.model_from_json(text)
    assert model.output_shape == (None, 4)
    assert model.predict(np.zeros((2, 6, 3), "float32"), verbose=0).shape == (2, 4)


def test_a_file_of_keras_2(tmp_path: Path) -> None:
    arrays = keras_2_file(tmp_path / "old.h5")
    model = keras.saving.load_model(tmp_path / "old.h5")
    for mine, theirs in zip(model.get_weights(), arrays.values(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)
    assert float(model.optimizer.learning_rate.numpy()) == 0.25
    assert model.optimizer.momentum == 0.5
    hidden = np.maximum(X @ arrays["hidden/kernel:0"] + arrays["hidden/bias:0"], 0)
    scale = arrays["bn/gamma:0"] / np.sqrt(arrays["bn/moving_variance:0"] + 0.001)
    expected = (hidden - arrays["bn/moving_mean:0"]) * scale + arrays["bn/beta:0"]
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-4, atol=1e-5)
    model.fit(X, Y[:, :1] * np.ones((1, 3), "float32"), verbose=0)
