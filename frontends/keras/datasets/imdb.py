"""IMDB movie reviews as word indices (Maas et al., Learning Word Vectors, ACL 2011)."""

import dataclasses

import numpy as np

from graphc.keras.datasets.arrays import Split, read_npz, read_word_index
from graphc.keras.datasets.ragged import Ragged, WordChoice
from graphc.keras.datasets.source import KERAS_FOLDER, Source, find

# Written by bench/get_data.py, with its words inside. It does not take the published file's name,
# because Keras deletes a file of that name with another hash when it cannot download its own.
OWN_FILE = "graphc_imdb.npz"
REVIEWS = Source(
    "keras.datasets.imdb.load_data",
    "imdb.npz",
    f"{KERAS_FOLDER}imdb.npz",
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    aliases=(OWN_FILE,),
)
WORDS = Source(
    "keras.datasets.imdb.get_word_index",
    "imdb_word_index.json",
    f"{KERAS_FOLDER}imdb_word_index.json",
    "bfafd718b763782e994055a2d397834f",
)
_LISTS = ("x_train", "y_train", "x_test", "y_test")
_FLAT = (
    "x_train_tokens",
    "x_train_lengths",
    "y_train",
    "x_test_tokens",
    "x_test_lengths",
    "y_test",
)


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> Split:
    """25,000 training and 25,000 test reviews with their sentiment, 1 for positive.

    Args:
        path: the file's name in Keras's cache folder. It holds Keras's object arrays of lists
            (read from the published file only), or the flat arrays that `Ragged` describes.
        num_words: indices not below it become `oov_char`; None keeps every word but the last.
        skip_top: indices below it become `oov_char`.
        maxlen: reviews with as many entries or more are left out.
        seed: of the order.
        start_char: the marker in front of every review; None for none.
        oov_char: stands for words left out; None drops them instead.
        index_from: is added to every word's frequency rank.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays [N] of lists of ints, labels int64.

    Raises:
        FileNotFoundError: the file is neither there nor to be downloaded.
        ValueError: no review is shorter than `maxlen`.
    """
    arrays = read_npz(dataclasses.replace(REVIEWS, file=path), _LISTS, _FLAT)
    choice = WordChoice(num_words, skip_top, maxlen, start_char, oov_char, index_from)
    random = np.random.RandomState(seed)  # one generator: the test order follows the training one
    parts = []
    for part in ("train", "test"):
        ranks, labels = Ragged.from_arrays(arrays, f"x_{part}"), arrays[f"y_{part}"]
        order = random.permutation(len(labels))
        parts.append(choice.shorten(choice.mark(ranks.take(order)), labels[order]))
    (train, y_train), (test, y_test) = parts
    train, test = choice.limit(train, test)
    return (train.to_objects(), y_train), (test.to_objects(), y_test)


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Every word's frequency rank, from 1; `load_data` adds `index_from` to it.

    Raises:
        FileNotFoundError: the file is neither there nor to be downloaded.
    """
    reviews = find(REVIEWS)
    if path == WORDS.file and reviews is not None and reviews.name == OWN_FILE:
        return unpack_words(read_npz(REVIEWS, ("words",))["words"])
    return read_word_index(dataclasses.replace(WORDS, file=path))


def pack_words(index: dict[str, int]) -> np.ndarray:
    """The words by rank, one a line, as UTF-8 bytes: uint8 [B]."""
    return np.frombuffer("\n".join(sorted(index, key=index.__getitem__)).encode(), np.uint8)


def unpack_words(words: np.ndarray) -> dict[str, int]:
    """Every word's rank, from what `pack_words` made."""
    return {word: i for i, word in enumerate(words.tobytes().decode().split("\n"), start=1)}
