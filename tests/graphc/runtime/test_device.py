"""Arrays onto the device: shared for reading, copied for overwriting, never pinned."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.runtime.device import put, put_copy


@pytest.mark.parametrize("function", [put, put_copy])
@pytest.mark.parametrize("array", [np.arange(3.0), [0, 1, 2], jnp.arange(3.0)], ids=repr)
@pytest.mark.parametrize("dtype", [None, "float32", "int32"])
def test_values_are_kept_and_dtypes_canonical(function: Any, array: Any, dtype: str | None) -> None:
    result = function(array, dtype)
    assert isinstance(result, jax.Array)
    np.testing.assert_array_equal(result, [0, 1, 2])
    own = "int32" if isinstance(array, list) else "float32"
    assert str(result.dtype) == (dtype or own)


def test_a_device_array_is_put_as_it_is() -> None:
    array = jnp.ones(3)
    assert put(array) is array


def test_a_copy_shares_no_memory() -> None:
    overwrite = jax.jit(lambda a: a + 1, donate_argnums=0)
    for original in (jnp.ones(3), np.ones(3, "float32")):
        overwrite(put_copy(original))
        np.testing.assert_array_equal(original, np.ones(3))


def test_a_copy_is_not_pinned_to_a_device() -> None:
    """A mixture of pinned and free arrays makes `jax.jit` compile an equal program again."""
    for original in (jnp.ones(3), np.ones(3, "float32")):
        assert not put_copy(original).committed
