"""One seed for every source of randomness."""

import random

import numpy as np

from graphc.keras.random.seed_generator import forget_global_seed


def set_random_seed(seed: int) -> None:
    """Seeds Python's `random`, from which default seeds come, and NumPy's global generator.

    Raises:
        ValueError: the seed is not an `int`, or not one that NumPy takes (0 to 2**32 - 1).
    """
    if not isinstance(seed, int):
        raise ValueError(
            f"Expected `seed` to be an integer. Received: seed={seed!r} (of type {type(seed)})"
        )
    np.random.seed(seed)  # noqa: NPY002 - scripts draw from this generator, so it is seeded
    random.seed(seed)
    forget_global_seed()
