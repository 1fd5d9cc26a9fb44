"""The part of a model that runs on the host: computed before a step, whose inputs it becomes.

XLA knows no strings. `on_host` traces the model once over all rows; a host layer met on the way
(`runs_on_host`) computes at once, with NumPy, and gives a symbol. The results travel in a
`Prepared` in place of the strings, and while a step is traced each call of a host layer takes the
next of them. So a host layer may be anywhere that trained weights do not reach, in any kind of
model, and its work is done once however many epochs run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from graphc.ir import Value
from graphc.keras.engine.call import training_phase
from graphc.keras.engine.host import HostTensor, in_session
from graphc.keras.engine.scope import TraceScope, current_trace, entered
from graphc.keras.engine.structure import flatten, map_structure, pack_as
from graphc.keras.engine.tensor import KerasTensor, Symbol
from graphc.keras.training.wide import moved
from graphc.lower import default_target, lower, plan
from graphc.spec import TensorSpec

SYMBOLIC = (KerasTensor, Symbol, HostTensor)


@jax.tree_util.register_pytree_node_class
class Prepared:
    """A model's input: what its host layers gave, and its own numeric arrays.

    `x` has None in the place of strings; `texts` says at which leaves, and the shape of a row;
    `wanted`, of each call of a layer that could as well be compiled, whether it was not.
    """

    def __init__(
        self, results: list[Any], x: Any, texts: tuple[Any, ...], wanted: tuple[bool, ...] = ()
    ) -> None:
        self.results, self.x, self.texts, self.wanted = results, x, texts, wanted

    def tree_flatten(self) -> tuple[Any, Any]:
        """Return the parts that hold arrays, and the rest."""
        return (self.results, self.x), (self.texts, self.wanted)

    @classmethod
    def tree_unflatten(cls, rest: Any, parts: Any) -> Prepared:
        """Return the object of which these are the parts."""
        return cls(*parts, *rest)

    @contextmanager
    def replayed(self) -> Iterator[Any]:
        """Let host layers called inside give the results in turn; yields the model's input."""
        leaves = flatten(self.x)
        for place, row in self.texts:
            leaves[place] = HostTensor((self.results[0].shape[0], *row))
        with in_session(Replaying(self.results, self.wanted)):
            yield pack_as(self.x, leaves)


class Replaying:
    """A session in which the results are known."""

    def __init__(self, results: list[Any], wanted: tuple[bool, ...]) -> None:
        self.trace = current_trace()
        self.results, self.wanted = iter(results), iter(wanted)

    def wants(self, layer: Any, inputs: Any) -> bool:
        """Return whether a layer that could be compiled was not."""
        return next(self.wanted, False)

    def run(self, layer: Any, inputs: Any) -> Any:
        """Return the next result; strings, which only host layers read, by their shape."""
        output = layer.output_for(inputs)
        return HostTensor(output.shape) if output.dtype == "string" else next(self.results)


class Collecting:
    """A session that computes the results on whole arrays."""

    def __init__(self, trace: TraceScope) -> None:
        self.trace = trace
        self.arrays: dict[Value, np.ndarray] = {}
        self.results: list[np.ndarray] = []

    def wants(self, layer: Any, inputs: Any) -> bool:
        """Return that what can be compiled is compiled."""
        return False

    def run(self, layer: Any, inputs: Any) -> Any:
        """Return the output of a host layer: a symbol that stands for it, or strings."""
        output = layer.output_for(inputs)
        found = layer.call(map_structure(lambda leaf: self._array(leaf, layer), inputs))
        if output.dtype == "string":
            return HostTensor(found.shape, found)
        array = np.asarray(found).astype(jax.dtypes.canonicalize_dtype(output.dtype))
        self.results.append(array)
        return self.add(array)

    def add(self, array: Any) -> Symbol:
        """Return a symbol for an array of numbers."""
        dtype = str(jax.dtypes.canonicalize_dtype(array.dtype))
        symbol = self.trace.input(TensorSpec(tuple(array.shape), dtype))
        self.arrays[symbol.value] = array
        return symbol

    def _array(self, leaf: Any, layer: Any) -> Any:
        if isinstance(leaf, HostTensor):
            return leaf.array
        if not isinstance(leaf, Symbol):
            return leaf
        if leaf.value not in self.arrays:
            self.arrays[leaf.value] = self._computed(leaf.value, layer)
        return self.arrays[leaf.value]

    def _computed(self, value: Value, layer: Any) -> np.ndarray:
        """What the graph traced so far gives for a value."""
        trace = self.trace
        graph = trace.builder.finish([value])
        used = {node for node in graph.nodes if node.op == "core.state"}
        for place, variable in zip(graph.state, trace.state, strict=True):
            if place.node in used and variable.trainable:
                raise ValueError(
                    f"Layer '{layer.name}' runs on the host, before the compiled step, so its "
                    "input cannot depend on trained weights. "
                    f"Received: one that needs {variable.path}"
                )
        scalars = iter(trace.scalars)
        inputs = [
            self.arrays[one] if one in self.arrays else np.float32(next(scalars)())
            for one in graph.inputs
        ]
        state = tuple(variable.stored for variable in trace.state)

        def run(given: Sequence[Any]) -> np.ndarray:
            outputs, _ = lower(graph, plan(graph, default_target()))((), state, tuple(given))
            return np.asarray(outputs[0])

        whole = moved(graph, inputs, run)
        return run(inputs) if whole is None else whole


def on_host(model: Any, x: Any) -> Any:
    """Return the input of a model's compiled steps: `x`, or what its host layers make of it."""
    leaves = flatten(x)
    if not model._host_layers or isinstance(x, Prepared) or x is None:
        return x
    if any(isinstance(leaf, (*SYMBOLIC, jax.core.Tracer)) for leaf in leaves):
        return x
    arrays = map_structure(_array, _from_lists(x))
    leaves = flatten(arrays)
    scope = TraceScope()
    session = Collecting(scope)
    given = [_given(leaf, session) for leaf in leaves]
    with entered(scope), training_phase(False), in_session(session):
        model(pack_as(arrays, given))
    places = [place for place, leaf in enumerate(given) if isinstance(leaf, HostTensor)]
    texts = tuple((place, tuple(given[place].shape[1:])) for place in places)
    kept = [None if place in places else leaf for place, leaf in enumerate(leaves)]
    return Prepared(session.results, pack_as(arrays, kept), texts)


def _given(leaf: Any, session: Collecting) -> Any:
    if leaf is None:
        return None
    texts = isinstance(leaf, np.ndarray) and leaf.dtype.kind in "OSUT"
    return HostTensor(leaf.shape, leaf) if texts else session.add(leaf)


def _from_lists(x: Any) -> Any:
    """The structure with its lists of numbers or strings as arrays."""
    if isinstance(x, dict):
        return {name: _from_lists(value) for name, value in x.items()}
    if not isinstance(x, (list, tuple)) or not x:
        return x
    plain = isinstance(x, list) and isinstance(x[0], (int, float, str, bytes, list, tuple))
    return np.asarray(x) if plain else type(x)(_from_lists(value) for value in x)


def _array(leaf: Any) -> Any:
    if leaf is None or isinstance(leaf, jax.Array):
        return leaf
    array = np.asarray(leaf.to_numpy() if hasattr(leaf, "to_numpy") else leaf)
    numbers = array.dtype.kind == "O" and not isinstance(next(iter(array.flat), ""), (str, bytes))
    return array.astype("float32") if numbers else array
