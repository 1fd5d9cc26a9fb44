"""Real files with bytes changed, cut out, doubled: an error, or the model that was saved."""

from __future__ import annotations

import random
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc import keras

ENDINGS = ("keras", "h5", "weights.h5")
ROUNDS = 350  # for each ending: a thousand in all


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


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_changed_file_is_refused_or_loads_as_it_was(tmp_path: Path, ending: str) -> None:
    model = model_with_all_kinds()
    path = tmp_path / f"model.{ending}"
    (model.save_weights if ending == "weights.h5" else model.save)(path)
    whole = path.read_bytes()
    expected = [np.array(v.value) for v in model.weights]
    rng, refused = random.Random(7), 0
    for _ in range(ROUNDS):
        path.write_bytes(mutated(whole, rng))
        again = model
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an optimizer's state may not fit
                if ending == "weights.h5":
                    model.load_weights(path)
                else:
                    again = keras.saving.load_model(path)
        except ValueError:
            refused += 1
        for variable, value in zip(again.weights, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(variable.value), value)
    assert refused > ROUNDS // 4


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
