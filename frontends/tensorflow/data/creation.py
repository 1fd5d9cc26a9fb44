"""How datasets begin: with arrays, with generators, with numbers, with other datasets."""

# ruff: noqa: ARG003 (TensorFlow's signatures)

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from graphc.tensorflow.data import counts, sources, stream
from graphc.tensorflow.data.base import Base, callable_, stream_of
from graphc.tensorflow.data.elements import map_leaves
from graphc.tensorflow.data.stream import Stream, peeked
from graphc.tensorflow.dtypes import int64
from graphc.tensorflow.tensor import plain


class Creation(Base):
    """The class methods of `Dataset` that make one."""

    @classmethod
    def from_tensor_slices(cls, tensors: Any, name: str | None = None) -> Self:
        """Return the rows of arrays [N, ...]: of each of them where there are several.

        Raises:
            ValueError: different numbers of rows, or a list whose rows differ in length.
        """
        return cls._of(stream.of_rows(sources.arrays_of(tensors)))

    @classmethod
    def from_tensors(cls, tensors: Any, name: str | None = None) -> Self:
        """Return a dataset of one element."""
        return cls._of(stream.of_one(sources.arrays_of(tensors)))

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Self:
        """Return what a generator yields; it is made anew for every pass.

        Args:
            generator: a function that returns an iterable.
            output_types: dtypes in the structure of an element.
            output_shapes: shapes in the same structure; not checked where not given.
            args: what `generator` is called with, as arrays.
            output_signature: tf.TensorSpecs in the structure of an element, in place of both.

        Raises:
            TypeError: `generator` is no function; neither types nor a signature; or, when it is
                met, an element of another structure.
            ValueError: when it is met: an element of another shape.
        """
        callable_("generator", generator)
        spec = sources.signature_of(output_types, output_shapes, output_signature)
        given = tuple(map(plain, args or ()))

        def elements() -> Iterator[Any]:
            return sources.generated(generator, given, spec)

        return cls._of(Stream(elements, counts.UNKNOWN, lambda: spec, lambda: peeked(elements())))

    @classmethod
    def range(cls, *args: int, output_type: Any = int64, name: str | None = None) -> Self:
        """Return the integers of Python's `range` of the same arguments."""
        numbers = np.arange(*(int(one) for one in args), dtype=np.dtype(str(output_type)))
        return cls.from_tensor_slices(numbers)

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> Self:
        """Return an element of each dataset at a time, until the first of them ends.

        Args:
            args: datasets, or one structure of them.
            datasets: the structure, by its name.

        Raises:
            TypeError: something that is no dataset.
        """
        given = args if datasets is None else (datasets,)
        return cls._of(stream.zipped(map_leaves(stream_of, given[0] if len(given) == 1 else given)))
