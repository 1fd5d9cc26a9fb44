"""A digest of all that an HDF5 file holds, kept in the file, so that reading notices any change.

HDF5 itself has no checksum of numbers: a flipped bit would be a weight. Files that Keras wrote have
no digest and are read as they are; the members of a ZIP archive have checksums of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graphc.atomic import replacing
from graphc.keras.saving.hdf5 import FileFormatError, attribute, check_dataset, opened, reading

SEAL = "graphc_digest"
CHUNK = 1 << 24  # bytes of an array that are read at once


@contextmanager
def written(path: Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file to write, which is put at `path`, with its digest, when all went well."""
    with replacing(path) as unfinished, h5py.File(unfinished, "w") as file:
        yield file
        file.attrs[SEAL] = _digest(file)


@contextmanager
def read(path: Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file to read, compared with its digest where it has one.

    Raises:
        FileFormatError: they differ, or it is no whole HDF5 file.
    """
    with opened(path, path) as file:
        with reading(path):
            differs = SEAL in file.attrs and attribute(file, SEAL) != _digest(file)
        if differs:
            raise FileFormatError(
                f"{path} is damaged, or was changed by hand: it does not match the digest that was "
                f"saved with it. To read it all the same, delete its attribute '{SEAL}'."
            )
        yield file


def folder_digest(folder: Path, leaving_out: str) -> str:
    """Return a digest of all files below a folder but the one of that name in it."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != leaving_out:
            found.update(f"{name}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                while block := file.read(CHUNK):
                    found.update(block)
    return found.hexdigest()


def _digest(file: h5py.File) -> str:
    found = hashlib.sha256()
    items: list[str] = ["/"]
    file.visit(items.append)  # links elsewhere are not followed
    for name in sorted(items):
        item = file[name]
        found.update(f"{name}\0{type(item).__name__}\0".encode())
        for key in sorted(item.attrs):
            if key != SEAL:
                found.update(f"{key}={attribute(item, key)!r}\0".encode())
        if isinstance(item, h5py.Dataset):
            _add(found, item)
    return found.hexdigest()


def _add(found: Any, dataset: h5py.Dataset) -> None:
    check_dataset(dataset)
    found.update(f"{dataset.dtype}{dataset.shape}\0".encode())
    if not dataset.shape:
        found.update(np.asarray(dataset[()]).tobytes())
        return
    row = max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=np.int64)))
    step = max(1, CHUNK // row)
    for start in range(0, dataset.shape[0], step):
        found.update(np.ascontiguousarray(dataset[start : start + step]).tobytes())
