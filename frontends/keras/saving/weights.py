"""`.weights.h5` files in Keras 3's layout: `layers/<layer>/vars/<index>`, `optimizer/vars/...`.

A file is written under a temporary name and renamed, so a kill leaves the previous one whole.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graphc.keras.engine import tracking
from graphc.keras.engine.settings import to_snake_case


def save_weights(model: Any, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
    """Write the weights of a built model.

    Raises:
        ValueError: the name does not end in `.weights.h5`, the model is not built, or an unknown
            argument.
        FileExistsError: the file exists and `overwrite` is False.
    """
    if kwargs:
        raise ValueError(f"Invalid keyword arguments. Received: {kwargs}")
    path = _checked(filepath)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists. Pass overwrite=True to replace it.")
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has no weights yet: build it, or call it on data, before saving."
        )
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        with h5py.File(temporary, "w") as file:
            for place, variables in _places(model, ""):
                group = file.require_group(f"{place}/vars" if place else "vars")
                for index, variable in enumerate(variables):
                    group[str(index)] = variable.numpy()
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Read weights into a built model; nothing is changed unless everything fits.

    Raises:
        ValueError: the file's arrays do not fit the model, naming the layer; an unknown argument.
        FileNotFoundError: no such file.
    """
    if kwargs:
        raise ValueError(f"Invalid keyword arguments. Received: {kwargs}")
    path = _checked(filepath)
    if not path.exists():
        raise FileNotFoundError(f"There is no weights file {path}.")
    found: list[tuple[Any, np.ndarray]] = []
    with h5py.File(path, "r") as file:
        for place, variables in _places(model, ""):
            found += _matched(file, place, variables, skip_mismatch)
    for variable, array in found:
        variable.assign(array)


def _checked(filepath: Any) -> Path:
    path = Path(filepath)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={filepath}")
    return path


def _matched(
    file: Any, place: str, variables: list[Any], skip_mismatch: bool
) -> list[tuple[Any, np.ndarray]]:
    group = file.get(f"{place}/vars" if place else "vars", {})
    if len(group) != len(variables):
        if skip_mismatch:
            return []
        raise ValueError(
            f"Layer '{place}' expected {len(variables)} variables, the file has {len(group)}."
        )
    pairs = [(variable, np.asarray(group[str(i)])) for i, variable in enumerate(variables)]
    for variable, array in pairs:
        if array.shape != variable.shape and not skip_mismatch:
            raise ValueError(
                f"Variable '{variable.path}' expected shape {variable.shape}. "
                f"Received: shape {array.shape} in the file."
            )
    return [(variable, array) for variable, array in pairs if array.shape == variable.shape]


def _places(layer: Any, prefix: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield the place in the file and the variables of a layer and of all layers inside it."""
    variables = tracking.own_variables(layer) + tracking.seed_states(layer)
    if variables:
        yield prefix, variables
    counts: dict[str, int] = {}
    for sub in layer._sublayers():
        base = to_snake_case(type(sub).__name__)
        count = counts.get(base, 0)
        counts[base] = count + 1
        name = f"{base}_{count}" if count else base
        yield from _places(sub, f"{prefix}/layers/{name}".lstrip("/"))
