"""CIFAR-10: small colour images of 10 kinds of things."""

import numpy as np

from graphc.keras.datasets.arrays import Split
from graphc.keras.datasets.cifar import CIFAR_FOLDER, read_batches
from graphc.keras.datasets.source import Source

ARCHIVE = Source(
    "keras.datasets.cifar10.load_data",
    "cifar-10-batches-py-target_archive",
    f"{CIFAR_FOLDER}cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    aliases=("cifar-10-python.tar.gz", "cifar-10-batches-py.tar.gz"),
)
_TRAIN = tuple(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6))
_TEST = ("cifar-10-batches-py/test_batch",)


def load_data() -> Split:
    """50,000 training and 10,000 test images.

    The classes are airplane, automobile, bird, cat, deer, dog, frog, horse, ship and truck.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images uint8 [N, 32, 32, 3] (channels first if
        that is the image data format), labels uint8 [N, 1].

    Raises:
        FileNotFoundError: the published archive is neither there nor to be downloaded.
    """
    x_train, y_train = read_batches(ARCHIVE, _TRAIN, "labels")
    x_test, y_test = read_batches(ARCHIVE, _TEST, "labels")
    return (x_train, y_train.astype(np.uint8)), (x_test, y_test.astype(np.uint8))
