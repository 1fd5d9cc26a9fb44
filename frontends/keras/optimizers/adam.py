"""Adam and its family: AdamW, Adamax, Nadam, Lamb and ScheduleFreeAdamW."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.variable import Variable
from graphc.keras.optimizers import rules
from graphc.keras.optimizers.arguments import shared_arguments
from graphc.keras.optimizers.optimizer import Optimizer
from graphc.keras.optimizers.rule_use import RuleUse

MOMENTS = ("beta_1", "beta_2", "epsilon")
BETAS = ("beta_1", "beta_2")


class Adam(Optimizer):
    """Scales each step by running means of the gradient and of its square."""

    rule = RuleUse(
        rules.adam,
        scalars=MOMENTS,
        complements=BETAS,
        flags=("amsgrad",),
        groups=(("momentum", "velocity"), ("velocity_hat",)),
    )

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad


class AdamW(Adam):
    """Adam with decoupled weight decay on by default.

    Loshchilov and Hutter (2017), "Decoupled Weight Decay Regularization".
    """

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **shared: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError("Expected `weight_decay` to be a float. Received: weight_decay=None")
        moments = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        shared |= {"weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(learning_rate, **moments, **shared)


class Adamax(Optimizer):
    """Adam with the largest gradient so far, decayed, in place of the root mean square."""

    rule = RuleUse(rules.adamax, scalars=MOMENTS, complements=("beta_1",))

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon


class Nadam(Optimizer):
    """Adam with Nesterov momentum whose strength grows over the first steps."""

    rule = RuleUse(rules.nadam, scalars=MOMENTS, groups=(("momentum", "velocity"), ("u_product",)))

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def _slot_name(self, field: str, variable: Variable) -> str:
        return field if field == "u_product" else super()._slot_name(field, variable)


class Lamb(Optimizer):
    """Adam with each variable's step scaled to the variable's norm, for very large batches."""

    rule = RuleUse(rules.lamb, scalars=MOMENTS, complements=BETAS)

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon


class ScheduleFreeAdamW(Optimizer):
    """Adam whose averaged iterates replace a learning rate schedule."""

    rule = RuleUse(rules.schedule_free_adamw, scalars=(*MOMENTS, "warmup_steps"))

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps
