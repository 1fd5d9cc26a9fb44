"""`LossScaleOptimizer`: scales the loss as far as float16 gradients stay finite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp

from graphc.keras.engine.variable import Variable
from graphc.keras.optimizers.arguments import SHARED
from graphc.keras.optimizers.optimizer import Optimizer
from graphc.keras.optimizers.plan import Arrays, Scalars, digest_of
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

OWN = 4  # iteration, learning rate, step counter, dynamic scale


@dataclass(frozen=True)
class LossScalePlan:
    """The pure step: unscale and run the inner plan, or skip it where a gradient overflowed."""

    inner: Any
    growth_steps: int
    overwritten: tuple[bool, ...]

    @property
    def digest(self) -> str:
        """Equal for equal plans."""
        return digest_of(self)

    def update(
        self, grads: Arrays, variables: Arrays, params: Arrays, scalars: Scalars
    ) -> tuple[Arrays, Arrays]:
        """Return the parameters and the optimizer variables after one step; pure."""
        own, inner = tuple(variables[:OWN]), tuple(variables[OWN:])
        counter, scale = own[2:]
        tests = [jnp.all(jnp.isfinite(g)) for g in grads if g is not None]
        unscaled = tuple(
            g if g is None or over else (g / scale).astype(g.dtype)
            for g, over in zip(grads, self.overwritten, strict=True)
        )

        def proceed() -> tuple[Arrays, Arrays]:
            stepped, after = self.inner.update(unscaled, inner, params, scalars)
            grow = counter == self.growth_steps - 1
            counted = jnp.where(grow, 0, counter + 1)
            return stepped, (*own[:2], counted, jnp.where(grow, scale * 2, scale), *after)

        def skip() -> tuple[Arrays, Arrays]:
            return tuple(params), (*own[:2], jnp.zeros_like(counter), scale * 0.5, *inner)

        return jax.lax.cond(jnp.all(jnp.stack(tests)), proceed, skip)

    def scale_loss(self, loss: Any, variables: Arrays, scalars: Scalars) -> Any:
        """Return the loss to differentiate: times the dynamic scale."""
        return loss * variables[OWN - 1]


def scale_losses(optimizer: Any) -> Any:
    """Return the optimizer with a dynamic loss scale around it; as it is where it has one."""
    if optimizer is None or isinstance(optimizer, LossScaleOptimizer):
        return optimizer
    return LossScaleOptimizer(optimizer, name="loss_scale_optimizer")


class LossScaleOptimizer(Optimizer):
    """Wraps an optimizer; doubles the loss scale after a run of finite steps, halves it on a NaN.

    Args:
        inner_optimizer: the optimizer that updates the variables.
        initial_scale: the first loss scale.
        dynamic_growth_steps: the finite steps in a row after which the scale doubles.
        name: the optimizer's name.

    Raises:
        ValueError: any other argument; set it on the inner optimizer.
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "Expected `dynamic=True`; for a fixed scale set `loss_scale_factor` on the inner "
                "optimizer. Received: dynamic=False"
            )
        # Configs written by older Keras hold the shared arguments at their defaults.
        wrong = {key: value for key, value in kwargs.items() if SHARED.get(key, "") != value}
        if wrong:
            raise ValueError(
                "LossScaleOptimizer does not take these arguments; set them on the "
                f"`inner_optimizer`. Received: {wrong}"
            )
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        super().__init__(0.0, name=name)
        inner_optimizer.loss_scale_factor = None  # else the gradients would be unscaled twice

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the scale, its counter, and the inner optimizer's variables."""
        if self.built:
            return
        super().build(variables)
        self.inner_optimizer.build(variables)

    @property
    def variables(self) -> list[Variable]:
        """The scale and its counter among the own variables, then the inner optimizer's."""
        return super().variables + self.inner_optimizer.variables

    @property
    def iterations(self) -> Any:
        """The number of updates done by the inner optimizer."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    def structure(self) -> Any:
        """Return what a step computes, as a `LossScalePlan`."""
        self._check_built("structure")
        growth = self.dynamic_growth_steps
        return LossScalePlan(self.inner_optimizer.structure(), growth, self._overwritten())

    def scalars(self) -> dict[str, float]:
        """Return the inner optimizer's runtime hyperparameters."""
        return self.inner_optimizer.scalars()

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss times the scale at hand."""
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Let the inner optimizer set the final values."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def averages_of(self, var_list: Sequence[Variable]) -> list[tuple[Variable, Variable]]:
        """Return those that the inner optimizer keeps."""
        return self.inner_optimizer.averages_of(var_list)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Build an equal optimizer, without its state, from `get_config()`."""
        rest = {key: value for key, value in config.items() if key != "inner_optimizer"}
        inner = config["inner_optimizer"]
        return cls(deserialize_keras_object(inner, custom_objects=custom_objects), **rest)

    def _build_slots(self) -> None:
        scale = jnp.float32(self.initial_scale)
        self.step_counter = self._track(self._own_variable(jnp.int32(0), "step_counter"))
        self.dynamic_scale = self._track(self._own_variable(scale, "dynamic_scale"))
