"""`ops.dot_product_attention` against Keras's: numbers, dtypes, masks, gradients, errors."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import KerasTensor, ops
from graphc.kernels import OPS, Signature, Target, TensorSpec, select

keras = import_module("keras")
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64 requested in ShapeDtypeSt"),
]

RNG = np.random.default_rng(0)
QUERY, KEY, VALUE = (RNG.normal(size=(2, length, 4, 6)).astype("float32") for length in (5, 7, 7))
HOLES = RNG.uniform(size=(2, 4, 5, 7)) < 0.5
HOLES[:, :, 2] = False  # a row that sees nothing

CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "plain": (4, {}),
    "grouped": (2, {}),
    "multi_query": (1, {"is_causal": True}),
    "causal": (4, {"is_causal": True}),
    "scale": (4, {"scale": 0.2}),
    "no_flash": (4, {"flash_attention": False}),
    "mask": (4, {"mask": HOLES}),
    "mask_grouped": (2, {"mask": HOLES, "is_causal": True}),
    "mask_one_head": (2, {"mask": HOLES[:, :1]}),
    "mask_keys": (4, {"mask": HOLES[:, :1, :1]}),
    "mask_3": (4, {"mask": HOLES[0]}),
    "mask_2": (4, {"mask": HOLES[0, 0]}),
    "mask_int": (4, {"mask": HOLES.astype("int32")}),
    "bias": (4, {"bias": RNG.normal(size=(1, 4, 5, 7)).astype("float32")}),
    "bias_2": (2, {"bias": RNG.normal(size=(5, 7)).astype("float32"), "mask": HOLES}),
}


def operands(heads: int, dtype: str = "float32") -> list[Any]:
    return [jnp.asarray(x, dtype) for x in (QUERY, KEY[:, :, :heads], VALUE[:, :, :heads])]


def assert_same(found: Any, expected: Any, atol: float = 2e-6) -> None:
    assert found.dtype == expected.dtype and found.shape == expected.shape
    wide = (np.asarray(x).astype("float64") for x in (found, expected))
    np.testing.assert_allclose(*wide, rtol=0, atol=atol)


@pytest.mark.parametrize("name", CASES)
def test_numbers_and_gradients(name):
    heads, options = CASES[name]
    tensors = operands(heads)
    assert_same(
        ops.dot_product_attention(*tensors, **options),
        keras.ops.dot_product_attention(*tensors, **options),
    )
    direction = RNG.normal(size=QUERY.shape)
    found, expected = (
        jax.grad(
            lambda xs, f=function: jnp.sum(f(*xs, **options) * direction),
        )(tensors)
        for function in (ops.dot_product_attention, keras.ops.dot_product_attention)
    )
    for mine, theirs in zip(found, expected, strict=True):
        assert_same(mine, theirs, 1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int32"])
@pytest.mark.parametrize("name", ["plain", "grouped", "mask_grouped"])
def test_dtypes(name, dtype):
    heads, options = CASES[name]
    tensors = operands(heads, dtype)
    assert_same(
        ops.dot_product_attention(*tensors, **options),
        keras.ops.dot_product_attention(*tensors, **options),
        1e-2,
    )


@pytest.mark.parametrize("pair", [("float16", "float32"), ("bfloat16", "float16")])
def test_mixed_dtypes(pair):
    tensors = [
        x.astype(dtype) for x, dtype in zip(operands(4), (pair[0], *pair[1:] * 2), strict=True)
    ]
    found, expected = (library.dot_product_attention(*tensors) for library in (ops, keras.ops))
    assert_same(found, expected, 1e-2)


@pytest.mark.parametrize("shape", [(None, 5, 4, 6), (2, None, 4, 6), (None, None, 4, 6)])
def test_symbolic(shape):
    for key_heads in (4, 2):
        key = (shape[0], 7, key_heads, 6)
        found, expected = (
            function(*(make(size, "float32") for size in (shape, key, key)))
            for function, make in (
                (ops.dot_product_attention, KerasTensor),
                (keras.ops.dot_product_attention, keras.KerasTensor),
            )
        )
        assert (found.shape, found.dtype) == (tuple(expected.shape), expected.dtype)


def test_signature_is_keras():
    found, expected = (
        [(p.name, p.default) for p in inspect.signature(f).parameters.values()]
        for f in (ops.dot_product_attention, keras.ops.dot_product_attention)
    )
    assert found == expected


@pytest.mark.parametrize(
    ("heads", "options"), [(4, {"attn_logits_soft_cap": 3.0}), (3, {}), (None, {})]
)
def test_bad_arguments(heads, options):
    tensors = operands(heads) if heads else [QUERY[0], KEY[0], VALUE[0]]
    with pytest.raises(ValueError, match="Received"):
        ops.dot_product_attention(*tensors, **options)
    with pytest.raises((ValueError, TypeError)):
        keras.ops.dot_product_attention(*tensors, **options)


def test_heads_of_values_may_be_of_another_size():
    found = ops.dot_product_attention(QUERY, KEY, VALUE[..., :3])
    assert_same(found, ops.dot_product_attention(QUERY, KEY, VALUE)[..., :3])


@pytest.mark.parametrize(
    ("shape", "attrs", "target", "reason"),
    [
        ((8, 512, 8, 64), {"flash": False}, "cpu", "told"),
        ((2, 64, 8, 64), {}, "cpu", "fewer"),
        ((8, 512, 8, 64), {}, "gpu", "fewer"),
        ((0, 512, 8, 64), {}, "cpu", "nothing"),
    ],
)
def test_few_scores_stay_whole(shape, attrs, target, reason):
    signature = Signature((TensorSpec(shape, "float32"),) * 3 + (None, None), attrs)
    (blocks,) = [k for k in OPS["nn.attention"].kernels if k.name == "attention_in_blocks"]
    assert reason in blocks.supports(signature, Target(target))


@pytest.mark.parametrize(
    ("inputs", "attrs", "target", "reason"),
    [
        ({}, {}, "cpu", None),
        ({}, {}, "gpu", "CPU"),
        ({}, {"flash": True}, "cpu", "told"),
        ({}, {"zero_empty_rows": True}, "cpu", "zero"),
        ({3: (2, 8, 64, 64)}, {}, "cpu", "bias"),
        ({4: (2, 1, 64, 64)}, {}, "cpu", None),
        ({0: (64, 512, 8, 64)}, {}, "cpu", "scores"),
    ],
)
def test_on_the_cpu_few_scores_are_kept_for_the_gradient(inputs, attrs, target, reason):
    shapes = {0: (2, 64, 8, 64), 1: (2, 64, 8, 64), 2: (2, 64, 8, 64), 3: None, 4: None} | inputs
    specs = tuple(
        None if shape is None else TensorSpec(shape, "float32") for shape in shapes.values()
    )
    choice = select("nn.attention", Signature(specs, attrs), Target(target))
    whys = [why for kernel, why in choice.rejected if kernel.name == "attention_kept_scores"]
    if reason is None:
        assert choice.kernel.name == "attention_kept_scores"
    else:
        assert len(whys) == 1
        assert reason in whys[0]


@pytest.mark.parametrize(
    ("shape", "attrs"), [((8, 512, 8, 64), {}), ((1, 4, 1, 4), {"flash": True})]
)
def test_many_scores_never_exist_at_once(shape, attrs):
    signature = Signature((TensorSpec(shape, "float32"),) * 3 + (None, None), attrs)
    chosen = select("nn.attention", signature, Target("cpu")).kernel
    assert chosen.tier == "fused"
    x = jax.ShapeDtypeStruct(shape, "float32")
    jaxpr = str(jax.make_jaxpr(lambda q, k, v: chosen.function(q, k, v, None, None))(x, x, x))
    rows = shape[1]
    assert f",{rows},{rows}]" not in jaxpr or rows < 128
