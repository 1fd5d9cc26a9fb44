"""What the benchmarks train: the tutorials' models, written once for any `keras` module.

Imports numpy alone, because every peer's worker process imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from generative import build_gan, build_vae

Arrays = dict[str, np.ndarray]

QUICK_ROWS = 192  # of --quick: enough for two steps of the largest batch but one


@dataclass(frozen=True)
class Source:
    """The arrays `x`, `y` (and `x_val`, `y_val`) as small as they are stored, and what they are."""

    arrays: Arrays
    text: str

    def head(self, rows: int) -> Source:
        """The first rows of each array."""
        return Source({name: array[:rows] for name, array in self.arrays.items()}, self.text)


@dataclass(frozen=True)
class Workload:
    """One model with its data, as a tutorial has them.

    `prepare` does in the worker what the tutorial does to the stored arrays before `fit`;
    `epochs` is the length of the fit whose mean epoch is one sample: the tutorial's where that is
    soon over; `targets` says how many times faster than the peer each measure must be.
    """

    name: str
    title: str
    build: Callable[[Any], Any]
    load: Callable[[], Source]
    prepare: Callable[[Mapping[str, np.ndarray]], Arrays]
    batch: int
    epochs: int
    targets: Mapping[str, float]

    @property
    def has_validation(self) -> bool:
        """Whether the tutorial validates after every epoch."""
        return "epoch_validated" in self.targets


def build_mlp(keras: Any) -> Any:
    """784-128-10: the first tutorial of TensorFlow's site."""
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_functional(keras: Any) -> Any:
    """20-64-64-1: the functional API's first example."""
    inputs = keras.Input(shape=(20,))
    x = keras.layers.Dense(64, activation="relu")(inputs)
    x = keras.layers.Dense(64, activation="relu")(x)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def build_reviews(keras: Any) -> Any:
    """Embedding, mean over the words, Dense 16, Dense 1: the IMDB tutorial."""
    model = keras.Sequential(
        [
            keras.layers.Embedding(10000, 16),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def build_convnet(keras: Any) -> Any:
    """Two convolutions and a Dense: keras.io's MNIST convnet."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


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
    """As many images as make a hundred steps of the convnet, and a tenth as many to validate on."""
    source = load_digits()
    x, y, rows = source.arrays["x"], source.arrays["y"], 12800
    arrays = {"x": x[:rows], "y": y[:rows], "x_val": x[rows:14080], "y_val": y[rows:14080]}
    return Source(
        arrays, f"{source.text}; the first {rows:,} to train on, the next 1,280 to validate"
    )


def load_made_up() -> Source:
    """The tutorial's random rows."""
    random = np.random.RandomState(0)
    arrays = {"x": random.rand(1000, 20), "y": random.randint(2, size=(1000, 1))}
    return Source(arrays, "1,000 random rows")


def load_reviews() -> Source:
    """IMDB from the cache folder; else as many rows of 256 made of the packaged sentences."""
    from graphc.keras.datasets import imdb
    from graphc.keras.datasets.source import find
    from graphc.keras.utils import pad_sequences

    if find(imdb.REVIEWS) is not None:
        (x, y), _ = imdb.load_data(num_words=10000)
        text = "IMDB"
    else:
        x, y = _joined_sentences(25000)
        text = "packaged review sentences, joined to reviews"
    rows = pad_sequences(x, value=0, padding="post", maxlen=256).astype(np.int32)  # [25000, 256]
    arrays = {"x": rows[10000:], "y": y[10000:], "x_val": rows[:10000], "y_val": y[:10000]}
    return Source(arrays, f"{text}: 15,000 rows of 256 words, 10,000 to validate")


def _joined_sentences(count: int) -> tuple[list[list[int]], np.ndarray]:
    """Rows of twenty sentences of one sentiment each, and the sentiments."""
    from graphc.samples import load_review_indices

    ((x, y), _), _ = load_review_indices(num_words=10000)
    random = np.random.RandomState(0)
    labels = random.randint(2, size=count)
    pools = [np.flatnonzero(y == label) for label in (0, 1)]
    rows = [np.concatenate(list(x[random.choice(pools[label], 20)])).tolist() for label in labels]
    return rows, labels


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


def load_clothes() -> Source:
    """The packaged pictures of clothes."""
    from graphc.samples import load_fashion_mnist

    (x, _), _ = load_fashion_mnist()
    return Source({"x": x}, f"packaged Fashion-MNIST sample, {len(x):,} images")


def load_few_clothes() -> Source:
    """As many of them as make ten steps of 128."""
    source = load_clothes().head(1280)
    return Source(source.arrays, f"{source.text}; the first {len(source.arrays['x']):,}")


def as_pictures(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Pictures float32 [N, 28, 28, 1] from -1 to 1."""
    return {"x": arrays["x"][..., None].astype("float32") / 127.5 - 1}


def as_own_targets(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Pictures float32 [N, 28, 28, 1] from 0 to 1, which are also what is to come out."""
    x = arrays["x"][..., None].astype("float32") / 255
    return {"x": x, "y": x}


FIRST = {"first_cold": 1.0, "first_warm": 1.0}
COMMON = FIRST | {"predict": 2.0}

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "tutorial_1", "MLP 784-128-10", build_mlp, load_digits, scaled,
            batch=32, epochs=2, targets={"epoch": 1.5} | COMMON,
        ),
        Workload(
            "tutorial_2", "functional 20-64-64-1", build_functional, load_made_up, as_stored,
            batch=32, epochs=10, targets={"epoch": 6.0} | COMMON,
        ),
        Workload(
            "tutorial_4", "embedding and mean", build_reviews, load_reviews, as_stored,
            batch=512, epochs=5, targets={"epoch": 1.5, "epoch_validated": 1.5} | COMMON,
        ),
        Workload(
            "convnet", "MNIST convnet", build_convnet, load_few_digits, scaled_with_channel,
            batch=128, epochs=1, targets={"epoch": 2.0, "epoch_validated": 2.0} | COMMON,
        ),
        Workload(
            "vae", "convolutional VAE", build_vae, load_few_clothes, as_own_targets,
            batch=128, epochs=1, targets={"epoch": 1.5} | FIRST,
        ),
        Workload(
            "gan", "small DCGAN, two optimizers", build_gan, load_few_clothes, as_pictures,
            batch=128, epochs=1, targets={"epoch": 1.5} | FIRST,
        ),
    )
}  # fmt: skip
