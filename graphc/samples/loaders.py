"""Loaders of the packaged samples; SOURCES.md beside the files says where they come from."""

import difflib
import json
from importlib.resources import files

import numpy as np

from graphc.samples.vocabulary import rank_words, tokenize

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

SITES = ("imdb", "amazon", "yelp")
START, UNKNOWN, INDEX_FROM = 1, 2, 3


def load_fashion_mnist() -> Split:
    """A tenth of Fashion-MNIST: 6,000 training and 1,000 test images, balanced over 10 classes.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images uint8 [N, 28, 28], labels uint8 [N].
    """
    with (files("graphc.samples") / "fashion_mnist_sample.npz").open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        x_train, y_train = arrays["x_train"], arrays["y_train"]  # [6000, 28, 28], [6000]
        x_test, y_test = arrays["x_test"], arrays["y_test"]  # [1000, 28, 28], [1000]
    return (x_train, y_train), (x_test, y_test)


def load_review_sentences(name: str = "all") -> tuple[list[str], np.ndarray]:
    """Sentences from reviews and whether each is positive (1) or negative (0), 500 each a site.

    Args:
        name: "imdb", "amazon", "yelp" (1,000 sentences each) or "all" (3,000, in that order).

    Returns:
        The sentences, and their labels as int64 [N]. A site's rows keep the order of its file.

    Raises:
        ValueError: the name is none of these.
    """
    if name != "all" and name not in SITES:
        near = difflib.get_close_matches(str(name), ("all", *SITES), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"`name` must be 'all' or one of {SITES}.{hint} Received: name={name!r}")
    text = (files("graphc.samples") / "review_sentences.json").read_text(encoding="utf-8")
    by_site: dict[str, list[tuple[str, int]]] = json.loads(text)
    rows = [row for site in (SITES if name == "all" else (name,)) for row in by_site[site]]
    labels = np.array([label for _, label in rows], dtype=np.int64)  # [N]
    return [sentence.strip() for sentence, _ in rows], labels


def load_review_indices(
    num_words: int | None = 10000, test_split: float = 0.2, seed: int = 113, name: str = "all"
) -> tuple[Split, dict[str, int]]:
    """The review sentences as word indices, in the form of `keras.datasets.imdb.load_data`.

    Words are ranked by their frequency in the training part, from 1; in the sequences a word is
    its rank plus 3, because 0 is left for padding, 1 starts every sequence and 2 is any word that
    the training part lacks or whose index is not below `num_words`.

    Args:
        num_words: the indices stay below this number; None keeps every word.
        test_split: the fraction of the sentences to test on, strictly between 0 and 1.
        seed: of the permutation that decides the order and the split.
        name: which site's sentences, as in `load_review_sentences`.

    Returns:
        `((x_train, y_train), (x_test, y_test)), word_index`: object arrays [N] of lists of ints,
        int64 labels [N], and the rank of every word (add 3 to find it in a sequence).

    Raises:
        ValueError: `test_split` leaves one part empty, or the name is unknown.
    """
    if not 0.0 < test_split < 1.0:
        raise ValueError(
            f"`test_split` must lie strictly between 0 and 1. Received: test_split={test_split}"
        )
    sentences, labels = load_review_sentences(name)
    order: list[int] = np.random.RandomState(seed).permutation(len(sentences)).tolist()
    cut = int(len(order) * (1 - test_split))
    tokens = [tokenize(sentences[row]) for row in order]
    word_index = rank_words(tokens[:cut])
    limit = num_words or len(word_index) + INDEX_FROM + 1
    sequences = np.empty(len(tokens), dtype=object)
    sequences[:] = [_encode(words, word_index, limit) for words in tokens]
    labels = labels[order]
    split = (sequences[:cut], labels[:cut]), (sequences[cut:], labels[cut:])
    return split, word_index


def _encode(words: list[str], word_index: dict[str, int], limit: int) -> list[int]:
    """A sequence's indices, all below `limit`."""
    known = (word_index.get(word, limit) + INDEX_FROM for word in words)
    return [START, *(index if index < limit else UNKNOWN for index in known)]
