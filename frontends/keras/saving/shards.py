"""Weights in several files of bounded size, with a JSON file that says where what is."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np

from graphc.atomic import replacing
from graphc.keras.saving.archive import config_of
from graphc.keras.saving.hdf5 import FileFormatError
from graphc.keras.saving.seal import read, written
from graphc.keras.saving.state import save_state
from graphc.keras.saving.stores import Entry, Reader, Writer

GIGABYTE = 1 << 30


class ShardWriter:
    """Variables go to the newest file until it is full; each file is put in place when closed."""

    def __init__(self, path: Path, largest: float) -> None:
        self._path, self._largest = path, largest
        self._base = path.name.removesuffix(".json").removesuffix(".weights")
        self._files = ExitStack()
        self._writers: list[tuple[str, Writer]] = []
        self._filled = math.inf
        self.total = 0
        self.places: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        self._files.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._files.__exit__(*error)

    def make(self, place: str, name: str | None) -> ShardEntry:
        """Return where to put the variables of the object at `place`."""
        return ShardEntry(self, place, name)

    def shard_for(self, place: str, size: int) -> tuple[str, Writer]:
        """Return name and file for `size` more bytes, of an object at `place`."""
        if size > self._largest:
            raise ValueError(
                f"'{place}' has a variable of {size} bytes. Expected at most `max_shard_size`, "
                f"{self._largest:.0f} bytes"
            )
        if self._filled + size > self._largest:
            self._start()
        self._filled += size
        self.total += size
        shard = self._writers[-1]
        names = self.places.setdefault(f"/{place}/vars" if place else "/vars", [])
        if shard[0] not in names:
            names.append(shard[0])
        return shard

    def _start(self) -> None:
        name = f"{self._base}_{len(self._writers):05}.weights.h5"
        file = self._files.enter_context(written(self._path.with_name(name)))
        self._writers.append((name, Writer(file)))
        self._filled = 0


class ShardEntry(dict[str, Any]):
    """The variables of one object, each in the file that was newest when it came."""

    def __init__(self, shards: ShardWriter, place: str, name: str | None) -> None:
        super().__init__()
        self._shards, self._place, self._name = shards, place, name
        self._entries: dict[str, Entry] = {}

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        name, writer = self._shards.shard_for(self._place, np.asarray(value).nbytes)
        if name not in self._entries:
            self._entries[name] = writer.make(self._place, self._name)
        self._entries[name][key] = value


def write_shards(model: Any, path: Path, gigabytes: float, skip: Iterable[Any]) -> None:
    """Write the weights of a model into files of at most so many gigabytes.

    Args:
        model: a built model.
        path: of the JSON file, whose folder takes the others.
        gigabytes: the largest size of one file.
        skip: objects to leave out.

    Raises:
        ValueError: one variable is larger than a file may be.
    """
    if path.suffix != ".json":
        renamed = path.with_suffix(".json")
        warnings.warn(f"Weights in several files: {path} becomes {renamed}.", stacklevel=4)
        path = renamed
    with ShardWriter(path, gigabytes * GIGABYTE) as shards:
        save_state(model, shards, None, skip)  # type: ignore[arg-type]
    places = {key: names[0] if len(names) == 1 else names for key, names in shards.places.items()}
    index = {"metadata": {"total_size": shards.total}, "weight_map": places}
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(index, indent=4), encoding="utf-8")


class Together(Mapping[str, np.ndarray]):
    """The variables of one object from several files."""

    def __init__(self, parts: list[Mapping[str, np.ndarray]]) -> None:
        self._where = {key: part for part in parts for key in part}

    def __getitem__(self, key: str) -> np.ndarray:
        return self._where[key][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)


class ShardReader:
    """The files of a JSON file of places, each opened when first needed."""

    def __init__(self, path: Path) -> None:
        found = config_of(path.read_bytes(), path).get("weight_map")
        if not isinstance(found, dict):
            raise FileFormatError(f"Expected a 'weight_map' in {path}. Received: {found!r}")
        self._places: dict[str, Any] = found
        self._path = path
        self._files = ExitStack()
        self._readers: dict[str, Reader] = {}

    def __enter__(self) -> Self:
        self._files.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._files.__exit__(*error)

    def get(self, place: str) -> Any:
        """Return the variables of the object at `place`."""
        names = self._places.get(f"/{place}/vars" if place else "/vars", [])
        names = [names] if isinstance(names, str) else names
        return Together([self._reader(name).get(place) for name in names])

    def _reader(self, name: str) -> Reader:
        if name not in self._readers:
            if name in ("", "..") or Path(str(name)).name != name:
                raise FileFormatError(
                    f"{self._path}: expected the name of a file beside it. Received: {name!r}"
                )
            path = self._path.with_name(name)
            self._readers[name] = Reader(self._files.enter_context(read(path)))
        return self._readers[name]
