"""The host layers of a model as data: what an artifact does before the compiled program.

The model is traced on made-up rows; a host layer met on the way is noted (`as_front`), and done by
the same code that the artifact's loader will run. So the description is complete, or an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from graphc.artifacts.strings import LAYERS
from graphc.keras.engine.call import training_phase
from graphc.keras.engine.host import HostTensor, in_session
from graphc.keras.engine.scope import TraceScope, entered
from graphc.keras.engine.structure import flatten, map_structure, pack_as
from graphc.keras.engine.tensor import Symbol
from graphc.keras.training.host import Prepared
from graphc.spec import TensorSpec


class Front(NamedTuple):
    """What comes before the program: inputs of the user's, data, and the program's inputs."""

    inputs: list[dict[str, Any]]  # name, shape (None for rows) and dtype of each
    description: dict[str, Any]  # what `graphc.artifacts.strings.Front` takes
    prepared: Prepared  # the program's inputs for the made-up rows


class Describing:
    """A session that notes what host layers do, and does it.

    Layers that could as well be compiled (`wants`) are done here, too, where they can be: so what
    they give may be crossed with strings.
    """

    def __init__(self, trace: TraceScope, rows: int) -> None:
        self.trace, self.rows = trace, rows
        self.arrays: list[np.ndarray] = []  # by number: of inputs, then of calls
        self.places: dict[Any, int] = {}  # numbers by value or identity
        self.kept: list[HostTensor] = []  # so that no identity is used twice
        self.layers: dict[Any, dict[str, Any]] = {}
        self.calls: list[dict[str, Any]] = []
        self.feeds: list[dict[str, Any]] = []
        self.results: list[np.ndarray] = []
        self.wanted: list[bool] = []

    def wants(self, layer: Any, inputs: Any) -> bool:
        """Return whether a layer that could be compiled is done here."""
        known = all(self._place(leaf) is not None for leaf in flatten(inputs))
        # In a compiled step such a lookup has no error for what it does not know.
        found = known and _is_ours(layer) and layer.as_front().get("oov") != 0
        self.wanted.append(found)
        return found

    def run(self, layer: Any, inputs: Any) -> Any:
        """Return the output of a host layer for the made-up rows, and note the call."""
        places = [self._place(leaf) for leaf in flatten(inputs)]
        self._check(layer, inputs, places)
        entry = self.layers.setdefault(layer, layer.as_front())
        # Made-up tokens are in no vocabulary.
        lenient = {**entry, "oov": 1} if entry.get("oov") == 0 else entry
        found = LAYERS[entry["op"]](lenient)([self.arrays[place] for place in places])
        if found.shape[:1] != (self.rows,):
            raise ValueError(
                f"Cannot export for any number of rows: layer '{layer.name}' takes all rows for "
                f"one sample. Received: {self.rows} rows, which became {found.shape}"
            )
        self.calls.append({"layer": list(self.layers).index(layer), "inputs": places})
        output = layer.output_for(inputs)
        if output.dtype == "string":
            return self.texts(found)
        dtype = str(jax.dtypes.canonicalize_dtype(output.dtype))
        self.results.append(found.astype(dtype))
        self.feeds.append({"from": len(self.arrays), "dtype": dtype})
        return self.numbers(found, dtype)

    def texts(self, array: np.ndarray) -> HostTensor:
        """Return a tensor of strings, under the next number."""
        self.kept.append(HostTensor(array.shape, array))
        self.places[id(self.kept[-1])] = len(self.arrays)
        self.arrays.append(array)
        return self.kept[-1]

    def numbers(self, array: np.ndarray, dtype: str) -> Symbol:
        """Return a symbol for numbers, under the next number."""
        symbol = self.trace.input(TensorSpec(array.shape, dtype))
        self.places[symbol.value] = len(self.arrays)
        self.arrays.append(array)
        return symbol

    def _place(self, leaf: Any) -> int | None:
        if isinstance(leaf, HostTensor):
            return self.places.get(id(leaf))
        if not isinstance(leaf, Symbol):
            return None
        value = leaf.value  # behind casts between integers, which here have all their bits
        while value.node.op == "core.cast" and value.node.inputs[0].spec.dtype.startswith("int"):
            value = value.node.inputs[0]
        return self.places.get(value)

    def _check(self, layer: Any, inputs: Any, places: Sequence[int | None]) -> None:
        if not _is_ours(layer):
            raise ValueError(
                f"Layer '{layer.name}' cannot be exported: it runs before the compiled program, "
                "and an artifact holds no code. Expected one of Keras's own layers. "
                f"Received: a layer of {type(layer)}"
            )
        if None in places:
            raise ValueError(
                f"Layer '{layer.name}' cannot be exported: it runs before the compiled program. "
                "Expected inputs of the model, or what other such layers give. "
                "Received: what the program computes"
            )
        if None in layer.output_for(inputs).shape[1:]:
            raise ValueError(
                f"Layer '{layer.name}' cannot be exported: the sizes of its output depend on the "
                "strings. Expected `output_sequence_length`. "
                f"Received: shape {layer.output_for(inputs).shape}"
            )


def front_of(model: Any, rows: int) -> Front:
    """Return what comes before the program of a functional model with host layers.

    Raises:
        ValueError: a layer that data cannot describe; names it.
    """
    scope = TraceScope()
    session = Describing(scope, rows)
    leaves = flatten(model.input)
    given = [_made_up(tensor, rows, session) for tensor in leaves]
    with entered(scope), training_phase(False), in_session(session):
        model(pack_as(model.input, given))
    used = {place for call in session.calls for place in call["inputs"]}
    inputs = [
        {
            "name": name,
            "shape": [None, *tensor.shape[1:]],
            "dtype": _declared(tensor, place in used),
        }
        for place, (name, tensor) in enumerate(zip(model.input_names, leaves, strict=True))
    ]
    texts = tuple(
        (place, tuple(one.shape[1:]))
        for place, one in enumerate(given)
        if isinstance(one, HostTensor)
    )
    numbers = [
        {"from": place, "dtype": one.dtype}
        for place, one in enumerate(given)
        if not isinstance(one, HostTensor)
    ]
    description = {
        "layers": list(session.layers.values()), "calls": session.calls,
        "feeds": [*session.feeds, *numbers],
    }  # fmt: skip
    x = map_structure(
        _without_texts,
        pack_as(model.input, given),
        pack_as(model.input, session.arrays[: len(given)]),
    )
    return Front(inputs, description, Prepared(session.results, x, texts, tuple(session.wanted)))


def _without_texts(tensor: Any, array: np.ndarray) -> Any:
    return None if isinstance(tensor, HostTensor) else array.astype(tensor.dtype)


def _made_up(tensor: Any, rows: int, session: Describing) -> Any:
    shape = (rows, *tensor.shape[1:])
    if None in shape:
        raise ValueError(
            "The model leaves more than its batch open. Expected inputs with all sizes given. "
            f"Received: shape {tuple(tensor.shape)} of '{tensor.name}'"
        )
    if tensor.dtype == "string":
        return session.texts(np.full(shape, "", object))
    dtype = str(jax.dtypes.canonicalize_dtype(tensor.dtype))
    return session.numbers(np.zeros(shape, tensor.dtype), dtype)


def _declared(tensor: Any, read: bool) -> str:
    """The dtype of an input; host layers that read integers read all their bits."""
    if tensor.dtype == "string":
        return "string"
    whole = np.dtype(tensor.dtype).kind in "iu"
    return "int64" if read and whole else str(jax.dtypes.canonicalize_dtype(tensor.dtype))


def _is_ours(layer: Any) -> bool:
    return type(layer).__module__.startswith("graphc.") and hasattr(layer, "as_front")
