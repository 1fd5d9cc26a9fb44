"""The methods of `Dataset` that make other elements of those that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

from graphc.tensorflow.data import counts, passes, stream
from graphc.tensorflow.data.base import Base, callable_, positive, stream_of
from graphc.tensorflow.data.elements import map_leaves
from graphc.tensorflow.data.stream import Stream, calling

CYCLE = 4  # datasets that `interleave` reads in turn, where it is not told how many


class Making(Base):
    """What elements are made of others."""

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
        **options: Any,
    ) -> Self:
        """Return what `map_func` makes of each element.

        Args:
            map_func: gets the parts of a tuple as arguments of their own. Lists that it returns
                become arrays.
            num_parallel_calls: no effect.
            deterministic: no effect: it always is.
            name: no effect.
            options: no effect.

        Raises:
            TypeError: it is no function.
        """
        return self._of(stream.mapped(self._stream, callable_("map_func", map_func)))

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Self:
        """Return `batch_size` elements at a time as one, with a first axis more.

        Args:
            batch_size: at least 1.
            drop_remainder: whether to leave out a last batch that is smaller.
            num_parallel_calls: no effect.
            deterministic: no effect.
            name: no effect.

        Raises:
            ValueError: no size, or, when they are met, elements of different shapes.
        """
        size = positive("batch_size", batch_size)
        return self._of(stream.batched(self._stream, size, whole=bool(drop_remainder)))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Self:
        """Return `batch_size` elements at a time as one, filled up at the end of every axis.

        Args:
            batch_size: at least 1.
            padded_shapes: shapes in the structure of an element; None in one of them, or in place
                of all, for the longest of a batch.
            padding_values: one for all, or in the structure of an element; 0 and "" where None.
            drop_remainder: whether to leave out a last batch that is smaller.
            name: no effect.

        Raises:
            ValueError: no size, or, when it is met, an element that does not fit into its shape.
        """
        size, whole = positive("batch_size", batch_size), bool(drop_remainder)
        return self._of(
            stream.padded_batches(self._stream, size, padded_shapes, padding_values, whole=whole)
        )

    def unbatch(self, name: str | None = None) -> Self:
        """Return the rows of the elements, one by one."""
        return self._of(stream.unbatched(self._stream))

    def enumerate(self, start: int = 0, name: str | None = None) -> Self:
        """Return (number, element) for each element, the numbers int64 and from `start` on."""
        return self._of(stream.numbered(self._stream, int(start)))

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Self:
        """Return datasets of `size` elements each: one for each part of an element.

        Args:
            size: elements of a window.
            shift: how far one window begins after another; `size` where None.
            stride: how far its elements are apart.
            drop_remainder: whether to leave out windows that are smaller.
            name: no effect.

        Raises:
            ValueError: one of the numbers is less than 1.
        """
        size, stride = positive("size", size), positive("stride", stride)
        shift = positive("shift", size if shift is None else shift)
        parent, whole = self._stream, bool(drop_remainder)

        def elements() -> Iterator[Any]:
            found = passes.windows(parent.elements, size, shift, stride, whole=whole)
            return map(self._window, found)

        return self._of(
            Stream(
                elements,
                counts.of_windows(parent.count, size, shift, stride, whole=whole),
                lambda: self._window([parent.first()]),
                lambda: self._window([parent.first()] * size),
            )
        )

    def _window(self, elements: Sequence[Any]) -> Any:
        return map_leaves(lambda *leaves: self._of(stream.of_several(leaves)), *elements)

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Self:
        """Return the elements of the datasets that `map_func` makes, one dataset after another.

        Raises:
            TypeError: it is no function, or, when it is called, returns no dataset.
        """
        function, parent = self._made_by(map_func), self._stream
        return self._joined(function, lambda: passes.chained(parent.elements, function))

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Self:
        """Return the elements of the datasets that `map_func` makes, some of each in turn.

        Args:
            map_func: returns a dataset for an element.
            cycle_length: datasets that are read in turn; 4 where None or AUTOTUNE.
            block_length: elements of each in a row; 1 where None.
            num_parallel_calls: no effect.
            deterministic: no effect.
            name: no effect.

        Raises:
            TypeError: `map_func` is no function, or, when it is called, returns no dataset.
        """
        cycle = CYCLE if cycle_length in (None, -1) else positive("cycle_length", cycle_length)
        block = positive("block_length", block_length or 1)
        function, parent = self._made_by(map_func), self._stream
        return self._joined(
            function, lambda: passes.interleaved(parent.elements, function, cycle, block)
        )

    def _made_by(self, map_func: Callable[..., Any]) -> Callable[[Any], Stream]:
        call = calling(callable_("map_func", map_func))
        return lambda element: stream_of(call(element))

    def _joined(self, function: Callable[[Any], Stream], pass_: passes.Pass) -> Self:
        parent = self._stream
        return self._of(
            Stream(
                pass_,
                counts.UNKNOWN,
                lambda: function(parent.first()).spec(),
                lambda: function(parent.first()).first(),
            )
        )
