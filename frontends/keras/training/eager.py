"""`run_eagerly=True`: the same steps without a graph, layer by layer on arrays, for debugging."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from graphc.keras.engine.call import mask_of, set_masks, training_phase
from graphc.keras.engine.scope import Scope, entered
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.training.arrays import Rows
from graphc.keras.training.feed import Feed
from graphc.runtime.data import epoch_order


class EagerSteps:
    """Runs a model's steps by calling it."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def train_epoch(
        self, feed: Feed, steps: int, seed: tuple[int, int], callbacks: Any
    ) -> dict[str, Any]:
        """Train on one epoch, in the same order as the compiled loop, with every batch hook."""
        rows, batch = feed.rows, feed.batch
        order = np.arange(rows.count)
        if feed.shuffle:
            order = np.asarray(epoch_order(*seed, rows.count, rows.count))
        logs: dict[str, Any] = {}
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            callbacks.on_train_batch_begin(step)
            logs = self.step(rows.take(chosen), training=True)
            callbacks.on_train_batch_end(step, logs)
            if self.model.stop_training:
                break
        return logs

    def test(self, rows: Rows, batch: int) -> dict[str, Any]:
        """Return the logs after a pass over the rows."""
        logs: dict[str, Any] = {}
        for start in range(0, rows.count, batch):
            logs = self.step(rows.take(slice(start, start + batch)), training=False)
        return logs

    def predict(self, rows: Rows, batch: int) -> Any:
        """Return the outputs for the rows."""
        found = []
        for start in range(0, rows.count, batch):
            x = map_structure(_tensor, rows.take(slice(start, start + batch)).x)
            with training_phase(False):
                found.append(map_structure(np.array, self.model(x)))
        return map_structure(lambda *parts: np.concatenate(parts), *found)

    def step(self, rows: Rows, *, training: bool) -> dict[str, Any]:
        """Do one step on these rows and return the logs."""
        model = self.model
        x, y, weight = (map_structure(_tensor, part) for part in rows.structure)
        if not all(layer.built for layer in model._flatten_layers()):
            model(x)
        params = model.trainable_variables

        def loss_of(values: Any) -> Any:
            scope = Scope(dict(zip(params, values, strict=True)))
            with entered(scope), training_phase(training):
                y_pred = model(x)
                loss = model.compute_loss(x, y, y_pred, weight, training=training)
            scaled = model.optimizer.scale_loss(loss) if training else loss
            return scaled, (loss, y_pred, mask_of(y_pred), self._writes(scope, params))

        values = tuple(variable.stored for variable in params)
        if not training:
            _, (loss, y_pred, masks, writes) = loss_of(values)
        else:
            model.optimizer.build(params)
            differentiate = jax.value_and_grad(loss_of, has_aux=True)
            (_, (loss, y_pred, masks, writes)), grads = differentiate(values)
            set_masks(y_pred, masks)  # differentiating made new arrays of them
        for variable, value in writes:
            variable.assign(value)
        if training:
            model.optimizer.apply(list(grads), params)
        model._loss_tracker.update_state(loss, sample_weight=float(flatten(x)[0].shape[0]))
        if y is not None:
            model.compute_metrics(x, y, y_pred, weight)
        return {name: np.asarray(value) for name, value in model.get_metrics_result().items()}

    def _writes(self, scope: Scope, params: list[Any]) -> list[tuple[Any, Any]]:
        trained = {id(variable) for variable in params}
        return [(scope.keys[key], scope.values[key]) for key in scope.values if key not in trained]


def _tensor(leaf: Any) -> Any:
    return None if leaf is None else jax.numpy.asarray(leaf)
