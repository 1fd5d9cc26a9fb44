"""Where the variables of an object are put, and found again: groups of an HDF5 file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import h5py
import numpy as np

from graphc.keras.saving.hdf5 import array_at, group_at, names_of, put

OLD_ROOT = "_layer_checkpoint_dependencies"  # what Keras 2.13 called `layers`


class Entry(MutableMapping[str, Any]):
    """The variables of one object, by name, in a group that is made when something is put in."""

    def __init__(self, file: h5py.File, place: str, name: str | None) -> None:
        self._path = f"{place}/vars" if place else "vars"
        self._file = file
        self._group: h5py.Group | None = None
        if name is not None:  # Keras makes the group of whatever has a name
            self._need().attrs["name"] = name

    def _need(self) -> h5py.Group:
        if self._group is None:
            self._group = self._file.require_group(self._path)
        return self._group

    def __setitem__(self, key: str, value: Any) -> None:
        put(self._need(), key, value)

    def __getitem__(self, key: str) -> np.ndarray:
        return array_at(self._need(), key)

    def __delitem__(self, key: str) -> None:
        del self._need()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._group or ())

    def __len__(self) -> int:
        return len(self._group or ())


class Found(Mapping[str, np.ndarray]):
    """The variables that a file holds of one object; empty where it has no such place."""

    def __init__(self, group: h5py.Group | None) -> None:
        self._group = group

    def __getitem__(self, key: str) -> np.ndarray:
        if self._group is None:
            raise KeyError(key)
        return array_at(self._group, key)

    def __iter__(self) -> Iterator[str]:
        return iter(() if self._group is None else names_of(self._group))

    def __len__(self) -> int:
        return 0 if self._group is None else len(names_of(self._group))


class Writer:
    """One open HDF5 file to write to."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    def make(self, place: str, name: str | None) -> Entry:
        """Return where to put the variables of the object at `place`, named `name`."""
        return Entry(self._file, place, name)


class Reader:
    """One open HDF5 file to read from."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    def get(self, place: str) -> Found:
        """Return the variables of the object at `place`."""
        found = group_at(self._file, f"{place}/vars" if place else "vars")
        if found is None and place:
            found = group_at(self._file, f"{place.replace('layers', OLD_ROOT)}/vars")
        return Found(found)
