"""`Task`: one node of the IR, or one primitive of JAX that it consists of, to be translated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphc.artifacts.onnx.sizes import Dim, Shape
from graphc.artifacts.onnx.writer import Given, Tensor, Writer, physical

# Few runtimes compute in these: the wider dtype holds all that they do, and casting back wraps.
WIDER = {
    "int8": "int32", "uint8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64",
    "uint64": "int64",
}  # fmt: skip


@dataclass(frozen=True)
class Form:
    """How the result of an elementwise node is stored."""

    order: tuple[int, ...] | None = None
    thin: Shape | None = None


@dataclass(frozen=True)
class Task:
    """What a translator is given.

    Attributes:
        name: of the op or the primitive.
        inputs: its operands; None for one that is absent.
        attrs: what differs with the number of rows is a `Size` or a `Pair` in them.
        shapes, dtypes: of the results.
        writer: takes the nodes.
        inline: translates what a body consists of.
    """

    name: str
    inputs: Sequence[Tensor | None]
    attrs: dict[str, Any]
    shapes: Sequence[Shape]
    dtypes: Sequence[str]
    writer: Writer
    inline: Callable[[Any, Writer, Sequence[Tensor]], list[Tensor]]

    def x(self, place: int = 0) -> Tensor:
        """Return an operand that is there."""
        found = self.inputs[place]
        assert found is not None
        return found

    def attr(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attrs.get(name, default)

    @property
    def shape(self) -> Shape:
        """The shape of the first result."""
        return self.shapes[0]

    @property
    def held(self) -> str:
        """The dtype in which the first result is held."""
        return physical(self.dtypes[0])

    @property
    def given(self) -> list[Tensor]:
        """The operands that are there."""
        return [one for one in self.inputs if one is not None]

    def emit(self, op: str, *given: Given, **attrs: Any) -> str:
        """Add a node; return the name of its result."""
        return self.writer.emit(op, *given, **attrs)

    def cast(self, given: Tensor | str, dtype: str, source: str = "") -> Any:
        """Return a tensor in another dtype: cast now where it is known."""
        if isinstance(given, str):
            return given if source == dtype else self.emit("Cast", given, to=dtype)
        if given.known and (given.held != dtype or given.literal):
            return given.numpy(dtype)
        return given if given.held == dtype else self.emit("Cast", given, to=dtype)

    def result(self, name: str, order: tuple[int, ...] | None = None, place: int = 0) -> Tensor:
        """Return a result stored in an order of axes."""
        return Tensor(self.shapes[place], self.dtypes[place], name, order=order)

    def formed(self, name: str, form: Form, source: str = "") -> Tensor:
        """Return the result of an elementwise node, which was computed in the dtype `source`."""
        name = self.cast(name, self.held, source or self.held)
        return Tensor(self.shape, self.dtypes[0], name, order=form.order, thin=form.thin)


Result = str | Tensor | None | Sequence[str | Tensor]
Translator = Callable[[Task], Result]
Table = dict[str, Translator]


def ints(*values: int) -> np.ndarray[Any, Any]:
    """Return numbers as ONNX takes lengths and axes."""
    return np.asarray(values, "int64")


def scalar(value: float, dtype: str = "float32") -> np.ndarray[Any, Any]:
    """Return one number."""
    return np.asarray(value, dtype)


def common_dtype(tensors: Sequence[Tensor]) -> str:
    """Return the dtype that operands are promoted to, as it is held."""
    kinds = [one.array if one.literal else jnp.dtype(one.dtype) for one in tensors]
    return physical(str(jax.dtypes.canonicalize_dtype(jnp.result_type(*kinds))))


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return axes counted from the start; None means all."""
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    return tuple(int(a) % max(ndim, 1) for a in given)


def aligned(task: Task, tensors: Sequence[Tensor]) -> tuple[list[Tensor], Form]:
    """Return operands of an elementwise node as stored, and the form that the result has then.

    Where all that are not known are stored in one order, so is the result, and known ones are
    stored like it. Of what broadcasts, only what is stored is computed with.
    """
    if any(one.thin is not None for one in tensors):
        return _thin(task, tensors)
    orders = {one.order for one in tensors if not one.known}
    order = next(iter(orders)) if len(orders) == 1 else None
    rank = max((one.ndim for one in tensors), default=0)
    if order is None or any(not one.known and one.ndim != rank for one in tensors):
        return list(tensors), Form()
    return [_as_stored(one, order) for one in tensors], Form(order)


def _thin(task: Task, tensors: Sequence[Tensor]) -> tuple[list[Tensor], Form]:
    stored = [
        one if one.thin is None else Tensor(one.thin, one.dtype, task.writer.thin_name(one))
        for one in tensors
    ]
    shape = broadcast([one.shape for one in stored])
    return stored, Form(None, None if shape == tuple(task.shape) else shape)


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Return the shape that shapes broadcast to."""
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(next((n for n in axis if n != 1), 1) for axis in zip(*padded, strict=True))


def _as_stored(tensor: Tensor, order: tuple[int, ...]) -> Tensor:
    if not tensor.known:
        return Tensor(tuple(tensor.shape[i] for i in order), tensor.dtype, tensor.name)
    if tensor.ndim == 0:
        return tensor
    array = tensor.numpy()
    array = array.reshape((1,) * (len(order) - array.ndim) + array.shape).transpose(order)
    return Tensor(array.shape, str(array.dtype), array=array)


def known_ints(sizes: Sequence[Dim]) -> list[int]:
    """Return lengths that do not depend on the rows."""
    assert all(isinstance(size, int) for size in sizes)
    return [int(size) for size in sizes if isinstance(size, int)]
