"""California house prices (Pace and Barry, Statistics & Probability Letters 33, 1997)."""

import dataclasses

from graphc.keras.datasets.arrays import Split, read_npz, shuffled_split
from graphc.keras.datasets.source import KERAS_FOLDER, Source

HOUSES = Source(
    "keras.datasets.california_housing.load_data",
    "california_housing.npz",
    f"{KERAS_FOLDER}california_housing.npz",
    "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
)
_ROWS = {"small": 600, "large": None}


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> Split:
    """Block groups of the 1990 census with 8 attributes, and the median house value there.

    The attributes are median income, house age, rooms and bedrooms per household, population,
    people per household, latitude and longitude.

    Args:
        version: "large" for all 20,640 rows, "small" for the first 600.
        path: the file's name in Keras's cache folder.
        test_split: the fraction to test on, in [0, 1).
        seed: of the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: attributes [N, 8] and values in dollars [N], in
        the file's dtype.

    Raises:
        FileNotFoundError: the file is neither there nor to be downloaded.
        ValueError: `test_split` is not in [0, 1), or the version is unknown.
    """
    if version not in _ROWS:
        raise ValueError(f"`version` must be 'small' or 'large'. Received: version={version!r}")
    arrays = read_npz(dataclasses.replace(HOUSES, file=path), ("x", "y"))
    rows = slice(_ROWS[version])
    return shuffled_split(arrays["x"][rows], arrays["y"][rows], test_split, seed)
