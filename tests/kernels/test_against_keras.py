"""Ops whose numerics Keras defines, against real Keras on JAX: equal to the last bit."""

import warnings
from importlib import import_module
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.kernels import OPS

keras = import_module("keras")
pytestmark = pytest.mark.oracle
DTYPES = ("float32", "float16", "bfloat16")
ACTIVATIONS = {
    "relu": {"negative_slope": 0.3, "max_value": 1.5, "threshold": 0.5}, "relu6": {},
    "leaky_relu": {"negative_slope": 0.2}, "elu": {"alpha": 1.2}, "selu": {},
    "gelu": {"approximate": False}, "sigmoid": {}, "hard_sigmoid": {}, "silu": {}, "hard_silu": {},
    "softplus": {}, "softsign": {}, "mish": {}, "log_sigmoid": {}, "celu": {}, "glu": {"axis": 1},
    "tanh_shrink": {}, "hard_tanh": {}, "hard_shrink": {"threshold": 0.4},
    "soft_shrink": {"threshold": 0.4}, "squareplus": {}, "sparse_plus": {}, "sparse_sigmoid": {},
    "threshold": {"threshold": 0.3, "default_value": -1.0}, "softmax": {"axis": 0},
    "log_softmax": {"axis": -1}, "sparsemax": {"axis": 1},
}  # fmt: skip
REDUCTIONS = ("sum", "mean", "prod", "max", "min", "all", "any", "argmax", "argmin", "var", "std")


def run(name, *operands, **attrs):
    return OPS[name].reference(*operands, **attrs)


def draw(*shape, seed=0, dtype="float32"):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape) * 2, dtype)


def assert_equal(got, want):
    got, want = jax.tree.leaves(got), jax.tree.leaves(want)
    assert [(x.shape, x.dtype) for x in got] == [(x.shape, x.dtype) for x in want]
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(np.asarray(a, "float64"), np.asarray(b, "float64"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name, dtype):
    x, attrs = draw(4, 6, dtype=dtype), ACTIVATIONS[name]
    assert_equal(run(f"nn.{name}", x, **attrs), getattr(keras.activations, name)(x, **attrs))


@pytest.mark.parametrize(
    "attrs", [{}, {"negative_slope": 0.1}, {"max_value": 6}, {"threshold": -0.5, "max_value": 1.0}]
)
def test_relu_variants(attrs):
    x = draw(4, 6)
    assert_equal(run("nn.relu", x, **attrs), keras.activations.relu(x, **attrs))


@pytest.mark.parametrize("from_logits", [True, False])
def test_crossentropies(from_logits):
    logits, classes = draw(4, 6), np.array([0, 3, 5, 1])
    target = keras.ops.softmax(draw(4, 6, seed=1))
    output = logits if from_logits else keras.ops.softmax(logits)
    for kind, labels in product(("binary", "categorical", "sparse_categorical"), (0, 1)):
        name = f"{kind}_crossentropy"
        truth = (classes, classes[:, None])[labels] if kind == "sparse_categorical" else target
        got = run(f"nn.{name}", truth, output, from_logits=from_logits)
        assert_equal(got, getattr(keras.ops, name)(truth, output, from_logits=from_logits))


@pytest.mark.parametrize("dtype", DTYPES)
def test_normalizations(dtype):
    x, four = draw(2, 5, 6, 4, dtype=dtype), draw(4, seed=1)
    mean, variance = draw(4, seed=2), jnp.abs(draw(4, seed=3))
    ops = keras.ops
    assert_equal(run("nn.moments", x, axes=(0, 1, 2)), ops.moments(x, [0, 1, 2]))
    assert_equal(
        run("nn.batch_norm", x, mean, variance, four, four, axis=-1, epsilon=1e-3),
        ops.batch_normalization(x, mean, variance, -1, four, four, 1e-3),
    )
    assert_equal(
        run("nn.layer_norm", x, four, four, axis=-1, epsilon=1e-3),
        ops.layer_normalization(x, four, four, -1, 1e-3),
    )
    pair = draw(6, 4, seed=4)
    assert_equal(
        run("nn.layer_norm", x, pair, None, axis=(2, 3), epsilon=1e-3),
        ops.layer_normalization(x, pair, None, (2, 3), 1e-3),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        old = ops.layer_normalization(x, four, None, -1, 1e-3, rms_scaling=True)
    assert_equal(run("nn.layer_norm", x, four, None, axis=-1, epsilon=1e-3, rms_scaling=True), old)
    assert_equal(
        run("nn.rms_norm", x, four, axis=-1, epsilon=1e-6), ops.rms_normalization(x, four, -1, 1e-6)
    )


IMAGES = {1: (2, 9, 4), 2: (2, 9, 8, 4), 3: (2, 9, 8, 7, 4)}
WINDOWS = [
    {"strides": 1}, {"strides": 2}, {"strides": 3}, {"dilation_rate": 2},
]  # fmt: skip


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("attrs", WINDOWS, ids=str)
def test_convolutions(rank, padding, attrs):
    x, window = draw(*IMAGES[rank]), (3, 2, 3)[:rank]
    attrs = attrs | {"padding": padding}
    kernel, grouped = draw(*window, 4, 6), draw(*window, 2, 6)
    assert_equal(run("nn.conv", x, kernel, None, **attrs), keras.ops.conv(x, kernel, **attrs))
    assert_equal(
        run("nn.conv", x, grouped, None, groups=2, **attrs), keras.ops.conv(x, grouped, **attrs)
    )
    transposed = draw(*window, 6, 4)
    assert_equal(
        run("nn.conv_transpose", x, transposed, None, **attrs),
        keras.ops.conv_transpose(x, transposed, **attrs),
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pools(rank, kind, padding):
    x = draw(*IMAGES[rank])
    for size in (2, 3):
        attrs = {"pool_size": size, "strides": 2, "padding": padding}
        got = run(f"nn.{kind}_pool", x, **attrs)
        assert_equal(got, getattr(keras.ops, f"{kind}_pool")(x, **attrs))
    got = run(f"nn.adaptive_{kind}_pool", x, output_size=3)
    want = getattr(keras.ops, f"adaptive_{kind}_pool")(x, 3)
    np.testing.assert_allclose(got, want, atol=1e-6)


SEED = jnp.array([123, 4], "uint32")
DRAWS = [
    ("uniform", (-1.0, 2.0)), ("normal", (0.3, 0.05)), ("truncated_normal", (0.0, 0.05)),
    ("gamma", (0.7,)), ("beta", (0.7, 1.2)), ("binomial", (10.0, 0.3)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters"), DRAWS)
def test_draws(name, parameters):
    backend = keras.src.backend.random
    got = run(f"random.{name}", SEED, *parameters, shape=(50, 7), dtype="float32")
    assert_equal(got, getattr(backend, name)((50, 7), *parameters, dtype="float32", seed=SEED))


def test_draws_from_a_range_and_from_logits():
    backend, logits = keras.src.backend.random, draw(5, 7)
    assert_equal(
        run("random.randint", SEED, 0, 9, shape=(50,)), backend.randint((50,), 0, 9, seed=SEED)
    )
    assert_equal(
        run("random.categorical", SEED, logits, num_samples=9),
        backend.categorical(logits, 9, seed=SEED),
    )
    assert_equal(run("random.shuffle", SEED, logits, axis=1), backend.shuffle(logits, 1, SEED))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25, 0.5, 0.8, 1.0])
def test_dropout(rate, dtype):
    x = draw(60, 70, dtype=dtype)
    want = keras.src.backend.random.dropout(x, rate, None, SEED)
    assert_equal(run("nn.dropout", x, SEED, rate), want)
    traced = jax.jit(OPS["nn.dropout"].reference)(x, SEED, jnp.float32(rate))
    # A float32 rate may move 1 - rate, and so the survivors, by one unit in the last place.
    np.testing.assert_allclose(
        np.asarray(traced, "float64"), np.asarray(want, "float64"), rtol=2.5e-7, atol=0
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "bool"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_promote_as_keras(name, dtype):
    x = draw(4, 6).astype(dtype)
    for axis in (None, 1):
        got = run(f"reduce.{name}", x, axis=axis)
        assert_equal(got, getattr(keras.ops, name)(x, axis=axis))


def test_argmax_tells_the_zeros_apart_as_keras():
    x = jnp.array([-0.0, 0.0, -1.0])
    assert_equal(run("reduce.argmax", x), keras.ops.argmax(x))
    assert_equal(run("reduce.argmin", -x), keras.ops.argmin(-x))


PROMOTED = ("add", "divide", "power", "floor_divide", "mod", "maximum", "logaddexp", "greater")


@pytest.mark.parametrize("name", PROMOTED)
def test_binary_ops_promote_as_keras(name):
    values = [draw(5).astype(d) for d in ("float32", "bfloat16", "int32", "uint8")]
    for x, y in product(values, (*values, 2)):
        assert_equal(run(f"math.{name}", x, y), getattr(keras.ops, name)(x, y))
