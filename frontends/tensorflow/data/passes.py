"""One pass over a dataset, of each kind: generators over the iterators of what they are made of."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

Pass = Callable[[], Iterator[Any]]


class Elements(Protocol):
    """What has elements: a stream."""

    def elements(self) -> Iterator[Any]:
        """Return the iterator of one pass."""
        ...


def shuffled(parent: Pass, size: int, seed: tuple[int, int]) -> Iterator[Any]:
    """Yield what is drawn from a buffer of `size` elements that is filled up as it empties."""
    draws = random.Random(f"{seed[0]}, {seed[1]}")
    elements = iter(parent())
    buffer = list(itertools.islice(elements, size))
    for element in elements:
        place = int(draws.random() * size)
        yield buffer[place]
        buffer[place] = element
    draws.shuffle(buffer)
    yield from buffer


def repeated(parent: Pass, count: int) -> Iterator[Any]:
    """Yield the elements of so many passes, or of endless ones where `count` is negative."""
    rounds = itertools.count() if count < 0 else range(count)
    for _ in rounds:
        found = False
        for element in parent():
            found = True
            yield element
        if not found:  # an empty dataset without end would search for ever
            return


def taken(parent: Pass, count: int) -> Iterator[Any]:
    """Yield the first elements; all where `count` is negative."""
    return itertools.islice(parent(), None if count < 0 else count)


def skipped(parent: Pass, count: int) -> Iterator[Any]:
    """Yield all but the first elements; none where `count` is negative."""
    return iter(()) if count < 0 else itertools.islice(parent(), count, None)


def grouped(parent: Pass, size: int, *, whole: bool) -> Iterator[list[Any]]:
    """Yield lists of `size` elements; the last may be shorter, and is left out where `whole`."""
    elements = iter(parent())
    while group := list(itertools.islice(elements, size)):
        if len(group) == size or not whole:
            yield group


def windows(
    parent: Pass, size: int, shift: int, stride: int, *, whole: bool
) -> Iterator[list[Any]]:
    """Yield lists of `size` elements, `stride` apart, which begin `shift` after each other.

    Those at the end may be shorter, and are left out where `whole`.
    """
    span = (size - 1) * stride + 1
    elements = iter(parent())
    held: deque[Any] = deque(itertools.islice(elements, span))
    while held:
        window = list(itertools.islice(held, 0, None, stride))
        if len(window) == size or not whole:
            yield window
        gone = min(shift, len(held))
        for _ in range(gone):
            held.popleft()
        beyond = shift - gone  # between two windows, where they do not touch
        next(itertools.islice(elements, beyond, beyond), None)
        held.extend(itertools.islice(elements, span - len(held)))


def chained(parent: Pass, function: Callable[[Any], Elements]) -> Iterator[Any]:
    """Yield the elements of the datasets that a function makes of each element, one by one."""
    for element in parent():
        yield from function(element).elements()


def interleaved(
    parent: Pass, function: Callable[[Any], Elements], cycle: int, block: int
) -> Iterator[Any]:
    """Yield the elements of `cycle` of the datasets that a function makes, `block` at a time each.

    Where one has no more, the next takes its place.
    """
    inputs = iter(parent())
    slots: list[Iterator[Any] | None] = [None] * cycle
    more, place = True, 0
    while more or any(slot is not None for slot in slots):
        if slots[place] is None and more:
            element = next(inputs, inputs)
            more = element is not inputs
            slots[place] = function(element).elements() if more else None
        slot = slots[place]
        if slot is not None:
            found = list(itertools.islice(slot, block))
            yield from found
            if len(found) < block:
                slots[place] = None
        place = (place + 1) % cycle
