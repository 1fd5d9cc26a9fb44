"""Fashion-MNIST articles of clothing (Xiao et al., arXiv:1708.07747)."""

import gzip
import zlib

import numpy as np

from graphc.keras.datasets.arrays import Split
from graphc.keras.datasets.idx import parse_idx
from graphc.keras.datasets.source import KERAS_FOLDER, Source, download, locate

FILES = tuple(
    Source(
        "keras.datasets.fashion_mnist.load_data",
        name,
        KERAS_FOLDER + name,
        subdir="datasets/fashion-mnist",
    )
    for name in (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
)


def load_data() -> Split:
    """60,000 training and 10,000 test images of 10 kinds of clothing.

    The classes are T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag and
    Ankle boot. A tenth of it comes with the package: `graphc.samples.load_fashion_mnist`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images uint8 [N, 28, 28], labels uint8 [N].

    Raises:
        FileNotFoundError: a file is neither there nor to be downloaded.
    """
    x_train, y_train, x_test, y_test = (_read(source) for source in FILES)
    return (x_train, y_train), (x_test, y_test)


def _read(source: Source) -> np.ndarray:
    """One file's array; a damaged file is fetched again."""
    path = locate(source)
    try:
        return parse_idx(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        problem = f"{path} is damaged ({error})"
    return parse_idx(gzip.decompress(download(source, problem).read_bytes()))
