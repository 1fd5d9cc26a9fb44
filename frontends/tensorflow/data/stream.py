"""`Stream`: what a dataset is made of, and the streams that are made of streams."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphc.keras.engine.scope import entered
from graphc.tensorflow.data import counts
from graphc.tensorflow.data.compiled import Compiled
from graphc.tensorflow.data.elements import (
    batch_spec,
    leaves_of,
    map_leaves,
    padded,
    row_of,
    row_spec,
    rows_at,
    rows_of,
    spec_of,
    stacked,
)
from graphc.tensorflow.data.passes import Pass, grouped, repeated, shuffled
from graphc.tensorflow.spec import TensorSpec
from graphc.tensorflow.tensor import tensor


@dataclass(frozen=True, eq=False)
class Stream:
    """Elements that are made anew in every pass.

    Attributes:
        passes: makes the iterator of one pass: of elements, or of the numbers of rows of `arrays`.
        count: how many there are, or INFINITE or UNKNOWN.
        spec: returns the specs of an element.
        first: returns an element to learn from what a function does; no pass is begun for it.
        arrays: in the structure of an element, where elements are rows of them. Rows that are
            shuffled, repeated or left out stay numbers, and a batch is taken out at once.
    """

    passes: Pass
    count: int
    spec: Callable[[], Any]
    first: Callable[[], Any]
    arrays: Any = None

    def elements(self) -> Iterator[Any]:
        """Return the iterator of one pass over the elements themselves."""
        if self.arrays is None:
            return iter(self.passes())
        return (row_of(self.arrays, row) for row in self.passes())


def peeked(elements: Iterator[Any]) -> Any:
    """Return the first element.

    Raises:
        ValueError: there is none.
    """
    for element in elements:
        return element
    raise ValueError("Expected a dataset with at least one element. Received: an empty one")


def calling(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return a function of an element that gives a user's function what it takes.

    The parts of a tuple are arguments of their own, and no trace under way sees what is computed.
    """
    call = spread(function)

    def outside(element: Any) -> Any:
        with entered(None):
            return call(element)

    return outside


def spread(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return a function of an element that calls a user's with the parts of a tuple."""

    def call(element: Any) -> Any:
        given = map_leaves(tensor, element)
        return function(*given) if isinstance(given, tuple) else function(given)

    return call


def of_rows(arrays: Any) -> Stream:
    """Return the stream of the rows of arrays."""
    count = rows_of(arrays)

    def first() -> Any:
        return row_of(arrays, 0) if count else peeked(iter(()))

    return Stream(
        lambda: iter(range(count)), count, lambda: row_spec(spec_of(arrays)), first, arrays
    )


def of_one(element: Any) -> Stream:
    """Return the stream of one element."""
    return Stream(lambda: iter((element,)), 1, lambda: spec_of(element), lambda: element)


def of_several(elements: Sequence[Any]) -> Stream:
    """Return the stream of elements that are there already."""
    first = elements[0]
    return Stream(lambda: iter(elements), len(elements), lambda: spec_of(first), lambda: first)


def reordered(stream: Stream, size: int, seed: int, *, anew: bool) -> Stream:
    """Return the elements in another order, anew in every pass or once and for all."""
    numbers = itertools.count() if anew else itertools.repeat(0)
    return replace(stream, passes=lambda: shuffled(stream.passes, size, (seed, next(numbers))))


def again(stream: Stream, times: int) -> Stream:
    """Return the elements of so many passes; of endless ones where `times` is negative."""
    count = counts.of_repeats(stream.count, times)
    return replace(stream, passes=lambda: repeated(stream.passes, times), count=count)


def kept(stream: Stream) -> Stream:
    """Return the elements, those of the first full pass kept for all later ones."""
    memory: list[list[Any]] = []

    def passes() -> Iterator[Any]:
        if memory:
            yield from memory[0]
            return
        read = []
        for element in stream.passes():
            read.append(element)
            yield element
        memory.append(read)

    return replace(stream, passes=passes)


def mapped(stream: Stream, function: Callable[..., Any]) -> Stream:
    """Return what a function makes of each element."""
    of = Compiled(spread(function))
    return Stream(
        lambda: map(of, stream.elements()),
        stream.count,
        lambda: _mapped_spec(stream, of),
        lambda: of(stream.first()),
    )


def _mapped_spec(stream: Stream, function: Callable[[Any], Any]) -> Any:
    """Return the specs of what a function makes; a batch's size varies if it did before."""
    element = stream.first()
    before = zip(leaves_of(element), leaves_of(stream.spec()), strict=True)
    varying = {
        leaf.shape[0]
        for leaf, spec in before
        if isinstance(spec, TensorSpec) and spec.shape[:1] == (None,)
    }

    def loosened(spec: Any) -> Any:
        if not isinstance(spec, TensorSpec) or not set(spec.shape[:1]) & varying:
            return spec
        return TensorSpec((None, *spec.shape[1:]), spec.dtype)

    return map_leaves(loosened, spec_of(function(element)))


def filtered(stream: Stream, predicate: Callable[..., Any]) -> Stream:
    """Return the elements for which a function is true."""
    call = calling(predicate)
    return replace(
        stream,
        passes=lambda: (element for element in stream.elements() if bool(call(element))),
        count=stream.count if stream.count == 0 else counts.UNKNOWN,
        arrays=None,
    )


def batched(stream: Stream, size: int, *, whole: bool) -> Stream:
    """Return `size` elements at a time as one."""

    def passes() -> Iterator[Any]:
        groups = grouped(stream.passes, size, whole=whole)
        if stream.arrays is None:
            return map(stacked, groups)
        return (rows_at(stream.arrays, rows) for rows in groups)

    return Stream(
        passes,
        counts.of_batches(stream.count, size, whole=whole),
        lambda: batch_spec(stream.spec(), size if whole else None),
        lambda: stacked([stream.first()] * min(size, 2)),
    )


def padded_batches(stream: Stream, size: int, shapes: Any, values: Any, *, whole: bool) -> Stream:
    """Return `size` elements at a time as one, filled up to equal shapes."""
    groups = replace(stream, passes=lambda: grouped(stream.elements, size, whole=whole))

    def first() -> Any:
        return padded([stream.first()] * min(size, 2), shapes, values)

    def spec() -> Any:
        found = spec_of(first())
        wanted = map_leaves(lambda _: None, found) if shapes is None else shapes
        return map_leaves(
            lambda one, shape: _padded_spec(one, shape, whole and size), found, wanted
        )

    return Stream(
        lambda: (padded(group, shapes, values) for group in groups.passes()),
        counts.of_batches(stream.count, size, whole=whole),
        spec,
        first,
    )


def _padded_spec(spec: TensorSpec, shape: Any, size: int | bool) -> TensorSpec:
    sizes = [None] * (len(spec.shape) - 1) if shape is None else shape
    return TensorSpec((size or None, *sizes), spec.dtype)


def unbatched(stream: Stream) -> Stream:
    """Return the rows of the elements, one by one."""

    def passes() -> Iterator[Any]:
        for batch in stream.elements():
            yield from (row_of(batch, row) for row in range(rows_of(batch)))

    return Stream(
        passes,
        stream.count if stream.count == counts.INFINITE else counts.UNKNOWN,
        lambda: row_spec(stream.spec()),
        lambda: row_of(stream.first(), 0),
    )


def numbered(stream: Stream, start: int) -> Stream:
    """Return (number, element) for each element."""
    return Stream(
        lambda: ((np.asarray(n), one) for n, one in enumerate(stream.elements(), start)),
        stream.count,
        lambda: (TensorSpec((), "int64"), stream.spec()),
        lambda: (np.asarray(start), stream.first()),
    )


def zipped(streams: Any) -> Stream:
    """Return an element of each stream of a structure at a time, in that structure."""
    found = leaves_of(streams)

    def packed(parts: tuple[Any, ...]) -> Any:
        rest = iter(parts)
        return map_leaves(lambda _: next(rest), streams)

    return Stream(
        lambda: map(packed, zip(*(one.elements() for one in found), strict=False)),
        counts.shortest([one.count for one in found]),
        lambda: map_leaves(lambda one: one.spec(), streams),
        lambda: map_leaves(lambda one: one.first(), streams),
    )
