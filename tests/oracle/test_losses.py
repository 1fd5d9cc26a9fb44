"""Every loss in `fit`: by object and by name, with reductions, weights and a partial batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.oracle.pairing import MARKS, ROWS, Data, check, labels, one_hot, rows

pytestmark = MARKS

Make = Callable[[Any], Any]
TARGETS: dict[str, Any] = {
    "binary": lambda: labels(2, (1,)),
    "flat_binary": lambda: labels(2).astype("float32"),
    "signs": lambda: labels(2, (3,)) * 2.0 - 1.0,
    "one_hot": lambda: one_hot(3),
    "classes": lambda: labels(3),
    "classes_column": lambda: labels(3, (1,)).astype("int32"),
    "numbers": lambda: rows((3,), seed=2),
    "number": lambda: rows((), seed=2),
    "probabilities": lambda: np.abs(rows((3,), seed=2)) / 3,
}

# Each: the last activation, the targets, the loss.
CASES: dict[str, tuple[Any, str, Make]] = {
    "bce": ("sigmoid", "binary", lambda k: "binary_crossentropy"),
    "bce_flat": ("sigmoid", "flat_binary", lambda k: k.losses.BinaryCrossentropy()),
    "bce_logits": (None, "binary", lambda k: k.losses.BinaryCrossentropy(from_logits=True)),
    "bce_smooth": ("sigmoid", "binary", lambda k: k.losses.BinaryCrossentropy(label_smoothing=0.1)),
    "bce_relu": ("relu", "binary", lambda k: k.losses.BinaryCrossentropy()),
    "cce": ("softmax", "one_hot", lambda k: "categorical_crossentropy"),
    "cce_logits": (None, "one_hot", lambda k: k.losses.CategoricalCrossentropy(True, 0.1)),
    "scce": ("softmax", "classes", lambda k: "sparse_categorical_crossentropy"),
    "scce_column": ("softmax", "classes_column", lambda k: "sparse_categorical_crossentropy"),
    "scce_logits": (None, "classes", lambda k: k.losses.SparseCategoricalCrossentropy(True)),
    "scce_ignore": (
        "softmax",
        "classes",
        lambda k: k.losses.SparseCategoricalCrossentropy(ignore_class=1),
    ),
    "crossentropy_binary": ("sigmoid", "binary", lambda k: "crossentropy"),
    "crossentropy_sparse": ("softmax", "classes", lambda k: "crossentropy"),
    "crossentropy_one_hot": ("softmax", "one_hot", lambda k: "crossentropy"),
    "mse": (None, "numbers", lambda k: "mse"),
    "mse_flat": (None, "number", lambda k: "mean_squared_error"),
    "mae": (None, "numbers", lambda k: "mae"),
    "mape": (None, "numbers", lambda k: "mape"),
    "msle": ("softplus", "probabilities", lambda k: "msle"),
    "huber": (None, "numbers", lambda k: k.losses.Huber(0.5)),
    "huber_name": (None, "numbers", lambda k: "huber"),
    "log_cosh": (None, "numbers", lambda k: "log_cosh"),
    "cosine": (None, "numbers", lambda k: "cosine_similarity"),
    "kld": ("softmax", "one_hot", lambda k: "kl_divergence"),
    "poisson": ("softplus", "probabilities", lambda k: "poisson"),
    "hinge": (None, "signs", lambda k: "hinge"),
    "hinge_of_binary": (None, "binary", lambda k: k.losses.Hinge()),
    "squared_hinge": (None, "signs", lambda k: "squared_hinge"),
    "categorical_hinge": (None, "one_hot", lambda k: "categorical_hinge"),
    "sum": (None, "numbers", lambda k: k.losses.MeanSquaredError(reduction="sum")),
    "mean": (
        None,
        "numbers",
        lambda k: k.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
    ),
    "focal": ("sigmoid", "binary", lambda k: k.losses.BinaryFocalCrossentropy()),
    "function": (None, "numbers", lambda k: k.losses.mean_absolute_error),
}


def _build(activation: Any, target: str) -> Callable[[Any], Any]:
    units = 1 if target in ("binary", "flat_binary", "number") else 3

    def build(k: Any) -> Any:
        layers = [k.layers.Dense(5, activation="tanh"), k.layers.Dense(units, activation)]
        return k.Sequential([k.Input((6,)), *layers])

    return build


@pytest.mark.parametrize("name", CASES)
def test_loss(keras: Any, name: str) -> None:
    activation, target, make = CASES[name]
    weight = np.linspace(0.0, 2.0, ROWS).astype("float32")
    data = Data(rows((6,)), TARGETS[target](), {"batch_size": 8, "sample_weight": weight})
    check(keras, _build(activation, target), data, lambda k: {"loss": make(k)})


def _by_ops(k: Any) -> Make:
    def cubed_error(y_true: Any, y_pred: Any) -> Any:
        return k.ops.mean(k.ops.abs(y_true - y_pred) ** 3, axis=-1)

    return cubed_error


def _by_jnp(k: Any) -> Make:
    import jax.numpy as jnp

    def cubed_error(y_true: Any, y_pred: Any) -> Any:
        return jnp.mean(jnp.abs(y_true - y_pred) ** 3, axis=-1)

    return cubed_error


def _by_class(k: Any) -> Any:
    class Cubed(k.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return k.ops.mean(k.ops.abs(y_true - y_pred) ** 3, axis=-1)

    return Cubed(name="cubed")


def _scalar(k: Any) -> Make:
    return lambda y_true, y_pred: k.ops.mean(k.ops.square(y_true - y_pred))


@pytest.mark.parametrize("count", [20, 18])
@pytest.mark.parametrize("make", [_by_ops, _by_jnp, _by_class, _scalar])
def test_loss_of_the_user(keras: Any, make: Make, count: int) -> None:
    data = Data(rows((6,), count=count), rows((3,), 2, count))
    check(keras, _build(None, "numbers"), data, lambda k: {"loss": make(k)})
