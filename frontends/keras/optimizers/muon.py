"""Muon."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from graphc.keras.engine.variable import Variable
from graphc.keras.optimizers import rules
from graphc.keras.optimizers.arguments import shared_arguments
from graphc.keras.optimizers.optimizer import Optimizer
from graphc.keras.optimizers.rule_use import RuleUse


class Muon(Optimizer):
    """Orthogonalised momentum for matrices; Adam for the rest, embeddings and excluded layers.

    Args:
        learning_rate: as for every optimizer; Adam's is this times `adam_lr_ratio`.
        exclude_layers: patterns of the paths of variables that Adam updates.
        exclude_embeddings: whether Adam updates variables with "embedding" in their path.
        ns_steps: Newton-Schulz iterations, with coefficients `muon_a`, `muon_b` and `muon_c`.
        rms_rate: the root mean square that steps are scaled to; None leaves them as they are.
    """

    rule = RuleUse(
        rules.muon,
        scalars=("momentum", "muon_a", "muon_b", "muon_c", "adam_lr_ratio", "epsilon"),
        complements=("momentum",),
        options=("ns_steps", "nesterov", "rms_rate"),
    )

    @shared_arguments
    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **shared)
        self.adam_beta_1, self.adam_beta_2 = adam_beta_1, adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or ())
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def scalars(self) -> dict[str, float]:
        """Return the hyperparameters a step reads at run time, as they are now."""
        values = super().scalars()
        for name, value in (("beta_1", self.adam_beta_1), ("beta_2", self.adam_beta_2)):
            values |= {name: float(value), f"one_minus_{name}": 1 - float(value)}
        if self.adam_weight_decay is not None:
            values["adam_weight_decay"] = float(self.adam_weight_decay)
        return values

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        names = ("adam_beta_1", "adam_beta_2", "adam_weight_decay")
        names += ("exclude_layers", "exclude_embeddings")
        return super().get_config() | {name: getattr(self, name) for name in names}

    def _by_adam(self, variable: Variable) -> bool:
        path = variable.path
        embedding = self.exclude_embeddings and "embedding" in path.lower()
        excluded = any(re.search(pattern, path) for pattern in self.exclude_layers)
        return len(variable.shape) != 2 or embedding or excluded

    def _rule_and_options(self) -> tuple[Callable[..., Any], dict[str, Hashable]]:
        build, options = super()._rule_and_options()
        return build, options | {"by_adam": tuple(map(self._by_adam, self._trainable_variables))}

    def _decay_of(self, variable: Variable) -> str | None:
        name = "adam_weight_decay" if self._by_adam(variable) else "weight_decay"
        return self._exempted(variable, None if getattr(self, name) is None else name)
