"""`keras.quantizers` beside real Keras."""

from __future__ import annotations

import json
import os
from importlib import import_module

import jax
import numpy as np
import pytest

from graphc import keras as ours

pytestmark = pytest.mark.oracle
RNG = np.random.RandomState(0)
MATRIX = RNG.randn(7, 6).astype("float32")
CUBE = RNG.randn(3, 4, 5).astype("float32")


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras")


def same(received, expected, exact: bool = False) -> None:
    if isinstance(expected, tuple):
        assert len(received) == len(expected)
        for mine, theirs in zip(received, expected, strict=True):
            same(mine, theirs, exact)
        return
    mine, theirs = np.asarray(received), np.asarray(expected)
    assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
    if exact or theirs.dtype.kind in "iu":
        assert np.array_equal(mine, theirs)
    else:
        np.testing.assert_allclose(
            mine.astype("float32"), theirs.astype("float32"), rtol=1e-6, atol=1e-7
        )


@pytest.mark.parametrize("to_numpy", [False, True])
@pytest.mark.parametrize(
    ("x", "options"),
    [
        (MATRIX, {"axis": 0}),
        (MATRIX, {"axis": -1}),
        (MATRIX, {"axis": (0, 1)}),
        (CUBE, {"axis": [0, 2]}),
        (MATRIX, {"axis": 1, "value_range": (-8, 7)}),
        (MATRIX.astype("float16"), {"axis": 1, "epsilon": 1e-3}),
        (MATRIX, {"axis": 1, "value_range": (0, 255), "dtype": "uint8"}),
        (np.zeros((2, 3), "float32"), {"axis": 0}),
    ],
)
def test_abs_max_quantize(keras, x, options: dict, to_numpy: bool) -> None:
    arguments = {**options, "to_numpy": to_numpy}
    received = ours.quantizers.abs_max_quantize(x, **arguments)
    same(received, keras.quantizers.abs_max_quantize(x, **arguments))


@pytest.mark.parametrize("to_numpy", [False, True])
@pytest.mark.parametrize("block_size", [2, 7, 16])
@pytest.mark.parametrize("options", [{}, {"value_range": (-128, 127), "epsilon": 1e-3}], ids=str)
def test_grouped_quantize(keras, block_size: int, options: dict, to_numpy: bool) -> None:
    for x in (MATRIX, np.abs(MATRIX), np.ones_like(MATRIX)):
        arguments = {"block_size": block_size, "to_numpy": to_numpy, **options}
        received = ours.quantizers.abs_max_quantize_grouped_with_zero_point(x, **arguments)
        expected = keras.quantizers.abs_max_quantize_grouped_with_zero_point(x, **arguments)
        same(received, expected)


@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": (0, 1), "value_range": (-8, 7)}])
def test_abs_max_quantizer(keras, options: dict) -> None:
    mine, theirs = (module.quantizers.AbsMaxQuantizer(**options) for module in (ours, keras))
    same(mine(MATRIX), theirs(MATRIX))
    same(mine(MATRIX, axis=1), theirs(MATRIX, axis=1))
    same(mine(MATRIX, to_numpy=True), theirs(MATRIX, to_numpy=True))
    assert mine.get_config() == theirs.get_config()
    stored = ours.quantizers.serialize(mine)
    assert stored == keras.quantizers.serialize(theirs)
    for entry in (stored, json.loads(json.dumps(stored))):
        same(ours.quantizers.get(entry)(MATRIX), theirs(MATRIX))
    with pytest.raises(ValueError, match="Received: value_range"):
        ours.quantizers.AbsMaxQuantizer(value_range=(-129, 127))


def test_abs_max_quantizer_in_a_traced_layer() -> None:
    class Rounded(ours.layers.Layer):
        def call(self, x):
            values, scale = ours.quantizers.AbsMaxQuantizer(axis=-1)(x)
            return ours.ops.cast(values, "float32") / scale

    inputs = ours.Input((6,))
    model = ours.Model(inputs, Rounded()(inputs))
    values, scale = ours.quantizers.abs_max_quantize(MATRIX, -1)
    expected = np.asarray(values) / np.asarray(scale)
    np.testing.assert_allclose(model.predict(MATRIX, verbose=0), expected, rtol=1e-6)


def test_get(keras) -> None:
    get = ours.quantizers.get
    assert get(None) is None
    assert isinstance(get("abs_max_quantizer"), ours.quantizers.AbsMaxQuantizer)
    assert isinstance(get("AbsMaxQuantizer", axis=0), ours.quantizers.AbsMaxQuantizer)
    quantizer = ours.quantizers.AbsMaxQuantizer()
    assert get(quantizer) is quantizer
    with pytest.raises(ValueError, match="Received: what"):
        get("what")
    base = ours.Quantizer("int4")
    assert base(MATRIX) is MATRIX and base.output_dtype == "int4"
    with pytest.raises(NotImplementedError):
        base.get_config()


@pytest.mark.parametrize(
    ("amax", "scale", "margin"),
    [(3.0, 1.0, 0), (0.0, 2.0, 0), (np.inf, 0.5, 1), (np.nan, 0.5, 1), (1e-3, 1.0, 2)],
)
def test_float8_scale(keras, amax: float, scale: float, margin: int) -> None:
    arguments = (np.float32(amax), np.float32(scale), 448.0, margin)
    received = ours.quantizers.compute_float8_scale(*arguments)
    same(received, keras.quantizers.compute_float8_scale(*arguments))


@pytest.mark.parametrize("length", [1, 2, 5])
def test_float8_history(keras, length: int) -> None:
    history = RNG.rand(length).astype("float32")
    mine = ours.ops.convert_to_tensor(history)
    theirs = keras.ops.convert_to_tensor(history)
    same(
        ours.quantizers.compute_float8_amax_history(MATRIX, mine),
        keras.quantizers.compute_float8_amax_history(MATRIX, theirs),
    )


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("compute", ["float32", "bfloat16", "float16"])
def test_quantize_and_dequantize(keras, dtype: str, compute: str) -> None:
    x = (MATRIX * 300).astype("float32")
    arguments = (np.float32(0.7), dtype, compute)
    received = ours.quantizers.quantize_and_dequantize(ours.ops.cast(x, compute), *arguments)
    expected = keras.quantizers.quantize_and_dequantize(keras.ops.cast(x, compute), *arguments)
    same(received, expected)


NIBBLES = RNG.randint(-8, 8, (5, 4, 3)).astype("int8")


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
@pytest.mark.parametrize("shape", [(5, 4, 3), (15, 4), (60,)])
def test_int4(keras, shape, axis: int, dtype: str) -> None:
    if not -len(shape) <= axis < len(shape):
        return
    x = NIBBLES.reshape(shape).astype(dtype) & (15 if dtype == "uint8" else -1)
    packed, packed_shape, length = ours.quantizers.pack_int4(x, axis, dtype)
    expected = keras.quantizers.pack_int4(keras.ops.convert_to_tensor(x), axis, dtype)
    same(packed, expected[0])
    assert (packed_shape, length) == expected[1:]
    for kind in ("int8", "uint8"):
        received = ours.quantizers.unpack_int4(packed, length, axis, kind)
        same(received, keras.quantizers.unpack_int4(expected[0], length, axis, kind))
    same(ours.quantizers.unpack_int4(packed, length, axis, dtype), x)


def test_int4_refuses() -> None:
    with pytest.raises(ValueError, match="Received: dtype='int4'"):
        ours.quantizers.pack_int4(NIBBLES, dtype="int4")
    with pytest.raises(ValueError, match="Received: dtype='int4'"):
        ours.quantizers.unpack_int4(NIBBLES, 5, dtype="int4")
    with pytest.raises(TypeError, match="Received: float32"):
        ours.quantizers.pack_int4(MATRIX)
    with pytest.raises(TypeError, match="Received: float32"):
        ours.quantizers.unpack_int4(MATRIX, 5)


FAKE = [
    ({}, -1.0, 1.5),
    ({"num_bits": 4}, -0.7, 2.1),
    ({"narrow_range": True}, -1.0, 1.0),
    ({}, 0.3, 2.0),
    ({"axis": 1}, -np.linspace(0.5, 1.5, 6), np.linspace(1.0, 2.0, 6)),
    ({"axis": -1, "num_bits": 3}, -np.linspace(0.5, 1.5, 6), np.linspace(1.0, 2.0, 6)),
]


@pytest.mark.parametrize(("options", "low", "high"), FAKE)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_fake_quant(keras, options: dict, low, high, dtype: str) -> None:
    low, high = np.asarray(low, "float32"), np.asarray(high, "float32")
    weights = RNG.randn(*MATRIX.shape).astype("float32")
    found = []
    for module in (ours, keras):
        function = module.quantizers.fake_quant_with_min_max_vars

        def loss(x, low, high, function=function):
            y = function(x, low, high, **options)
            return (y.astype("float32") * weights).sum(), y

        x = jax.numpy.asarray(MATRIX, dtype)
        (_, y), grads = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(x, low, high)
        found.append((y, grads))
    same(found[0][0], found[1][0])
    for mine, theirs in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(
            np.asarray(mine, "float32"), np.asarray(theirs, "float32"),
            rtol=2e-2 if dtype == "bfloat16" else 1e-5, atol=1e-2 if dtype == "bfloat16" else 1e-5,
        )  # fmt: skip


def test_fake_quant_along_the_first_axis() -> None:  # where Keras's own does not broadcast
    low, high = -np.linspace(0.5, 1.5, 7), np.linspace(1.0, 2.0, 7)
    function = ours.quantizers.fake_quant_with_min_max_vars
    same(function(MATRIX, low, high, axis=0), np.asarray(function(MATRIX.T, low, high, axis=1)).T)


def test_fake_quant_of_symbols() -> None:
    inputs = ours.Input((6,))
    y = ours.quantizers.fake_quant_with_min_max_vars(inputs, -1.0, 1.0, num_bits=3)
    assert y.shape == (None, 6)
    expected = ours.quantizers.fake_quant_with_min_max_vars(MATRIX, -1.0, 1.0, num_bits=3)
    same(ours.Model(inputs, y).predict(MATRIX, verbose=0), expected)


CONFIGS = [
    ("Int8QuantizationConfig", lambda q: {}),
    ("Int8QuantizationConfig", lambda q: {"activation_quantizer": None}),
    ("Int8QuantizationConfig", lambda q: {"weight_quantizer": q.AbsMaxQuantizer(axis=0)}),
    ("Int4QuantizationConfig", lambda q: {}),
    (
        "Int4QuantizationConfig",
        lambda q: {
            "weight_quantizer": q.AbsMaxQuantizer(value_range=(-8, 7)),
            "activation_quantizer": q.AbsMaxQuantizer(),
            "block_size": None,
        },
    ),
    ("Float8QuantizationConfig", lambda q: {}),
    ("AWQConfig", lambda q: {"dataset": None, "tokenizer": None, "group_size": -1}),
    ("GPTQConfig", lambda q: {"dataset": ["a"], "tokenizer": None, "weight_bits": 3}),
]


@pytest.mark.parametrize("case", CONFIGS, ids=lambda case: case[0])
def test_configs(keras, case) -> None:
    name, arguments = case
    kinds = [getattr(module.quantizers, name, None) for module in (ours, keras)]
    mine, theirs = (
        kind(**arguments(module.quantizers))
        for kind, module in zip(kinds, (ours, keras), strict=True)
    )
    assert mine.mode == theirs.mode
    assert mine.get_config() == theirs.get_config()
    assert ours.quantizers.serialize(mine) == keras.quantizers.serialize(theirs)
    again = ours.quantizers.deserialize(json.loads(json.dumps(ours.quantizers.serialize(mine))))
    if again.weight_quantizer is not None:
        assert tuple(again.weight_quantizer.value_range) == mine.weight_quantizer.value_range
    assert again.mode == mine.mode
    for kind in (type(mine), type(theirs)):
        assert kind.weight_quantizer_or_default(None, 7) == 7
        assert kind.activation_quantizer_or_default(None, 7) == 7
    if hasattr(theirs, "dtype_policy_string"):
        assert mine.dtype_policy_string() == theirs.dtype_policy_string()


BAD_CONFIGS = [
    ("Int8QuantizationConfig", lambda q: {"weight_quantizer": q.AbsMaxQuantizer(output_dtype="x")}),
    ("Int4QuantizationConfig", lambda q: {"block_size": 0}),
    ("Int4QuantizationConfig", lambda q: {"weight_quantizer": q.AbsMaxQuantizer()}),
    (
        "Int4QuantizationConfig",
        lambda q: {"weight_quantizer": q.AbsMaxQuantizer(), "block_size": -1},
    ),
    ("AWQConfig", lambda q: {"dataset": None, "tokenizer": None, "weight_bits": 8}),
    ("AWQConfig", lambda q: {"dataset": None, "tokenizer": None, "num_grid_points": 0}),
    ("GPTQConfig", lambda q: {"dataset": None, "tokenizer": None, "weight_bits": 5}),
    ("GPTQConfig", lambda q: {"dataset": None, "tokenizer": None, "group_size": 0}),
    ("GPTQConfig", lambda q: {"dataset": None, "tokenizer": None, "hessian_damping": 2}),
    ("GPTQConfig", lambda q: {"dataset": None, "tokenizer": None, "num_samples": 0}),
]


@pytest.mark.parametrize("case", BAD_CONFIGS, ids=lambda case: case[0])
def test_bad_configs(keras, case) -> None:
    name, arguments = case
    with pytest.raises(ValueError):  # noqa: PT011
        getattr(keras.quantizers, name)(**arguments(keras.quantizers))
    with pytest.raises(ValueError, match="Received"):
        getattr(ours.quantizers, name)(**arguments(ours.quantizers))
