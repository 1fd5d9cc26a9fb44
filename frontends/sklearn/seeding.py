"""One seed for building and training, without a trace in the generators that others draw from."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from graphc.keras.random import seed_generator
from graphc.keras.utils import set_random_seed

LOCK = threading.RLock()  # the generators are global, so seeded sections of threads take turns
LARGEST = 2**31 - 1


def seed_of(random_state: Any) -> int | None:
    """Return a seed from scikit-learn's `random_state`; None for None."""
    if random_state is None:
        return None
    return int(check_random_state(random_state).randint(LARGEST))


def shuffle_seed(seed: int) -> int:
    """Return the seed of the orders of rows that `fit` draws first under `seeded(seed)`."""
    return random.Random(seed).getrandbits(32)


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Draw from a seed within; afterwards the global generators go on as if nothing had been."""
    if seed is None:
        yield
        return
    with LOCK:
        kept = random.getstate(), np.random.get_state(), seed_generator._Global.generator  # noqa: NPY002
        set_random_seed(seed)
        try:
            yield
        finally:
            random.setstate(kept[0])
            np.random.set_state(kept[1])  # noqa: NPY002
            seed_generator._Global.generator = kept[2]
