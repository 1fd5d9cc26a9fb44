"""What the benchmarks train on: data from the package or the cache folder, else made up.

A worker reads these arrays from a file, and then does what a tutorial does to them before `fit`.
graphc is imported where it is needed alone: the peers' processes import this module, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Source:
    """The arrays `x`, `y` (and `x_val`, `y_val`) as small as they are stored, and what they are."""

    arrays: Arrays
    text: str

    def head(self, rows: int) -> Source:
        """The first rows of each array."""
        return Source({name: array[:rows] for name, array in self.arrays.items()}, self.text)


def load_digits() -> Source:
    """MNIST from the cache folder; else the packaged Fashion-MNIST, ten times over."""
    from graphc.keras.datasets import mnist
    from graphc.keras.datasets.source import find
    from graphc.samples import load_fashion_mnist

    if find(mnist.DIGITS) is not None:
        (x, y), _ = mnist.load_data()
        return Source({"x": x, "y": y}, f"MNIST, {len(x):,} images")
    (x, y), _ = load_fashion_mnist()
    x, y = np.tile(x, (10, 1, 1)), np.tile(y, 10)
    return Source(
        {"x": x, "y": y}, f"packaged Fashion-MNIST sample 10 times over, {len(x):,} images"
    )


def load_few_digits() -> Source:
    """As many images as make forty steps of the convnet, and a tenth as many to validate on."""
    source = load_digits()
    x, y, rows, end = source.arrays["x"], source.arrays["y"], 5120, 5632
    arrays = {"x": x[:rows], "y": y[:rows], "x_val": x[rows:end], "y_val": y[rows:end]}
    return Source(arrays, f"{source.text}; the first {rows:,} to train on, 512 more to validate")


def load_clothes(rows: int) -> Source:
    """The first of the packaged pictures of clothes, and their classes."""
    from graphc.samples import load_fashion_mnist

    (x, y), _ = load_fashion_mnist()
    text = f"packaged Fashion-MNIST sample, {len(x):,} images; the first {rows:,}"
    return Source({"x": x[:rows], "y": y[:rows]}, text)


def load_made_up() -> Source:
    """The tutorial's random rows."""
    random = np.random.RandomState(0)
    arrays = {"x": random.rand(1000, 20), "y": random.randint(2, size=(1000, 1))}
    return Source(arrays, "1,000 random rows")


def load_table() -> Source:
    """Rows of 32 numbers, and which of ten random directions each points along most."""
    random = np.random.RandomState(0)
    x = random.randn(25600, 32).astype(np.float32)
    y = (x @ random.randn(32, 10)).argmax(axis=1)
    return Source({"x": x, "y": y}, "25,600 random rows")


def load_series() -> Source:
    """Windows of 120 steps of eight noisy waves, and what comes next of the first."""
    random, length = np.random.RandomState(0), 120 + 2560
    periods = random.uniform(8, 80, 8)
    waves = np.sin(2 * np.pi * np.arange(length)[:, None] / periods)
    series = (waves + 0.1 * random.randn(length, 8)).astype(np.float32)  # [2680, 8]
    windows = np.lib.stride_tricks.sliding_window_view(series, 120, axis=0)[:2560]
    x = np.ascontiguousarray(windows.transpose(0, 2, 1))  # [2560, 120, 8]
    return Source({"x": x, "y": series[120:, :1]}, "made-up waves, 2,560 windows of 120 x 8")


def load_reviews() -> Source:
    """IMDB in rows of 256 words, and the tutorial's rows to validate on."""
    x, y, text = _reviews(num_words=10000, length=256, padding="post")
    arrays = {"x": x[10000:], "y": y[10000:], "x_val": x[:10000], "y_val": y[:10000]}
    return Source(arrays, f"{text}: 15,000 rows of 256 words, 10,000 to validate")


def load_few_reviews(rows: int) -> Source:
    """The first of IMDB in rows of 200 words."""
    x, y, text = _reviews(num_words=20000, length=200, padding="pre", rows=rows)
    return Source({"x": x, "y": y}, f"{text}: {rows:,} rows of 200 words")


def _reviews(
    num_words: int, length: int, padding: str, rows: int = 25000
) -> tuple[np.ndarray, np.ndarray, str]:
    """IMDB from the cache folder; else as many rows made of the packaged sentences."""
    from graphc.keras.datasets import imdb
    from graphc.keras.datasets.source import find
    from graphc.keras.utils import pad_sequences

    if find(imdb.REVIEWS) is not None:
        (words, y), _ = imdb.load_data(num_words=num_words)
        text = "IMDB"
    else:
        words, y = _joined_sentences(rows, num_words)
        text = "packaged review sentences, joined to reviews"
    x = pad_sequences(words[:rows], value=0, padding=padding, maxlen=length)  # [N, T]
    return x.astype(np.int32), y[:rows], text


def _joined_sentences(count: int, num_words: int) -> tuple[list[list[int]], np.ndarray]:
    """Rows of twenty sentences of one sentiment each, and the sentiments."""
    from graphc.samples import load_review_indices

    ((x, y), _), _ = load_review_indices(num_words=num_words)
    random = np.random.RandomState(0)
    labels = random.randint(2, size=count)
    pools = [np.flatnonzero(y == label) for label in (0, 1)]
    rows = [np.concatenate(list(x[random.choice(pools[label], 20)])).tolist() for label in labels]
    return rows, labels


def load_next_words() -> Source:
    """Windows of 64 words of the packaged sentences in a row, and the word after each."""
    from graphc.samples import load_review_indices

    ((sentences, _), _), _ = load_review_indices(num_words=1000)
    stream = np.concatenate([np.asarray(sentence, np.int32) for sentence in sentences])
    rows = np.lib.stride_tricks.sliding_window_view(stream, 65)[::64][:160].copy()  # [160, 65]
    text = "packaged review sentences, 160 windows of 64 words"
    return Source({"x": rows[:, :-1], "y": rows[:, 1:]}, text)


def as_stored(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays as they are."""
    return dict(arrays)


def scaled(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Images from 0 to 1 in float64, as `x / 255.0` gives them."""
    return {name: a / 255.0 if name.startswith("x") else a for name, a in arrays.items()}


def scaled_with_channel(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Images float32 [N, 28, 28, 1] from 0 to 1, and one-hot labels [N, 10]."""
    return {
        name: a[..., None].astype("float32") / 255 if name.startswith("x") else np.eye(10)[a]
        for name, a in arrays.items()
    }


def as_pictures(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Pictures float32 [N, 28, 28, 1] from -1 to 1."""
    return {"x": arrays["x"][..., None].astype("float32") / 127.5 - 1}


def as_own_targets(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Pictures float32 [N, 28, 28, 1] from 0 to 1, which are also what is to come out."""
    x = arrays["x"][..., None].astype("float32") / 255
    return {"x": x, "y": x}


def in_colour(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Pictures float32 [N, 32, 32, 3] from 0 to 1 with a black margin, and their classes."""
    framed = np.pad(arrays["x"], ((0, 0), (2, 2), (2, 2)))[..., None].astype("float32") / 255
    return {"x": np.repeat(framed, 3, axis=-1), "y": arrays["y"]}
