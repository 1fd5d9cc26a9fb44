"""The base of learning rate schedules, and the key by which equal schedules share a program."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np


class LearningRateSchedule:
    """Maps the number of steps done so far to a learning rate.

    `__call__` is traced into the training step, so it is pure: jnp (or `keras.ops`) on `step`,
    an integer scalar. Attributes are constants of the compiled program; schedules of one class
    with equal attributes share a program.
    """

    def __call__(self, step: Any) -> jax.Array:
        """Return the learning rate, a float32 scalar, at a step counted from zero."""
        raise NotImplementedError(f"{type(self).__name__} must override `__call__(self, step)`.")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        raise NotImplementedError(
            f"{type(self).__name__} must override `get_config()` to be serializable."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build an equal schedule from `get_config()`."""
        return cls(**config)


def schedule_key(schedule: Any) -> Hashable:
    """Return a value equal for schedules that compute the same rates: the class and attributes.

    What is not plain data in the attributes counts by identity, so whoever keeps the key keeps the
    schedule too.
    """
    return (type(schedule), _frozen(vars(schedule)))


def as_float(value: Any) -> jax.Array:
    """Return a step or a hyperparameter in the dtype schedules compute in, float32."""
    return jnp.asarray(value, jnp.float32)


def check_steps(name: str, steps: Any) -> None:
    """Refuse a number of steps that is not positive."""
    if steps <= 0:
        raise ValueError(f"Expected `{name}` to be > 0. Received: {name}={steps}")


def _frozen(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return tuple((key, _frozen(value[key])) for key in sorted(value))
    if isinstance(value, (list, tuple)):
        return tuple(map(_frozen, value))
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        array = np.asarray(value)
        return (str(array.dtype), array.shape, array.tobytes())
    if isinstance(value, LearningRateSchedule):
        return schedule_key(value)
    if not isinstance(value, Hashable):
        return (type(value), id(value))
    return (type(value), value)  # 1, 1.0 and True are equal but need not trace alike
