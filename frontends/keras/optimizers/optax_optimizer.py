"""`OptaxOptimizer`: any optax transformation as an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NoReturn, cast

import jax
import jax.numpy as jnp
import optax

from graphc.keras.optimizers.optimizer import Optimizer
from graphc.keras.optimizers.plan import SlotLayout


class OptaxOptimizer(Optimizer):
    """Runs an optax transformation as it is; `compile(optimizer=optax.adam(1e-3))` makes one.

    The transformation sees gradients and parameters as tuples in the order of the model's
    trainable variables; each leaf of its state is a variable. Compiled programs are shared by
    optimizers that wrap the same transformation object. Learning rate and weight decay are the
    transformation's own.

    Args:
        transformation: an `optax.GradientTransformation`.
        shared: Keras's shared arguments, but for `weight_decay`.

    Raises:
        TypeError: `transformation` is not one.
    """

    def __init__(self, transformation: optax.GradientTransformation, **shared: Any) -> None:
        if not isinstance(transformation, optax.GradientTransformation):
            raise TypeError(
                "Expected `transformation` to be an optax.GradientTransformation. "
                f"Received: {transformation!r}"
            )
        if shared.get("weight_decay") is not None:
            raise ValueError(
                "Expected weight decay as part of the transformation (optax.add_decayed_weights). "
                f"Received: weight_decay={shared['weight_decay']}"
            )
        self.transformation = transformation
        super().__init__(_no_rate, **shared)

    @property
    def learning_rate(self) -> Any:
        """Raises: an optax transformation keeps its learning rate to itself."""
        self._refuse_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self._refuse_rate()

    def scalars(self) -> dict[str, float]:
        """Return the hyperparameters a step reads at run time, as they are now."""
        values = super().scalars()
        del values["learning_rate"]
        return values

    def get_config(self) -> dict[str, Any]:
        """Raise: a transformation is made of functions and has no config.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "An optax transformation cannot be written to a config. Save the weights alone, or "
            "save the model without its optimizer and compile it again after loading."
        )

    def _build_slots(self) -> None:
        params = tuple(jnp.asarray(variable.value) for variable in self._trainable_variables)
        state = self.transformation.init(params)
        self._state_layout = SlotLayout.of_tree(state)
        for i, leaf in enumerate(jax.tree.leaves(state)):
            self._track(self._own_variable(jnp.asarray(leaf), f"state_{i}"))

    @property
    def _layout(self) -> SlotLayout:
        return self._state_layout

    def _rule_and_options(self) -> tuple[Callable[..., Any], dict[str, Hashable]]:
        return whole, {"transformation": self.transformation}

    def _refuse_rate(self) -> NoReturn:
        raise AttributeError(
            "The learning rate of an optax transformation is fixed inside it. Use an optax "
            "schedule, or one of graphc.keras.optimizers, to change it while training."
        )


def whole(transformation: optax.GradientTransformation) -> optax.GradientTransformation:
    """Return a transformation that takes gradients of None, as zeros, and drops our scalars."""

    def update(
        grads: Any, state: Any, params: Any = None, **scalars: Any
    ) -> tuple[tuple[Any, ...], Any]:
        full = tuple(
            jnp.zeros_like(p) if g is None else g for g, p in zip(grads, params, strict=True)
        )
        changes, state = cast(Any, transformation).update(full, state, params)
        kept = zip(changes, grads, strict=True)
        return tuple(None if g is None else change for change, g in kept), state

    return optax.GradientTransformationExtraArgs(transformation.init, cast(Any, update))


def _no_rate() -> float:
    return 0.0
