"""`Compiled`: a user's function of an element, traced once and then run as a program.

Running a function of `tf` or `keras.ops` statement by statement costs some tenth of a millisecond a
statement, which counts where an epoch has sixty thousand elements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from graphc.errors import SymbolConversionError
from graphc.ir import Value, fingerprint
from graphc.keras.engine.scope import TraceScope, entered
from graphc.keras.engine.structure import flatten
from graphc.keras.engine.tensor import Symbol
from graphc.keras.ops import convert_to_tensor
from graphc.lower import default_target, lower, plan
from graphc.pipeline import Pipeline
from graphc.programs import PROGRAMS
from graphc.spec import TensorSpec
from graphc.tensorflow.data.elements import element_of, leaves_of, map_leaves
from graphc.tensorflow.tensor import TEXT

FORMS = 8  # shapes and dtypes of elements up to which programs are made: each has to be compiled


class ElementSymbol(Symbol):
    """A symbol that stands for a part of an element."""

    __slots__ = ()

    def numpy(self) -> np.ndarray:
        """Refuse: there are no numbers yet."""
        return np.asarray(self)


class ElementScope(TraceScope):
    """A trace whose only inputs are the parts of an element."""

    def __init__(self, leaves: list[Any]) -> None:
        super().__init__()
        self._is_open = True
        dtypes = [str(jax.dtypes.canonicalize_dtype(leaf.dtype)) for leaf in leaves]
        pairs = zip(leaves, dtypes, strict=True)
        self.given = [self.input(TensorSpec(tuple(leaf.shape), dtype)) for leaf, dtype in pairs]
        self._is_open = False

    def symbol(self, value: Value) -> Symbol:
        """Return what stands for a value."""
        return ElementSymbol(value)

    def input(self, spec: TensorSpec, name: str = "") -> Symbol:
        """Declare a part of the element; layers that compute on the host, and want more, cannot."""
        if not self._is_open:
            raise SymbolConversionError(f"'{name}' is computed on the host.")
        return super().input(spec, name)


@dataclass(frozen=True)
class Program:
    """A traced function.

    Attributes:
        run: (state, leaves) -> (results, the state after it).
        state: the variables that it reads.
        written: the places of those that it changes.
        returned: its result: symbols in the place of what is computed.
        places: of the symbols: where each is among the leaves (as it came), or the results.
    """

    run: Callable[..., Any]
    state: list[Any]
    written: list[int]
    returned: Any
    places: dict[int, tuple[bool, int]]

    def __call__(self, leaves: list[Any]) -> Any:
        """Return what the function makes of an element."""
        results, after = self.run(tuple(one.stored for one in self.state), tuple(leaves))
        with entered(None):
            for place in self.written:
                self.state[place].assign(after[place])
        sources = (results, leaves)
        return map_leaves(lambda one: self._leaf(one, sources), self.returned)

    def _leaf(self, returned: Any, sources: tuple[Any, Any]) -> Any:
        if not isinstance(returned, Symbol):
            return returned
        given, place = self.places[id(returned)]
        return sources[given][place]


class Compiled:
    """A user's function of an element: a program where it can be one, else as Python runs it.

    As in TensorFlow, what Python itself does in the function (drawing with `np.random`, printing)
    is then done once, while it is traced. A function that needs numbers, such as NumPy's do, that
    reads strings or calls a layer that runs on the host, is called for every element.
    """

    def __init__(self, call: Callable[[Any], Any]) -> None:
        self._call = call
        self._programs: dict[Any, Program | None] = {}

    def __call__(self, element: Any) -> Any:
        """Return what the function makes of an element, with arrays as its leaves."""
        leaves = leaves_of(element)
        if not all(hasattr(leaf, "dtype") and leaf.dtype.kind not in TEXT for leaf in leaves):
            return self._called(element)
        form = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        if form not in self._programs:
            known = len(self._programs)
            self._programs[form] = self._traced(element, leaves) if known < FORMS else None
        program = self._programs[form]
        return self._called(element) if program is None else program(leaves)

    def _called(self, element: Any) -> Any:
        with entered(None):
            return element_of(self._call(element))

    def _traced(self, element: Any, leaves: list[Any]) -> Program | None:
        scope = ElementScope(leaves)
        rest = iter(scope.given)
        given = map_leaves(lambda _: next(rest), element)
        try:
            with entered(scope):
                returned = map_leaves(_arrays, self._call(given))
        except TypeError:  # it wants numbers; what else may be wrong, calling it will say
            return None
        return _program(scope, returned)


def _arrays(leaf: Any) -> Any:
    """Return a result with all that is known already as arrays."""
    if isinstance(leaf, Symbol):
        return leaf
    if isinstance(leaf, list) and any(isinstance(one, Symbol) for one in flatten(leaf)):
        return convert_to_tensor(leaf)
    return element_of(leaf)


def _program(scope: ElementScope, returned: Any) -> Program:
    symbols = [leaf for leaf in leaves_of(returned) if isinstance(leaf, Symbol)]
    given = {id(symbol): place for place, symbol in enumerate(scope.given)}
    made = list({id(one): one for one in symbols if id(one) not in given}.values())
    places = {id(one): (True, given[id(one)]) for one in symbols if id(one) in given}
    places.update((id(one), (False, place)) for place, one in enumerate(made))
    updates = scope.updates()
    graph = scope.builder.finish([symbol.value for symbol in made], updates)
    pairs = enumerate(zip(updates, scope.state, strict=True))
    written = [place for place, (value, one) in pairs if value is not scope.first(one).value]
    target = default_target()

    def make() -> Callable[..., Any]:
        optimised = Pipeline()(graph, "infer")
        run = lower(optimised, plan(optimised, target))
        return jax.jit(lambda state, leaves: run((), state, leaves))

    run = PROGRAMS.get(("map", fingerprint(graph), target), make)
    return Program(run, list(scope.state), written, returned, places)
