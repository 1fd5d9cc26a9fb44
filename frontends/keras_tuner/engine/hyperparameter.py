"""One dimension of a search space: its values, and how a number from 0 to 1 picks one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any, Self

from graphc.keras_tuner.engine import conditions as conditions_module
from graphc.keras_tuner.engine.conditions import Condition

KINDS = (str, bool, int, float)


def prob_to_index(prob: float, count: int) -> int:
    """Return which of `count` equal parts of [0, 1) holds `prob`."""
    return min(int(prob * count), count - 1)


def index_to_prob(index: float, count: int) -> float:
    """Return the middle of part `index` of `count` equal parts of [0, 1)."""
    return (index + 0.5) / count


class HyperParameter:
    """A name, a default, and the conditions under which it counts.

    Two with the same name under different conditions are different.

    Args:
        name: unique in the search space, with its conditions.
        default: the value that is used where none was chosen.
        conditions: all must hold for it to be active.
    """

    def __init__(
        self, name: str, default: Any = None, conditions: Sequence[Condition] | None = None
    ) -> None:
        self.name = name
        self._default = default
        self.conditions = list(conditions or [])

    @property
    def default(self) -> Any:
        return self._default

    @property
    def values(self) -> Iterable[Any]:
        """All possible values in order; of a range without steps, ten evenly chosen."""
        raise NotImplementedError(f"{type(self).__name__} must override `values`.")

    def prob_to_value(self, prob: float) -> Any:
        """Return the value at `prob`, from 0 to 1."""
        raise NotImplementedError(f"{type(self).__name__} must override `prob_to_value`.")

    def value_to_prob(self, value: Any) -> float:
        """Return where from 0 to 1 a value lies."""
        raise NotImplementedError(f"{type(self).__name__} must override `value_to_prob`.")

    def random_sample(self, seed: int | None = None) -> Any:
        """Return a random value; equal seeds give equal values."""
        return self.prob_to_value(random.Random(seed).random())

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain data."""
        return {
            "name": self.name,
            "default": self._default,
            "conditions": [conditions_module.serialize(one) for one in self.conditions],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the hyperparameter that a configuration describes."""
        conditions = [conditions_module.deserialize(one) for one in config.get("conditions", [])]
        return cls(**{**config, "conditions": conditions})

    def __repr__(self) -> str:
        shown = {key: value for key, value in self.get_config().items() if key != "conditions"}
        return f"{type(self).__name__}({', '.join(f'{k}: {v!r}' for k, v in shown.items())})"


class Fixed(HyperParameter):
    """A single value, never searched.

    Raises:
        ValueError: the value is no string, number or truth value.
    """

    def __init__(self, name: str, value: Any, **kwargs: Any) -> None:
        super().__init__(name, default=value, **kwargs)
        if not isinstance(value, KINDS):
            raise ValueError(
                f"The value of `Fixed` '{name}' must be an int, float, str or bool. "
                f"Received: {value!r}"
            )
        self.value = value

    @property
    def values(self) -> Iterable[Any]:
        return (self.value,)

    def prob_to_value(self, prob: float) -> Any:
        return self.value

    def value_to_prob(self, value: Any) -> float:
        return 0.5

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["default"]
        return {**config, "value": self.value}


class Boolean(HyperParameter):
    """True or False.

    Raises:
        ValueError: the default is neither.
    """

    def __init__(self, name: str, default: bool = False, **kwargs: Any) -> None:
        if default not in (True, False):
            raise ValueError(f"The default of `Boolean` '{name}' must be a bool. {default=}")
        super().__init__(name, default=default, **kwargs)

    @property
    def values(self) -> Iterable[bool]:
        return (True, False)

    def prob_to_value(self, prob: float) -> bool:
        return prob >= 0.5

    def value_to_prob(self, value: Any) -> float:
        return 0.75 if value else 0.25


class Choice(HyperParameter):
    """One of some values of one type.

    Args:
        name: unique in the search space, with its conditions.
        values: strings, integers, floats or truth values.
        ordered: whether neighbours in the list are alike; None: numbers are.
        default: one of the values; None for the first.

    Raises:
        ValueError: there are no values, the default is none of them, or `ordered` is True for
            what is no number.
        TypeError: the values are of several types, or of one that cannot be stored.
    """

    def __init__(
        self,
        name: str,
        values: Sequence[Any],
        ordered: bool | None = None,
        default: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, default=default, **kwargs)
        self._values = _plain_values(name, list(values))
        numeric = isinstance(self._values[0], int | float)
        if ordered and not numeric:
            raise ValueError(
                f"`ordered` must be False for values that are no numbers, in `Choice` '{name}'. "
                f"Received: values={values!r}"
            )
        if default is not None and default not in self._values:
            raise ValueError(
                f"The default of `Choice` '{name}' must be one of its values, {self._values}. "
                f"Received: default={default!r}"
            )
        self.ordered = numeric if ordered is None else ordered

    @property
    def values(self) -> list[Any]:
        return self._values

    @property
    def default(self) -> Any:
        return self._values[0] if self._default is None else self._default

    def prob_to_value(self, prob: float) -> Any:
        return self._values[prob_to_index(prob, len(self._values))]

    def value_to_prob(self, value: Any) -> float:
        return index_to_prob(self._values.index(value), len(self._values))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "values": self._values, "ordered": self.ordered}


def _plain_values(name: str, values: list[Any]) -> list[Any]:
    if not values:
        raise ValueError(f"`Choice` '{name}' needs at least one value. Received: {values!r}")
    kinds = {_kind(value) for value in values}
    if len(kinds) > 1 or None in kinds:
        raise TypeError(
            f"The values of `Choice` '{name}' must all be int, all float, all str or all bool. "
            f"Received: {values!r}"
        )
    (kind,) = kinds
    assert kind is not None
    return [kind(value) for value in values]


def _kind(value: Any) -> type | None:
    """Return the plain type of a value (NumPy's numbers have one too), or None."""
    if isinstance(value, KINDS):
        return next(kind for kind in KINDS if isinstance(value, kind))
    item = getattr(value, "item", None)
    return _kind(item()) if item is not None and getattr(value, "shape", None) == () else None
