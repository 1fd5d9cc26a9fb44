"""Flax at work: NNX and optax in a hand-written training step, jitted, its state donated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from flax_models import dense, images, sequences
from peer import SEED, Peer, native_inputs, native_labels
from workloads import Objective

MODELS: dict[str, Callable[[nnx.Rngs], nnx.Module]] = (
    dense.MODELS | images.MODELS | sequences.MODELS
)
LOSSES: dict[Objective, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "classes": optax.softmax_cross_entropy_with_integer_labels,
    "binary": optax.sigmoid_binary_cross_entropy,
    "squares": optax.squared_error,
}
State = Any  # what `nnx.split` gives: the fixed and the changing parts, trees of NNX's


def count_right(objective: Objective, logits: jax.Array, labels: jax.Array) -> jax.Array:
    """How many of a batch the model told right."""
    told = logits.argmax(axis=-1) if objective == "classes" else (logits > 0).astype(labels.dtype)
    return (told == labels).sum()


class FlaxPeer(Peer):
    """An `nnx.Module`, optax's Adam, and a loop around a jitted step.

    Data and state stay on the device; a step takes the numbers of its rows. What the epoch sums up
    is donated along with the state, and read at its end.
    """

    packages = ("jax", "jaxlib", "flax", "optax", "numpy")

    def take(self, data: dict[str, np.ndarray]) -> None:
        self.random = np.random.default_rng(SEED)
        x, y = native_inputs(data["x"]), native_labels(self.workload, data["y"])
        self.row = x[:1]
        self.x, self.y = jax.device_put(x), jax.device_put(y)

    def build(self) -> None:
        model = MODELS[self.workload.name](nnx.Rngs(SEED))
        optimizer = nnx.Optimizer(model, optax.adam(1e-3, eps=1e-7), wrt=nnx.Param)
        self.graphs: State
        self.states: State
        self.graphs, self.states = zip(nnx.split(model), nnx.split(optimizer), strict=True)
        self.step = jax.jit(self._step, donate_argnums=(0, 1))
        self.forward = jax.jit(self._forward)

    def fit(self, epochs: int) -> float:
        return [self._epoch() for _ in range(epochs)][-1]

    def _epoch(self) -> float:
        """One pass over the rows, in an order of its own."""
        count, batch = len(self.x), self.workload.batch
        order = self.random.permutation(count).astype(np.int32)
        sums = (jnp.zeros(()), jnp.zeros((), jnp.int32))
        for start in range(0, count, batch):
            rows = order[start : start + batch]
            self.states, sums = self.step(self.states, sums, self.x, self.y, rows)
        total, right = jax.device_get(sums)
        self.accuracy = float(right) / self.y.size
        return float(total) / count

    def _step(
        self, states: State, sums: Any, x: jax.Array, y: jax.Array, rows: jax.Array
    ) -> tuple[State, Any]:
        model, optimizer = (nnx.merge(*both) for both in zip(self.graphs, states, strict=True))
        model.train()
        x, y = x[rows], y[rows]
        (loss, logits), gradients = nnx.value_and_grad(self._loss_of, has_aux=True)(model, x, y)
        optimizer.update(model, gradients)
        total, right = sums
        total = total + loss * len(rows)
        if self.workload.accuracy:
            right = right + count_right(self.objective, logits, y)
        return (nnx.state(model), nnx.state(optimizer)), (total, right)

    def _loss_of(self, model: Any, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = model(x)
        return LOSSES[self.objective](logits, y).mean(), logits

    def _forward(self, state: State, x: jax.Array) -> jax.Array:
        model = nnx.merge(self.graphs[0], state)
        model.eval()
        return model(x)

    def predict_row(self) -> np.ndarray:
        return np.asarray(self.forward(self.states[0], self.row))

    def devices(self) -> list[str]:
        return [f"{device.platform}: {device.device_kind}" for device in jax.devices()]
