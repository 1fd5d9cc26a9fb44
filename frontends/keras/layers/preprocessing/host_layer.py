"""The base of layers that compute with NumPy on the host: those that read or write strings."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from graphc.keras.engine.host import HostSession, HostTensor, current_session
from graphc.keras.engine.scope import current_trace
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.engine.tensor import KerasTensor, Symbol
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.spec import TensorSpec

SYMBOLIC = (Symbol, HostTensor, jax.core.Tracer)


class HostLayer(BuiltinLayer):
    """A layer whose `call` takes NumPy arrays, strings and lists, and returns an array.

    Subclasses define `compute_output_spec`, which is all that building a model needs. In front of a
    compiled step their results are computed first and become inputs of the step.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False

    @property
    def runs_on_host(self) -> bool:
        """Whether the layer cannot be part of a compiled step."""
        return True

    def build(self, input_shape: Any = None) -> None:
        """Create nothing: there are no variables."""

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute on arrays at once; on symbols, be recorded, traced, or run by the session."""
        leaves = flatten(inputs)
        if any(isinstance(leaf, KerasTensor) for leaf in leaves):
            return super().__call__(inputs, *args, **kwargs)
        session = session_for(self, inputs, self.runs_on_host)
        if session is not None:
            return session.run(self, inputs)
        if not any(isinstance(leaf, SYMBOLIC) for leaf in leaves):
            return self.call(inputs, *args, **kwargs)
        return self._announced(inputs) if self.runs_on_host else super().__call__(inputs)

    def _announced(self, inputs: Any) -> Any:
        """What the call would give, in a trace that only asks for shapes."""
        output = self.output_for(inputs)
        sizes = [leaf.shape for leaf in flatten(inputs)]
        fill = next((size for shape in sizes for size in shape), 1)  # as unknown as the batch is
        shape = tuple(fill if size is None else size for size in output.shape)
        trace = current_trace()
        if output.dtype == "string" or trace is None:
            return HostTensor(shape)
        return trace.input(TensorSpec(shape, output.dtype), self.name)

    def output_for(self, inputs: Any) -> KerasTensor:
        """Return the KerasTensor of the output for tensors of any kind."""
        return self.compute_output_spec(map_structure(_symbolic, inputs))


def session_for(layer: Any, inputs: Any, needed: bool) -> HostSession | None:
    """Return the session that is to run a layer, which needs it or not; None where none is."""
    session = current_session()
    if session is None or session.trace is not current_trace():
        return None
    return session if needed or session.wants(layer, inputs) else None


def _symbolic(leaf: Any) -> KerasTensor:
    if not hasattr(leaf, "shape"):
        leaf = np.asarray(leaf)
    text = not isinstance(leaf.dtype, str) and np.dtype(leaf.dtype).kind in "OSU"
    return KerasTensor(leaf.shape, "string" if text else str(leaf.dtype))


def as_texts(values: Any, encoding: str = "utf-8") -> np.ndarray:
    """Return strings, bytes, and arrays and nested lists of them as an array of `str` objects.

    Raises:
        ValueError: anything else, or rows of different lengths.
    """
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=None)
    kind = array.dtype.kind
    if kind == "U":
        return array.astype(object)
    if kind == "S":
        return np.char.decode(array, encoding).astype(object)
    if kind in "OT":
        texts = [_text(item, encoding) for item in array.ravel().tolist()]
        found = np.empty(len(texts), object)
        found[:] = texts
        return found.reshape(array.shape)
    if array.size == 0:
        return array.astype(object)
    raise ValueError(
        f"Expected strings. Received: an array of dtype {array.dtype}, shape {array.shape}"
    )


def _text(item: Any, encoding: str) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, bytes):
        return item.decode(encoding)
    raise ValueError(
        "Expected strings (missing ones replaced, for example by an empty string). "
        f"Received: {item!r} (of type {type(item).__name__})"
    )
