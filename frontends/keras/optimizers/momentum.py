"""SGD, RMSprop and Lion."""

from __future__ import annotations

from typing import Any

from graphc.keras.optimizers import rules
from graphc.keras.optimizers.arguments import shared_arguments
from graphc.keras.optimizers.optimizer import Optimizer
from graphc.keras.optimizers.rule_use import RuleUse


class SGD(Optimizer):
    """Gradient descent with optional (Nesterov) momentum, a float in [0, 1]."""

    rule = RuleUse(rules.sgd, scalars=("momentum",), flags=("momentum",), options=("nesterov",))

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        if not isinstance(momentum, float) or not 0 <= momentum <= 1:
            raise ValueError(
                f"Expected `momentum` to be a float in [0, 1]. Received: momentum={momentum!r}"
            )
        self.momentum = momentum
        self.nesterov = nesterov


class RMSprop(Optimizer):
    """Divides the gradient by a running root mean square of it; `centered` by its deviation."""

    rule = RuleUse(
        rules.rmsprop,
        scalars=("rho", "momentum", "epsilon"),
        complements=("rho",),
        flags=("momentum", "centered"),
        groups=(("velocity",), ("momentum",), ("average_gradient",)),
    )

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered


class Lion(Optimizer):
    """Steps by the sign of an interpolated momentum; needs a smaller learning rate than Adam."""

    rule = RuleUse(rules.lion, scalars=("beta_1", "beta_2"))

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, **shared)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Expected `beta_1` to be in (0, 1]: at zero only the gradient's sign would count. "
                f"Received: beta_1={beta_1}"
            )
        self.beta_1 = beta_1
        self.beta_2 = beta_2
