"""What a pass is: a frozen value with a name that maps a graph to a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from graphc.ir import Graph
from graphc.rewrite import Event, Rule, apply_rules

Mode = Literal["train", "infer"]
Numerics = Literal["exact", "reassociate", "relaxed"]


class AnyPass(Protocol):
    """A frozen value that maps a graph to a graph, and says what it did."""

    @property
    def name(self) -> str: ...

    @property
    def modes(self) -> tuple[Mode, ...]: ...

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]: ...


@dataclass(frozen=True)
class Pass:
    """A set of rules under one verb; `numerics` says how far results may move.

    exact: bit for bit; reassociate: rounding only; relaxed: a documented approximation goes away
    or comes in. `modes` are those in which the algebra holds and pays.
    """

    name: str
    rules: tuple[Rule, ...]
    numerics: Numerics
    modes: tuple[Mode, ...] = ("train", "infer")

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        """Return the rewritten graph (the same object when nothing applied) and what happened."""
        return apply_rules(graph, self.rules)
