"""`Executable`: a compiled graph as a callable on arrays, with every stage to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax

from graphc import config
from graphc.ir import Graph, fingerprint
from graphc.jitted import Jitted
from graphc.lower import Plan, default_target, lower, plan
from graphc.passes.base import Mode
from graphc.pipeline import PassRecord, Pipeline
from graphc.prepare import Prepared, split
from graphc.programs import PROGRAMS, own_names
from graphc.spec import Target

STAGES = ("traced", "graph", "plan", "jaxpr", "hlo")


@dataclass(frozen=True, eq=False)
class Compiled:
    """What equal graphs share: the optimised graph, its kernels, and the jitted function."""

    graph: Graph
    choices: Plan
    run: Jitted


def compiled(graph: Graph, target: Target) -> Compiled:
    """Return the compiled form of an optimised graph, from the cache where there is one."""

    def make() -> Compiled:
        choices = plan(graph, target)
        tell_plan(graph, target)
        return Compiled(graph, choices, Jitted(lower(graph, choices)))

    return PROGRAMS.get(("forward", fingerprint(graph), target), make)


def _same(arrays: Any) -> Any:
    return arrays


class Executable:
    """A graph made ready to run.

    Args:
        graph: as traced, before any pass.
        mode: "infer" or "train": which passes hold.
        target: the device kind; JAX's default backend when not given.
        params, state: functions that return the arrays to run with, in the graph's order.
        keep: is given the updated state after a call in training mode.
        always: whether `keep` is in inference, too.
        pack: maps a tuple of output arrays to the structure that callers see.
        unpack: maps the arguments of a call to the tuple of input arrays.
    """

    def __init__(
        self,
        graph: Graph,
        mode: Mode = "infer",
        target: Target | None = None,
        *,
        params: Callable[[], Sequence[Any]] = tuple,
        state: Callable[[], Sequence[Any]] = tuple,
        keep: Callable[[Sequence[Any]], None] | None = None,
        always: bool = False,
        pack: Callable[[Any], Any] = _same,
        unpack: Callable[..., Any] | None = None,
    ) -> None:
        self.mode: Mode = mode
        self.model: Any = None  # the frontend's model, where it was made from a configuration
        self.target = target or default_target()
        self.record = PassRecord()
        self.traced = graph
        self.graph = Pipeline()(graph, mode, [self.record])
        self._compiled = compiled(self.graph, self.target)
        self._params, self._state = params, state
        self._keep = keep if always or mode == "train" else None
        self._pack, self._unpack = pack, unpack

    def __call__(self, *inputs: Any) -> Any:
        """Run on arrays; updated state (training mode) is kept where the executable has a home."""
        arrays = tuple(inputs) if self._unpack is None else self._unpack(*inputs)
        outputs, updates = self.serve(tuple(self._params()), tuple(self._state()), arrays)
        if self._keep is not None:
            self._keep(updates)
        return self._pack(outputs)

    def run(self, params: Any, state: Any, inputs: Any) -> tuple[Any, Any]:
        """Run purely: (params, state, inputs) -> (outputs, updates); may be differentiated."""
        return self._compiled.run(params, state, inputs)

    def serve(self, params: Any, state: Any, inputs: Any) -> tuple[Any, Any]:
        """Run as `run` does, but keep what depends on the weights alone for the next call."""
        results = None if self._serving is None else self._serving[0](params, state)
        if self._serving is None or results is None:
            return self.run(params, state, inputs)
        return self._serving[1].run((*params, *results), state, inputs)

    @cached_property
    def _serving(self) -> tuple[Prepared, Compiled] | None:
        """What prepares the weights, and what runs on them; None where nothing is to prepare."""
        if self.mode != "infer":
            return None
        prepare, serve = split(self.graph)
        if not prepare.outputs:
            return None
        prepared = Prepared(prepare, compiled(prepare, self.target).run)
        return prepared, compiled(serve, self.target)

    def show(self, stage: str = "graph") -> str:
        """Return one stage as text.

        Args:
            stage: "traced" (before passes), "graph" (after), "plan" (kernels and reasons),
                "jaxpr", or "hlo" (as compiled).

        Raises:
            ValueError: an unknown stage.
        """
        if stage not in STAGES:
            raise ValueError(f"Unknown stage. Expected one of {STAGES}. Received: {stage!r}")
        if stage in ("traced", "graph"):
            return str(self.traced if stage == "traced" else self.graph)
        if stage == "plan":
            # Of this graph, not of the equal one that made the program: the scopes are its own.
            return format_plan(self.graph, plan(self.graph, self.target))
        jitted = Jitted(lower(self.graph, plan(self.graph, self.target))).jitted
        traced = jitted.trace(*self._abstract())
        if stage == "jaxpr":
            return str(traced.jaxpr)
        with own_names():
            return str(traced.lower().compile().as_text())

    def _abstract(self) -> tuple[Any, ...]:
        roles = (self.graph.params, self.graph.state, self.graph.inputs)
        return tuple(
            tuple(jax.ShapeDtypeStruct(v.spec.shape, v.spec.dtype) for v in role) for role in roles
        )


def tell_plan(graph: Graph, target: Target) -> None:
    """Print the kernels of a graph that is about to be compiled, where `GRAPHC_DEBUG` asks."""
    if config.DEBUG.value >= 2:
        print(format_plan(graph, plan(graph, target)))


def format_plan(graph: Graph, choices: Plan) -> str:
    """Return the kernel of each node, and why higher tiers were passed over."""
    lines: list[str] = []
    for node in graph.nodes:
        choice = choices.get(node)
        if choice is None:
            continue
        why = "; ".join(f"not {kernel.name}: {reason}" for kernel, reason in choice.rejected)
        chosen = f"{choice.kernel.tier}/{choice.kernel.name}"
        lines.append(f"{node.scope or '-':<40} {node.op:<36} {chosen:<28} {why}".rstrip())
    return "\n".join(lines)
