"""Every kernel that is not the reference agrees with it: forward, gradient, jit, vmap and scan."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.dtypes import float0

from graphc.kernels import OPS, Signature, Target, TensorSpec, select
from graphc.kernels.cases import CASES

CPU = Target("cpu")


def spec(x):
    return None if x is None else TensorSpec(x.shape, str(x.dtype))


def signature(case, batch=3):
    return Signature(tuple(spec(x) for x in case.operands(batch)), case.attrs)


PAIRS = [
    pytest.param(case, kernel, id=f"{case}-{kernel.name}")
    for case in CASES
    for kernel in OPS[case.op].kernels
    if kernel.tier != "reference" and kernel.supports(signature(case), CPU) is None
]


def alone(function, attrs):
    """Forward and gradient as one function of the float operands and a cotangent."""

    def both(operands, cotangent):
        result, pull = jax.vjp(lambda *xs: function(*xs, **attrs), *operands)
        # Integer operands, seeds for one, have gradients of dtype float0: nothing to compare.
        return result, [g for g in pull(cotangent) if g is not None and g.dtype != float0]

    return both


def under_scan(both):
    def run(operands, cotangent):
        def body(carry, _):
            return carry, both(operands, cotangent)

        _, results = jax.lax.scan(body, 0, None, length=2)
        return jax.tree.map(lambda x: x[-1], results)

    return run


def under_vmap(both):
    def run(operands, cotangent):
        doubled = jax.tree.map(
            lambda x: jnp.stack([x, ~x if x.dtype == bool else -x]), (operands, cotangent)
        )
        return jax.vmap(both)(*doubled)

    return run


@pytest.mark.parametrize(
    "transform", [lambda f: f, under_scan, under_vmap], ids=["jit", "scan", "vmap"]
)
@pytest.mark.parametrize(("case", "kernel"), PAIRS)
def test_kernel_agrees_with_reference(case, kernel, transform):
    operands = case.operands(batch=3)
    reference = OPS[case.op].reference
    shape = jax.eval_shape(lambda *xs: reference(*xs, **case.attrs), *operands)
    rng = np.random.default_rng(1)
    cotangent = jax.tree.map(lambda s: rng.normal(size=s.shape).astype(s.dtype), shape)
    results = [
        jax.jit(transform(alone(function, case.attrs)))(operands, cotangent)
        for function in (kernel.function, reference)
    ]
    for got, want in zip(*map(jax.tree.leaves, results), strict=True):
        scale = max(1.0, float(jnp.abs(want).max()))
        np.testing.assert_allclose(got, want, rtol=0, atol=case.tolerance * scale)


def test_kernels_are_tried_at_all():
    assert {case.values[0].op for case in PAIRS} >= {"nn.conv", "nn.dropout", "nn.max_pool"}


def chosen(op, attrs, *shapes, dtype="float32", target=CPU):
    specs = tuple(None if s is None else TensorSpec(s, dtype) for s in shapes)
    return select(op, Signature(specs, attrs), target)


IMAGE = (4, 8, 8, 3)
FILTERS = (3, 3, 3, 5)


@pytest.mark.parametrize(
    ("op", "attrs", "shapes", "change", "reason"),
    [
        ("nn.max_pool", {"pool_size": 2, "strides": 1}, (IMAGE,), {}, "overlap"),
        ("nn.max_pool", {"pool_size": 3, "padding": "same"}, (IMAGE,), {}, "divides"),
        ("nn.max_pool", {"pool_size": 9}, (IMAGE,), {}, "larger"),
        ("nn.max_pool", {"pool_size": 2}, (IMAGE,), {"dtype": "int32"}, "floating"),
        ("nn.max_pool", {"pool_size": 2}, (IMAGE,), {"target": Target("gpu")}, "CPU"),
        ("nn.conv", {"groups": 3}, (IMAGE, FILTERS, None), {}, "grouped"),
        ("nn.conv", {"data_format": "channels_first"}, (IMAGE, FILTERS, None), {}, "channels_last"),
        ("nn.conv", {}, (IMAGE, FILTERS, None), {"dtype": "bfloat16"}, "float32"),
        ("nn.conv", {}, (IMAGE, FILTERS, None), {"target": Target("tpu")}, "CPU"),
    ],
)
def test_near_misses_fall_back_with_a_reason(op, attrs, shapes, change, reason):
    choice = chosen(op, attrs, *shapes, **change)
    assert choice.kernel.tier == "reference"
    assert any(reason in why for _, why in choice.rejected)


def test_pooling_and_convolution_use_their_kernels_on_cpu():
    assert chosen("nn.max_pool", {"pool_size": 2}, IMAGE).kernel.tier == "fused"
    assert chosen("nn.conv", {}, IMAGE, FILTERS, None).kernel.tier == "fused"


def test_ties_give_the_gradient_to_the_first_element():
    pool = chosen("nn.max_pool", {"pool_size": 2}, IMAGE).kernel.function
    gradient = jax.grad(lambda x: pool(x, pool_size=2).sum())(jnp.ones((1, 4, 4, 1)))
    np.testing.assert_array_equal(gradient[0, :, :, 0], np.tile([[1.0, 0.0], [0.0, 0.0]], (2, 2)))


def test_a_nan_in_a_window_keeps_its_gradient():
    pool = chosen("nn.max_pool", {"pool_size": 2}, IMAGE).kernel.function
    x = jnp.array([1.0, 2.0, jnp.nan, 0.0]).reshape(1, 2, 2, 1)
    result, pull = jax.vjp(lambda x: pool(x, pool_size=2), x)
    assert np.isnan(result).all()
    assert float(pull(jnp.ones_like(result))[0].sum()) == 1.0
