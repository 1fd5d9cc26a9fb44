"""`MultiOptimizer`: different optimizers for different variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from graphc.keras.engine.variable import Variable
from graphc.keras.optimizers.loss_scale import LossScaleOptimizer
from graphc.keras.optimizers.optimizer import Optimizer
from graphc.keras.optimizers.plan import Arrays, Scalars
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

OWN = 2  # iteration, learning rate


@dataclass(frozen=True)
class Share:
    """One inner optimizer's part: its plan (None: nothing to do), parameters and variables."""

    plan: Any
    places: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class MultiPlan:
    """The pure step: every inner plan on its own parameters."""

    shares: tuple[Share, ...]
    scales_loss: bool

    def update(
        self, grads: Arrays, variables: Arrays, params: Arrays, scalars: Scalars
    ) -> tuple[Arrays, Arrays]:
        """Return the parameters and the optimizer variables after one step; pure."""
        stepped, after = list(params), [variables[0] + 1, *variables[1:OWN]]
        rest = list(variables[OWN:])
        for i, share in enumerate(self.shares):
            own, rest = tuple(rest[: share.count]), rest[share.count :]
            if share.plan is None:
                after += own
                continue
            known = {key[1]: value for key, value in _parted(scalars) if key[0] == str(i)}
            part = tuple(params[place] for place in share.places)
            part_grads = tuple(grads[place] for place in share.places)
            part, own = share.plan.update(part_grads, own, part, known)
            after += own
            for place, value in zip(share.places, part, strict=True):
                stepped[place] = value
        return tuple(stepped), tuple(after)

    def scale_loss(self, loss: Any, variables: Arrays, scalars: Scalars) -> Any:
        """Return the loss to differentiate."""
        return loss * scalars["loss_scale_factor"] if self.scales_loss else loss


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Maps patterns of whole variable paths to optimizers; the rest get the default one.

    Raises:
        TypeError: not an optimizer, or not a dict of them.
    """

    def __init__(
        self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None
    ) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(
                "Expected `default_optimizer` to be an Optimizer. "
                f"Received: default_optimizer={default_optimizer!r}"
            )
        if not isinstance(optimizer_map, (dict, type(None))):
            raise TypeError(
                f"Expected `optimizer_map` to be a dict. Received: optimizer_map={optimizer_map!r}"
            )
        self._default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = dict(optimizer_map or {})

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of variables that no pattern matches."""
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"Expected one pattern for variable {key!r}. Received: {matching}")
        return self._optimizer_map[matching[0]] if matching else self._default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str) or key in self._optimizer_map:
            raise ValueError(f"Expected a string that is not in the map yet. Received: {key!r}")
        _check_inner(optimizer)
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __call__(self, variable: Variable) -> Optimizer:
        """Return the optimizer of a variable."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        patterns = self._optimizer_map.items()
        return {
            "default_optimizer": serialize_keras_object(self._default_optimizer),
            "optimizer_map": {key: serialize_keras_object(value) for key, value in patterns},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Build an equal map from `get_config()`."""

        def load(inner: Any) -> Any:
            return deserialize_keras_object(inner, custom_objects=custom_objects)

        patterns = {key: load(inner) for key, inner in config["optimizer_map"].items()}
        return cls(load(config["default_optimizer"]), patterns)


class MultiOptimizer(Optimizer):
    """Trains each variable by the optimizer that `optimizer_map(variable)` returns.

    Args:
        optimizer_map: an `OptimizerMap`, or a function from a variable to an optimizer.
        loss_scale_factor: set on every inner optimizer.
        name: the optimizer's name.
    """

    def __init__(
        self,
        optimizer_map: Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        self._optimizer_map = optimizer_map
        self._inner_optimizers: list[Optimizer] = []
        self._members: list[list[int]] = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._place_of(optimizer)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The inner optimizers."""
        return self._inner_optimizers

    @property
    def variables(self) -> list[Variable]:
        """The own iteration and learning rate, then every inner optimizer's variables."""
        inner = (v for optimizer in self._inner_optimizers for v in optimizer.variables)
        return [*super().variables, *inner]

    @property
    def learning_rate(self) -> Any:
        """Raises: every inner optimizer has its own."""
        self._refuse_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self._refuse_rate()

    @property
    def loss_scale_factor(self) -> Any:
        """What the loss is multiplied by before it is differentiated."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: Any) -> None:
        self._loss_scale_factor = value
        for optimizer in self._inner_optimizers:
            optimizer.loss_scale_factor = value

    def structure(self) -> Any:
        """Return what a step computes, as a `MultiPlan`."""
        self._check_built("structure")
        rows = zip(self._inner_optimizers, self._members, strict=True)
        shares = (
            Share(inner.structure() if places else None, tuple(places), len(inner.variables))
            for inner, places in rows
        )
        return MultiPlan(tuple(shares), self.loss_scale_factor is not None)

    def scalars(self) -> dict[str, float]:
        """Return every inner optimizer's runtime hyperparameters, named "place.name"."""
        values = {
            f"{i}.{name}": value
            for i, inner in enumerate(self._inner_optimizers)
            for name, value in inner.scalars().items()
        }
        factor = self.loss_scale_factor
        return values if factor is None else values | {"loss_scale_factor": float(factor)}

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Let every inner optimizer set the final values of its variables."""
        for inner, places in zip(self._inner_optimizers, self._members, strict=True):
            inner.finalize_variable_values([var_list[place] for place in places])

    def averages_of(self, var_list: Sequence[Variable]) -> list[tuple[Variable, Variable]]:
        """Return those that the inner optimizers keep."""
        members = zip(self._inner_optimizers, self._members, strict=True)
        lists = [inner.averages_of([var_list[n] for n in places]) for inner, places in members]
        return [pair for pairs in lists for pair in pairs]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return {
            "optimizer_map": serialize_keras_object(self._optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Build an equal optimizer, without its state, from `get_config()`."""
        found = deserialize_keras_object(config["optimizer_map"], custom_objects=custom_objects)
        return cls(**(config | {"optimizer_map": found}))

    def _build_slots(self) -> None:
        for i, variable in enumerate(self._trainable_variables):
            self._members[self._place_of(self._optimizer_map(variable))].append(i)
        for inner, places in zip(self._inner_optimizers, self._members, strict=True):
            if places:
                inner.build([self._trainable_variables[place] for place in places])

    def _place_of(self, optimizer: Optimizer) -> int:
        """Return the place of an inner optimizer, added if it is new."""
        _check_inner(optimizer)
        if optimizer not in self._inner_optimizers:
            optimizer.loss_scale_factor = self.loss_scale_factor
            self._inner_optimizers.append(optimizer)
            self._members.append([])
        return self._inner_optimizers.index(optimizer)

    def _refuse_rate(self) -> NoReturn:
        raise AttributeError(
            "A MultiOptimizer has no learning rate of its own. Use those of its `optimizers`."
        )


def _parted(scalars: Scalars) -> list[tuple[list[str], Any]]:
    return [(key.split(".", 1), value) for key, value in scalars.items() if "." in key]


def _check_inner(optimizer: Any) -> None:
    refused = (LossScaleOptimizer, MultiOptimizer)
    if isinstance(optimizer, Optimizer) and not isinstance(optimizer, refused):
        return
    raise ValueError(
        "Expected an Optimizer that is neither a LossScaleOptimizer nor a MultiOptimizer. "
        f"Received: {optimizer!r}"
    )
