"""The steps of `Model` as methods that a subclass may override, call, or take apart."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.stateless import StatelessScope
from graphc.keras.engine.structure import flatten
from graphc.keras.engine.tape import GradientTape
from graphc.keras.utils.packing import unpack_x_y_sample_weight

Step = Callable[..., Any]


def built_in(method: Step) -> Step:
    """Mark a step as ours: a model that leaves it alone has it compiled without calling it."""
    method.built_in = True  # pyright: ignore[reportFunctionMemberAccess]
    return method


class Steps:
    """`train_step`, `test_step` and `predict_step`, in both of their signatures.

    `step(data)` reads and assigns variables. `step(state, data)` is Keras's form for JAX: a pure
    function of lists of arrays, which returns the state after it.
    """

    @built_in
    def train_step(self, *given: Any) -> Any:
        """Do one step of training: `train_step(data)` or `train_step(state, data)`.

        Returns:
            The logs; after a `state` also the state after the step.
        """
        if len(given) == 2:
            return self._stateless_train_step(*given)
        model: Any = self
        x, y, weight = unpack_x_y_sample_weight(given[0])
        with GradientTape() as tape:
            y_pred = model(x, training=True)
            loss = model._loss_of(x, y, y_pred, weight, training=True)
            scaled = model.optimizer.scale_loss(loss)
        variables = model.trainable_variables
        model.optimizer.apply(tape.gradient(scaled, variables), variables)
        return self._updated_metrics(loss, x, y, y_pred, weight)

    @built_in
    def test_step(self, *given: Any) -> Any:
        """Evaluate one batch: `test_step(data)` or `test_step(state, data)`."""
        if len(given) == 2:
            return self._stateless_test_step(*given)
        model: Any = self
        x, y, weight = unpack_x_y_sample_weight(given[0])
        y_pred = model(x, training=False)
        loss = model._loss_of(x, y, y_pred, weight, training=False)
        return self._updated_metrics(loss, x, y, y_pred, weight)

    @built_in
    def predict_step(self, *given: Any) -> Any:
        """Return the outputs for one batch: `predict_step(data)` or `predict_step(state, data)`."""
        model: Any = self
        x, _, _ = unpack_x_y_sample_weight(given[-1])
        if len(given) == 1:
            return model(x, training=False)
        return model.stateless_call(*given[0], x, training=False)

    def _loss_of(self, x: Any, y: Any, y_pred: Any, weight: Any, *, training: bool) -> Any:
        """Call `compute_loss`, an override of which may do without `training`."""
        compute: Any = self.compute_loss  # pyright: ignore[reportAttributeAccessIssue]
        parameters = inspect.signature(compute).parameters.values()
        takes = any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)
        return compute(x, y, y_pred, weight, **({"training": training} if takes else {}))

    def gradients(self, loss_fn: Callable[[], Any], variables: Any = None) -> tuple[Any, Any]:
        """Return what `loss_fn()` computes and its gradient, from within a step.

        Args:
            loss_fn: a function of no arguments that returns a loss.
            variables: by what to differentiate; `trainable_variables` when not given.
        """
        model: Any = self
        with GradientTape() as tape:
            loss = loss_fn()
        wanted = model.trainable_variables if variables is None else variables
        return loss, tape.gradient(loss, wanted)

    def compute_loss_and_updates(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Any,
        y: Any,
        sample_weight: Any,
        training: bool = False,
        optimizer_variables: Sequence[Any] | None = None,
    ) -> tuple[Any, tuple[Any, Any, Any, Any]]:
        """Return the loss, and (unscaled loss, outputs, non-trainable and metrics variables).

        For `jax.value_and_grad(..., has_aux=True)` by the first argument; the loss is scaled where
        the optimizer wants that.
        """
        model: Any = self
        y_pred, after, losses = model.stateless_call(
            trainable_variables, non_trainable_variables, x, return_losses=True,
            training=training,
        )  # fmt: skip
        del losses  # `compute_loss` adds them up again
        loss, (_, after, metrics) = self.stateless_compute_loss(
            trainable_variables, after, metrics_variables, x=x, y=y, y_pred=y_pred,
            sample_weight=sample_weight, training=training,
        )  # fmt: skip
        scaled = loss
        if training and model.optimizer is not None:
            pairs = zip(model.optimizer.variables, optimizer_variables or (), strict=False)
            with StatelessScope(state_mapping=list(pairs)):
                scaled = model.optimizer.scale_loss(loss)
        return scaled, (loss, y_pred, after, metrics)

    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tuple[Any, tuple[Any, list[Any], list[Any]]]:
        """Return the loss, and (trainable, non-trainable, metrics variables) after it."""
        model: Any = self
        groups = model.trainable_variables, model.non_trainable_variables, model.metrics_variables
        values = trainable_variables, non_trainable_variables, metrics_variables
        with StatelessScope(state_mapping=_pairs(groups, values)) as scope:
            loss = model._loss_of(x, y, y_pred, sample_weight, training=training)
            after = _now(scope, groups[1]), _now(scope, groups[2])
        return loss, (trainable_variables, *after)

    def _stateless_train_step(self, state: Any, data: Any) -> Any:
        model: Any = self
        trainable, fixed, optimizer, metrics = state
        x, y, weight = unpack_x_y_sample_weight(data)
        differentiate = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (_, (loss, y_pred, fixed, metrics)), grads = differentiate(
            trainable, fixed, metrics, x, y, weight, training=True, optimizer_variables=optimizer
        )
        trainable, optimizer = model.optimizer.stateless_apply(optimizer, grads, trainable)
        logs, metrics = self._stateless_metrics(metrics, loss, x, y, y_pred, weight)
        return logs, (trainable, fixed, optimizer, metrics)

    def _stateless_test_step(self, state: Any, data: Any) -> Any:
        trainable, fixed, metrics = state
        x, y, weight = unpack_x_y_sample_weight(data)
        _, (loss, y_pred, fixed, metrics) = self.compute_loss_and_updates(
            trainable, fixed, metrics, x, y, weight, training=False
        )
        logs, metrics = self._stateless_metrics(metrics, loss, x, y, y_pred, weight)
        return logs, (trainable, fixed, metrics)

    def _stateless_metrics(self, values: Any, *batch: Any) -> tuple[dict[str, Any], list[Any]]:
        model: Any = self
        variables = model.metrics_variables
        with StatelessScope(state_mapping=_pairs((variables,), (values,))) as scope:
            return self._updated_metrics(*batch), _now(scope, variables)

    def _updated_metrics(self, loss: Any, x: Any, y: Any, y_pred: Any, weight: Any) -> Any:
        model: Any = self
        rows = float(flatten(x)[0].shape[0])
        model._loss_tracker.update_state(apply("core.stop_gradient", loss), sample_weight=rows)
        return model.compute_metrics(x, y, y_pred, weight)


def _pairs(groups: Any, values: Any) -> list[tuple[Any, Any]]:
    return [
        pair
        for variables, arrays in zip(groups, values, strict=True)
        for pair in zip(variables, arrays, strict=True)
    ]


def _now(scope: StatelessScope, variables: Sequence[Any]) -> list[Any]:
    return [scope.read(variable) for variable in variables]
