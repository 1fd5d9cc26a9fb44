"""Cross-entropy kernels: what they promise beside agreeing with the reference on the cases."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.kernels import OPS, Signature, Target, TensorSpec, select
from graphc.kernels.fused import linear_cross_entropy
from graphc.kernels.fused.cross_entropy import sparse_crossentropy_of_logits
from graphc.kernels.fused.linear_cross_entropy import (
    LARGEST,
    linear_crossentropy_in_blocks,
    rows_of_block,
)

SPARSE, LINEAR = "nn.sparse_categorical_crossentropy", "nn.linear_crossentropy"
reference = partial(OPS[SPARSE].reference, from_logits=True)
linear_reference = OPS[LINEAR].reference
ROWS, WIDTH, WORDS = 23, 6, 11
# By dtype of the operands, relative to the largest number: some roundings of its mantissa.
TOLERANCES = {"float32": 1e-5, "bfloat16": 3e-2, "float16": 4e-3}


def _both(function: Any, operands: tuple[Any, ...]) -> list[np.ndarray]:
    """The losses and all gradients, along a cotangent that differs everywhere."""
    losses, pull = jax.vjp(function, *operands)
    cotangent = jnp.cos(jnp.arange(losses.size, dtype=losses.dtype)).reshape(losses.shape)
    return [np.asarray(each, "float32") for each in (losses, *pull(cotangent))]


def _assert_close(ours: list[np.ndarray], theirs: list[np.ndarray], tolerance: float) -> None:
    for one, other in zip(ours, theirs, strict=True):
        scale = max(1.0, float(np.abs(other).max()))
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


def _logits(*shape: int, dtype: str = "float32", scale: float = 2.0) -> jax.Array:
    values = np.random.default_rng(0).uniform(-scale, scale, shape)
    return jnp.asarray(values).astype(dtype)


def _targets(*shape: int, low: int = 0, high: int = WORDS) -> jax.Array:
    return jnp.asarray(np.random.default_rng(1).integers(low, high, shape), jnp.int32)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shape", [(WORDS,), (3, WORDS), (2, 3, WORDS)], ids=str)
def test_dtypes_and_ranks_are_those_of_the_reference(shape: tuple[int, ...], dtype: str) -> None:
    logits, targets = _logits(*shape, dtype=dtype), _targets(*shape[:-1])
    ours, theirs = (partial(f, targets) for f in (sparse_crossentropy_of_logits, reference))
    assert ours(logits).dtype == theirs(logits).dtype
    assert jax.grad(lambda z: ours(z).sum())(logits).dtype == logits.dtype
    exact = _both(theirs, (logits.astype("float32"),))
    _assert_close(_both(ours, (logits,)), exact, TOLERANCES[dtype])


@pytest.mark.parametrize("target", [-1, -WORDS, WORDS, 2**31 - 1, -(2**31)])
def test_a_target_that_is_no_class_costs_nothing(target: int) -> None:
    logits, targets = _logits(3, WORDS), jnp.asarray([target, 1, target], jnp.int32)
    losses, slopes = _both(partial(sparse_crossentropy_of_logits, targets), (logits,))
    assert losses[1] > 0 and np.abs(slopes[1]).max() > 0
    np.testing.assert_array_equal(losses[[0, 2]], 0)
    np.testing.assert_array_equal(slopes[[0, 2]], 0)


def test_large_logits_lose_nothing() -> None:
    """The gap between two classes tells the loss, however large both logits are."""
    logits = jnp.asarray([[1e4, 1e4 - 5.0, 0.0], [-1e4, -1e4 - 5.0, -2e4]])
    (losses, slopes) = _both(partial(sparse_crossentropy_of_logits, jnp.zeros(2, int)), (logits,))
    loss = np.log1p(np.exp(-5.0))
    np.testing.assert_allclose(losses, [loss, loss], rtol=1e-5)
    np.testing.assert_allclose(slopes[0, 1], 1 / (1 + np.exp(5.0)), rtol=1e-5)


def test_an_impossible_class_makes_no_nan() -> None:
    logits = _logits(2, WORDS).at[:, 3].set(-jnp.inf)
    losses, slopes = _both(partial(sparse_crossentropy_of_logits, jnp.zeros(2, int)), (logits,))
    assert np.isfinite(losses).all() and np.isfinite(slopes).all()
    np.testing.assert_array_equal(slopes[:, 3], 0)


@pytest.mark.parametrize("function", [sparse_crossentropy_of_logits, reference])
def test_shapes_that_do_not_fit_are_told_alike(function: Any) -> None:
    with pytest.raises(ValueError, match=r"same shape up to the last axis.*\(4,\).*\(3, 11\)"):
        function(_targets(4), _logits(3, WORDS))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"from_logits": False}, "the output is not logits"),
        ({"axis": 1}, "the classes are not on the last axis"),
        ({"axis": -2}, "the classes are not on the last axis"),
        ({"shape": (2, 3, 0)}, "there are no logits"),
        ({"dtype": "int32"}, "the logits are not floating"),
    ],
)
def test_what_is_not_sparse_logits_keeps_the_reference(change: dict[str, Any], reason: str) -> None:
    given = {"from_logits": True, "axis": -1, "shape": (2, 3, WORDS), "dtype": "float32"} | change
    output = TensorSpec(given.pop("shape"), given.pop("dtype"))
    choice = select(SPARSE, Signature((TensorSpec((2, 3), "int32"), output), given), Target("cpu"))
    assert choice.kernel.tier == "reference"
    assert [why for _, why in choice.rejected] == [reason]


@pytest.mark.parametrize("platform", ["cpu", "gpu", "tpu"])
def test_logits_use_the_kernel_everywhere(platform: str) -> None:
    operands = (TensorSpec((2, 3), "int32"), TensorSpec((2, 3, WORDS), "bfloat16"))
    signature = Signature(operands, {"from_logits": True, "axis": 2})
    assert select(SPARSE, signature, Target(platform)).kernel.tier == "fused"


def _layer(dtype: str = "float32", bias: bool = True) -> tuple[Any, ...]:
    rng = np.random.default_rng(2)
    shapes = ((ROWS, WIDTH), (WIDTH, WORDS), (WORDS,) if bias else None)
    draw = [None if s is None else jnp.asarray(rng.normal(size=s)).astype(dtype) for s in shapes]
    return tuple(draw)


def _of_layer(function: Any, targets: jax.Array, layer: tuple[Any, ...]) -> list[np.ndarray]:
    given = [each for each in layer if each is not None]
    return _both(lambda *xs: function(*xs, *[None] * (3 - len(xs)), targets), tuple(given))


# Of the logits that a block may have, how many rows it then takes: all, a few, two, one.
LIMITS = {ROWS * WORDS: ROWS, 90: 8, 40: 2, 3: 1}


@pytest.mark.parametrize(
    ("dtype", "bias"),
    [("float32", True), ("float32", False), ("bfloat16", True), ("float16", False)],
)
@pytest.mark.parametrize("limit", LIMITS)
def test_blocks_of_any_size_agree_with_the_reference(
    limit: int, bias: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With targets that are no class, and a last block that is padded."""
    monkeypatch.setattr(linear_cross_entropy, "LARGEST", limit)
    assert rows_of_block(ROWS, WORDS) == LIMITS[limit]
    layer, targets = _layer(dtype, bias), _targets(ROWS, low=-2, high=WORDS + 2)
    wide = tuple(None if each is None else each.astype("float32") for each in layer)
    exact = _of_layer(linear_reference, targets, wide)
    ours = _of_layer(linear_crossentropy_in_blocks, targets, layer)
    _assert_close(ours, exact, TOLERANCES[dtype])
    slopes = jax.grad(lambda x: linear_crossentropy_in_blocks(x, *layer[1:], targets).sum())(
        layer[0]
    )
    np.testing.assert_array_equal(slopes[(targets < 0) | (targets >= WORDS)], 0)


TRANSFORMS = {
    "jit": jax.jit,
    "remat": lambda f: jax.jit(jax.checkpoint(f)),
    "vmap": lambda f: lambda x, *rest: jax.vmap(lambda row: f(row[None], *rest)[0])(x),
    "scan": lambda f: lambda *xs: jax.lax.scan(lambda c, _: (c, f(*xs)), 0, None, length=2)[1][1],
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_blocks_agree_under_transformations(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_cross_entropy, "LARGEST", 40)
    layer, targets = _layer(), jnp.full(ROWS, 4)

    def function(x: Any, weights: Any, bias: Any) -> Any:
        return linear_crossentropy_in_blocks(x, weights, bias, targets[: len(x)])

    exact = _both(lambda *xs: linear_reference(*xs, targets), layer)
    _assert_close(_both(TRANSFORMS[name](function), layer), exact, TOLERANCES["float32"])


def test_a_bias_that_overflows_does_not_reach_the_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of padding has the bias for logits: exp(100) is infinite in float32."""
    monkeypatch.setattr(linear_cross_entropy, "LARGEST", 90)
    x, weights, bias = _layer()
    layer, targets = (x, weights, bias + 100.0), _targets(ROWS)
    ours = _of_layer(linear_crossentropy_in_blocks, targets, layer)
    _assert_close(ours, _of_layer(linear_reference, targets, layer), TOLERANCES["float32"])


@pytest.mark.parametrize("classes", [1, 2, 1000, 16384, 32000, 50257, LARGEST, LARGEST + 1])
def test_a_block_has_at_most_so_many_logits(classes: int) -> None:
    rows = rows_of_block(10**6, classes)
    assert rows & (rows - 1) == 0 or rows == 10**6
    assert rows * classes <= LARGEST or rows == 1
    assert rows * classes > LARGEST // 4 or rows == 10**6


def test_no_more_than_blocks_of_logits_are_held() -> None:
    rows, width, words = 4096, 8, 8192

    def step(x: Any, weights: Any, targets: Any) -> Any:
        losses = linear_crossentropy_in_blocks(x, weights, None, targets)
        return jnp.sum(losses)

    shapes = [jax.ShapeDtypeStruct(s, "float32") for s in ((rows, width), (width, words))]
    targets = jax.ShapeDtypeStruct((rows,), "int32")
    compiled = jax.jit(jax.grad(step, (0, 1))).lower(*shapes, targets).compile()
    held = compiled.memory_analysis().temp_size_in_bytes
    assert held < 4 * LARGEST * 4 < 4 * rows * words


@pytest.mark.parametrize(
    ("specs", "reason"),
    [
        ((("float32", 4, 0), ("float32", 0, 5), None), "there are no logits"),
        ((("bfloat16", 4, 3), ("float32", 3, 5), None), "the numbers are not floats of one dtype"),
        ((("int32", 4, 3), ("int32", 3, 5), None), "the numbers are not floats of one dtype"),
        ((("float32", 4, 3), ("float32", 2, 3, 5), None), "it is no product with a matrix"),
    ],
)
def test_what_is_no_plain_layer_keeps_the_reference(specs: Any, reason: str) -> None:
    operands = [s and TensorSpec(s[1:], s[0]) for s in specs]
    signature = Signature((*operands, TensorSpec((4,), "int32")))
    choice = select(LINEAR, signature, Target("cpu"))
    assert choice.kernel.tier == "reference"
    assert [why for _, why in choice.rejected] == [reason]
