"""Golden dumps: the traced and the optimised training graph of whole models, as text.

A change of these files shows what a change of the compiler does to real models. After looking at
the difference, write them anew with

    GRAPHC_WRITE_GOLDEN=1 .venv/bin/python -m pytest tests/graphc/test_golden.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc import keras
from graphc.ir import Graph

FOLDER = Path(__file__).parent / "golden"
WRITE = os.environ.get("GRAPHC_WRITE_GOLDEN", "") not in ("", "0")
ROWS = 8


def _functional() -> tuple[Any, Any, Any]:
    """Tutorial 2: 20-64-64-1, binary cross-entropy."""
    inputs = keras.Input((20,), name="features")
    x = keras.layers.Dense(64, activation="relu", name="hidden_1")(inputs)
    x = keras.layers.Dense(64, activation="relu", name="hidden_2")(x)
    outputs = keras.layers.Dense(1, activation="sigmoid", name="head")(x)
    model = keras.Model(inputs, outputs, name="functional")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, np.zeros((ROWS, 20)), np.zeros((ROWS, 1), int)


def _convnet() -> tuple[Any, Any, Any]:
    """A convnet with pooling, batch normalization, dropout and a regularizer."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="images"),
            layers.Conv2D(4, 3, activation="relu", padding="same", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(3, activation="softmax", kernel_regularizer="l2", name="head"),
        ],
        name="convnet",
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, np.zeros((ROWS, 8, 8, 1), "float32"), np.zeros(ROWS, int)


MODELS: dict[str, Callable[[], tuple[Any, Any, Any]]] = {
    "functional": _functional,
    "convnet": _convnet,
}


def _dump(graph: Graph) -> str:
    # A seed generator is named by a counter that goes on through the whole test run.
    return re.sub(r"seed_generator_\d+", "seed_generator", f"{graph}\n")


@pytest.fixture(scope="module")
def dumps() -> dict[str, str]:
    """The dumps of all models by file name."""
    found = {}
    for name, build in MODELS.items():
        keras.utils.set_random_seed(0)
        model, x, y = build()
        model.fit(x, y, batch_size=ROWS, epochs=1, shuffle=False, verbose=0)
        report = model.explain("train")
        found[f"{name}_before.txt"] = _dump(report.before)
        found[f"{name}_after.txt"] = _dump(report.after)
    return found


FILES = [f"{name}_{moment}.txt" for name in MODELS for moment in ("before", "after")]


@pytest.mark.parametrize("file", FILES)
def test_the_graph_is_as_it_was(file: str, dumps: dict[str, str]) -> None:
    path = FOLDER / file
    if WRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(dumps[file], encoding="utf-8")
    assert dumps[file] == path.read_text(encoding="utf-8"), (
        "The graph of a whole model changed. If it should: GRAPHC_WRITE_GOLDEN=1 pytest this file"
    )


def test_no_other_file_lies_about() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)


def test_the_training_graphs_are_what_they_should_be(dumps: dict[str, str]) -> None:
    """Guards against writing nonsense anew: what matters, said once more in words."""
    before, after = dumps["functional_before.txt"], dumps["functional_after.txt"]
    assert "from_logits=False" in before and "from_logits=True" in after
    for scope in ("functional/hidden_1", "functional/hidden_2", "functional/head", "loss"):
        assert f"# {scope}\n" in after
    convnet = dumps["convnet_after.txt"]
    for op in ("nn.conv", "nn.batch_norm_train", "nn.max_pool", "nn.dropout", "update"):
        assert op in convnet
