"""Rules led by a sum or factored mean of squares: Adagrad, Adadelta, Ftrl and Adafactor."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from graphc.keras.optimizers.rules.per_parameter import per_parameter
from graphc.runtime.device import filled_like


class AdagradSlots(NamedTuple):
    """The sum of squared gradients."""

    accumulator: Any


def adagrad(*, initial_accumulator_value: float = 0.1) -> optax.GradientTransformationExtraArgs:
    """Adagrad; scalars: learning_rate, epsilon. The option is read by `init` alone.

    Duchi et al. (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization".
    """

    def start(p: jax.Array) -> AdagradSlots:
        return AdagradSlots(filled_like(p, initial_accumulator_value))

    def change(
        g: jax.Array, p: jax.Array, slots: AdagradSlots, s: Any
    ) -> tuple[jax.Array, AdagradSlots]:
        total = slots.accumulator + jnp.square(g)
        return -(s.learning_rate * g / jnp.sqrt(total + s.epsilon)), AdagradSlots(total)

    return per_parameter(AdagradSlots, start, change)


class AdadeltaSlots(NamedTuple):
    """The running mean squares of the gradient and of the step."""

    accumulated_grad: Any
    accumulated_delta_var: Any


def adadelta() -> optax.GradientTransformationExtraArgs:
    """Adadelta; scalars: learning_rate, rho, one_minus_rho, epsilon.

    Zeiler (2012), "ADADELTA: An Adaptive Learning Rate Method".
    """

    def start(p: jax.Array) -> AdadeltaSlots:
        return AdadeltaSlots(filled_like(p), filled_like(p))

    def change(
        g: jax.Array, p: jax.Array, slots: AdadeltaSlots, s: Any
    ) -> tuple[jax.Array, AdadeltaSlots]:
        grads = s.rho * slots.accumulated_grad + s.one_minus_rho * jnp.square(g)
        steps = slots.accumulated_delta_var
        delta = -(jnp.sqrt(steps + s.epsilon) * g / jnp.sqrt(grads + s.epsilon))
        steps = s.rho * steps + s.one_minus_rho * jnp.square(delta)
        return s.learning_rate * delta, AdadeltaSlots(grads, steps)

    return per_parameter(AdadeltaSlots, start, change)


class FtrlSlots(NamedTuple):
    """The sum of squared gradients and the linear term."""

    accumulator: Any
    linear: Any


def ftrl(
    *, learning_rate_power: float, initial_accumulator_value: float = 0.1
) -> optax.GradientTransformationExtraArgs:
    """Follow the regularized leader; the initial value is read by `init` alone.

    Scalars: learning_rate, beta, and the three regularization strengths. The power is static, so
    that the usual -0.5 compiles to a square root. McMahan et al. (2013), "Ad Click Prediction: a
    View from the Trenches".
    """

    def start(p: jax.Array) -> FtrlSlots:
        return FtrlSlots(filled_like(p, initial_accumulator_value), filled_like(p))

    def change(g: jax.Array, p: jax.Array, slots: FtrlSlots, s: Any) -> tuple[jax.Array, FtrlSlots]:
        l2 = s.l2_regularization_strength + s.beta / (2.0 * s.learning_rate)
        shrunk = g + 2 * s.l2_shrinkage_regularization_strength * p
        total = slots.accumulator + jnp.square(g)
        after = jnp.power(total, -learning_rate_power)
        before = jnp.power(slots.accumulator, -learning_rate_power)
        linear = slots.linear + (shrunk - (after - before) / s.learning_rate * p)
        quadratic = after / s.learning_rate + 2 * l2
        bound = s.l1_regularization_strength
        value = (jnp.clip(linear, -bound, bound) - linear) / quadratic
        return value - p, FtrlSlots(total, linear)

    return per_parameter(FtrlSlots, start, change)


class AdafactorSlots(NamedTuple):
    """The row and column means of the squared gradient, and the second moment they make."""

    row: Any
    column: Any
    velocity: Any


def adafactor() -> optax.GradientTransformationExtraArgs:
    """Adafactor; scalars: learning_rate, beta_2_decay, epsilon_1, epsilon_2, clip_threshold.

    Parameters of rank two and more are factored over their last two axes; the others carry int32
    placeholders for the factors. Shazeer and Stern (2018), "Adafactor: Adaptive Learning Rates
    with Sublinear Memory Cost".
    """

    def start(p: jax.Array) -> AdafactorSlots:
        if p.ndim < 2:
            unused = (np.zeros((), np.int32), np.zeros((), np.int32))
            return AdafactorSlots(*unused, filled_like(p))
        row, column = p.shape[:-1], p.shape[:-2] + p.shape[-1:]
        return AdafactorSlots(np.zeros(row, p.dtype), np.zeros(column, p.dtype), filled_like(p))

    def change(
        g: jax.Array, p: jax.Array, slots: AdafactorSlots, s: Any
    ) -> tuple[jax.Array, AdafactorSlots]:
        # Keras's `relative_step` takes this same minimum once more, which changes nothing.
        rate = jnp.minimum(s.learning_rate, 1 / jnp.sqrt(s.step))
        stride = jnp.maximum(s.epsilon_2, root_mean_square(p)) * rate
        slots = next_second_moment(jnp.square(g) + s.epsilon_1, slots, s)
        direction = g / jnp.sqrt(slots.velocity)
        clip = jnp.maximum(1.0, root_mean_square(direction) / s.clip_threshold)
        return -(stride * (direction / clip)), slots

    return per_parameter(AdafactorSlots, start, change)


def next_second_moment(square: jax.Array, slots: AdafactorSlots, s: Any) -> AdafactorSlots:
    """Return the slots after one squared gradient, factored where its rank allows."""
    old = 1 - jnp.power(s.step, s.beta_2_decay)
    new = 1 - old
    if square.ndim < 2:
        return slots._replace(velocity=old * slots.velocity + new * square)
    row = old * slots.row + new * jnp.mean(square, axis=-1)  # [..., R]
    column = old * slots.column + new * jnp.mean(square, axis=-2)  # [..., C]
    share = row / jnp.mean(row, axis=-1, keepdims=True)
    return AdafactorSlots(row, column, share[..., None] * column[..., None, :])


def root_mean_square(x: jax.Array) -> jax.Array:
    """Return the root of the mean square over all elements."""
    return jnp.sqrt(jnp.mean(jnp.square(x)))
