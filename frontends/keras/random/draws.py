"""`keras.random`: random tensors from an explicit seed, the same numbers as Keras on JAX."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import standardize_dtype
from graphc.keras.random.seed_generator import draw_seed
from graphc.kernels import gaussian, threefry
from graphc.runtime.device import put_copy

HOST_LIMIT = 1 << 21  # elements up to which drawing on the host beats compiling the draw


def uniform(
    shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Draw from [minval, maxval); integer dtypes exclude `maxval` too."""
    name = standardize_dtype(dtype)
    op = "random.uniform" if "float" in name else "random.randint"
    key = draw_seed(seed)
    if name == "float32" and _on_host(key, minval, maxval, shape):
        return put_copy(threefry.uniform(np.asarray(key), _shape(shape), minval, maxval))
    return apply(op, key, minval, maxval, shape=_shape(shape), dtype=name)


def _on_host(key: Any, first: Any, second: Any, shape: Any) -> bool:
    """Return whether a draw is small and concrete: the host then saves a compilation."""
    concrete = isinstance(key, jax.Array) and not isinstance(key, jax.core.Tracer)
    numbers = isinstance(first, (int, float)) and isinstance(second, (int, float))
    return concrete and numbers and math.prod(_shape(shape)) <= HOST_LIMIT


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Draw from the normal distribution."""
    return _normal("normal", shape, mean, stddev, dtype, seed)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Draw from the normal distribution cut off at two standard deviations."""
    return _normal("truncated_normal", shape, mean, stddev, dtype, seed)


def _normal(kind: str, shape: Any, mean: Any, stddev: Any, dtype: Any, seed: Any) -> Any:
    key, name, shape = draw_seed(seed), standardize_dtype(dtype), _shape(shape)
    if name == "float32" and _on_host(key, mean, stddev, shape):
        draws = getattr(gaussian, kind)(np.asarray(key), shape)
        return put_copy(draws * np.float32(stddev) + np.float32(mean))
    return apply(f"random.{kind}", key, mean, stddev, shape=shape, dtype=name)


def randint(shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Any:
    """Draw integers from [minval, maxval)."""
    return apply(
        "random.randint",
        draw_seed(seed), minval, maxval, shape=_shape(shape), dtype=standardize_dtype(dtype),
    )  # fmt: skip


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Draw `num_samples` class indices a row from unnormalised log-probabilities [B, C]."""
    return apply(
        "random.categorical",
        draw_seed(seed), logits, num_samples=num_samples, dtype=standardize_dtype(dtype),
    )  # fmt: skip


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """Shuffle along an axis, each slice independently, as Keras on JAX does."""
    return apply("random.shuffle", draw_seed(seed), x, axis=axis)


def dropout(inputs: Any, rate: Any, noise_shape: Any = None, seed: Any = None) -> Any:
    """Zero a share `rate` of the elements and scale the rest by 1 / (1 - rate)."""
    noise_shape = None if noise_shape is None else tuple(noise_shape)
    return apply("nn.dropout", inputs, draw_seed(seed), rate, noise_shape=noise_shape)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Draw from the gamma distribution of shape `alpha` and scale 1."""
    return apply(
        "random.gamma",
        draw_seed(seed), alpha, shape=_shape(shape), dtype=standardize_dtype(dtype),
    )  # fmt: skip


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Draw from the beta distribution."""
    return apply(
        "random.beta",
        draw_seed(seed), alpha, beta, shape=_shape(shape), dtype=standardize_dtype(dtype),
    )  # fmt: skip


def binomial(
    shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Any:
    """Draw the number of successes in `counts` trials."""
    return apply(
        "random.binomial",
        draw_seed(seed), counts, probabilities,
        shape=_shape(shape), dtype=standardize_dtype(dtype),
    )  # fmt: skip


def _shape(shape: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in shape)
