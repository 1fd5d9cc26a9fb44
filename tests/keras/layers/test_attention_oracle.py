"""The attention layers against Keras's: arguments, masks, scores, dtypes, models, training."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from graphc.keras.engine.scope import TraceScope, entered
from graphc.spec import TensorSpec
from tests.keras.layers.checking import (
    CHECKS,
    MARKS,
    assert_close,
    check_in_models,
    draw,
    first_of_each,
    ids,
    make,
)
from tests.oracle.pairing import Data, check, rows

pytestmark = MARKS

VALUE, KEY = draw((3, 6, 4), seed=1), draw((3, 6, 5), seed=2)
HOLES = np.random.default_rng(3).uniform(size=(3, 2, 5, 6)) < 0.6
HOLES[:, :, 1] = False  # a query that sees nothing
LAST = np.arange(6) < np.array([[4], [6], [5]])  # padding of values
QUERY = {"x": (3, 5, 4)}
READ = {**QUERY, "call": {"value": VALUE}}


def reading(**call: Any) -> dict[str, Any]:
    return {**QUERY, "call": {"value": VALUE, **call}}


MHA, GQA = "MultiHeadAttention", "GroupQueryAttention"
HEADS = {"num_heads": 2, "key_dim": 3}
GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
DROPPING = {**HEADS, "dropout": 0.3, "seed": 5}
PICTURE = {"x": (2, 3, 4, 5), "call": {"value": draw((2, 3, 4, 5), seed=1)}}
PROJECTED = [
    (MHA, HEADS, READ),
    (MHA, {**HEADS, "use_bias": False, "use_gate": True}, reading(use_causal_mask=True)),
    (MHA, {**DROPPING, "value_dim": 5}, reading(key=KEY)),
    (MHA, DROPPING, reading(attention_mask=HOLES, training=True)),
    (MHA, {**DROPPING, "sliding_window": 2}, reading(attention_mask=HOLES)),
    (MHA, {**HEADS, "output_shape": (2, 3)}, reading(attention_mask=HOLES[:, 0])),
    (MHA, {**HEADS, "output_shape": 7}, reading(attention_mask=HOLES[0, 0].astype("int32"))),
    (MHA, HEADS, reading(return_attention_scores=True, attention_mask=HOLES)),
    (MHA, HEADS, reading(return_attention_scores=True, use_causal_mask=True, value_mask=LAST)),
    (MHA, HEADS, reading(value_mask=LAST, key_mask=LAST, query_mask=LAST[:, :5])),
    (MHA, {**HEADS, "sliding_window": 2}, reading(use_causal_mask=True)),
    (MHA, {**HEADS, "attention_axes": 2}, PICTURE),
    (MHA, {**HEADS, "attention_axes": (-2,), "kernel_regularizer": "l2"}, PICTURE),
    (MHA, HEADS, PICTURE),
    (MHA, {**HEADS, "dtype": "mixed_bfloat16"}, reading(attention_mask=HOLES)),
    (MHA, {**HEADS, "dtype": "float16", "dropout": 0.1}, READ),
    (MHA, {**HEADS, "activity_regularizer": "l2", "kernel_constraint": "max_norm"}, READ),
    (GQA, GROUPS, READ),
    (GQA, {**GROUPS, "num_key_value_heads": 1, "use_gate": True}, reading(use_causal_mask=True)),
    (GQA, {**GROUPS, "dropout": 0.3, "seed": 5}, reading(training=True, value_mask=LAST)),
    (GQA, {**GROUPS, "use_bias": False}, reading(return_attention_scores=True, key=VALUE)),
    (GQA, {**GROUPS, "sliding_window": 2}, reading(query_mask=LAST[:, :5], value_mask=LAST)),
    (GQA, {**GROUPS, "activity_regularizer": "l2"}, reading(attention_mask=HOLES[:, 0])),
]
TWO = {"x": [(3, 5, 4), (3, 6, 4)]}
THREE = {"x": [(3, 5, 4), (3, 6, 7), (3, 6, 4)]}
MASKS = [LAST[:, :5], LAST]
SCORED = [
    ("Attention", {}, TWO),
    ("Attention", {"use_scale": True, "dropout": 0.2}, THREE),
    ("Attention", {"score_mode": "concat", "use_scale": True}, TWO),
    ("Attention", {"score_mode": "concat"}, {**THREE, "call": {"return_attention_scores": True}}),
    ("Attention", {"use_scale": True}, {**TWO, "call": {"use_causal_mask": True}}),
    ("Attention", {"dtype": "mixed_float16"}, TWO),
    ("AdditiveAttention", {}, TWO),
    ("AdditiveAttention", {"use_scale": False, "dropout": 0.2}, THREE),
    ("AdditiveAttention", {}, {**TWO, "call": {"return_attention_scores": True}}),
]
SCORED_MASKED = [
    ("Attention", {}, {**TWO, "call": {"mask": MASKS}}),
    ("Attention", {}, {**TWO, "call": {"mask": MASKS, "use_causal_mask": True}}),
    ("Attention", {"use_scale": True}, {**TWO, "call": {"mask": MASKS, "training": True}}),
    ("Attention", {"dropout": 0.4, "seed": 2}, {**THREE, "call": {"training": True}}),
    (
        "Attention",
        {},
        {**TWO, "call": {"mask": [None, LAST], "return_attention_scores": True}},
    ),
    ("AdditiveAttention", {}, {**TWO, "call": {"mask": MASKS, "use_causal_mask": True}}),
]
FIXED_BATCH = [*PROJECTED, *SCORED_MASKED]
NAMES = ids(FIXED_BATCH)


@pytest.mark.parametrize("name", ["outputs", "config", "traced"])
@pytest.mark.parametrize("case", FIXED_BATCH, ids=NAMES)
def test_layer_with_given_tensors(keras, name, case):
    CHECKS[name](keras, *case)


SMOOTH = [case for case in FIXED_BATCH if not case[2]["call"].get("training")]


@pytest.mark.parametrize("case", SMOOTH, ids=ids(SMOOTH))
def test_gradients_with_given_tensors(keras, case):
    name, arguments, spec = case
    if name in (MHA, GQA):  # that of the key's bias is 0, and what is computed is rounding
        arguments = {**arguments, "use_bias": False}
    CHECKS["gradients"](keras, name, arguments, spec)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("case", SCORED, ids=ids(SCORED))
def test_layer(keras, name, case):
    CHECKS[name](keras, *case)


@pytest.mark.parametrize("case", first_of_each(SCORED), ids=ids(first_of_each(SCORED)))
def test_in_models(keras, case):
    check_in_models(keras, *case)


@pytest.mark.parametrize("case", [(MHA, {**HEADS, "output_shape": 7}), (GQA, GROUPS)])
@pytest.mark.parametrize("shape", [(None, 5, 4), (None, None, 4)])
def test_symbolic(keras, case, shape):
    results = []
    for library in (keras, ours):
        query, value = (library.KerasTensor(s) for s in (shape, (None, 6, 4)))
        results.append(make(library, *case)(query, value, use_causal_mask=True))
    assert results[1].shape == tuple(results[0].shape)
    assert results[1].dtype == results[0].dtype


def masked_encoder(keras: Any) -> Any:
    """Attention over padded tokens, each layer handing on the mask that it was given.

    There is no merging layer: Keras on JAX holds masks weakly, and forgets those made anew.
    """
    layers = keras.layers
    tokens = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 8, mask_zero=True)(tokens)
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4, name="own")(x, x))
    grouped = layers.GroupQueryAttention(4, 4, 2, use_bias=False, name="grouped")
    y = grouped(x, x, use_causal_mask=True)
    y = layers.Attention(use_scale=True)([y, x])
    z = layers.AdditiveAttention()([x, y])
    return keras.Model(tokens, layers.Dense(1)(layers.GlobalAveragePooling1D()(z)))


def decoder_block(keras: Any) -> Any:
    """A block of a small GPT, with dropout."""
    layers = keras.layers
    inputs = keras.Input((None, 8))
    x = layers.LayerNormalization(epsilon=1e-5)(inputs)
    x = layers.MultiHeadAttention(2, 4, dropout=0.2, seed=4)(x, x, use_causal_mask=True)
    x = layers.Add()([inputs, x])
    y = layers.EinsumDense("...a,ab->...b", 16, activation="gelu", bias_axes="b")(x)
    y = layers.EinsumDense("abc,cd->abd", (None, 8), bias_axes="d")(y)
    return keras.Model(inputs, layers.Add()([x, y]))


def mse(keras: Any) -> dict[str, Any]:
    return {"loss": "mse", "optimizer": keras.optimizers.SGD(0.1)}


@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask:UserWarning")  # by Keras
def test_training_with_padding(keras):
    tokens = np.random.default_rng(0).integers(1, 9, (20, 6))
    tokens[::3, 4:] = 0
    check(keras, masked_encoder, Data(tokens, rows((1,))), mse, outputs=True)


def test_training_with_dropout(keras):
    x = rows((7, 8))
    check(keras, decoder_block, Data(x, x[:, ::-1].copy()), mse, outputs=True)


@pytest.mark.parametrize(
    ("arguments", "call", "used"),
    [
        ({}, {}, True),
        ({"dropout": 0.2}, {}, True),
        ({"dropout": 0.2}, {"training": True}, False),
        ({}, {"return_attention_scores": True}, False),
    ],
)
def test_the_kernel_is_reached_unless_scores_are_needed(arguments, call, used):
    layer = ours.layers.MultiHeadAttention(2, 3, **arguments)
    layer.build((2, 5, 4), (2, 5, 4))
    scope = TraceScope()
    x = scope.input(TensorSpec((2, 5, 4), "float32"))
    with entered(scope):
        output = layer(x, x, **call)
    output = output[0] if isinstance(output, tuple) else output
    graph = scope.builder.finish([output.value], scope.updates())
    assert ("nn.attention" in {node.op for node in graph.nodes}) == used


def test_an_override_sees_one_mask_that_says_all(keras):
    seen = []
    for library in (keras, ours):

        class Watching(library.layers.MultiHeadAttention):
            def _compute_attention(self, query, key, value, attention_mask=None, *rest):
                seen.append(np.asarray(attention_mask))
                return super()._compute_attention(query, key, value, attention_mask, *rest)

        layer = Watching(2, 3, sliding_window=2)
        layer(VALUE, VALUE, use_causal_mask=True)
    np.testing.assert_array_equal(seen[1], seen[0])


@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask:UserWarning")  # by Keras
def test_the_mask_of_the_query_is_handed_on(keras):
    for library in (keras, ours):
        x = library.layers.Masking()(np.array([[[1.0, 2.0], [0.0, 0.0]]], "float32"))
        for layer in (
            library.layers.GroupQueryAttention(2, 2, 1),
            library.layers.MultiHeadAttention(2, 2),
        ):
            y = layer(x, x)
            np.testing.assert_array_equal(y._keras_mask, [[True, False]])


BAD = [
    (MHA, {"num_heads": 0, "key_dim": 3}),
    (MHA, {"num_heads": 2, "key_dim": "3"}),
    (MHA, {**HEADS, "value_dim": -1}),
    (MHA, {**HEADS, "attention_axes": "1"}),
    (MHA, {**HEADS, "sliding_window": 0}),
    (MHA, {**HEADS, "output_shape": 2.5}),
    (MHA, {**HEADS, "flash_attention": True, "dropout": 0.1}),
    (GQA, {**GROUPS, "num_key_value_heads": 3}),
    (GQA, {**GROUPS, "sliding_window": "2"}),
    ("Attention", {"score_mode": "sum"}),
]


@pytest.mark.parametrize("case", BAD, ids=[str(case) for case in BAD])
def test_bad_arguments(keras, case):
    for library in (keras, ours):
        with pytest.raises((ValueError, TypeError)):
            make(library, *case)
    with pytest.raises(ValueError, match="Received"):
        make(ours, *case)


@pytest.mark.parametrize(
    ("name", "arguments", "inputs", "call"),
    [
        (MHA, HEADS, VALUE, {"value": VALUE, "key": KEY[:, :3]}),
        ("Attention", {}, VALUE, {}),
        ("Attention", {}, [VALUE], {}),
        ("Attention", {}, [VALUE, VALUE], {"mask": LAST}),
        ("AdditiveAttention", {}, [VALUE] * 4, {}),
    ],
)
def test_bad_calls(name, arguments, inputs, call):
    with pytest.raises(ValueError, match="Received"):
        make(ours, name, arguments)(inputs, **call)


def test_flash_attention_never_returns_scores():
    layer = ours.layers.MultiHeadAttention(2, 3, flash_attention=True)
    assert_close(layer(VALUE, VALUE), ours.layers.MultiHeadAttention.call(layer, VALUE, VALUE))
    with pytest.raises(ValueError, match="Received: return_attention_scores=True"):
        layer(VALUE, VALUE, return_attention_scores=True)


@pytest.mark.parametrize("name", [MHA, GQA, "Attention", "AdditiveAttention"])
@pytest.mark.parametrize("method", ["__init__", "call", "build"])
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
    assert found == expected
