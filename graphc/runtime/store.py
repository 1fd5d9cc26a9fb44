"""`Shelf`: the owner of arrays. A run swaps whole donated tuples; a variable is a view of a place.

Each array lives in one place at any time, so there is nothing to synchronise: a store that needs
variables which another store holds simply moves them onto a shelf of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from graphc.runtime.device import put_copy


class Shelf:
    """A row of arrays in fixed places."""

    __slots__ = ("arrays", "lent")

    def __init__(self, arrays: Sequence[Any]) -> None:
        self.arrays = list(arrays)
        self.lent: set[int] = set()

    def read(self, place: int) -> Any:
        """Return an array for the outside to keep: donation will spare it by a copy."""
        self.lent.add(place)
        return self.arrays[place]

    def write(self, place: int, array: Any, *, lent: bool = True) -> None:
        """Replace one array; `lent` says that the caller keeps a reference to it."""
        self.arrays[place] = array
        self.lent.add(place) if lent else self.lent.discard(place)

    def take(self) -> tuple[Any, ...]:
        """Return all arrays for a call that donates them; `put` must follow."""
        for place in self.lent:
            self.arrays[place] = put_copy(self.arrays[place])
        self.lent.clear()
        return tuple(self.arrays)

    def peek(self) -> tuple[Any, ...]:
        """Return all arrays for a call that does not donate them."""
        return tuple(self.arrays)

    def put(self, arrays: Sequence[Any]) -> None:
        """Store the arrays that a run returned."""
        self.arrays[:] = arrays


class Housed(Protocol):
    """Anything whose array lives on a shelf: (shelf, place)."""

    home: tuple[Shelf, int]


class StateStore:
    """The arrays of one program: parameters, state and optimizer slots, each on a shelf."""

    def __init__(self, **groups: Sequence[Housed]) -> None:
        self.groups = {name: tuple(members) for name, members in groups.items()}
        self.shelves = {name: Shelf([None] * len(g)) for name, g in self.groups.items()}

    def claim(self) -> StateStore:
        """Move every variable that lives elsewhere onto this store's shelves."""
        for name, members in self.groups.items():
            shelf = self.shelves[name]
            for place, member in enumerate(members):
                if member.home[0] is not shelf:
                    other, index = member.home
                    shelf.arrays[place] = other.arrays[index]
                    if index in other.lent:
                        shelf.lent.add(place)
                    member.home = (shelf, place)
        return self

    def take(self) -> tuple[tuple[Any, ...], ...]:
        """Return every group's arrays for a donating call, in the order of the groups."""
        return tuple(shelf.take() for shelf in self.shelves.values())

    def peek(self, name: str) -> tuple[Any, ...]:
        """Return one group's arrays for a call that does not donate."""
        return self.shelves[name].peek()

    def put(self, arrays: Sequence[Sequence[Any]]) -> None:
        """Store what a donating call returned, in the order of the groups."""
        for shelf, group in zip(self.shelves.values(), arrays, strict=True):
            shelf.put(group)
