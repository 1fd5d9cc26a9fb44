"""A model's forward pass as a pure function of its variables: traced once for each form of call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from graphc.executable import Executable
from graphc.keras.engine.call import training_phase
from graphc.keras.engine.scope import TraceScope, entered
from graphc.keras.engine.structure import flatten, map_structure, pack_as, structure_of
from graphc.keras.engine.variable import Variable
from graphc.keras.engine.version import Version
from graphc.lower import default_target
from graphc.spec import spec_of

KEPT = 16


@dataclass(frozen=True, eq=False)
class Program:
    """One traced and compiled form of the call.

    Attributes:
        executable: what runs.
        outputs: the structure of what the model returns.
        written: places, among the model's variables that training does not move, of those that the
            call sets.
        others: variables that are not the model's own, and that the call reads.
        sets_others: whether it sets one of them.
        scalars: functions that return numbers to be read anew before each run.
    """

    executable: Executable
    outputs: Any
    written: tuple[int, ...]
    others: tuple[Variable, ...]
    sets_others: bool
    scalars: tuple[Any, ...]


class Programs:
    """The forward programs of one model, for values of its variables that are given each time.

    Args:
        model: a built model or layer.
        params: the variables that training moves.
        state: its other variables.
    """

    def __init__(self, model: Any, params: Sequence[Variable], state: Sequence[Variable]) -> None:
        self.model, self.params, self.state = model, tuple(params), tuple(state)
        self._programs: OrderedDict[Any, Program] = OrderedDict()

    def run(
        self, params: Sequence[Any], state: Sequence[Any], args: Any, kwargs: Any, training: bool
    ) -> tuple[Any, dict[int, Any]]:
        """Return the outputs, and by place the new value of each of `state` that the call sets.

        All may be traced by JAX, and differentiated.

        Raises:
            ValueError: traced by JAX, the call would set a variable that is not the model's own.
        """
        program = self._get(args, kwargs, training)
        arrays = [_array(leaf) for leaf in flatten((args, kwargs)) if _is_array(leaf)]
        scalars = [np.float32(read()) for read in program.scalars]
        others = [variable.stored for variable in program.others]
        results, updates = program.executable.run(
            tuple(params), (*state, *others), (*arrays, *scalars)
        )
        if program.sets_others:
            self._set_others(program, updates[len(state) :])
        outputs = map_structure(lambda _: None, program.outputs)
        return pack_as(outputs, list(results)), {place: updates[place] for place in program.written}

    def __reduce__(self) -> Any:
        # A copy of the model has other variables, which are at the same places.
        places = {id(variable): place for place, variable in enumerate(self.model.variables)}
        groups = [[places[id(v)] for v in group] for group in (self.params, self.state)]
        return _at_places, (self.model, *groups)

    def _set_others(self, program: Program, values: Sequence[Any]) -> None:
        if any(isinstance(value, jax.core.Tracer) for value in values):
            raise ValueError(
                f"Model '{self.model.name}' sets variables that are not its own, which a function "
                "traced by JAX cannot keep. Expected layers and seed generators that are "
                f"attributes of the model. Received: {[v.path for v in program.others]}"
            )
        for variable, value in zip(program.others, values, strict=True):
            variable.assign(value)

    def _get(self, args: Any, kwargs: Any, training: bool) -> Program:
        leaves = flatten((args, kwargs))
        forms = tuple(_form(leaf) for leaf in leaves)
        key = structure_of((args, kwargs)), forms, training, Version.number, default_target()
        program = self._programs.get(key) or self._traced(args, kwargs, training)
        self._programs[key] = program
        self._programs.move_to_end(key)
        while len(self._programs) > KEPT:
            self._programs.popitem(last=False)
        return program

    def _traced(self, args: Any, kwargs: Any, training: bool) -> Program:
        scope = TraceScope(self.params, self.state)

        def symbol(leaf: Any) -> Any:
            return scope.input(spec_of(_shape_of(leaf))) if _is_array(leaf) else leaf

        args, kwargs = map_structure(symbol, (args, kwargs))
        # Inside `jax.jit` too, what layers make of shapes alone must be arrays, to be constants.
        with jax.ensure_compile_time_eval(), entered(scope), training_phase(training):
            outputs = self.model(*args, **kwargs)
        values = [scope.as_value(leaf) for leaf in flatten(outputs)]
        updates, count = scope.updates(), len(self.state)
        kept = [scope.first(variable).value for variable in scope.state]
        changed = [
            i for i, pair in enumerate(zip(updates, kept, strict=True)) if pair[0] != pair[1]
        ]
        graph = scope.builder.finish(values, updates)
        return Program(
            Executable(graph, "train" if training else "infer"),
            map_structure(lambda _: 0, outputs),
            tuple(place for place in changed if place < count),
            tuple(scope.state[count:]),
            any(place >= count for place in changed),
            tuple(scope.scalars),
        )


def _at_places(model: Any, params: Sequence[int], state: Sequence[int]) -> Programs:
    variables = model.variables
    return Programs(model, *([variables[place] for place in group] for group in (params, state)))


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic | Variable)


def _array(leaf: Any) -> Any:
    return leaf.stored if isinstance(leaf, Variable) else leaf


def _shape_of(leaf: Any) -> jax.ShapeDtypeStruct:
    dtype = jax.dtypes.canonicalize_dtype(leaf.dtype)
    return jax.ShapeDtypeStruct(tuple(leaf.shape), dtype)


def _form(leaf: Any) -> Any:
    if not _is_array(leaf):
        return leaf
    shape = _shape_of(leaf)
    return shape.shape, str(shape.dtype)
