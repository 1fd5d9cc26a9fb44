"""The trainings of one program that wait for their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Condition

from graphc.keras.training.lane import Ready


class Queue:
    """Trainings in the order in which they came; whoever is free takes the next ones.

    Args:
        takers: how many take from it.

    Attributes:
        dropped: whether the trainings are given up.
    """

    def __init__(self, takers: int = 1) -> None:
        self._takers = takers
        self._waiting: deque[Ready] = deque()
        self._changed = Condition()
        self._closed = False
        self.dropped = False

    def put(self, ready: Iterable[Ready]) -> None:
        """Append trainings."""
        with self._changed:
            self._waiting.extend(ready)
            self._changed.notify_all()

    def close(self, *, drop: bool = False) -> None:
        """Let no more come; with `drop`, those that wait and those under way are given up."""
        with self._changed:
            self._closed, self.dropped = True, drop
            if drop:
                self._waiting.clear()
            self._changed.notify_all()

    def take(self, most: int) -> list[Ready]:
        """Return so many once they are there; when no more come, a fair share of the rest."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._waiting) >= most)
            count = min(most, -(-len(self._waiting) // self._takers) if self._closed else most)
            return [self._waiting.popleft() for _ in range(count)]
