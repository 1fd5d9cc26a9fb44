"""`SlotVariables`: the optimizer's variables, made when it meets the ones it will train."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from graphc.keras.engine.scope import entered
from graphc.keras.engine.variable import Variable
from graphc.keras.optimizers.plan import SlotLayout
from graphc.keras.optimizers.rule_use import NamedSlots, RuleUse, arrange
from graphc.keras.optimizers.variable_steps import variable_steps


class SlotVariables:
    """Makes, orders, saves and loads an optimizer's variables."""

    name: str
    rule: ClassVar[RuleUse | None] = None
    built: bool = False
    use_ema: bool
    gradient_accumulation_steps: int | None
    _flags_built: frozenset[str] = frozenset()

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots of the variables to train, in Keras's order; a second call does nothing.

        Subclasses without a `rule` call this and then add their own variables.
        """
        if self.built:
            return
        with entered(None):  # first values are real, even where a step is being traced
            self._make_slots(variables)
        self.built = True

    def is_for(self, variables: Sequence[Variable]) -> bool:
        """Return whether these are the variables that the optimizer was built with, in order."""
        return list(map(id, variables)) == list(map(id, self._trainable_variables))

    def _make_slots(self, variables: Sequence[Variable]) -> None:
        self._trainable_variables = list(variables)
        self._places = {variable: i for i, variable in enumerate(variables)}
        if self.use_ema:
            self._averages = [
                None if variable.overwrite_with_gradient else self._zeros(variable, "average")
                for variable in variables
            ]
        if self.gradient_accumulation_steps:
            for variable in variables:
                self._zeros(variable, "gradient_accumulator")
        self._base_count = len(self._built_variables)
        self._build_slots()

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Add a variable to the optimizer; `layout` is accepted and unused."""
        variable = Variable(
            initializer,
            tuple(shape),
            dtype=dtype,
            trainable=False,
            aggregation=aggregation,
            name=name,
        )
        return self._track(variable)

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Add a variable shaped, typed and named after a variable to train."""
        return self.add_variable(
            reference_variable.shape,
            initializer,
            dtype=reference_variable.dtype,
            name=slot_name(reference_variable, name or "var"),
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Add one variable for each to train, or one for each of several names.

        Returns:
            A list aligned with the variables, or a tuple of lists, one for each name; None stands
            for variables that their gradient overwrites.

        Raises:
            ValueError: not as many initializers as names.
        """
        names = [name] if isinstance(name, str) else list(name)
        several = isinstance(initializer, (list, tuple))
        starts = list(initializer) if several else [initializer] * len(names)
        if len(starts) != len(names):
            raise ValueError(
                "Expected as many initializers as names. "
                f"Received: name={name!r}, initializer={initializer!r}"
            )
        columns: tuple[list[Variable | None], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for column, one_name, start in zip(columns, names, starts, strict=True):
                skipped = variable.overwrite_with_gradient
                make = self.add_variable_from_reference
                column.append(None if skipped else make(variable, one_name, start))
        return columns[0] if isinstance(name, str) else columns

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a variable, from within `update_step`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable, from within `update_step`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable, from within `update_step`."""
        variable.assign_sub(value)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of `variables` in their order.

        Raises:
            ValueError: the optimizer is not built, or a shape does not match.
        """
        self._check_built("set_weights")
        for variable, weight in zip(self.variables, weights, strict=False):
            variable.assign(weight)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of `variables` in a store, by their place."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set `variables` from a store; warns and does nothing when their number differs.

        An optimizer that was saved before it was built has only its first variables.
        """
        made_by_build = len(self._built_variables)
        if len(store) not in (len(self.variables), len(self.variables) - made_by_build):
            warnings.warn(
                f"Skipping the variables of optimizer '{self.name}': it has "
                f"{len(self.variables)}, the saved one {len(store)}. An optimizer that was never "
                "built or applied has none but its iteration and learning rate.",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self.variables):
            if str(i) in store:
                variable.assign(store[str(i)])

    @property
    def variables(self) -> list[Variable]:
        """All variables; subclasses put their own first."""
        return [self._iterations, *self._built_variables]

    def _start_variables(self) -> None:
        """Make what exists before `build`."""
        self._trainable_variables: list[Variable] = []
        self._places: dict[Variable, int] = {}  # by identity, which copying keeps
        self._averages: list[Variable | None] = []
        self._built_variables: list[Variable] = []
        self._base_count = 0
        self._slots: NamedSlots | None = None
        self._iterations = self._own_variable(np.int32(0), "iteration")

    def _build_slots(self) -> None:
        rule = self.rule
        if rule is None:
            return
        self._flags_built = frozenset(name for name in rule.flags if getattr(self, name))
        build, options = self._rule_and_options()
        params = tuple(
            None if variable.overwrite_with_gradient else jnp.asarray(variable.value)
            for variable in self._trainable_variables
        )
        self._slots = arrange(build(**options, **rule.start(self)).init(params), rule.groups)
        for field, place, value in self._slots.entries:
            name = self._slot_name(field, self._trainable_variables[place])
            self._track(self._own_variable(value, name))

    def _rule_and_options(self) -> tuple[Callable[..., Any], dict[str, Hashable]]:
        """Return the builder of the transformation and what it is called with."""
        if self.rule is None:
            return variable_steps, {"optimizer": self}
        return self.rule.build, self.rule.fixed(self)

    def _slot_name(self, field: str, variable: Variable) -> str:
        return slot_name(variable, field)

    @property
    def _layout(self) -> SlotLayout:
        if self._slots is not None:
            return self._slots.layout
        return SlotLayout.of_tree((0,) * len(self._built_variables[self._base_count :]))

    def _overwritten(self) -> tuple[bool, ...]:
        return tuple(bool(v.overwrite_with_gradient) for v in self._trainable_variables)

    def _zeros(self, variable: Variable, suffix: str) -> Variable:
        value = np.zeros(variable.shape, variable.dtype)
        return self._track(self._own_variable(value, slot_name(variable, suffix)))

    def _own_variable(self, value: Any, name: str) -> Variable:
        variable = Variable(value, trainable=False, autocast=False, name=name)
        variable.path = f"{self.name}/{name}"
        return variable

    def _track(self, variable: Variable) -> Variable:
        variable.path = f"{self.name}/{variable.name}"
        self._built_variables.append(variable)
        return variable

    def _get_variable_index(self, variable: Variable) -> int:
        return self._places[variable]

    def _check_built(self, what: str) -> None:
        if not self.built:
            raise ValueError(
                f"`{what}` needs an optimizer that is built. Call "
                f"`build(trainable_variables)` on this {type(self).__name__} first."
            )

    def _aligned(self, grads: list[Any], variables: Sequence[Variable] | None) -> tuple[Any, ...]:
        """Return a gradient or None for each variable built with, building if need be."""
        if variables is None:
            self._check_built("apply(grads)")
            variables = self._trainable_variables
        variables = list(variables)
        if len(grads) != len(variables):
            raise ValueError(
                "Expected as many gradients as variables. "
                f"Received: {len(grads)} gradients for {len(variables)} variables"
            )
        self.build(variables)
        unknown = [variable.path for variable in variables if variable not in self._places]
        if unknown:
            raise ValueError(
                "Expected variables that the optimizer was built with; make a new optimizer for "
                f"others. Received unknown variables: {unknown}"
            )
        self._check_gradients(grads, variables)
        found = dict(zip(variables, grads, strict=True))
        values = (found.get(variable) for variable in self._trainable_variables)
        return tuple(value.value if isinstance(value, Variable) else value for value in values)

    def _check_gradients(self, grads: list[Any], variables: list[Variable]) -> None:
        if all(grad is None for grad in grads):
            raise ValueError("No gradients provided for any variable.")
        missing = [v.path for v, grad in zip(variables, grads, strict=True) if grad is None]
        if missing:
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss. "
                "If using `model.compile()`, did you forget to provide a `loss` argument?",
                stacklevel=4,
            )


def slot_name(variable: Variable, suffix: str) -> str:
    """Return Keras's name for a slot of a variable."""
    return f"{variable.path.replace('/', '_')}_{suffix}"
