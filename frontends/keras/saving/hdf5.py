"""HDF5 files as untrusted input: what a link leads to, and how large a data set says it is.

A file can point into other files, and can declare terabytes and store nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import ml_dtypes
import numpy as np

# A data set may be larger than what the file stores of it, for it may be compressed or sparse; up
# to the first number of bytes it may be so by any factor, above it by the second at most.
SMALL, EXPANSION = 1 << 26, 1000
NUMERIC = "biufc"
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
UNNAMED = np.dtype("V2")  # what HDF5 makes of bfloat16: two bytes of which it knows nothing


class FileFormatError(ValueError):
    """A file that is damaged, or holds what a file of its kind must not."""


@contextmanager
def opened(file: Any, what: Any) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; `what` names it in errors.

    Raises:
        FileFormatError: it is none, or a part of it cannot be read.
    """
    with reading(what):
        found = h5py.File(file, "r")
    with found:
        yield found


@contextmanager
def reading(what: Any) -> Iterator[None]:
    """Say of what HDF5 cannot read inside that the file is damaged; `what` names the place."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise FileFormatError(
            f"Expected a whole HDF5 file. Received: {what}, of which HDF5 says: {error}"
        ) from error


def group_at(parent: Any, path: str) -> h5py.Group | None:
    """Return the group at a path below another one; None where there is nothing.

    Raises:
        FileFormatError: a part of the path is a link elsewhere, or no group.
    """
    found = parent
    for part in path.split("/"):
        if not _holds(found, part):
            return None
        found = _member(found, part)
        if not isinstance(found, h5py.Group):
            raise FileFormatError(f"{_place(found)}: expected a group. Received: a data set")
    return found


def array_at(group: h5py.Group, name: str) -> np.ndarray:
    """Return the numbers of a data set.

    Raises:
        KeyError: there is none of that name.
        FileFormatError: it is a link elsewhere, lies in other files, declares far more than is
            stored, or does not hold numbers.
    """
    folder, _, last = name.rpartition("/")
    parent = group_at(group, folder) if folder else group
    if parent is None or not _holds(parent, last):
        raise KeyError(name)
    found = _member(parent, last)
    if not isinstance(found, h5py.Dataset):
        raise FileFormatError(f"{_place(found)}: expected a data set. Received: a group")
    with reading(_place(found)):
        check_dataset(found)
        if found.dtype == UNNAMED:
            return found[()].view(BFLOAT16)
        if found.dtype.kind in NUMERIC:
            return np.asarray(found[()])
    raise FileFormatError(f"{_place(found)}: expected numbers. Received: dtype {found.dtype}")


def _holds(group: Any, name: str) -> bool:
    """Return whether there is an entry, without following it: it may lead to any file."""
    with reading(_place(group)):
        return group.get(name, getlink=True) is not None


def needed_array(group: h5py.Group, name: str) -> np.ndarray:
    """Return the numbers of a data set that the file itself names.

    Raises:
        FileFormatError: there is none, or `array_at` refuses it.
    """
    try:
        return array_at(group, name)
    except KeyError as error:
        raise FileFormatError(
            f"{_place(group)}: the file names the numbers '{name}'. Received: none of that name"
        ) from error


def names_of(group: h5py.Group) -> list[str]:
    """Return the names of what is in a group."""
    with reading(_place(group)):
        return list(group)


def put(group: h5py.Group, name: str, value: Any) -> None:
    """Write an array; bfloat16, which HDF5 does not know, with its name beside it."""
    array = np.asarray(value)
    dataset = group.create_dataset(name, data=array)
    if array.dtype == BFLOAT16:
        dataset.attrs["dtype"] = "bfloat16"


def names_in(holder: Any, name: str) -> list[str]:
    """Return the strings of an attribute, which older files spread over `name0`, `name1` ..."""
    with reading(f"attribute '{name}' of {_place(holder)}"):
        if name in holder.attrs:
            return _texts(holder, name)
        found: list[str] = []
        chunk = 0
        while f"{name}{chunk}" in holder.attrs:
            found += _texts(holder, f"{name}{chunk}")
            chunk += 1
    return found


def _texts(holder: Any, name: str) -> list[str]:
    return [_text(item) for item in np.atleast_1d(attribute(holder, name))]


def attribute(holder: Any, name: str) -> Any:
    """Return an attribute that is there.

    Raises:
        FileFormatError: it is a sequence of varying length and no text. Nothing of Keras's is, but
            one changed bit makes it of a text, and HDF5 ends the process when it reads that.
    """
    dtype = holder.attrs.get_id(name).dtype
    if dtype.hasobject and h5py.check_string_dtype(dtype) is None:
        raise FileFormatError(
            f"{_place(holder)}: expected attribute '{name}' to be text or numbers. Received: a "
            "sequence of varying length"
        )
    return holder.attrs[name]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _member(group: Any, name: str) -> Any:
    with reading(f"{_place(group)}/{name}"):
        link = group.get(name, getlink=True)
        found = group[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(link, h5py.HardLink):
        raise FileFormatError(
            f"{_place(group)}/{name}: expected an object of this file. "
            f"Received: {type(link).__name__}, which leads elsewhere"
        )
    return found


def check_dataset(dataset: h5py.Dataset) -> None:
    """Refuse a data set of no numbers, of those elsewhere, or of far more than the file holds."""
    if dataset.external or dataset.is_virtual:
        raise FileFormatError(
            f"{_place(dataset)}: expected numbers in this file. Received: a data set whose "
            "numbers lie in other files"
        )
    if dataset.shape is None:
        raise FileFormatError(f"{_place(dataset)}: expected numbers. Received: an empty data set")
    if dataset.dtype.hasobject:
        raise FileFormatError(
            f"{_place(dataset)}: expected numbers. Received: items of varying length"
        )
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    if declared > SMALL and declared > EXPANSION * stored:
        raise FileFormatError(
            f"{_place(dataset)}: it declares {declared} bytes (shape {dataset.shape}), of which "
            f"the file stores {stored}. Expected at most {EXPANSION} times as many"
        )


def _place(item: Any) -> str:
    return (item.name or "").rstrip("/")
