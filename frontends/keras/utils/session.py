"""`clear_session`: names and seeds as in a new process."""

from __future__ import annotations

from graphc.keras.engine.settings import SETTINGS
from graphc.keras.random.seed_generator import forget_global_seed


def clear_session(free_memory: bool = True) -> None:
    """Let automatic names start again, and drop the generator behind `seed=None`.

    Compiled programs stay cached: they hang on structure, not on models.
    """
    del free_memory
    SETTINGS.name_counts.clear()
    forget_global_seed()
