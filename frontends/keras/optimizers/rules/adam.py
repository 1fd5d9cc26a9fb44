"""Rules led by running first and second moments: Adam and its family."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from graphc.keras.optimizers.rules.per_parameter import (
    as_scalars,
    change_all,
    leaves_of,
    per_parameter,
    start_slots,
    transformation,
)
from graphc.runtime.device import filled_like


class Moments(NamedTuple):
    """The running mean of the gradient and of its square."""

    momentum: Any
    velocity: Any


def start_moments(p: jax.Array) -> Moments:
    """Return zero moments for one parameter."""
    return Moments(filled_like(p), filled_like(p))


def next_moments(g: jax.Array, momentum: jax.Array, velocity: jax.Array, s: Any) -> Moments:
    """Return the moments after one gradient, in the form m + (g - m)(1 - beta)."""
    return Moments(
        momentum + (g - momentum) * s.one_minus_beta_1,
        velocity + (jnp.square(g) - velocity) * s.one_minus_beta_2,
    )


def adam_change(m: jax.Array, v: jax.Array, s: Any) -> jax.Array:
    """Return Adam's change for the moments, the bias corrections folded into the rate."""
    corrections = jnp.sqrt(1 - s.beta_2**s.step) / (1 - s.beta_1**s.step)
    return -(m * (s.learning_rate * corrections) / (jnp.sqrt(v) + s.epsilon))


class AdamSlots(NamedTuple):
    """Adam's moments, and the largest second moment so far with amsgrad."""

    momentum: Any
    velocity: Any
    velocity_hat: Any


def adam(*, amsgrad: bool) -> optax.GradientTransformationExtraArgs:
    """Adam; scalars: learning_rate, beta_1, beta_2, their one_minus_ complements, epsilon.

    Kingma and Ba (2014), "Adam: A Method for Stochastic Optimization"; amsgrad: Reddi et al.
    (2018), "On the Convergence of Adam and Beyond".
    """

    def start(p: jax.Array) -> AdamSlots:
        return AdamSlots(*start_moments(p), filled_like(p) if amsgrad else None)

    def change(g: jax.Array, p: jax.Array, slots: AdamSlots, s: Any) -> tuple[jax.Array, AdamSlots]:
        m, v = next_moments(g, slots.momentum, slots.velocity, s)
        slots = slots._replace(momentum=m, velocity=v)
        if not amsgrad:
            return adam_change(m, v, s), slots
        largest = jnp.maximum(slots.velocity_hat, v)
        return adam_change(m, largest, s), slots._replace(velocity_hat=largest)

    return per_parameter(AdamSlots, start, change)


class AdamaxSlots(NamedTuple):
    """The running mean of the gradient and its decayed largest magnitude."""

    momentum: Any
    norm: Any


def adamax() -> optax.GradientTransformationExtraArgs:
    """Adamax; scalars: learning_rate, beta_1, one_minus_beta_1, beta_2, epsilon.

    Kingma and Ba (2014), section 7.1: Adam under the infinity norm.
    """

    def start(p: jax.Array) -> AdamaxSlots:
        return AdamaxSlots(filled_like(p), filled_like(p))

    def change(
        g: jax.Array, p: jax.Array, slots: AdamaxSlots, s: Any
    ) -> tuple[jax.Array, AdamaxSlots]:
        m = slots.momentum + (g - slots.momentum) * s.one_minus_beta_1
        norm = jnp.maximum(s.beta_2 * slots.norm, jnp.abs(g))
        scale = (1 - s.beta_1**s.step) * (norm + s.epsilon)
        return -(s.learning_rate * m / scale), AdamaxSlots(m, norm)

    return per_parameter(AdamaxSlots, start, change)


class NadamSlots(NamedTuple):
    """Adam's moments and one product of the scheduled momenta, shared by all parameters."""

    momentum: Any
    velocity: Any
    u_product: Any


def nadam() -> optax.GradientTransformationExtraArgs:
    """Nadam; scalars: learning_rate, beta_1, beta_2, epsilon. Dozat (2016).

    Not lifted whole by `per_parameter`, because one slot belongs to no single parameter.
    """

    def momentum_at(step: jax.Array, s: Any) -> jax.Array:
        return s.beta_1 * (1.0 - 0.5 * jnp.power(jnp.float32(0.96), step))

    def change(g: jax.Array, p: jax.Array, slots: Moments, s: Any) -> tuple[jax.Array, Moments]:
        m = slots.momentum + (g - slots.momentum) * (1 - s.beta_1)
        v = slots.velocity + (jnp.square(g) - slots.velocity) * (1 - s.beta_2)
        now, after = momentum_at(s.step, s), momentum_at(s.step + 1, s)
        m_hat = after * m / (1 - s.u_product * after) + (1 - now) * g / (1 - s.u_product)
        v_hat = v / (1 - s.beta_2**s.step)
        return -(m_hat * s.learning_rate / (jnp.sqrt(v_hat) + s.epsilon)), Moments(m, v)

    def init(params: Any) -> NadamSlots:
        moments = start_slots(Moments, start_moments, leaves_of(params))
        one = np.ones((), np.float32)
        return NadamSlots(moments.momentum, moments.velocity, (one,))

    def update(
        grads: Any, slots: NadamSlots, params: Any = None, *, step: Any, **scalars: Any
    ) -> tuple[Any, NadamSlots]:
        s = as_scalars(step, scalars)
        s.u_product = slots.u_product[0] * momentum_at(s.step, s)
        moments = Moments(slots.momentum, slots.velocity)
        changes, moments = change_all(change, leaves_of(grads), moments, leaves_of(params), s)
        treedef = jax.tree.structure(grads, is_leaf=lambda leaf: leaf is None)
        return treedef.unflatten(changes), NadamSlots(
            moments.momentum, moments.velocity, (s.u_product,)
        )

    return transformation(init, update)


def lamb() -> optax.GradientTransformationExtraArgs:
    """LAMB; scalars: learning_rate, beta_1, beta_2, their one_minus_ complements, epsilon.

    You et al. (2019), "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes".
    """

    def change(g: jax.Array, p: jax.Array, slots: Moments, s: Any) -> tuple[jax.Array, Moments]:
        m, v = next_moments(g, slots.momentum, slots.velocity, s)
        m_hat = m / (1 - s.beta_1**s.step)
        direction = m_hat / (jnp.sqrt(v / (1 - s.beta_2**s.step)) + s.epsilon)
        length = jnp.sqrt(jnp.sum(jnp.square(p)))
        stride = jnp.sqrt(jnp.sum(jnp.square(direction)))
        defined = (length > 0) & (stride > 0)
        trust = jnp.where(defined, length / jnp.where(defined, stride, 1.0), 1.0)
        return -(trust * s.learning_rate * direction), Moments(m, v)

    return per_parameter(Moments, start_moments, change)


def schedule_free_adamw() -> optax.GradientTransformationExtraArgs:
    """Schedule-free AdamW; scalars: learning_rate, beta_1, beta_2, epsilon, warmup_steps.

    The parameter holds y, the slot `momentum` holds z. Defazio et al. (2024), "The Road Less
    Scheduled".
    """

    def start(p: jax.Array) -> Moments:
        return Moments(jnp.array(p, copy=True), filled_like(p))

    def change(g: jax.Array, p: jax.Array, slots: Moments, s: Any) -> tuple[jax.Array, Moments]:
        # A warm-up of no steps divides by zero, gives infinity, and the minimum makes it one.
        rate = s.learning_rate * jnp.minimum(s.step / s.warmup_steps, 1.0)
        v = slots.velocity + (jnp.square(g) - slots.velocity) * (1 - s.beta_2)
        scale = jnp.sqrt(v / (1 - s.beta_2**s.step)) + s.epsilon
        z = slots.momentum - rate * g / scale
        weight = 1.0 / s.step
        x = (p - (1 - s.beta_1) * slots.momentum) / s.beta_1
        x = (1 - weight) * x + weight * z
        return (1 - s.beta_1) * z + s.beta_1 * x - p, Moments(z, v)

    return per_parameter(Moments, start, change)
