"""Models for the estimators' tests, and the estimators that `check_estimator` looks at."""

from __future__ import annotations

from typing import Any

from graphc import keras


def build_by_meta(meta: dict[str, Any], hidden: int = 32) -> Any:
    """One hidden layer and an output for whatever the targets are; not compiled."""
    outputs = {"multilabel-indicator": "sigmoid", "binary": "softmax", "multiclass": "softmax"}
    width = meta.get("n_classes_", meta["n_outputs_"])
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Dense(hidden, "relu", name="hidden"),
            keras.layers.Dense(width, outputs.get(meta["target_type_"])),
        ]
    )


def build_from_data(X: Any, y: Any, loss: str, layers: Any = (10,)) -> Any:
    """A compiled model in the way of `keras.wrappers`: by the data, targets one column a class."""
    inputs = hidden = keras.Input((X.shape[1],))
    for units in layers:
        hidden = keras.layers.Dense(units, "relu")(hidden)
    outputs = keras.layers.Dense(y.shape[1], "softmax")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(loss=loss, optimizer=keras.optimizers.Adam(0.02))
    return model


def build_single(width: int = 8, dropout: float = 0.0) -> Any:
    """A compiled model for four features and two classes, with one probability."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(width, "relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def build_autoencoder(meta: dict[str, Any]) -> Any:
    """Rows to themselves by way of a layer of two, named "code"; not compiled."""
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(2, name="code"),
            keras.layers.Dense(meta["n_outputs_"]),
        ]
    )
