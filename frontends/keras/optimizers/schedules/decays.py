"""Keras's learning rate schedules; each docstring gives the rate at step t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from graphc.keras.optimizers.schedules.schedule import LearningRateSchedule, as_float, check_steps


class ExponentialDecay(LearningRateSchedule):
    """initial * decay_rate ** (t / decay_steps), the exponent floored with `staircase`."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        check_steps("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> jax.Array:
        """Return the learning rate at a step counted from zero."""
        periods = as_float(step) / self.decay_steps
        periods = jnp.floor(periods) if self.staircase else periods
        return self.initial_learning_rate * jnp.power(as_float(self.decay_rate), periods)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return dict(vars(self))


class InverseTimeDecay(LearningRateSchedule):
    """initial / (1 + decay_rate * t / decay_steps), the quotient floored with `staircase`."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        check_steps("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> jax.Array:
        """Return the learning rate at a step counted from zero."""
        periods = as_float(step) / self.decay_steps
        periods = jnp.floor(periods) if self.staircase else periods
        return self.initial_learning_rate / (1 + self.decay_rate * periods)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return dict(vars(self))


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] for boundaries[i - 1] < t <= boundaries[i], the outer intervals unbounded."""

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "Expected one boundary fewer than values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, "
                f"values={values} of length {len(values)}"
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: Any) -> jax.Array:
        """Return the learning rate at a step counted from zero."""
        step = jnp.asarray(step)
        boundaries = jnp.asarray(list(self.boundaries)).astype(step.dtype)  # [B]
        return as_float(list(self.values))[jnp.sum(step > boundaries)]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return dict(vars(self))


class PolynomialDecay(LearningRateSchedule):
    """(initial - end) * (1 - t / decay_steps) ** power + end, then constant.

    With `cycle`, `decay_steps` grows to the first multiple of itself that is at least t instead.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        check_steps("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> jax.Array:
        """Return the learning rate at a step counted from zero."""
        step, period = as_float(step), as_float(self.decay_steps)
        if self.cycle:
            period = period * jnp.maximum(jnp.ceil(step / period), 1.0)
        remaining = 1 - jnp.minimum(step, period) / period
        span = as_float(self.initial_learning_rate) - as_float(self.end_learning_rate)
        return span * jnp.power(remaining, as_float(self.power)) + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return dict(vars(self))


class CosineDecay(LearningRateSchedule):
    """A linear warm-up to `warmup_target`, then half a cosine down to `alpha` of the start.

    Loshchilov and Hutter (2016), "SGDR: Stochastic Gradient Descent with Warm Restarts".
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        check_steps("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> jax.Array:
        """Return the learning rate at a step counted from zero."""
        step = as_float(step)
        if self.warmup_target is None:
            return self._decayed(step, self.initial_learning_rate)
        decayed = self._decayed(step - self.warmup_steps, self.warmup_target)
        if not self.warmup_steps:
            return decayed
        rise = as_float(self.warmup_target) - as_float(self.initial_learning_rate)
        warm = rise * (step / self.warmup_steps) + self.initial_learning_rate
        return jnp.where(step < self.warmup_steps, warm, decayed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return dict(vars(self))

    def _decayed(self, step: jax.Array, start: float) -> jax.Array:
        done = jnp.minimum(step, as_float(self.decay_steps)) / self.decay_steps
        return start * ((1 - self.alpha) * half_cosine(done) + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines down to `alpha` of the start, restarted after each period.

    Period i lasts `first_decay_steps * t_mul ** i` steps and starts at `m_mul ** i` of the start.
    Loshchilov and Hutter (2016), "SGDR: Stochastic Gradient Descent with Warm Restarts".
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        check_steps("first_decay_steps", first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self._t_mul = t_mul
        self._m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> jax.Array:
        """Return the learning rate at a step counted from zero."""
        restarts, done = self._position(as_float(step) / self.first_decay_steps)
        start = jnp.power(as_float(self._m_mul), restarts)
        fraction = (1 - as_float(self.alpha)) * (start * half_cosine(done)) + self.alpha
        return self.initial_learning_rate * fraction

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self._t_mul,
            "m_mul": self._m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }

    def _position(self, periods: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the restarts so far and the fraction done of the period at hand."""
        if self._t_mul == 1.0:
            restarts = jnp.floor(periods)
            return restarts, periods - restarts
        growth = as_float(self._t_mul)
        restarts = jnp.floor(jnp.log(1.0 - periods * (1.0 - growth)) / jnp.log(growth))
        started = (1.0 - jnp.power(growth, restarts)) / (1.0 - growth)
        return restarts, (periods - started) / jnp.power(growth, restarts)


def half_cosine(fraction: jax.Array) -> jax.Array:
    """Return the cosine from 1 at fraction 0 to 0 at fraction 1."""
    return 0.5 * (1.0 + jnp.cos(as_float(math.pi) * fraction))
