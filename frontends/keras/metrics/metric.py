"""`Metric`: named state, an update for each batch, and a result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from graphc.keras import initializers
from graphc.keras.engine.settings import auto_name, standardize_dtype
from graphc.keras.engine.variable import Variable
from graphc.keras.metrics.stateless import StatelessState

SHORT_DTYPES = {"int": "int32", "float": "float32"}


class Metric(StatelessState):
    """A number (or several) gathered over batches.

    Subclasses make state with `add_variable`, add to it in `update_state` through `keras.ops`, and
    compute the number in `result`. Variables and metrics set as attributes, alone or in a list,
    tuple or dict, are found by themselves.

    Args:
        dtype: the dtype of the result; defaults to `floatx()`.
        name: defaults to the class name in snake_case.
    """

    saving_base: ClassVar[dict[str, Any]] = {"name": "base"}
    _direction: str | None = None  # "up" or "down": which way is better, for searches

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self._variables: list[Variable] = []
        self._metrics: list[Metric] = []
        self.name = name or auto_name(type(self).__name__)
        dtype = getattr(dtype, "compute_dtype", dtype)
        self._dtype = standardize_dtype(SHORT_DTYPES.get(str(dtype), dtype))

    @property
    def dtype(self) -> str:
        """The dtype of the result."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The state of this metric and of those inside it."""
        self._check_initialized()
        inner = [variable for metric in self._metrics for variable in metric.variables]
        return [*self._variables, *inner]

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Create one tensor of state."""
        self._check_initialized()
        variable = Variable(
            initializers.get("zeros" if initializer is None else initializer),
            shape=tuple(shape),
            dtype=dtype,
            trainable=False,
            aggregation=aggregation,
            synchronization="on_read",
            name=name,
        )
        variable.path = f"{self.name}/{variable.name}"
        self._track(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Create one tensor of state; the older name of `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add one batch to the state; for subclasses to define."""
        raise NotImplementedError(f"{type(self).__name__} must define `update_state`.")

    def result(self) -> Any:
        """Return the number, or a dict of numbers; for subclasses to define."""
        raise NotImplementedError(f"{type(self).__name__} must define `result`.")

    def reset_state(self) -> None:
        """Set all state to zero."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the metric from `get_config()`."""
        return cls(**config)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add one batch and return the result so far."""
        self._check_initialized()
        self.update_state(*args, **kwargs)
        return self.result()

    def __setattr__(self, name: str, value: Any) -> None:
        if "_metrics" in self.__dict__:
            for item in _tracked_items(value):
                self._track(item)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def _track(self, item: Variable | Metric) -> None:
        members: list[Any] = self._metrics if isinstance(item, Metric) else self._variables
        if not any(member is item for member in members):
            members.append(item)

    def _check_initialized(self) -> None:
        if "_metrics" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}.__init__ must call `super().__init__()` before anything "
                "else that makes state."
            )


def _tracked_items(value: Any) -> Iterator[Any]:
    if isinstance(value, (Variable, Metric)):
        yield value
    elif isinstance(value, (list, tuple)):
        yield from (item for item in value if isinstance(item, (Variable, Metric)))
    elif isinstance(value, dict):
        yield from _tracked_items(list(value.values()))
