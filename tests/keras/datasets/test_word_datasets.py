"""imdb and reuters: Keras's results from both file layouts, and no pickle from unknown files."""

import dataclasses
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphc.keras.datasets import imdb, reuters
from graphc.keras.datasets.ragged import Ragged
from graphc.keras.datasets.source import sha256

ARGUMENTS = [
    {},
    {"num_words": 30},
    {"num_words": 30, "oov_char": None},
    {"skip_top": 8, "num_words": 40},
    {"seed": 7, "start_char": None},
    {"start_char": None, "index_from": 0},
    {"index_from": 10, "oov_char": 5},
    {"maxlen": 12},
    {"maxlen": 12, "num_words": 20, "start_char": None},
]


def objects(rows: list[list[int]]) -> np.ndarray:
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


@pytest.fixture(scope="module")
def parts() -> dict[str, list[list[int]]]:
    """Rows of ranks, of lengths 1 to 24."""
    random = np.random.RandomState(0)
    return {
        name: [random.randint(1, 60, size=random.randint(1, 25)).tolist() for _ in range(n)]
        for name, n in (("x_train", 50), ("x_test", 30), ("x", 60))
    }


def labels(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64) % 4


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> str:
    np.savez(path, **arrays)
    return sha256(path.read_bytes())


def imdb_arrays(parts: dict, pickled: bool) -> dict[str, np.ndarray]:
    arrays = {"y_train": labels(50), "y_test": labels(30)}
    for name in ("x_train", "x_test"):
        flat = Ragged.from_sequences(parts[name]).to_arrays(name)
        arrays |= {name: objects(parts[name])} if pickled else flat
    return arrays


def assert_same(received: tuple, expected: tuple) -> None:
    for (x, y), (x_expected, y_expected) in zip(received, expected, strict=True):
        assert x.dtype == object
        assert x.tolist() == x_expected.tolist()
        assert all(type(word) is int for row in x for word in row)
        assert y.dtype == y_expected.dtype
        assert y.tolist() == y_expected.tolist()


@pytest.mark.oracle
@pytest.mark.parametrize("pickled", [True, False])
def test_imdb_agrees_with_keras(
    parts: dict,
    pickled: bool,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    keras_loader: Callable,
) -> None:
    keras_file = cache / "keras.npz"
    digest = write_npz(keras_file, imdb_arrays(parts, pickled=True))
    write_npz(cache / "imdb.npz", imdb_arrays(parts, pickled))
    if pickled:
        keras_file.replace(cache / "imdb.npz")
        keras_file = cache / "imdb.npz"
    monkeypatch.setattr(imdb, "REVIEWS", dataclasses.replace(imdb.REVIEWS, digest=digest))
    keras_imdb = keras_loader("imdb", keras_file)
    for arguments in ARGUMENTS:
        assert_same(imdb.load_data(**arguments), keras_imdb.load_data(**arguments))


@pytest.mark.oracle
@pytest.mark.parametrize("test_split", [0.2, 0.35])
def test_reuters_agrees_with_keras(
    parts: dict,
    test_split: float,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    keras_loader: Callable,
) -> None:
    path = cache / "reuters.npz"
    digest = write_npz(path, {"x": objects(parts["x"]), "y": labels(60)})
    monkeypatch.setattr(reuters, "NEWSWIRES", dataclasses.replace(reuters.NEWSWIRES, digest=digest))
    keras_reuters = keras_loader("reuters", path)
    for arguments in ARGUMENTS:
        options = {**arguments, "test_split": test_split}
        assert_same(reuters.load_data(**options), keras_reuters.load_data(**options))
    assert list(reuters.get_label_names()) == list(keras_reuters.get_label_names())


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def test_pickle_of_an_unknown_file_is_not_loaded(cache: Path, tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    bomb = np.empty(2, dtype=object)
    bomb[:] = [Bomb(harm), Bomb(harm)]
    arrays = {"x_train": bomb, "x_test": bomb, "y_train": labels(2), "y_test": labels(2)}
    digest = write_npz(cache / "imdb.npz", arrays)
    with pytest.raises(FileNotFoundError, match="holds pickled objects") as caught:
        imdb.load_data()
    assert digest in str(caught.value)
    assert str(cache / "imdb.npz") in str(caught.value)
    assert not harm.exists()
    assert (cache / "imdb.npz").exists(), "the user's file is left where it was"
    (cache / "imdb.npz").write_bytes(pickle.dumps(Bomb(harm)))
    with pytest.raises(FileNotFoundError, match=r"not an \.npz archive"):
        imdb.load_data()
    assert not harm.exists()


def test_absent_file_says_what_to_put_where(cache: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        imdb.load_data(num_words=10000)
    text = str(caught.value)
    assert str(cache / "imdb.npz") in text
    assert imdb.REVIEWS.url in text
    assert "KERAS_HOME" in text
    assert "no network in tests" in text
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("cut", [10, 2000])
def test_damaged_file_is_named(parts: dict, cut: int, cache: Path) -> None:
    path = cache / "imdb.npz"
    write_npz(path, imdb_arrays(parts, pickled=False))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(FileNotFoundError, match="damaged"):
        imdb.load_data()


def test_wrong_arrays_are_listed(cache: Path) -> None:
    write_npz(cache / "imdb.npz", {"x": labels(3), "y": labels(3)})
    with pytest.raises(FileNotFoundError, match="holds the arrays x, y instead of x_train, y_trai"):
        imdb.load_data()


def test_lengths_must_agree_with_tokens() -> None:
    with pytest.raises(ValueError, match="with the sum 4"):
        Ragged(np.arange(3), np.array([2, 2]))


def test_maxlen_that_keeps_nothing(parts: dict, cache: Path) -> None:
    write_npz(cache / "imdb.npz", imdb_arrays(parts, pickled=False))
    with pytest.raises(ValueError, match="shorter than maxlen=1"):
        imdb.load_data(maxlen=1)


def test_word_index_is_read_and_checked(cache: Path) -> None:
    path = cache / "imdb_word_index.json"
    path.write_text(json.dumps({"the": 1, "café": 2}))
    assert imdb.get_word_index() == {"the": 1, "café": 2}
    path.write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        imdb.get_word_index()
    path.write_text("[1]")
    with pytest.raises(ValueError, match="Received: list"):
        imdb.get_word_index()
    with pytest.raises(FileNotFoundError, match="reuters_word_index"):
        reuters.get_word_index()


def test_own_file_brings_its_words(parts: dict, cache: Path) -> None:
    index = {"the": 1, "café": 2, "don't": 3}
    (cache / "imdb_word_index.json").write_text(json.dumps({"published": 1}))
    arrays = imdb_arrays(parts, pickled=False) | {"words": imdb.pack_words(index)}
    write_npz(cache / imdb.OWN_FILE, arrays)
    assert imdb.get_word_index() == index
    assert len(imdb.load_data()[0][0]) == 50
    write_npz(cache / "imdb.npz", imdb_arrays(parts, pickled=False))
    assert imdb.get_word_index() == {"published": 1}, "the published names come first"
