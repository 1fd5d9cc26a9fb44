"""Adagrad, Adadelta, Ftrl and Adafactor."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.variable import Variable
from graphc.keras.optimizers import rules
from graphc.keras.optimizers.arguments import shared_arguments
from graphc.keras.optimizers.optimizer import Optimizer
from graphc.keras.optimizers.rule_use import RuleUse

REGULARIZATION = (
    "l1_regularization_strength",
    "l2_regularization_strength",
    "l2_shrinkage_regularization_strength",
)


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of its squares."""

    rule = RuleUse(rules.adagrad, scalars=("epsilon",), initial=("initial_accumulator_value",))

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon


class Adadelta(Optimizer):
    """Scales the gradient by the ratio of running mean squares of steps and gradients."""

    rule = RuleUse(rules.adadelta, scalars=("rho", "epsilon"), complements=("rho",))

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.rho = rho
        self.epsilon = epsilon


class Ftrl(Optimizer):
    """Follows the regularized leader: sparse weights for wide linear models."""

    rule = RuleUse(
        rules.ftrl,
        scalars=(*REGULARIZATION, "beta"),
        options=("learning_rate_power",),
        initial=("initial_accumulator_value",),
    )

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        if learning_rate_power > 0:
            raise ValueError(
                "Expected `learning_rate_power` to be negative or zero. "
                f"Received: learning_rate_power={learning_rate_power}"
            )
        for name in ("initial_accumulator_value", *REGULARIZATION):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"Expected `{name}` to be positive or zero. "
                    f"Received: {name}={getattr(self, name)}"
                )


class Adafactor(Optimizer):
    """Adam-like steps whose second moments of matrices are kept as row and column means."""

    rule = RuleUse(
        rules.adafactor, scalars=("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold")
    )

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return super().get_config() | {"relative_step": self.relative_step}

    def _slot_name(self, field: str, variable: Variable) -> str:
        return super()._slot_name(field, variable) if field == "velocity" else variable.name
