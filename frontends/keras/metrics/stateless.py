"""The pure half of a metric: its methods as functions of its state."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.scope import Scope, entered
from graphc.keras.engine.variable import Variable


class StatelessState:
    """What has `variables`, `update_state`, `result` and `reset_state`, without side effects."""

    @property
    def variables(self) -> list[Variable]:
        """The state."""
        raise NotImplementedError(f"{type(self).__name__} must define `variables`.")

    def stateless_update_state(self, metric_variables: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Return what the state becomes from `metric_variables`; nothing is really set."""
        with entered(self._scope_of(metric_variables)):
            self.update_state(*args, **kwargs)
            return [variable.value for variable in self.variables]

    def stateless_result(self, metric_variables: Any) -> Any:
        """Return the result for the state `metric_variables`."""
        with entered(self._scope_of(metric_variables)):
            return self.result()

    def stateless_reset_state(self) -> list[Any]:
        """Return the state of a metric that has seen nothing."""
        with entered(Scope()):
            self.reset_state()
            return [variable.value for variable in self.variables]

    def _scope_of(self, metric_variables: Any) -> Scope:
        variables, values = self.variables, list(metric_variables)
        if len(values) != len(variables):
            raise ValueError(
                "Argument `metric_variables` must hold one tensor for each of "
                f"{type(self).__name__}().variables: expected {len(variables)}. "
                f"Received: {len(values)} tensors"
            )
        return Scope(dict(zip(variables, values, strict=True)))
