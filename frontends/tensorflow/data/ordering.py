"""The methods of `Dataset` that keep elements as they are: in another order, fewer, or more."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from graphc.keras.random import make_default_seed
from graphc.tensorflow.data import counts, passes, sources, stream
from graphc.tensorflow.data.base import Base, callable_, positive, stream_of
from graphc.tensorflow.data.options import Options
from graphc.tensorflow.data.stream import Stream


class Ordering(Base):
    """Which elements there are, and when they come."""

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Self:
        """Return the elements drawn from a buffer of `buffer_size` of them.

        Without a seed, one is drawn here and now from what `tf.random.set_seed` seeds.

        Raises:
            ValueError: a buffer without room.
        """
        size, anew = positive("buffer_size", buffer_size), reshuffle_each_iteration is not False
        seed = make_default_seed() if seed is None else int(seed)
        return self._of(stream.reordered(self._stream, size, seed, anew=anew))

    def repeat(self, count: int | None = None, name: str | None = None) -> Self:
        """Return `count` passes after each other; endless ones where it is None or negative."""
        return self._of(stream.again(self._stream, -1 if count is None else int(count)))

    def take(self, count: int, name: str | None = None) -> Self:
        """Return the first `count` elements; all where it is negative."""
        found, some = self._stream, int(count)
        return self._of(
            replace(
                found,
                passes=lambda: passes.taken(found.passes, some),
                count=counts.of_first(found.count, some),
            )
        )

    def skip(self, count: int, name: str | None = None) -> Self:
        """Return all but the first `count` elements; none where it is negative."""
        found, gone = self._stream, int(count)
        return self._of(
            replace(
                found,
                passes=lambda: passes.skipped(found.passes, gone),
                count=counts.of_rest(found.count, gone),
            )
        )

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Self:
        """Return every `num_shards`th element, of which the first is number `index`.

        Raises:
            ValueError: an index that is not from 0 to `num_shards - 1`.
        """
        step = positive("num_shards", num_shards)
        if not 0 <= index < step:
            raise ValueError(f"Expected `index` from 0 to {step - 1}. Received: index={index}")
        rest = self.skip(index)._stream
        return self._of(
            replace(
                rest,
                passes=lambda: itertools.islice(rest.passes(), 0, None, step),
                count=counts.of_batches(rest.count, step, whole=False),
            )
        )

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Self:
        """Return the elements for which `predicate` is true."""
        return self._of(stream.filtered(self._stream, callable_("predicate", predicate)))

    def concatenate(self, dataset: Any, name: str | None = None) -> Self:
        """Return the elements of this dataset, and then those of another."""
        first, second = self._stream, stream_of(dataset)
        return self._of(
            Stream(
                lambda: itertools.chain.from_iterable(one.elements() for one in (first, second)),
                counts.total(first.count, second.count),
                lambda: sources.merged_spec(first.spec(), second.spec()),
                first.first,
            )
        )

    def cache(self, filename: str = "", name: str | None = None) -> Self:
        """Return the elements, those of the first full pass kept in memory (and in no file)."""
        return self._of(stream.kept(self._stream))

    def prefetch(self, buffer_size: int, name: str | None = None) -> Self:
        """Return the same elements: `fit` and its like read ahead by themselves."""
        return self._of(self._stream)

    def with_options(self, options: Options, name: str | None = None) -> Self:
        """Return the same elements: there is nothing that options could change."""
        return self._of(self._stream)

    def options(self) -> Options:
        """Return options that say nothing."""
        return Options()
