"""Muon: orthogonalised momentum for matrices, Adam for every other parameter."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from graphc.keras.optimizers.rules.adam import adam_change, next_moments
from graphc.keras.optimizers.rules.per_parameter import (
    as_scalars,
    change_all,
    leaves_of,
    transformation,
)
from graphc.runtime.device import filled_like


class MuonSlots(NamedTuple):
    """The momentum of every parameter, and the second moment of those that Adam updates."""

    momentum: Any
    velocity: Any


def muon(
    *, by_adam: tuple[bool, ...], ns_steps: int, nesterov: bool, rms_rate: float | None
) -> optax.GradientTransformationExtraArgs:
    """Muon; `by_adam` says of each parameter whether Adam updates it.

    Scalars: learning_rate, momentum, muon_a, muon_b, muon_c, adam_lr_ratio, beta_1, beta_2, their
    one_minus_ complements, epsilon. Jordan et al. (2024), "Muon: An optimizer for hidden layers in
    neural networks"; the scale by `rms_rate`: Liu et al. (2025), "Muon is Scalable for LLM
    Training".
    """

    def init(params: Any) -> MuonSlots:
        leaves = list(zip(leaves_of(params), by_adam, strict=True))
        momentum = tuple(None if p is None else filled_like(p) for p, _ in leaves)
        velocity = tuple(filled_like(p) if adam and p is not None else None for p, adam in leaves)
        return MuonSlots(momentum, velocity)

    def change(g: jax.Array, p: jax.Array, slots: MuonSlots, s: Any) -> tuple[jax.Array, MuonSlots]:
        if slots.velocity is not None:
            m, v = next_moments(g, slots.momentum, slots.velocity, s)
            return s.adam_lr_ratio * adam_change(m, v, s), MuonSlots(m, v)
        m = slots.momentum + (g + slots.momentum * s.momentum_minus_one)
        direction = orthogonalize(g + s.momentum * m if nesterov else m, s, ns_steps)
        size = 1.0 if rms_rate is None else max(p.shape) ** 0.5 * rms_rate
        return -(s.learning_rate * direction * size), MuonSlots(m, None)

    def update(
        grads: Any, slots: MuonSlots, params: Any = None, *, step: Any, **scalars: Any
    ) -> tuple[Any, MuonSlots]:
        s = as_scalars(step, scalars)
        s.momentum_minus_one = -s.one_minus_momentum
        changes, slots = change_all(change, leaves_of(grads), slots, leaves_of(params), s)
        treedef = jax.tree.structure(grads, is_leaf=lambda leaf: leaf is None)
        return treedef.unflatten(changes), slots

    return transformation(init, update)


def orthogonalize(x: jax.Array, s: Any, steps: int) -> jax.Array:
    """Return nearly the orthogonal factor of a matrix [R, C], by Newton-Schulz iterations."""
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / (jnp.linalg.norm(x) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = s.muon_a * x + (s.muon_b * gram + s.muon_c * gram @ gram) @ x
    return x if wide else x.T
