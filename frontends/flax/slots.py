"""The places of a module's state: which of them are a layer's variables, and which seeds."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from graphc.keras.engine.settings import is_float_dtype
from graphc.keras.engine.variable import Variable


@dataclass(frozen=True)
class Key:
    """Where a stream of random numbers starts when nothing is drawn for it: key data by its kind.

    Attributes:
        data: uint32 numbers [..., words].
        kind: JAX's name of the generator; None for key data that is not wrapped.
    """

    data: np.ndarray
    kind: str | None

    @classmethod
    def of(cls, value: Any) -> Key:
        """Return what a key array holds."""
        if not jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
            return cls(np.asarray(value), None)
        return cls(np.asarray(jax.random.key_data(value)), str(jax.random.key_impl(value)))

    def drawn(self, seed: Any) -> Any:
        """Return another key array of this shape and kind, drawn from the key `seed`."""
        return self.wrapped(jax.random.bits(seed, self.data.shape, "uint32"))

    def wrapped(self, data: Any) -> Any:
        """Return key data as the key array that it is."""
        return data if self.kind is None else jax.random.wrap_key_data(data, impl=self.kind)


@dataclass(frozen=True)
class Slot:
    """One variable of an NNX module.

    Attributes:
        path: of attribute names and places in lists.
        structure: with which JAX makes the variable from its leaves.
        leaves: for each a Keras variable, a `Key`, or what it always is.
        trainable: whether it is an `nnx.Param`.
        counts: whether it counts the draws of a stream.
    """

    path: tuple[Any, ...]
    structure: Any
    leaves: tuple[Any, ...]
    trainable: bool
    counts: bool

    @property
    def keys(self) -> bool:
        """Whether it is where a stream of random numbers starts."""
        return any(isinstance(leaf, Key) for leaf in self.leaves)

    def with_variables(self, add_weight: Callable[..., Variable]) -> Slot:
        """Return the slot with a new variable of a layer for each array."""
        if self.counts:
            return self
        made = tuple(self._variable(leaf, add_weight) for leaf in self.leaves)
        return dataclasses.replace(self, leaves=made)

    def _variable(self, leaf: Any, add_weight: Callable[..., Variable]) -> Any:
        if not isinstance(leaf, jax.Array | np.ndarray | np.generic | bool | int | float):
            return leaf
        array = jnp.asarray(leaf)
        floating = is_float_dtype(array.dtype)
        return add_weight(
            array.shape,
            array,
            None if floating else str(array.dtype),  # floats have the layer's dtype
            self.trainable,
            autocast=self.trainable,  # statistics stay as precise as they are
            name="_".join(str(part) for part in self.path),
        )

    def read(self, seed: Any) -> list[Any]:
        """Return the leaves' values.

        Args:
            seed: a key to draw the start of streams from; None leaves them as they came.
        """
        if seed is None or not (self.keys or self.counts):
            return [
                leaf.value if isinstance(leaf, Variable) else _came(leaf) for leaf in self.leaves
            ]
        if self.counts:
            return [jnp.zeros_like(leaf) for leaf in self.leaves]
        own = jax.random.fold_in(seed, zlib.crc32(repr(self.path).encode()))  # whatever else draws
        return [leaf.drawn(own) if isinstance(leaf, Key) else leaf for leaf in self.leaves]

    def keep(self, before: Sequence[Any], after: Sequence[Any]) -> None:
        """Set the variables that are state, where a call has changed them."""
        if self.trainable or self.keys or self.counts:
            return
        for leaf, old, new in zip(self.leaves, before, after, strict=True):
            if isinstance(leaf, Variable) and new is not old:
                leaf.assign(new)


def slot_of(path: tuple[Any, ...], value: Any) -> Slot:
    """Return the slot of a variable (or an array) of a module's state."""
    leaves, structure = jax.tree.flatten(value)
    if isinstance(value, nnx.RngKey):
        leaves = [Key.of(leaf) for leaf in leaves]
    counts = isinstance(value, nnx.RngCount)
    return Slot(tuple(path), structure, tuple(leaves), isinstance(value, nnx.Param), counts)


def _came(leaf: Any) -> Any:
    return leaf.wrapped(leaf.data) if isinstance(leaf, Key) else leaf
