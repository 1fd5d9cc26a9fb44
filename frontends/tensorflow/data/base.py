"""`Base`: how a dataset of any kind is gone through, counted and described."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import numpy as np

from graphc.tensorflow.data import counts
from graphc.tensorflow.data.elements import element_of, map_leaves, spec_of
from graphc.tensorflow.data.stream import Stream, peeked
from graphc.tensorflow.tensor import plain, tensor


class Base:
    """Holds a stream, and gives its elements as tensors."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @classmethod
    def _of(cls, stream: Stream) -> Self:
        return cls(stream)

    def __iter__(self) -> Iterator[Any]:
        return (map_leaves(tensor, element) for element in self._stream.elements())

    def __len__(self) -> int:
        count = self._stream.count
        if count >= 0:
            return count
        reason = {counts.INFINITE: "infinite", counts.UNKNOWN: "unknown"}[count]
        raise TypeError(
            f"The dataset's length is {reason}. Expected `len` of one that is known: "
            "`cardinality()` returns -1 for infinite and -2 for unknown ones."
        )

    def __bool__(self) -> bool:
        return True

    def cardinality(self) -> Any:
        """Return the number of elements, or INFINITE_CARDINALITY or UNKNOWN_CARDINALITY."""
        return tensor(np.asarray(self._stream.count, np.int64))

    @property
    def element_spec(self) -> Any:
        """The tf.TensorSpecs of an element; where a function made it, by calling it once."""
        return self._stream.spec()

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator over the elements as arrays and scalars of NumPy."""
        return (map_leaves(plain, element) for element in self._stream.elements())

    def get_single_element(self, name: str | None = None) -> Any:
        """Return the only element.

        Raises:
            ValueError: there is none, or more than one.
        """
        elements = iter(self)
        first = peeked(elements)
        if next(elements, elements) is not elements:
            raise ValueError("Expected a dataset of one element. Received: one with more")
        return first

    def __repr__(self) -> str:
        return f"<{type(self).__name__} element_spec={self.element_spec}>"


def stream_of(dataset: Any) -> Stream:
    """Return the stream of a dataset, or of any other iterable that can be iterated over again.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(dataset, Base):
        return dataset._stream
    if isinstance(dataset, (list, np.ndarray)) or not isinstance(dataset, Iterable):
        raise TypeError(
            f"Expected a dataset. Received: {dataset!r} (of type {type(dataset).__name__})"
        )
    foreign: Iterable[Any] = dataset

    def elements() -> Iterator[Any]:
        return map(element_of, foreign)

    def first() -> Any:
        return peeked(elements())

    return Stream(elements, _length(dataset), lambda: spec_of(first()), first)


def _length(dataset: Any) -> int:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return counts.UNKNOWN


def positive(name: str, value: Any) -> int:
    """Return an argument as an integer.

    Raises:
        ValueError: it is less than one.
    """
    if int(value) < 1:
        raise ValueError(f"Expected `{name}` to be at least 1. Received: {name}={value}")
    return int(value)


def callable_(name: str, value: Any) -> Callable[..., Any]:
    """Return an argument that is a function.

    Raises:
        TypeError: it cannot be called.
    """
    if not callable(value):
        raise TypeError(
            f"Expected `{name}` to be a function. Received: {value!r} "
            f"(of type {type(value).__name__})"
        )
    return value
