"""MNIST handwritten digits (LeCun et al., Gradient-Based Learning, Proc. IEEE 1998)."""

import dataclasses

from graphc.keras.datasets.arrays import Split, read_npz
from graphc.keras.datasets.source import KERAS_FOLDER, Source

OWN_FILE = "graphc_mnist.npz"  # written by bench/get_data.py
DIGITS = Source(
    "keras.datasets.mnist.load_data",
    "mnist.npz",
    f"{KERAS_FOLDER}mnist.npz",
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    aliases=(OWN_FILE,),
)


def load_data(path: str = "mnist.npz") -> Split:
    """60,000 training and 10,000 test images of the digits 0 to 9.

    Args:
        path: the file's name in Keras's cache folder.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images uint8 [N, 28, 28], labels uint8 [N].

    Raises:
        FileNotFoundError: the file is neither there nor to be downloaded.
    """
    names = ("x_train", "y_train", "x_test", "y_test")
    arrays = read_npz(dataclasses.replace(DIGITS, file=path), names)
    x_train, y_train, x_test, y_test = (arrays[name] for name in names)
    return (x_train, y_train), (x_test, y_test)
