"""Gradients of convolutions over whole batches, and in the form that XLA's library takes."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.kernels import OPS
from graphc.kernels.cases import CASES
from graphc.kernels.fused.conv import conv_product_gradient, filter_gradient_method
from graphc.kernels.fused.fence import written_out

PLAIN = [
    case
    for case in CASES
    if case.op == "nn.conv"
    and case.attrs.get("groups", 1) == 1
    and case.attrs.get("data_format", "channels_last") == "channels_last"
]


def gradients(function, operands, attrs):
    def total(*floats):
        result = function(*floats, **attrs)
        weight = jnp.cos(jnp.arange(result.size, dtype=result.dtype)).reshape(result.shape)
        return jnp.sum(result * weight)

    wanted = tuple(n for n, x in enumerate(operands) if x is not None)
    return jax.jit(jax.grad(total, argnums=wanted))(*operands)


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_gradients_of_a_batch_agree_with_the_reference(case):
    operands = case.operands(batch=9)
    found = gradients(conv_product_gradient, operands, case.attrs)
    wanted = gradients(OPS["nn.conv"].reference, operands, case.attrs)
    for got, want in zip(found, wanted, strict=True):
        scale = max(1.0, float(jnp.abs(want).max()))
        np.testing.assert_allclose(got, want, rtol=0, atol=case.tolerance * scale)


@pytest.mark.parametrize(
    ("window", "channels", "batch", "steps", "method"),
    [
        ((3, 3), 32, 64, (1, 1), "exchange"),
        ((3, 3), 32, 64, (2, 2), "positions"),
        ((3, 3), 32, 2, (1, 1), "positions"),
        ((3, 3), 1, 64, (1, 1), "patches"),
        ((1, 1), 16, 64, (1, 1), "patches"),
        ((1, 1), 256, 64, (1, 1), "positions"),
    ],
)
def test_the_method_follows_from_the_shapes(window, channels, batch, steps, method):
    assert filter_gradient_method(window, channels, batch, steps) == method


@pytest.mark.parametrize("attrs", [{}, {"padding": "same", "dilation_rate": 2}])
def test_in_a_loop_every_convolution_has_the_form_of_the_library(attrs):
    x, weights = jnp.ones((16, 9, 9, 4)), jnp.ones((3, 3, 4, 8))

    def step(_, carry):
        slopes = jax.grad(
            lambda *xs: jnp.sum(conv_product_gradient(*xs, None, **attrs) ** 2), (0, 1)
        )
        return tuple(map(jnp.add, carry, slopes(*carry)))

    program = jax.jit(lambda n, *xs: jax.lax.fori_loop(0, n, step, xs)).lower(3, x, weights)
    forms = re.findall(r"dim_labels=(\S+?)[,\s]", program.compile().as_text())
    assert len(forms) == 3
    assert set(forms) == {"b01f_01io->b01f"}


def test_what_is_written_out_is_the_same_and_is_not_computed_again():
    x = jnp.linspace(-1.0, 1.0, 600).reshape(20, 30)
    np.testing.assert_array_equal(jax.jit(written_out)(x), x)
    np.testing.assert_array_equal(jax.vmap(written_out)(x), x)
    assert written_out(jnp.zeros((0, 3))).shape == (0, 3)
    plain = jax.jit(lambda x: jnp.tanh(x).T).lower(x).compile().as_text()
    apart = jax.jit(lambda x: written_out(jnp.tanh(x)).T).lower(x).compile().as_text()
    assert "while(" not in plain
    assert "while(" in apart


def test_what_is_written_out_has_derivatives_of_every_order():
    x = jnp.ones(3)
    forward = jax.jvp(jax.grad(lambda x: jnp.sum(written_out(x) ** 4)), (x,), (x,))[1]
    np.testing.assert_allclose(forward, 12 * x)
    slopes = jax.hessian(lambda x: jnp.sum(written_out(x) ** 3 * written_out(x)))(x)
    np.testing.assert_allclose(slopes, 12 * jnp.eye(3))


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf"), -0.0])
def test_odd_numbers_are_written_out_as_they_are(odd):
    x = jnp.full((2, 2), odd)
    np.testing.assert_array_equal(jax.jit(written_out)(x).view("int32"), x.view("int32"))
