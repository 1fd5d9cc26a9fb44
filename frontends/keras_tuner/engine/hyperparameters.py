"""A search space that a builder defines while it runs, with the values of one trial."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from typing import Any, Self

from graphc.keras_tuner.engine.conditions import Condition, Parent
from graphc.keras_tuner.engine.hyperparameter import Boolean, Choice, Fixed, HyperParameter
from graphc.keras_tuner.engine.numerical import Float, Int, Numerical

KINDS: dict[str, type[HyperParameter]] = {
    kind.__name__: kind for kind in (Boolean, Choice, Fixed, Float, Int)
}


def serialize(hyperparameter: HyperParameter) -> dict[str, Any]:
    """Return a hyperparameter as plain data."""
    kind = type(hyperparameter).__name__
    return {"class_name": kind, "config": hyperparameter.get_config()}


def deserialize(config: dict[str, Any]) -> HyperParameter:
    """Return the hyperparameter that `serialize` described."""
    return KINDS[config["class_name"]].from_config(config["config"])


class HyperParameters:
    """The dimensions that were asked for so far, and the current value of each that is active.

    A builder asks for what it needs (`hp.Int("units", 8, 64)`). The first time, the dimension is
    added to `space` and has its default; later it has the value that a tuner has chosen. Under a
    condition that does not hold, it is added, and None returned.

    Attributes:
        space: the dimensions in the order of their first mention: parents before children.
        values: dict from name to value, of those that are active.
    """

    def __init__(self) -> None:
        self.space: list[HyperParameter] = []
        self.values: dict[str, Any] = {}
        # What conditional scopes were entered, by whether their conditions held: tuners use them
        # to see every branch of a builder before the search.
        self.active_scopes: list[list[Condition]] = []
        self.inactive_scopes: list[list[Condition]] = []
        self._names: list[str] = []
        self._conditions: list[Condition] = []

    @contextmanager
    def name_scope(self, name: str) -> Generator[None]:
        """Put `name/` before the names of what is asked for inside."""
        self._names.append(str(name))
        try:
            yield
        finally:
            self._names.pop()

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Generator[None]:
        """Let what is asked for inside count only where the parent has one of some values.

        Raises:
            ValueError: there is no hyperparameter of the parent's name.
        """
        parent = self._full(parent_name)
        if not any(hp.name == parent for hp in self.space):
            raise ValueError(self._unknown(parent))
        self._conditions.append(Parent(parent, parent_values))
        active = self.all_hold(self._conditions)
        (self.active_scopes if active else self.inactive_scopes).append(list(self._conditions))
        try:
            yield
        finally:
            self._conditions.pop()

    def Int(  # noqa: N802 - these are the names that users write
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: int | None = None,
        sampling: str | None = "linear",
        default: int | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return a whole number from `min_value` to `max_value`; see `Numerical`."""
        with self._under(parent_name, parent_values):
            return self._ask(Int, name, min_value, max_value, step, sampling, default)

    def Float(  # noqa: N802
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str | None = "linear",
        default: float | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return a number from `min_value` to `max_value`; see `Numerical`."""
        with self._under(parent_name, parent_values):
            return self._ask(Float, name, min_value, max_value, step, sampling, default)

    def Choice(  # noqa: N802
        self,
        name: str,
        values: Sequence[Any],
        ordered: bool | None = None,
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return one of `values`, all of one type."""
        with self._under(parent_name, parent_values):
            return self._ask(Choice, name, values, ordered, default)

    def Boolean(  # noqa: N802
        self,
        name: str,
        default: bool = False,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return True or False."""
        with self._under(parent_name, parent_values):
            return self._ask(Boolean, name, default)

    def Fixed(  # noqa: N802
        self, name: str, value: Any, parent_name: str | None = None, parent_values: Any = None
    ) -> Any:
        """Return `value`, which is not searched over, and is recorded."""
        with self._under(parent_name, parent_values):
            return self._ask(Fixed, name, value)

    def get(self, name: str) -> Any:
        """Return the current value.

        Raises:
            ValueError: it is known, and not active.
            KeyError: there is no such name.
        """
        full = self._full(name)
        if full in self.values:
            return self.values[full]
        if any(hp.name == full for hp in self.space):
            raise ValueError(f"{full} is currently inactive.")
        raise KeyError(self._unknown(full))

    __getitem__ = get

    def __contains__(self, name: object) -> bool:
        return self._full(str(name)) in self.values

    def is_active(self, hyperparameter: HyperParameter | str) -> bool:
        """Whether all the conditions of a hyperparameter hold (of a name: of any that has it)."""
        if isinstance(hyperparameter, HyperParameter):
            return self.all_hold(hyperparameter.conditions)
        name = str(hyperparameter)
        return any(self.all_hold(hp.conditions) for hp in self.space if hp.name == name)

    def has(self, hyperparameter: HyperParameter) -> bool:
        """Whether one of the same name and conditions is in the space."""
        return self._find(hyperparameter) is not None

    def merge(
        self, hps: HyperParameters | Iterable[HyperParameter], overwrite: bool = True
    ) -> None:
        """Add dimensions; `overwrite` replaces those of the same name and conditions."""
        for hp in hps.space if isinstance(hps, HyperParameters) else list(hps):
            known = self._find(hp)
            if known is None:
                self._add(hp)
            elif overwrite:
                self.space[self.space.index(known)] = type(hp).from_config(hp.get_config())
                self.values.pop(hp.name, None)
                self._set_default(hp)

    def ensure_active_values(self) -> None:
        """Give active dimensions without a value their default; forget values of inactive ones."""
        for hp in self.space:
            self._set_default(hp)
        for name in {hp.name for hp in self.space}:
            if not self.is_active(name):
                self.values.pop(name, None)

    def copy(self) -> Self:
        """Return the same space and values, independent of this one."""
        return self.from_config(self.get_config())

    def get_config(self) -> dict[str, Any]:
        """Return space and values as plain data."""
        return {"space": [serialize(hp) for hp in self.space], "values": dict(self.values)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return what `get_config` described."""
        made = cls()
        made.space = [deserialize(one) for one in config["space"]]
        made.values = dict(config["values"])
        return made

    def _under(self, parent_name: str | None, parent_values: Any) -> Any:
        if parent_name is None:
            return nullcontext()
        return self.conditional_scope(parent_name, parent_values)

    def _ask(self, kind: Any, name: str, *args: Any) -> Any:
        """Return the value of a dimension, which is made from `args` if it is new."""
        names = ("min_value", "max_value", "step", "sampling", "default")
        kwargs = dict(zip(names, args, strict=True)) if issubclass(kind, Numerical) else {}
        plain = () if kwargs else args
        hp = kind(self._full(name), *plain, **kwargs, conditions=self._conditions)
        if self._find(hp) is None:
            self._add(hp)
        if not self.is_active(hp):
            return None
        self._set_default(hp)
        return self.values[hp.name]

    def _add(self, hp: HyperParameter) -> None:
        if any(isinstance(one, Parent) and one.name == hp.name for one in hp.conditions):
            raise ValueError(
                "A conditional hyperparameter cannot have the name of its parent. "
                f"Received: '{hp.name}' under {hp.conditions}"
            )
        self.space.append(type(hp).from_config(hp.get_config()))
        self._set_default(hp)

    def _set_default(self, hp: HyperParameter) -> None:
        if self.is_active(hp):
            self.values.setdefault(hp.name, hp.default)

    def _find(self, hp: HyperParameter) -> HyperParameter | None:
        same = (one for one in self.space if one.name == hp.name)
        return next((one for one in same if one.conditions == hp.conditions), None)

    def all_hold(self, conditions: Iterable[Condition]) -> bool:
        """Whether every condition holds for the values as they are."""
        return all(condition.is_active(self.values) for condition in conditions)

    def _full(self, name: str) -> str:
        return "/".join([*self._names, str(name)])

    def _unknown(self, name: str) -> str:
        near = get_close_matches(name, [hp.name for hp in self.space])
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        return f"There is no hyperparameter '{name}'.{hint}"
