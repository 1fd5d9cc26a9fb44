"""Reuters newswires as word indices, by topic (Lewis, Reuters-21578)."""

import dataclasses

import numpy as np

from graphc.keras.datasets.arrays import Split, read_npz, read_word_index
from graphc.keras.datasets.ragged import Ragged, WordChoice
from graphc.keras.datasets.source import KERAS_FOLDER, Source

NEWSWIRES = Source(
    "keras.datasets.reuters.load_data",
    "reuters.npz",
    f"{KERAS_FOLDER}reuters.npz",
    "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
)
WORDS = Source(
    "keras.datasets.reuters.get_word_index",
    "reuters_word_index.json",
    f"{KERAS_FOLDER}reuters_word_index.json",
    "4d44cc38712099c9e383dc6e5f11a921",
)
TOPICS = tuple(  # in the order of the labels
    """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship
    cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin
    strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem
    dlr gas silver wpi hog lead
    """.split()  # noqa: SIM905 - forty-six lines say no more
)


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> Split:
    """11,228 newswires and which of 46 topics each is on.

    Args:
        path: the file's name in Keras's cache folder, in either layout that
            `keras.datasets.imdb.load_data` takes.
        num_words: indices not below it become `oov_char`; None keeps every word but the last.
        skip_top: indices below it become `oov_char`.
        maxlen: newswires with as many entries or more are left out.
        test_split: the fraction to test on.
        seed: of the order.
        start_char: the marker in front of every newswire; None for none.
        oov_char: stands for words left out; None drops them instead.
        index_from: is added to every word's frequency rank.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays [N] of lists of ints, labels int64.

    Raises:
        FileNotFoundError: the file is neither there nor to be downloaded.
        ValueError: no newswire is shorter than `maxlen`.
    """
    source = dataclasses.replace(NEWSWIRES, file=path)
    arrays = read_npz(source, ("x", "y"), ("x_tokens", "x_lengths", "y"))
    choice = WordChoice(num_words, skip_top, maxlen, start_char, oov_char, index_from)
    ranks, labels = Ragged.from_arrays(arrays, "x"), arrays["y"]
    order = np.random.RandomState(seed).permutation(len(labels))
    words, labels = choice.shorten(choice.mark(ranks.take(order)), labels[order])
    x = choice.limit(words)[0].to_objects()
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], labels[:cut]), (x[cut:], labels[cut:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Every word's frequency rank, from 1; `load_data` adds `index_from` to it.

    Raises:
        FileNotFoundError: the file is neither there nor to be downloaded.
    """
    return read_word_index(dataclasses.replace(WORDS, file=path))


def get_label_names() -> tuple[str, ...]:
    """The 46 topics, in the order of the labels."""
    return TOPICS
