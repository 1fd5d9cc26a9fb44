"""Normal draws with bits of the host are `jax.random`'s, to the bit."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from graphc.kernels import gaussian

SHAPES = [(), (0, 3), (7, 5), (3, 3, 3, 16), (gaussian.BLOCK,), (129, 257)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", [0, 20261129])
def test_draws_are_those_of_jax(shape: tuple[int, ...], seed: int) -> None:
    key = jax.random.key(seed)
    data = np.asarray(jax.random.key_data(key))
    np.testing.assert_array_equal(gaussian.normal(data, shape), jax.random.normal(key, shape))
    np.testing.assert_array_equal(
        gaussian.truncated_normal(data, shape), jax.random.truncated_normal(key, -2.0, 2.0, shape)
    )


def test_truncated_draws_stay_within_two_deviations() -> None:
    draws = gaussian.truncated_normal(np.array([1, 2], np.uint32), (1 << 18,))
    assert -2 < draws.min() < -1.99
    assert 1.99 < draws.max() < 2
