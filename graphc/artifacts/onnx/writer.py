"""`Writer`: the owner of the nodes and initializers of one ONNX graph while it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.artifacts.onnx.sizes import ROWS_ALONE, Dim, Shape, Size, Symbols, is_static

HALVES = ("float16", "bfloat16")  # computed in float32, for few runtimes compute in them


def physical(dtype: str) -> str:
    """Return the dtype in which a tensor is held in the exported graph."""
    return "float32" if dtype in HALVES else dtype


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the model: made by a node of ONNX, or known while exporting.

    Attributes:
        shape, dtype: as in the model.
        name: in ONNX; empty where it is known.
        array: what it is, where that is known: an array, or a Python number of a weak dtype.
        order: where given, axis i of what is stored is axis `order[i]` of the model's tensor.
        thin: where given, the shape of what is stored, which broadcasts to `shape`.
    """

    shape: Shape
    dtype: str
    name: str = ""
    array: Any = None
    order: tuple[int, ...] | None = None
    thin: Shape | None = None

    @property
    def known(self) -> bool:
        """Whether its elements are known while exporting."""
        return self.array is not None and self.thin is None

    @property
    def literal(self) -> bool:
        """Whether it is a Python number, whose dtype gives way in promotion."""
        return isinstance(self.array, (bool, int, float)) and not isinstance(self.array, np.generic)

    @property
    def held(self) -> str:
        """The dtype in the exported graph."""
        return physical(self.dtype)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def numpy(self, dtype: str | None = None) -> np.ndarray[Any, Any]:
        """Return the elements of a known tensor in the dtype that it is held in, or another."""
        return np.asarray(self.array).astype(physical(self.dtype) if dtype is None else dtype)


@dataclass(frozen=True)
class Written:
    """One node of ONNX."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: dict[str, Any]


@dataclass(frozen=True)
class Subgraph:
    """The body of a node of ONNX: names with dtypes and shapes, and nodes."""

    name: str
    inputs: tuple[tuple[str, str, Shape], ...]
    outputs: tuple[tuple[str, str, Shape], ...]
    nodes: tuple[Written, ...]


@dataclass
class Names:
    """Names that were given, so that every one is given once."""

    counts: dict[str, int] = field(default_factory=dict[str, int])

    def fresh(self, wanted: str) -> str:
        """Return a name that was not given before."""
        name = wanted
        while name in self.counts:
            self.counts[wanted] = self.counts.get(wanted, 0) + 1
            name = f"{wanted}_{self.counts[wanted]}"
        self.counts[name] = 0
        return name


Given = Tensor | str | np.ndarray[Any, Any] | None


class Writer:
    """Writes one graph: the model's, or the body of a node of it.

    Args:
        opset: of ONNX's own operators.
        parent: the writer of the graph around it.
    """

    def __init__(self, opset: int, parent: Writer | None = None) -> None:
        self.opset = opset
        self.root: Writer = self if parent is None else parent.root
        self.nodes: list[Written] = []
        self.label = ""
        self.names = Names() if parent is None else parent.names
        self.initializers: dict[str, np.ndarray[Any, Any]] = {}
        self.symbols: Symbols = ROWS_ALONE if parent is None else parent.symbols
        # Of every symbol an input, and its axis that has this length.
        self.axes: dict[str, tuple[str, int]] = {}
        self._constants: dict[Any, str] = {}
        self._stored: dict[tuple[str, tuple[int, ...]], str] = {}
        self._lengths: dict[Size, str] = {}

    def emit(self, op: str, *given: Given, outputs: int = 1, **attrs: Any) -> str:
        """Add a node and return the name of its (first) result."""
        return self.several(op, *given, outputs=outputs, **attrs)[0]

    def several(self, op: str, *given: Given, outputs: int, **attrs: Any) -> list[str]:
        """Add a node and return the names of its results."""
        inputs = [self.name_of(one) for one in given]
        while inputs and not inputs[-1]:
            inputs.pop()
        name = self.names.fresh(self.label or op)
        results = [name] if outputs == 1 else [f"{name}:{place}" for place in range(outputs)]
        kept = {key: value for key, value in attrs.items() if value is not None}
        self.nodes.append(Written(op, name, tuple(inputs), tuple(results), kept))
        return results

    def name_of(self, given: Given) -> str:
        """Return the name of what a node takes, in the model's order of axes."""
        if given is None or isinstance(given, str):
            return given or ""
        if isinstance(given, np.ndarray):
            return self.constant(given)
        if given.thin is not None:
            return self.emit("Expand", self.thin_name(given), self.shape(given.shape))
        if given.known:
            return self.constant(given.numpy(), given.name)
        if given.order is None:
            return given.name
        return self.transposed(given.name, tuple(int(i) for i in np.argsort(given.order)))

    def thin_name(self, tensor: Tensor) -> str:
        """Return the name of what is stored of a tensor that broadcasts."""
        return tensor.name if tensor.array is None else self.constant(tensor.numpy())

    def constant(self, array: np.ndarray[Any, Any], name: str = "") -> str:
        """Return the name of an initializer; equal arrays share one."""
        root = self.root
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        key = (str(array.dtype), array.shape, digest)
        if key not in root._constants:
            root._constants[key] = root.names.fresh(name or f"{self.label or 'graph'}/constant")
            root.initializers[root._constants[key]] = array
        return root._constants[key]

    def transposed(self, name: str, order: tuple[int, ...]) -> str:
        """Return a tensor with its axes permuted; the same node serves all who want it."""
        if order == tuple(range(len(order))):
            return name
        if (name, order) not in self._stored:
            self._stored[name, order] = self.emit("Transpose", name, perm=list(order))
        return self._stored[name, order]

    def stored(self, tensor: Tensor, order: tuple[int, ...]) -> str:
        """Return a tensor stored with its axes in this order."""
        if tensor.known:
            return self.constant(np.ascontiguousarray(tensor.numpy().transpose(order)))
        own = tensor.order or tuple(range(tensor.ndim))
        name = self.name_of(tensor) if tensor.thin is not None else tensor.name
        return self.transposed(name, tuple(own.index(axis) for axis in order))

    def length(self, size: Dim) -> str:
        """Return a length as int64[1]."""
        if isinstance(size, int):
            return self.constant(np.asarray([size], "int64"))
        root = self.root
        if size in root._lengths:
            return root._lengths[size]
        label, root.label = root.label, "lengths"
        root._lengths[size] = root._length(size)
        root.label = label
        return root._lengths[size]

    def _length(self, size: Size) -> str:
        one = Size(1, 0, size.symbol)
        if size != one:
            found = self.length(one)
            if size.factor != 1:
                found = self.emit("Mul", found, np.asarray([size.factor], "int64"))
            offset = np.asarray([size.offset], "int64")
            return self.emit("Add", found, offset) if size.offset else found
        first, _, rest = size.symbol.partition("*")
        if rest:
            return self.emit("Mul", self.length(Size(1, 0, first)), self.length(Size(1, 0, rest)))
        name, axis = self.axes[first]
        return self.emit("Shape", name, start=axis, end=axis + 1)

    def shape(self, shape: Sequence[Dim]) -> str:
        """Return a shape as int64[rank]."""
        if is_static(shape):
            return self.constant(np.asarray(shape, "int64"))
        parts = [self.length(size) for size in shape]
        return parts[0] if len(parts) == 1 else self.emit("Concat", *parts, axis=0)

    def reshaped(self, given: Given, shape: Sequence[Dim]) -> str:
        """Return what has this shape and the same elements in order."""
        open_ones = [place for place, size in enumerate(shape) if isinstance(size, Size)]
        empty = 1 if 0 in shape else None  # else 0 would stand for the length that was there
        if len(open_ones) > 1 or (open_ones and empty):
            return self.emit("Reshape", given, self.shape(shape), allowzero=empty)
        target = [-1 if isinstance(size, Size) else size for size in shape]
        return self.emit("Reshape", given, np.asarray(target, "int64"), allowzero=empty)
