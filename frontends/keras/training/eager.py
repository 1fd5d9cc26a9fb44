"""`run_eagerly=True`: the same steps without a graph, layer by layer on arrays, for debugging."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.call import mask_of, set_masks, training_phase
from graphc.keras.engine.scope import Scope, entered
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.training.arrays import Rows
from graphc.keras.training.own_steps import data_of, own_step, run_own_step


class EagerSteps:
    """Runs a model's steps by calling it."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def train_epoch(
        self, batches: Iterable[Rows], callbacks: Any, place: Any, resume: Any, watch: Any
    ) -> dict[str, Any]:
        """Train on the rest of one epoch's batches, with every batch hook."""
        logs: dict[str, Any] = dict(place.logs or {})
        for step, rows in enumerate(batches, place.done):
            callbacks.on_train_batch_begin(step)
            logs = self.step(rows, training=True)
            watch.failed_eagerly(step, logs.get("loss"))
            callbacks.on_train_batch_end(step, logs)
            if resume.counts_steps:
                resume.after_steps(place.epoch, step + 1, 1, logs)
            if self.model.stop_training:
                break
        return logs

    def test(self, batches: Iterable[Rows]) -> dict[str, Any]:
        """Return the logs after all batches."""
        logs: dict[str, Any] = {}
        for rows in batches:
            logs = self.step(rows, training=False)
        return logs

    def predict(self, batches: Iterable[Rows]) -> Any:
        """Return the outputs for the batches, one after the other."""
        found = [map_structure(np.array, self._outputs(rows)) for rows in batches]
        return map_structure(lambda *parts: np.concatenate(parts), *found)

    def _outputs(self, rows: Rows) -> Any:
        own = own_step(self.model, "predict")
        if own is not None:
            data = data_of(rows, [_tensor(leaf) for leaf in rows.leaves])
            return run_own_step(self.model, "predict", own, data)
        with training_phase(False):
            return self.model(map_structure(_tensor, rows.x))

    def step(self, rows: Rows, *, training: bool) -> dict[str, Any]:
        """Do one step on these rows and return the logs."""
        model = self.model
        own = own_step(model, "train" if training else "test")
        if own is not None:
            data = data_of(rows, [_tensor(leaf) for leaf in rows.leaves])
            logs = run_own_step(model, "train" if training else "test", own, data)
            return {name: np.asarray(value) for name, value in logs.items()}
        x, y, weight = (map_structure(_tensor, part) for part in rows.structure)
        if not all(layer.built for layer in model._flatten_layers()):
            model(x)
        params = model.trainable_variables

        def loss_of(values: Any) -> Any:
            scope = Scope(dict(zip(params, values, strict=True)))
            with entered(scope), training_phase(training):
                y_pred = model(x)
                loss = model._loss_of(x, y, y_pred, weight, training=training)
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
