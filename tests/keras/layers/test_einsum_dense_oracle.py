"""`EinsumDense`, `ReversibleEmbedding` and the adaptation of frozen weights, against Keras's."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import (
    CHECKS,
    MARKS,
    assert_close,
    check_in_models,
    draw,
    first_of_each,
    ids,
    make,
    values_of,
)
from tests.oracle.pairing import Data, check, rows

pytestmark = MARKS

EINSUM, REVERSIBLE = "EinsumDense", "ReversibleEmbedding"
VOLUME, IDS = {"x": (3, 5, 4)}, {"x": (3, 5), "dtype": "int32", "high": 7}
ROWS = {"x": (3, 5, 4), "call": {"reverse": True}}
LAYERS = [
    (EINSUM, {"equation": "ab,bc->ac", "output_shape": 3}, {"x": (3, 4)}),
    (
        EINSUM,
        {
            "equation": "abc,cd->abd",
            "output_shape": (None, 6),
            "bias_axes": "d",
            "activation": "relu",
            "kernel_initializer": "he_normal",
            "kernel_regularizer": "l2",
            "bias_constraint": "non_neg",
        },
        VOLUME,
    ),
    (EINSUM, {"equation": "...x,xy->...y", "output_shape": 6, "bias_axes": "y"}, VOLUME),
    (EINSUM, {"equation": "...x,xy->...y", "output_shape": 6}, {"x": (2, 3, 5, 4)}),
    (EINSUM, {"equation": "ab...,bc->ac...", "output_shape": 6, "bias_axes": "c"}, VOLUME),
    (
        EINSUM,
        {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"},
        VOLUME,
    ),
    (
        EINSUM,
        {"equation": "abc,bcd->ad", "output_shape": 6, "lora_rank": 2, "lora_alpha": 3},
        VOLUME,
    ),
    (EINSUM, {"equation": "abc,bd->adc", "output_shape": (6, 4), "bias_axes": "dc"}, VOLUME),
    (
        EINSUM,
        {
            "equation": "...ab,bc->...ac",
            "output_shape": (5, 2),
            "bias_axes": "c",
            "dtype": "mixed_bfloat16",
        },
        VOLUME,
    ),
    (EINSUM, {"equation": "ab,bc->ac", "output_shape": 3}, {"x": (3, 4), "dtype": "int32"}),
    (REVERSIBLE, {"input_dim": 7, "output_dim": 4}, IDS),
    (REVERSIBLE, {"input_dim": 7, "output_dim": 4, "tie_weights": False}, IDS),
    (REVERSIBLE, {"input_dim": 7, "output_dim": 4}, ROWS),
    (REVERSIBLE, {"input_dim": 7, "output_dim": 4, "logit_soft_cap": 0.5}, ROWS),
    (REVERSIBLE, {"input_dim": 7, "output_dim": 4, "tie_weights": False}, ROWS),
    ("Dense", {"units": 3, "lora_rank": 2, "lora_alpha": 5}, VOLUME),
    ("Dense", {"units": 3, "lora_rank": 2, "dtype": "mixed_float16", "use_bias": False}, VOLUME),
    ("Embedding", {"input_dim": 7, "output_dim": 4, "lora_rank": 2, "lora_alpha": 5}, IDS),
]


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("case", LAYERS, ids=ids(LAYERS))
def test_layer(keras, name, case):
    CHECKS[name](keras, *case)


@pytest.mark.parametrize("case", first_of_each(LAYERS), ids=ids(first_of_each(LAYERS)))
def test_in_models(keras, case):
    check_in_models(keras, *case)


ADAPTED = [
    ("Dense", {"units": 3}, (4, 5), "float32"),
    ("Embedding", {"input_dim": 9, "output_dim": 3}, (4, 5), "int32"),
    (EINSUM, {"equation": "abc,cde->abde", "output_shape": (None, 2, 3)}, (4, 5, 6), "float32"),
]


@pytest.mark.parametrize("case", ADAPTED, ids=[case[0] for case in ADAPTED])
def test_enable_lora(keras, case):
    name, arguments, shape, dtype = case
    x = draw(shape, dtype, high=9)
    layers = []
    for library in (keras, ours):
        layer = make(library, name, arguments)
        layer(x)
        layer.enable_lora(2, lora_alpha=3, b_initializer="ones", a_initializer="ones")
        layers.append(layer)
    theirs, mine = layers
    for listing in ("weights", "trainable_weights", "non_trainable_weights"):
        pairs = zip(getattr(mine, listing), getattr(theirs, listing), strict=True)
        assert all((a.path, a.shape, a.dtype) == (b.path, b.shape, b.dtype) for a, b in pairs)
    mine.set_weights(values_of(theirs))
    assert_close(mine(x), theirs(x))
    config = mine.get_config()
    assert (config["lora_rank"], config["lora_alpha"]) == (2, 3)
    with pytest.raises(ValueError, match="Received: enable_lora"):
        mine.enable_lora(2)


def test_lora_needs_a_built_layer_without_constraint():
    with pytest.raises(ValueError, match="Received"):
        ours.layers.Dense(3).enable_lora(2)
    layer = ours.layers.Dense(3, kernel_constraint="non_neg")
    layer.build((None, 4))
    with pytest.raises(ValueError, match="Received: kernel_constraint"):
        layer.enable_lora(2)


@pytest.mark.parametrize(("name", "weight"), [("Dense", "kernel"), ("Embedding", "embeddings")])
def test_a_weight_before_building(name, weight):
    layer = make(ours, name, dict(ADAPTED[0][1] if name == "Dense" else ADAPTED[1][1]))
    with pytest.raises(AttributeError, match="build the layer"):
        getattr(layer, weight)


def language_model(keras: Any) -> Any:
    """Tokens to logits by one table, through a frozen layer that is adapted."""
    layers = keras.layers
    table = layers.ReversibleEmbedding(9, 6, mask_zero=True)
    tokens = keras.Input((5,), dtype="int32")
    x = layers.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d")(table(tokens))
    x = layers.Dense(6, lora_rank=2, activation="tanh")(x)
    return keras.Model(tokens, table(x, reverse=True))


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_training(keras):
    tokens = np.random.default_rng(1).integers(0, 9, (20, 5))
    check(
        keras,
        language_model,
        Data(tokens, rows((5, 9))),
        lambda _: {"loss": "mse"},
        outputs=True,
    )


BAD = [
    ({"equation": "ab,bc,cd->ad", "output_shape": 3}, (2, 4)),
    ({"equation": "a...b,bc->ac", "output_shape": 3}, (2, 4)),
    ({"equation": "ab,bc->ad", "output_shape": 3}, (2, 4)),
    ({"equation": "ab,bcd->ac", "output_shape": 3}, (2, 4)),
    ({"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "b"}, (2, 4)),
    ({"equation": "abc,cd->abd", "output_shape": (7, 3)}, (2, 5, 4)),
]


@pytest.mark.parametrize(("arguments", "shape"), BAD)
def test_bad_equations(keras, arguments, shape):
    for library in (keras, ours):
        with pytest.raises(ValueError, match="Received" if library is ours else None):
            library.layers.EinsumDense(**arguments).build(shape)


@pytest.mark.parametrize("name", [EINSUM, REVERSIBLE, "Dense", "Embedding"])
@pytest.mark.parametrize("method", ["__init__", "call", "build", "enable_lora"])
def test_signatures(keras, name, method):
    found, expected = (
        [
            (p.name, p.default)
            for p in inspect.signature(
                getattr(getattr(library.layers, name), method)
            ).parameters.values()
        ]
        for library in (ours, keras)
    )
    if method == "call":  # one that takes `training` and does not use it is none the better
        found, expected = found[:2], expected[:2]
    assert found == expected
