"""Runs an optimizer written as Keras's `update_step`, on Variables, as an optax transformation."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from graphc.keras.engine.scope import Scope, entered
from graphc.keras.engine.variable import Variable
from graphc.keras.optimizers.rules.per_parameter import transformation


def variable_steps(optimizer: Any) -> optax.GradientTransformationExtraArgs:
    """Return the transformation whose update calls `optimizer.update_step` for each variable.

    Inside, the optimizer's and the trained variables stand for the values at hand, so assignments
    change only what is returned. Its hyperparameters are constants of the compiled program.
    """
    trained = optimizer._trainable_variables

    def init(params: Any) -> tuple[Any, ...]:
        return tuple(variable.value for variable in _slots(optimizer))

    def update(
        grads: Any, slots: Any, params: Any = None, *, step: Any, **scalars: Any
    ) -> tuple[Any, Any]:
        values = dict(zip(trained, params, strict=True))
        values |= dict(zip(_slots(optimizer), slots, strict=True))
        # `optimizer.iterations` divides by the accumulation steps again.
        every = optimizer.gradient_accumulation_steps or 1
        values[optimizer._iterations] = jnp.asarray(step) * every
        if isinstance(optimizer._learning_rate, Variable):
            values[optimizer._learning_rate] = scalars["learning_rate"]
        scope = Scope(values)
        with entered(scope):
            for grad, variable in zip(grads, trained, strict=True):
                if grad is not None:
                    optimizer.update_step(grad, variable, scalars["learning_rate"])
        changes = tuple(
            None if grad is None else scope.read(variable) - param
            for grad, variable, param in zip(grads, trained, params, strict=True)
        )
        return changes, tuple(scope.read(variable) for variable in _slots(optimizer))

    return transformation(init, update)


def _slots(optimizer: Any) -> list[Any]:
    return optimizer._built_variables[optimizer._base_count :]
