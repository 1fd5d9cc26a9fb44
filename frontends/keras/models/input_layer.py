"""`Input`: the symbolic start of a functional model."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.operation import record_call
from graphc.keras.engine.settings import auto_name
from graphc.keras.engine.tensor import KerasTensor


class InputLayer(Layer):
    """The layer that owns an input tensor."""

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name or auto_name("input_layer"))
        if "input_shape" in kwargs:
            warnings.warn(
                "Argument `input_shape` is deprecated. Use `shape` instead.", stacklevel=2
            )
            shape = kwargs.pop("input_shape")
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to InputLayer: {kwargs}")
        given = {"shape": shape, "batch_size": batch_size, "batch_shape": batch_shape}
        if input_tensor is None:
            tensor = KerasTensor(_whole_shape(**given), dtype or "float32", bool(sparse), name=name)
        else:
            tensor = _checked(input_tensor, {**given, "dtype": dtype, "sparse": sparse})
        self.batch_shape = tuple(tensor.shape)
        self.sparse, self.ragged, self.optional = bool(tensor.sparse), bool(ragged), optional
        self._dtype = tensor.dtype
        self.built = True
        self.input_spec = InputSpec(shape=self.batch_shape)
        record_call(self, (), {}, tensor)

    def call(self) -> None:
        """An input is never called."""

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self._dtype

    @property
    def output(self) -> KerasTensor:
        """The input tensor."""
        return self._inbound_nodes[0].outputs[0]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "batch_shape": self.batch_shape, "dtype": self._dtype, "sparse": self.sparse,
            "ragged": self.ragged, "name": self.name, "optional": self.optional,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputLayer:
        """Make an input layer from `get_config()`."""
        return cls(**config)


def _whole_shape(shape: Any, batch_size: Any, batch_shape: Any) -> tuple[int | None, ...]:
    """The shape with the batch, from what was given of it."""
    for name, value in {"shape": shape, "batch_size": batch_size}.items():
        if value is not None and batch_shape is not None:
            raise ValueError(f"You cannot pass both `{name}` and `batch_shape` at the same time.")
    if shape is None and batch_shape is None:
        raise ValueError("You must pass a `shape` argument.")
    if batch_shape is None:
        batch_shape = (batch_size, *((shape,) if isinstance(shape, (int, str)) else shape))
    return _sizes(batch_shape)


def _checked(tensor: Any, given: dict[str, Any]) -> KerasTensor:
    """`tensor`, if it is symbolic and nothing given beside it says otherwise."""
    if not isinstance(tensor, KerasTensor):
        raise ValueError(
            "Argument `input_tensor` must be a KerasTensor. "
            f"Received invalid type: input_tensor={tensor} (of type {type(tensor)})"
        )
    sizes = tuple(tensor.shape)
    has = {
        "shape": sizes[1:], "batch_size": sizes[0] if sizes else None, "batch_shape": sizes,
        "dtype": tensor.dtype, "sparse": tensor.sparse,
    }  # fmt: skip
    for name, value in given.items():
        wanted = tuple(value) if name.endswith("shape") and value is not None else value
        if value is not None and wanted != has[name]:
            raise ValueError(
                "When providing the `input_tensor` argument, you cannot provide an incompatible "
                f"`{name}` argument. Received: {name}={value!r}, and the tensor has {has[name]!r}"
            )
    return tensor


def _sizes(shape: Any) -> tuple[int | None, ...]:
    whole = [
        isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size >= 0
        for size in shape
    ]
    if all(fits or size is None for fits, size in zip(whole, shape, strict=True)):
        return tuple(None if size is None else int(size) for size in shape)
    raise ValueError(
        "Expected the sizes of an `Input` to be integers of at least 0, or None for any size. "
        f"Received: {tuple(shape)}, batch size included"
    )


def Input(  # noqa: N802  (Keras's name)
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> Any:
    """Return a symbolic tensor of shape (batch, *shape) to start a functional model from.

    Args:
        shape: sizes without the batch; None marks an unknown one.
        batch_size: the batch's size, where it is fixed.
        batch_shape: the whole shape, instead of the two above.

    Raises:
        ValueError: no shape.
    """
    layer = InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    )
    return layer.output
