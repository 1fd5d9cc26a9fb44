"""Rules led by a running mean of the gradient: SGD, RMSprop and Lion."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from graphc.keras.optimizers.rules.per_parameter import per_parameter
from graphc.runtime.device import filled_like


class SGDSlots(NamedTuple):
    """The velocity of each parameter, or None without momentum."""

    momentum: Any


def sgd(*, momentum: bool, nesterov: bool) -> optax.GradientTransformationExtraArgs:
    """Gradient descent; scalars: learning_rate, momentum (read where the option is on).

    Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning".
    """

    def start(p: jax.Array) -> SGDSlots:
        return SGDSlots(filled_like(p) if momentum else None)

    def change(g: jax.Array, p: jax.Array, slots: SGDSlots, s: Any) -> tuple[jax.Array, SGDSlots]:
        step = g * s.learning_rate
        if not momentum:
            return -step, slots
        m = slots.momentum * s.momentum - step
        return (m * s.momentum - step if nesterov else m), SGDSlots(m)

    return per_parameter(SGDSlots, start, change)


class RMSpropSlots(NamedTuple):
    """The mean square of the gradient, and the velocity and mean gradient where they are used."""

    velocity: Any
    momentum: Any
    average_gradient: Any


def rmsprop(*, momentum: bool, centered: bool) -> optax.GradientTransformationExtraArgs:
    """RMSprop; scalars: learning_rate, rho, one_minus_rho, momentum, epsilon.

    Hinton (2012), "Neural Networks for Machine Learning", lecture 6e; centered: Graves (2013),
    "Generating Sequences With Recurrent Neural Networks".
    """

    def start(p: jax.Array) -> RMSpropSlots:
        return RMSpropSlots(
            filled_like(p),
            filled_like(p) if momentum else None,
            filled_like(p) if centered else None,
        )

    def change(
        g: jax.Array, p: jax.Array, slots: RMSpropSlots, s: Any
    ) -> tuple[jax.Array, RMSpropSlots]:
        velocity = s.rho * slots.velocity + s.one_minus_rho * jnp.square(g)
        slots = slots._replace(velocity=velocity)
        variance = velocity
        if centered:
            mean = s.rho * slots.average_gradient + s.one_minus_rho * g
            slots = slots._replace(average_gradient=mean)
            variance = velocity - jnp.square(mean)
        step = s.learning_rate * g / jnp.sqrt(variance + s.epsilon)
        if not momentum:
            return -step, slots
        m = s.momentum * slots.momentum + step
        return -m, slots._replace(momentum=m)

    return per_parameter(RMSpropSlots, start, change)


class LionSlots(NamedTuple):
    """The running mean of the gradient."""

    momentum: Any


def lion() -> optax.GradientTransformationExtraArgs:
    """Lion; scalars: learning_rate, beta_1, beta_2.

    Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms".
    """

    def start(p: jax.Array) -> LionSlots:
        return LionSlots(filled_like(p))

    def change(g: jax.Array, p: jax.Array, slots: LionSlots, s: Any) -> tuple[jax.Array, LionSlots]:
        m = slots.momentum
        direction = jnp.sign(m * s.beta_1 + g * (1 - s.beta_1))
        return -s.learning_rate * direction, LionSlots(m * s.beta_2 + g * (1 - s.beta_2))

    return per_parameter(LionSlots, start, change)
