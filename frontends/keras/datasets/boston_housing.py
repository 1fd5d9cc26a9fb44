"""Boston house prices (Harrison and Rubinfeld, J. Environ. Economics & Management 5, 1978).

One of its columns, B, was built on the premise that people's race sets the price of houses: use
it to show such faults, and `california_housing` for anything else.
"""

import dataclasses

from graphc.keras.datasets.arrays import Split, read_npz, shuffled_split
from graphc.keras.datasets.source import KERAS_FOLDER, Source

HOUSES = Source(
    "keras.datasets.boston_housing.load_data",
    "boston_housing.npz",
    f"{KERAS_FOLDER}boston_housing.npz",
    "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
)


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> Split:
    """506 suburbs with 13 attributes, and the median price there.

    Args:
        path: the file's name in Keras's cache folder.
        test_split: the fraction to test on, in [0, 1).
        seed: of the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float64 [N, 13], prices in k$ float64 [N].

    Raises:
        FileNotFoundError: the file is neither there nor to be downloaded.
        ValueError: `test_split` is not in [0, 1).
    """
    arrays = read_npz(dataclasses.replace(HOUSES, file=path), ("x", "y"))
    return shuffled_split(arrays["x"], arrays["y"], test_split, seed)
