"""`keras.preprocessing`: where older code looks for what `keras.utils` has now."""

from graphc.keras.preprocessing import image, sequence
from graphc.keras.utils import (
    image_dataset_from_directory,
    text_dataset_from_directory,
    timeseries_dataset_from_array,
)

__all__ = [
    "image", "image_dataset_from_directory", "sequence", "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]  # fmt: skip
