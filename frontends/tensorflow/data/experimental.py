"""`tf.data.experimental`: the older place of some names."""

from __future__ import annotations

from typing import Any

from graphc.tensorflow.absent import absent
from graphc.tensorflow.data.counts import INFINITE as INFINITE_CARDINALITY
from graphc.tensorflow.data.counts import UNKNOWN as UNKNOWN_CARDINALITY
from graphc.tensorflow.data.dataset import Dataset

AUTOTUNE = -1


def cardinality(dataset: Dataset) -> Any:
    """Return `dataset.cardinality()`."""
    return dataset.cardinality()


__getattr__ = absent("tensorflow.data.experimental", globals())
