"""`tf.random`: one seed for everything, and the two usual draws."""

from __future__ import annotations

from graphc.keras.random import normal, uniform
from graphc.keras.utils import set_random_seed
from graphc.tensorflow.absent import absent


def set_seed(seed: int) -> None:
    """Seed every draw that follows: Keras's, NumPy's and Python's."""
    set_random_seed(seed)


__getattr__ = absent("tensorflow.random", globals())
