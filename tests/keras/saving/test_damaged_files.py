"""Real files with bytes changed, cut out, doubled: an error, or the model that was saved."""

from __future__ import annotations

import io
import random
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc import keras
from graphc.artifacts.loader import load

ENDINGS = ("keras", "folder", "h5", "weights.h5", "weights.json", "h5 of Keras", "artifact")
PERMITTED = (ValueError, FileNotFoundError)
SLOWEST = 30.0  # seconds
OTHER = "other numbers"  # those that a file without a digest holds now
CI, ALL = 120, 250  # rounds for each case


def model_with_all_kinds() -> Any:
    """Return a model with a vocabulary, several layers and an optimizer's state."""
    keras.utils.set_random_seed(0)
    words = keras.Input((3,), dtype="int32")
    hidden = keras.layers.Embedding(5, 4)(words)
    hidden = keras.layers.LSTM(3)(keras.layers.LayerNormalization()(hidden))
    model = keras.Model(words, keras.layers.Dense(2, activation="softmax")(hidden))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy())
    model.optimizer.build(model.trainable_variables)
    return model


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with something wrong in them."""
    place, other = sorted(rng.randrange(len(data)) for _ in range(2))
    kind = rng.randrange(6)
    if kind == 0:
        return data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]
    if kind == 1:
        return data[:place]
    if kind == 2:
        return data[:place] + data[other:]
    if kind == 3:
        return data[:place] + data[place:other] * 2 + data[other:]
    if kind == 4:
        size = rng.randrange(1, 64)
        return data[:place] + rng.randbytes(size) + data[place + size :]
    return data[:place] + bytes(rng.choice((0, 255)) for _ in range(16)) + data[place + 16 :]


def images() -> Any:
    """Return a model with a nested one, a shared layer, batch statistics and operations."""
    keras.utils.set_random_seed(0)
    tower = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(3, 3),
                              keras.layers.BatchNormalization()])  # fmt: skip
    one, other = keras.Input((6, 6, 2)), keras.Input((6, 6, 2))
    joined = keras.layers.Concatenate()([tower(one), tower(other)])
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(joined) * 2.0)
    model = keras.Model([one, other], outputs)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.5), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def texts() -> Any:
    """Return a model with a vocabulary in a file."""
    words = keras.layers.StringLookup(name="words")
    words.adapt(["one", "two", "three", "two"])
    model = keras.Sequential([keras.Input((2,), dtype="string"), words,
                              keras.layers.Embedding(5, 3)])  # fmt: skip
    model.compile("sgd", "mse")
    return model


MODELS = {"sequences": model_with_all_kinds, "images": images, "texts": texts}


class Subject:
    """A model, its file, and what loading the file must give."""

    def __init__(self, name: str, ending: str, folder: Path) -> None:
        self.ending, self.model = ending, MODELS[name]()
        self.path = folder / f"model.{ending.removesuffix(' of Keras')}"
        if ending.startswith("weights"):
            size = {"max_shard_size": 1.0} if ending == "weights.json" else {}
            self.model.save_weights(self.path, **size)
        elif ending == "artifact":
            self.model.export(self.path)
        elif ending == "folder":
            self.model.save(self.path, zipped=False)
        else:
            self.model.save(self.path)
        if ending == "h5 of Keras":  # which has no digest
            with h5py.File(self.path, "r+") as file:
                del file.attrs["graphc_digest"]
        self.files = sorted(self._files())
        self.whole = {path: path.read_bytes() for path in self.files}
        self.expected = [np.array(v.value) for v in self.model.weights]

    def _files(self) -> list[Path]:
        if self.ending == "weights.json":
            return list(self.path.parent.glob("*.weights*"))
        if self.path.is_dir():
            return [path for path in self.path.rglob("*") if path.is_file()]
        return [self.path]

    def restore(self) -> None:
        """Put the files back as they were, and the model's weights."""
        for path, data in self.whole.items():
            path.write_bytes(data)
        if self.ending.startswith("weights"):
            for variable, value in zip(self.model.weights, self.expected, strict=True):
                variable.assign(value)

    def load(self) -> list[np.ndarray]:
        """Return the weights that the changed file gives."""
        if self.ending == "artifact":
            return artifact_weights(self.path)
        if self.ending.startswith("weights"):
            self.model.load_weights(self.path)
            return [np.asarray(v.value) for v in self.model.weights]
        return [np.asarray(v.value) for v in keras.saving.load_model(self.path).weights]


def artifact_weights(path: Path) -> list[np.ndarray]:
    """Load an artifact as it is served, and return its weights."""
    load(path)
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.startswith("weights/")]
        names.sort(key=lambda name: int(Path(name).stem))
        return [np.load(io.BytesIO(archive.read(name))) for name in names]


def end_of(subject: Subject, unsealed: bool) -> str:
    """Load a changed file and say what came of it: an error, or the model that was saved.

    A file without checksums may hold other numbers, but none that are missing.
    """
    start = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an optimizer's state may not fit
            found = subject.load()
    except PERMITTED:
        return "refused"
    finally:
        assert time.monotonic() - start < SLOWEST
    equal = True
    for one, other in zip(found, subject.expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        equal &= one.tobytes() == other.tobytes()
    assert equal or unsealed
    return "loaded equal" if equal else OTHER


COMBINED = [(name, ending) for ending in ENDINGS for name in MODELS
            if (name, ending) not in (("texts", "artifact"), ("texts", "h5"))
            and (name == "sequences" or ending in ("keras", "h5", "folder"))]  # fmt: skip


@pytest.mark.parametrize(
    "rounds", [CI, pytest.param(ALL, marks=pytest.mark.slow)], ids=["some", "many"]
)
@pytest.mark.parametrize(("name", "ending"), COMBINED)
def test_a_changed_file_is_refused_or_loads_as_it_was(
    tmp_path: Path, record_property: Any, name: str, ending: str, rounds: int
) -> None:
    subject = Subject(name, ending, tmp_path)
    rng, ends = random.Random(rounds), Counter[str]()
    for _ in range(rounds):
        path = rng.choice(subject.files)
        path.write_bytes(mutated(subject.whole[path], rng))
        ends[end_of(subject, ending == "h5 of Keras")] += 1
        subject.restore()
    record_property("mutations", (ending, dict(ends)))
    assert ends["refused"] > rounds // 5


def test_a_weight_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    model = model_with_all_kinds()
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        file["layers/dense/vars/0"][0, 0] += 1
    with pytest.raises(ValueError, match="damaged, or was changed by hand"):
        model.load_weights(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["graphc_digest"]
    model.load_weights(path)


def test_a_member_of_an_archive_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    model_with_all_kinds().save(path)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("model.weights.h5").header_offset
    data = bytearray(path.read_bytes())
    data[start + 3000] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=r"CRC|whole"):
        keras.saving.load_model(path)
