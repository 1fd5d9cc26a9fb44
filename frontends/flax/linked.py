"""NNX variables that are views of a model's variables: one array, seen from both sides."""

from __future__ import annotations

from typing import Any

from flax import nnx

from graphc.keras.engine.scope import entered
from graphc.keras.engine.variable import Variable

# The place in which NNX keeps a variable's array. All of NNX reads and writes it there, past the
# methods that a subclass could override (`get_raw_value` is final), so a view must stand there.
PLACE = "_raw_value"
if PLACE not in vars(nnx.Variable):
    raise ImportError(
        f"graphc.flax shares weights through `nnx.Variable.{PLACE}`, which this version of Flax "
        "does not have. Expected a version from 0.12 on that has it. "
        f"Received: {sorted(vars(nnx.Variable))}"
    )
_OWN = vars(nnx.Variable)[PLACE]


class Linked:
    """Mixed into an `nnx.Variable`: its array is that of a Keras variable, while it has one.

    NNX makes copies of a module where it traces (`nnx.jit`, `nnx.grad`) or splits it: these hold
    arrays of their own, and what they become is written back to the original by NNX itself.
    """

    @property
    def _raw_value(self) -> Any:
        source = vars(self).get("source")
        return _OWN.__get__(self) if source is None else source.stored

    @_raw_value.setter
    def _raw_value(self, value: Any) -> None:
        source = vars(self).get("source")
        if source is None:
            _OWN.__set__(self, value)
            return
        with entered(None):
            source.assign(value)


class Param(Linked, nnx.Param):
    """A weight that training moves."""


class Frozen(Linked, nnx.Variable):
    """A weight that no training moves: that of a layer whose `trainable` is False."""


class BatchStat(Linked, nnx.BatchStat):
    """State that calls in training mode update, as moving averages."""


class SeedState(Linked, nnx.RngState):
    """The uint32[2] state of a `SeedGenerator`, which every draw moves on."""


def link(variable: Variable, *, seed: bool, trainable: bool) -> Any:
    """Return the NNX variable that is a view of a Keras variable.

    Args:
        variable: whose array it shows and sets.
        seed: whether it is the state of a seed generator.
        trainable: whether training moves it.
    """
    kind = _kind(variable, seed, trainable)
    made = kind(variable.stored)
    vars(made)["source"] = variable
    return made


def _kind(variable: Variable, seed: bool, trainable: bool) -> type:
    if seed:
        return SeedState
    if trainable:
        return Param
    return Frozen if variable.born_trainable else BatchStat
