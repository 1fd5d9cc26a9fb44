"""How an optimizer class uses its update rule: which attributes go where."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax
import optax

from graphc.keras.optimizers.plan import SlotLayout


@dataclass(frozen=True)
class RuleUse:
    """The rule of an optimizer class and the attributes that it reads.

    Attributes:
        build: makes the transformation from flags, options and initial values, as keywords.
        scalars: attributes read before every run, as runtime float32 scalars.
        complements: those of them also wanted as `one_minus_<name>`, subtracted in double
            precision: 1 - 0.999 in float32 is off by a hundred thousandth.
        flags: attributes that are on where they are truthy, and make a slot when they are.
        options: other attributes that are fixed in the compiled program.
        initial: attributes that only the first value of a slot depends on.
        groups: fields whose variables follow each other parameter by parameter; one group of all
            fields where empty.
    """

    build: Callable[..., optax.GradientTransformation]
    scalars: tuple[str, ...] = ()
    complements: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()

    def config(self, owner: Any) -> dict[str, Any]:
        """Return the owner's attributes that the rule reads, by name."""
        names = dict.fromkeys((*self.scalars, *self.flags, *self.options, *self.initial))
        return {name: getattr(owner, name) for name in names}

    def fixed(self, owner: Any) -> dict[str, Hashable]:
        """Return the keywords of `build` that a compiled program depends on."""
        flags: dict[str, Hashable] = {name: bool(getattr(owner, name)) for name in self.flags}
        return flags | {name: getattr(owner, name) for name in self.options}

    def start(self, owner: Any) -> dict[str, Any]:
        """Return the keywords of `build` that only first values depend on."""
        return {name: getattr(owner, name) for name in self.initial}

    def runtime(self, owner: Any) -> dict[str, float]:
        """Return the scalars by name."""
        values = {name: float(getattr(owner, name)) for name in self.scalars}
        return values | {
            f"one_minus_{name}": 1 - float(getattr(owner, name)) for name in self.complements
        }


@dataclass(frozen=True)
class NamedSlots:
    """The first slots of a rule in the order of the variables: (field, parameter, value) each."""

    layout: SlotLayout
    entries: tuple[tuple[str, int, jax.Array], ...]


def arrange(slots: Any, groups: tuple[tuple[str, ...], ...]) -> NamedSlots:
    """Put a rule's slots, a named tuple of tuples, in Keras's order of variables."""
    leaf_of: dict[tuple[str, int], int] = {}
    for name, values in zip(slots._fields, slots, strict=True):
        present = [i for i, value in enumerate(values) if value is not None]
        leaf_of |= {(name, i): len(leaf_of) + place for place, i in enumerate(present)}
    keys: list[tuple[str, int]] = []
    for group in groups or (slots._fields,):
        longest = max((len(getattr(slots, name)) for name in group), default=0)
        keys += [(name, i) for i in range(longest) for name in group if (name, i) in leaf_of]
    layout = SlotLayout(jax.tree.structure(slots), tuple(leaf_of[key] for key in keys))
    return NamedSlots(layout, tuple((name, i, getattr(slots, name)[i]) for name, i in keys))
