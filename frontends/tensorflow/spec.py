"""`TensorSpec` and `TensorShape`: what is known of a tensor before it is there."""

from __future__ import annotations

from typing import Any, Self

from graphc.tensorflow.dtypes import DType, as_dtype, float32
from graphc.tensorflow.tensor import dtype_of


class TensorShape(tuple[Any, ...]):  # noqa: SLOT001 (it keeps its rank beside)
    """A shape: None where a size is not known; `TensorShape(None)` has an unknown rank."""

    rank: int | None

    def __new__(cls, dims: Any) -> Self:
        if isinstance(dims, int):
            dims = (dims,)
        shape = super().__new__(cls, () if dims is None else map(_size, dims))
        known = dims is not None and getattr(dims, "rank", 0) is not None
        shape.rank = len(shape) if known else None
        return shape

    @property
    def ndims(self) -> int | None:
        """Number of dimensions; None where it is not known."""
        return self.rank

    def as_list(self) -> list[int | None]:
        """Return the sizes as a list.

        Raises:
            ValueError: the rank is not known.
        """
        if self.rank is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self)

    def is_fully_defined(self) -> bool:
        """Return whether every size is known."""
        return self.rank is not None and None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """Return whether one shape could be both."""
        other = TensorShape(other)
        if self.rank is None or other.rank is None:
            return True
        if len(self) != len(other):
            return False
        return all(a is None or b is None or a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return "<unknown>" if self.rank is None else super().__repr__()

    __str__ = __repr__


def _size(size: Any) -> int | None:
    return None if size is None or int(size) < 0 else int(size)


class TensorSpec:
    """The shape and the dtype of a tensor; None in the shape for sizes that vary.

    Args:
        shape: the sizes; None for an unknown rank.
        dtype: a dtype or what stands for one.
        name: a name.
    """

    def __init__(self, shape: Any, dtype: Any = float32, name: str | None = None) -> None:
        self.shape, self.dtype, self.name = TensorShape(shape), as_dtype(dtype), name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """Return the spec of a tensor or an array."""
        return cls(tensor.shape, dtype_of(tensor), name)

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        """Return whether a tensor, or one of another spec, fits."""
        other = spec_or_tensor
        kind = other.dtype if isinstance(other.dtype, DType) else dtype_of(other)
        return kind == self.dtype and self.shape.is_compatible_with(other.shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return tuple(self.shape), self.shape.rank, self.dtype

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype=tf.{self.dtype}, name={self.name!r})"
