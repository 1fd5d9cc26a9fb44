"""`KerasFileEditor`: looks into a file of weights, compares it with a model, and changes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from graphc.keras.saving.archive import (
    CONFIG,
    METADATA,
    config_of,
    opened_archive,
    opened_variables,
    read_text,
)
from graphc.keras.saving.hdf5 import array_at, group_at, names_of
from graphc.keras.saving.seal import read, written
from graphc.keras.saving.stores import Entry
from graphc.keras.saving.walk import saveables

Weights = dict[str, Any]  # an object's weights as arrays, and the objects inside as dictionaries


class KerasFileEditor:
    """The weights of a `.keras` or `.weights.h5` file, as nested dictionaries.

    Objects are named by their place, such as "layers/dense_2", or by its last part where only one
    has it. Changes are made in memory, until `save`.

    Args:
        filepath: a `.keras` or `.weights.h5` file, ours or Keras's.

    Raises:
        ValueError: another ending, or a damaged or hostile file.
    """

    def __init__(self, filepath: Any) -> None:
        self.filepath = str(filepath)
        self.metadata: dict[str, Any] | None = None
        self.config: dict[str, Any] | None = None
        self.console = Console(highlight=False)
        self.object_metadata: dict[str, dict[str, Any]] = {}
        path = Path(filepath)
        if path.name.endswith(".keras"):
            self._read_archive(path)
        elif path.name.endswith(".weights.h5"):
            with read(path) as file:
                self.weights_dict = self._weights_in(file, "")
        else:
            raise ValueError(
                "Invalid filename: expected a `.keras` or `.weights.h5` extension. "
                f"Received: filepath={filepath}"
            )
        self.console.print(Text.assemble("Keras model file ", (repr(self.filepath), "green")))
        if self.metadata is not None:
            version, date = (self.metadata.get(k) for k in ("keras_version", "date_saved"))
            self.console.print(f"Saved with Keras {version} - date: {date}")

    def _read_archive(self, path: Path) -> None:
        with opened_archive(path) as archive:
            self.config = config_of(read_text(archive, CONFIG, path), path)
            self.metadata = config_of(read_text(archive, METADATA, path), path)
            with opened_variables(archive, path) as file:
                self.weights_dict = self._weights_in(file, "")

    def _weights_in(self, group: Any, place: str) -> Weights:
        """Return the weights of the object whose group this is, and of all inside it."""
        own = group_at(group, "vars")
        found: Weights = {}
        if own is not None:
            found |= {name: array_at(own, name) for name in names_of(own)}
            if own.attrs:
                self.object_metadata[place] = dict(own.attrs)
        for name in names_of(group):
            if name == "vars":
                continue
            inner = group_at(group, name)
            weights = self._weights_in(inner, f"{place}/{name}".lstrip("/"))
            if weights:
                found[name] = weights
        return found

    def summary(self) -> None:
        """Print the objects of the file and the shapes and dtypes of their weights."""
        tree = Tree("Weights structure")
        self._add_to(tree, self.weights_dict, "")
        self.console.print(tree)

    def _add_to(self, tree: Tree, weights: Weights, place: str) -> None:
        for name, value in weights.items():
            if not isinstance(value, dict):
                array = np.asarray(value)
                tree.add(Text(f"{name}: shape={array.shape}, dtype={array.dtype}"))
                continue
            inner = f"{place}/{name}".lstrip("/")
            known = self.object_metadata.get(inner, {}).get("name")
            label = Text(name, "bold") + Text(f" ('{known}')" if known else "", "not bold")
            self._add_to(tree.add(label), value, inner)

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Print in what the file differs from a model.

        Returns:
            "status" ("success" or "error"), and the numbers of differences ("error_count") and of
            weights that match ("match_count").
        """
        wanted = _weights_of(reference_model)
        missing = list(_missing(wanted, self.weights_dict, ""))
        needless = list(_missing(self.weights_dict, wanted, ""))
        shapes, matches = _shapes(wanted, self.weights_dict, "")
        for place in missing:
            self.console.print(f"...{place} present in reference model, missing from saved file")
        for place in needless:
            self.console.print(f"...{place} present in saved file, missing from reference model")
        for place, model_shape, file_shape in shapes:
            self.console.print(
                f"...Weight shape mismatch for {place}: in reference model {model_shape}, "
                f"in saved file {file_shape}"
            )
        count = len(missing) + len(needless) + len(shapes)
        verdict = "Comparison successful" if not count else f"Found {count} difference(s)"
        self.console.print(f"{verdict}: {matches} matching weight(s)")
        return {
            "status": "error" if count else "success",
            "error_count": count,
            "match_count": matches,
        }

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object another name, in the same place.

        Raises:
            ValueError: there is no such object or several, or the new name is a path.
        """
        if "/" in new_name:
            raise ValueError(f"Expected a name without a path. Received: new_name={new_name!r}")
        owner, name = self._find(object_name)
        owner[new_name] = owner.pop(name)

    def delete_object(self, object_name: str) -> None:
        """Remove an object, and all inside it.

        Raises:
            ValueError: there is no such object, or several.
        """
        owner, name = self._find(object_name)
        del owner[name]

    def add_object(self, object_path: str, weights: Weights) -> None:
        """Add an object.

        Args:
            object_path: its whole place, such as "layers/dense_2".
            weights: arrays by name, "0", "1" ...

        Raises:
            ValueError: `weights` is no dictionary, or the place around it does not exist.
        """
        _check_weights(weights)
        around, _, name = object_path.rpartition("/")
        owner = self._at(around) if around else self.weights_dict
        owner[name] = dict(weights)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Remove a weight of an object.

        Raises:
            ValueError: there is no such object or weight.
        """
        owner, name = self._find(object_name)
        if weight_name not in owner[name]:
            raise ValueError(
                f"Weight {weight_name} not found in object {object_name}. "
                f"Weights found: {list(owner[name])}"
            )
        del owner[name][weight_name]

    def add_weights(self, object_name: str, weights: Weights) -> None:
        """Add weights to an object, or replace some.

        Raises:
            ValueError: `weights` is no dictionary, or there is no such object, or several.
        """
        _check_weights(weights)
        owner, name = self._find(object_name)
        owner[name].update(weights)

    def save(self, filepath: Any) -> None:
        """Write the weights as they are now to a `.weights.h5` file.

        Raises:
            ValueError: another ending.
        """
        if not str(filepath).endswith(".weights.h5"):
            raise ValueError(
                "Invalid `filepath` argument: expected a `.weights.h5` extension. "
                f"Received: filepath={filepath}"
            )
        with written(Path(filepath)) as file:
            self._save(file, self.weights_dict, "")

    resave_weights = save

    def _save(self, file: h5py.File, weights: Weights, place: str) -> None:
        entry = Entry(file, place, self.object_metadata.get(place, {}).get("name"))
        for name, value in weights.items():
            if isinstance(value, dict):
                self._save(file, value, f"{place}/{name}".lstrip("/"))
            else:
                entry[name] = value

    def _at(self, place: str) -> Weights:
        found: Any = self.weights_dict
        for part in place.split("/"):
            if not isinstance(found, dict) or part not in found:
                raise ValueError(f"Path '{place}' not found in model.")
            found = found[part]
        return found

    def _find(self, name: str) -> tuple[Weights, str]:
        """Return the dictionary that an object is in, and its name there."""
        around, _, last = name.rpartition("/")
        if around:
            self._at(name)
            return self._at(around), last
        owners = list(_owners(self.weights_dict, name))
        if len(owners) > 1:
            raise ValueError(
                f"Name '{name}' occurs more than once in the model; try passing a complete path"
            )
        if not owners:
            raise ValueError(
                f"Source name '{name}' does not appear in the model. `summary()` lists all objects."
            )
        return owners[0], name


def _check_weights(weights: Any) -> None:
    if not isinstance(weights, dict):
        raise ValueError(
            "Argument `weights` should be a dict of arrays by name ('0', '1', ...). "
            f"Received: type(weights)={type(weights)}"
        )


def _owners(weights: Weights, name: str) -> Iterator[Weights]:
    if name in weights:
        yield weights
    for value in weights.values():
        if isinstance(value, dict):
            yield from _owners(value, name)


def _weights_of(model: Any) -> Weights:
    """Return the weights that a file of a model would hold."""
    found: Weights = {}
    done: set[int] = set()
    for place, owner in saveables(model, done):
        done.add(id(owner))
        own: dict[str, Any] = {}
        if hasattr(owner, "save_own_variables"):
            owner.save_own_variables(own)
        if not own:
            continue
        inner = found
        for part in place.split("/") if place else ():
            inner = inner.setdefault(part, {})
        inner.update(own)
    return found


def _missing(wanted: Weights, found: Weights, place: str) -> Iterator[str]:
    """Yield the places of what the first has and the second lacks, the outermost of each."""
    for name, value in wanted.items():
        inner = f"{place}/{name}"
        if name not in found:
            yield inner
        elif isinstance(value, dict) and isinstance(found[name], dict):
            yield from _missing(value, found[name], inner)


def _shapes(wanted: Weights, found: Weights, place: str) -> tuple[list[tuple[str, Any, Any]], int]:
    """Return place and shapes of the weights that differ, and how many are alike."""
    differing: list[tuple[str, Any, Any]] = []
    matches = 0
    for name in wanted.keys() & found.keys():
        one, other = wanted[name], found[name]
        if isinstance(one, dict) and isinstance(other, dict):
            more, count = _shapes(one, other, f"{place}/{name}")
            differing += more
            matches += count
            continue
        shapes = tuple(None if isinstance(v, dict) else np.shape(v) for v in (one, other))
        if shapes[0] == shapes[1]:
            matches += 1
        else:
            differing.append((f"{place}/{name}", *shapes))
    return sorted(differing), matches
