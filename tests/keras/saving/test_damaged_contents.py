"""Whole files with wrong contents: a configuration or arrays that somebody changed.

A changed configuration may describe another model, so that it may load. It is a silent wrong load
when a weight of the loaded model is none of the file's.
"""

from __future__ import annotations

import copy
import json
import random
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc import keras
from tests.keras.saving.hostile_configs import zipped
from tests.keras.saving.test_damaged_files import MODELS, SLOWEST

CI, ALL = 110, 250  # rounds for each case
LOADED = "other model"  # or the same: each of its weights is one that the file holds
VALUES = (None, True, -1, 0, 3, 1 << 40, 10**30, 1.5, float("nan"), "", "relu", "../x", [], [1, 2],
          {}, {"class_name": "Dense", "config": {}}, [[]], "a" * 5000)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the holder and the key of all that is in a configuration."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, (dict, list)):
            yield from places(item)


def changed(config: Any, rng: random.Random) -> Any:
    """Return a configuration with one thing wrong in it."""
    config = copy.deepcopy(config)
    found = list(places(config))
    holder, key = rng.choice(found)
    kind = rng.randrange(6)
    if kind == 0:
        holder[key] = rng.choice(VALUES)
    elif kind == 1:
        del holder[key]
    elif kind == 2 and isinstance(holder, dict):
        holder[f"{key}_"] = holder.pop(key)
    elif kind == 3:
        other, place = rng.choice(found)
        holder[key] = copy.deepcopy(other[place])
    elif kind == 4:
        for _ in range(200):
            holder[key] = [holder[key]]
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[key] = {"class_name": "Sequential", "config": {"layers": [holder[key]]}}
    return config


def changed_arrays(path: Path, rng: random.Random) -> None:
    """Make something of an HDF5 file wrong that HDF5 itself allows."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        arrays = [name for name in names if isinstance(file[name], h5py.Dataset)]
        name = rng.choice(arrays)
        value = file[name][()]
        kind = rng.randrange(7)
        del file[name]
        if kind == 0:
            file[name] = np.zeros((*value.shape, 1), value.dtype)
        elif kind == 1:
            file[name] = value.astype("S8")
        elif kind == 2:
            file[name] = h5py.Empty("f4")
        elif kind == 3:
            file[name] = np.zeros((2, *value.shape), "complex64")
        elif kind == 4:
            file.create_group(name)
        elif kind == 5:
            file[name] = h5py.SoftLink(f"/{rng.choice(arrays)}")
        # else it is missing


class Saved:
    """A model's folder and its `.h5` file, both without a digest, and the weights in them."""

    def __init__(self, name: str, ending: str, folder: Path) -> None:
        model = MODELS[name]()
        self.ending, self.base = ending, folder / ("base.h5" if ending == "h5" else "base")
        model.save(self.base, zipped=None if ending == "h5" else False)
        if ending == "h5":
            with h5py.File(self.base, "r+") as file:
                del file.attrs["graphc_digest"]
                self.config = json.loads(file.attrs["model_config"])
        else:
            (self.base / "metadata.json").write_text("{}")
            self.config = json.loads((self.base / "config.json").read_text())
        self.known = {np.asarray(v.value).tobytes() for v in model.weights}
        self.path = folder / f"model.{ending}"
        self.arrays = self.base if ending == "h5" else self.base / "model.weights.h5"
        self.whole = self.arrays.read_bytes()

    def write(self, config: Any) -> None:
        """Write the file with that configuration, and its arrays as they are now."""
        text = json.dumps(config)
        if self.ending == "h5":
            with h5py.File(self.base, "r+") as file:
                file.attrs["model_config"] = text.encode()[:64_000]
            self.path.write_bytes(self.base.read_bytes())
        else:
            (self.base / "config.json").write_text(text)
            zipped(self.base, self.path)

    def end(self) -> str:
        """Load the file; say whether it was refused, and check what was loaded if it was not."""
        start = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = keras.saving.load_model(self.path)
        except ValueError:
            return "refused"
        finally:
            assert time.monotonic() - start < SLOWEST
            self.arrays.write_bytes(self.whole)
        strange = [v.path for v in model.weights if np.asarray(v.value).tobytes() not in self.known]
        assert not strange
        return LOADED


ROUNDS = pytest.mark.parametrize(
    "rounds", [CI, pytest.param(ALL, marks=pytest.mark.slow)], ids=["some", "many"]
)


@ROUNDS
@pytest.mark.parametrize(
    ("name", "ending"),
    [("sequences", "keras"), ("images", "keras"), ("texts", "keras"), ("images", "h5")],
)
def test_a_changed_configuration_is_refused_or_describes_a_model_of_the_files_weights(
    tmp_path: Path, record_property: Any, name: str, ending: str, rounds: int
) -> None:
    saved, rng, ends = Saved(name, ending, tmp_path), random.Random(rounds), Counter[str]()
    for _ in range(rounds):
        saved.write(changed(saved.config, rng))
        ends[saved.end()] += 1
    record_property("mutations", (f"{ending}: configuration", dict(ends)))
    assert ends["refused"] > rounds // 10


@ROUNDS
@pytest.mark.parametrize(("name", "ending"), [("sequences", "keras"), ("images", "h5")])
def test_changed_arrays_are_refused(
    tmp_path: Path, record_property: Any, name: str, ending: str, rounds: int
) -> None:
    saved, rng, ends = Saved(name, ending, tmp_path), random.Random(rounds), Counter[str]()
    for _ in range(rounds):
        changed_arrays(saved.arrays, rng)
        saved.write(saved.config)
        ends[saved.end()] += 1
    record_property("mutations", (f"{ending}: arrays", dict(ends)))
    assert ends["refused"] > rounds // 5  # the optimizer's are left out with a warning
