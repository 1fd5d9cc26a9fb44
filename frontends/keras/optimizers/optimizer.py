"""`Optimizer`: Keras's stateful face of an update plan."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import jax
import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.lazy import as_arrays
from graphc.keras.engine.scope import current_trace
from graphc.keras.engine.settings import auto_name
from graphc.keras.engine.tensor import Symbol
from graphc.keras.engine.variable import Variable
from graphc.keras.optimizers.arguments import check_shared
from graphc.keras.optimizers.clipping import CLIPS
from graphc.keras.optimizers.plan import Arrays, UpdatePlan
from graphc.keras.optimizers.schedules.schedule import LearningRateSchedule, schedule_key
from graphc.keras.optimizers.slots import SlotVariables
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class Optimizer(SlotVariables):
    """Updates variables from their gradients: Keras 3's `Optimizer`.

    The optimizer owns variables and hyperparameters; what a step computes is its `structure()`,
    an `UpdatePlan`, and every way of applying gradients runs that. A subclass either names a
    `rule` or, as in Keras, overrides `build` and `update_step`.

    Args:
        learning_rate: a float, a `LearningRateSchedule`, or a function of no arguments.
        weight_decay: the fraction of each variable, times the learning rate, taken off each step.
        clipnorm: the largest Euclidean norm of each gradient.
        clipvalue: the largest magnitude of each element of a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether to keep a moving average of the variables.
        ema_momentum: how much of the average stays each step.
        ema_overwrite_frequency: after how many steps the variables become their average.
        loss_scale_factor: what the loss was multiplied by, to be divided out of the gradients.
        gradient_accumulation_steps: over how many steps gradients are averaged before an update.
        name: the optimizer's name.

    Raises:
        ValueError: an unknown, contradictory or out-of-range argument.
    """

    saving_base: ClassVar[dict[str, Any]] = {"learning_rate": 0.0, "name": "base"}

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("decay", None) is not None:
            warnings.warn("Argument `decay` is no longer supported and is ignored.", stacklevel=3)
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        check_shared(vars(self))
        self._undecayed: tuple[frozenset[Variable], re.Pattern[str] | None] = (frozenset(), None)
        self._start_variables()
        self._learning_rate: Any = self._as_rate(learning_rate)

    def __setattr__(self, name: str, value: Any) -> None:
        flags = () if self.rule is None else self.rule.flags
        if name in flags and value and self.built and name not in self._flags_built:
            raise ValueError(
                f"`{name}` was off when {type(self).__name__} was built, so its variables do not "
                f"exist. Create a new optimizer with it on. Received: {name}={value}"
            )
        super().__setattr__(name, value)

    @property
    def variables(self) -> list[Variable]:
        """The optimizer's variables: iteration, learning rate if it is one, then the slots."""
        rate = [self._learning_rate] if isinstance(self._learning_rate, Variable) else []
        return [self._iterations, *rate, *self._built_variables]

    @property
    def iterations(self) -> Any:
        """The number of updates so far; accumulation steps between updates do not count."""
        if self.gradient_accumulation_steps:
            return self._iterations.value // self.gradient_accumulation_steps
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate now: a Variable, or what the schedule or the function returns."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations.value)
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        return self._learning_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if callable(learning_rate) and not isinstance(learning_rate, Variable):
            self._learning_rate = learning_rate
            return
        if not isinstance(self._learning_rate, Variable):
            raise TypeError(
                f"The learning rate of this optimizer is {self._learning_rate!r}, not a number, "
                "so it cannot be set to one. Give the constructor a float to make it settable. "
                f"Received: learning_rate={learning_rate}"
            )
        self._learning_rate.assign(learning_rate)

    def structure(self) -> UpdatePlan:
        """Return what a step computes; optimizers with equal structure share compiled programs.

        Raises:
            ValueError: the optimizer is not built.
        """
        self._check_built("structure")
        schedule = self._learning_rate
        schedule = copy.copy(schedule) if isinstance(schedule, LearningRateSchedule) else None
        rule, options = self._rule_and_options()
        return UpdatePlan(
            rule=rule,
            options=tuple(sorted(options.items())),
            layout=self._layout,
            overwritten=self._overwritten(),
            decay=tuple(self._decay_of(variable) for variable in self._trainable_variables),
            clip=self._clip(),
            schedule_key=None if schedule is None else schedule_key(schedule),
            schedule=schedule,
            has_rate=isinstance(self._learning_rate, Variable),
            scales_loss=self.loss_scale_factor is not None,
            averages=bool(self.use_ema),
            overwrite_every=self.ema_overwrite_frequency if self.use_ema else None,
            accumulate=self.gradient_accumulation_steps or None,
        )

    def scalars(self) -> dict[str, float]:
        """Return the hyperparameters a step reads at run time, as they are now."""
        values = {} if self.rule is None else self.rule.runtime(self)
        for name in ("weight_decay", "loss_scale_factor", self._clip()):
            if name is not None and getattr(self, name) is not None:
                values[name] = float(getattr(self, name))
        if self.use_ema:
            values["ema_momentum"] = float(self.ema_momentum)
        if not isinstance(self._learning_rate, (Variable, LearningRateSchedule)):
            values["learning_rate"] = float(self._learning_rate())
        return values

    def update(
        self, grads: Arrays, variables: Arrays, params: Arrays, scalars: dict[str, Any]
    ) -> tuple[Arrays, Arrays]:
        """Return (new params, new variables) after one step; pure. See `UpdatePlan.update`."""
        return self.structure().update(grads, variables, params, scalars)

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """Update the variables (those built with, where not given) by their gradients, in place.

        Raises:
            ValueError: unknown variables, a wrong number of gradients, or none at all.
        """
        grads = list(grads)
        if not grads:
            return
        aligned = self._aligned(grads, trainable_variables)
        values = [variable.value for variable in self._trainable_variables]
        own = [variable.value for variable in self.variables]
        params, own = self._applied(aligned, own, values)
        for variable, value in zip(self._trainable_variables, params, strict=True):
            variable.assign(value)
        for variable, value in zip(self.variables, own, strict=True):
            variable.assign(value)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Update variables from pairs of gradient and variable; return the iteration counter."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self._iterations

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
    ) -> tuple[list[Any], list[Any]]:
        """Return the values of trainable and optimizer variables after a step; nothing is set.

        Raises:
            ValueError: the optimizer is not built, or the counts do not match.
        """
        self._check_built("stateless_apply")
        own, values = list(map(_value, optimizer_variables)), list(map(_value, trainable_variables))
        _check_count("optimizer_variables", own, self.variables)
        _check_count("trainable_variables", values, self._trainable_variables)
        return self._applied(self._aligned(list(grads), None), own, values)

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss times `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Exempt variables from weight decay: those given, and those whose name has a given part.

        Raises:
            ValueError: the optimizer is built already.
        """
        if self.built:
            raise ValueError(
                "`exclude_from_weight_decay()` can only be called before the optimizer is built."
            )
        names = "|".join(sorted(set(var_names or ())))
        pattern = re.compile(names) if names else None
        self._undecayed = (frozenset(var_list or ()), pattern)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Set variables to their moving averages, if these are kept."""
        for variable, average in self.averages_of(var_list):
            variable.assign(average.value)

    def averages_of(self, var_list: Sequence[Variable]) -> list[tuple[Variable, Variable]]:
        """Return variables with their moving averages, those for which these are kept."""
        if not self.use_ema:
            return []
        _check_count("var_list", var_list, self._averages)
        pairs = zip(var_list, self._averages, strict=True)
        return [(variable, average) for variable, average in pairs if average is not None]

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Assign to one variable, and to slots, what follows from its gradient.

        To be overridden by optimizers that have no `rule`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must override `update_step(gradient, variable, learning_rate)`."
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        rate: Any = self._learning_rate
        rate = float(rate.value) if isinstance(rate, Variable) else serialize_keras_object(rate)
        own = {} if self.rule is None else self.rule.config(self)
        return {"name": self.name, "learning_rate": rate, **self._shared_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Build an equal optimizer, without its state, from `get_config()`."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            rate = deserialize_keras_object(rate, custom_objects=custom_objects)
            config = config | {"learning_rate": rate}
        return cls(**config)

    def _shared_config(self) -> dict[str, Any]:
        names = ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema")
        names += ("ema_momentum", "ema_overwrite_frequency", "loss_scale_factor")
        names += ("gradient_accumulation_steps",)
        return {name: getattr(self, name) for name in names}

    def _as_rate(self, learning_rate: Any) -> Any:
        if callable(learning_rate) and not isinstance(learning_rate, Variable):
            return learning_rate
        if isinstance(learning_rate, (float, np.floating)):
            return self._own_variable(np.float32(learning_rate), "learning_rate")
        raise ValueError(
            "Expected `learning_rate` to be a float, a LearningRateSchedule, or a function of no "
            f"arguments that returns the rate. Received: learning_rate={learning_rate!r}"
        )

    def _clip(self) -> str | None:
        return next((name for name in CLIPS if (getattr(self, name) or 0) > 0), None)

    def _decay_of(self, variable: Variable) -> str | None:
        """Return the name of the scalar that decays a variable."""
        return self._exempted(variable, None if self.weight_decay is None else "weight_decay")

    def _exempted(self, variable: Variable, decay: str | None) -> str | None:
        exempt, pattern = self._undecayed
        if variable in exempt or (pattern is not None and pattern.search(variable.name)):
            return None
        return decay

    def _applied(
        self, grads: Arrays, own: list[Any], values: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Return the values after a step and the constraints of the variables it changed."""
        if current_trace() is None:
            grads = tuple(as_arrays(grads))
        if any(isinstance(value, Symbol) for value in (*grads, *own, *values)):
            stepped, after = self._traced(grads, own, values)
        else:
            known = self.scalars()
            stepped, after = _run(self.structure(), grads, tuple(own), tuple(values), known)
        rows = zip(self._trainable_variables, stepped, grads, strict=True)
        params = [
            value if grad is None or variable.constraint is None else variable.constraint(value)
            for variable, value, grad in rows
        ]
        return params, list(after)

    def _traced(
        self, grads: Arrays, own: list[Any], values: list[Any]
    ) -> tuple[Sequence[Any], Sequence[Any]]:
        """Return the same as symbols: the step is one node of the graph that is being traced."""
        trace = current_trace()
        assert trace is not None
        names = tuple(sorted(self.scalars()))
        known = [trace.scalar(self, f"{self.name} {n}", partial(self._scalar, n)) for n in names]
        with trace.layer(self.name, ""):
            found = apply(
                "core.update", *grads, *values, *known, *own,
                plan=self.structure(), parameters=len(values), scalars=names,
            )  # fmt: skip
        return found[: len(values)], found[len(values) :]

    def _scalar(self, name: str) -> float:
        return self.scalars()[name]


def _step(plan: UpdatePlan, grads: Arrays, own: Arrays, params: Arrays, scalars: Any) -> Any:
    return plan.update(grads, own, params, scalars)


_run = jax.jit(_step, static_argnums=0)


def _value(value: Any) -> Any:
    return value.value if isinstance(value, Variable) else value


def _check_count(name: str, given: Sequence[Any], expected: Sequence[Any]) -> None:
    if len(given) == len(expected):
        return
    raise ValueError(
        f"Expected `{name}` to match the variables that the optimizer was built with, "
        f"{len(expected)} of them. Received: len({name})={len(given)}"
    )
