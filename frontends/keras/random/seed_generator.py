"""`SeedGenerator`: a uint32[2] variable; drawing a seed reads it and moves it on.

The numbers are those of Keras on JAX: the state is the threefry key data itself.
"""

from __future__ import annotations

import random
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.settings import auto_name
from graphc.keras.engine.tensor import Symbol
from graphc.keras.engine.variable import Variable
from graphc.runtime.device import put


class SeedGenerator:
    """A source of seeds whose state is a variable, so that each draw differs and resumes exactly.

    Args:
        seed: an integer, or None for one drawn from Python's `random`.
        name: its name.

    Raises:
        ValueError: the seed is not an integer.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self._initial_seed = seed
        seed = make_default_seed() if seed is None else seed
        if not isinstance(seed, (int, np.integer)):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed}")
        self.state = Variable(_key(int(seed)), trainable=False, name="seed_generator_state")
        self.state.path = f"{self.name}/seed_generator_state"

    def next(self, ordered: bool = True) -> Any:
        """Return a seed (uint32[2]) and advance the state."""
        seed = self.state.value
        if ordered:
            self.state.assign(self.state + np.array([0, 1], np.uint32))
        else:
            self.state.assign((self.state + np.uint32(1)) * np.uint32(5387) % np.uint32(933199))
        return seed

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal generator."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Make a generator from `get_config()`."""
        return cls(**config)


class _Global:
    """The generator behind `seed=None`, made when first needed."""

    generator: SeedGenerator | None = None


def global_seed_generator() -> SeedGenerator:
    """Return the generator that serves draws without a seed."""
    if _Global.generator is None:
        _Global.generator = SeedGenerator()
    return _Global.generator


def forget_global_seed() -> None:
    """Let the generator behind `seed=None` be made anew, from Python's `random`, when needed."""
    _Global.generator = None


def make_default_seed() -> int:
    """Return a seed from Python's `random`, which `set_random_seed` seeds."""
    return random.randint(1, int(1e9))


def draw_seed(seed: Any) -> Any:
    """Return uint32[2] key data for an integer, a SeedGenerator, key data itself, or None.

    Raises:
        ValueError: anything else.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (Symbol, jax.Array)):
        return seed
    if isinstance(seed, (int, np.integer)):
        return put(_key(int(seed)))
    if seed is None:
        return global_seed_generator().next(ordered=False)
    raise ValueError(
        "Argument `seed` must be either an integer or an instance of `SeedGenerator`. "
        f"Received: seed={seed} (of type {type(seed)})"
    )


def _key(seed: int) -> np.ndarray:
    return np.array([seed & 0xFFFFFFFF, 0], np.uint32)
