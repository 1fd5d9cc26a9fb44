"""What depends on the weights alone is computed once for each set of weights, not with every call.

    f(params, state, inputs) = serve((*params, *prepare(params, state)), state, inputs)

Inference graphs compute with weights where a pass moved work there (a scale folded into a kernel,
two kernels multiplied, several joined) and where a mixed-precision layer casts them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.core import Tracer, eval_context

from graphc.builder import Builder
from graphc.gradient import results_of
from graphc.ir import INPUT_OPS, Graph, Node, Value
from graphc.rewrite import remake
from graphc.spec import nbytes

# Below this many bytes of results in all, looking up what was prepared costs more than it saves.
MIN_BYTES = 1 << 16
FREE = (
    "core.identity", "shape.reshape", "shape.expand_dims", "shape.squeeze", "shape.ravel",
)  # fmt: skip

Run = Callable[[Any, Any, Any], tuple[Any, Any]]


def split(graph: Graph) -> tuple[Graph, Graph]:
    """Return (prepare, serve): what depends on weights alone, and the rest.

    `prepare` has the parameters and state of `graph`, no inputs and no updates. `serve` has the
    outputs of `prepare` as parameters after those of `graph`. Where nothing is worth preparing,
    `prepare` has no outputs and `serve` is `graph`.
    """
    chosen = _chosen(graph)
    if not chosen:
        return Graph(graph.params, graph.state, (), (), (), ()), graph
    return _prepare(graph, chosen), _serve(graph, chosen)


def _chosen(graph: Graph) -> list[Value]:
    """Return the values at which what depends on weights meets what does not."""
    made = _made_of_weights(graph)
    working = {node for node in made if node.op not in FREE}
    for node in graph.nodes:  # in order, so that work is seen through what is free
        if node in made and any(v is not None and v.node in working for v in node.inputs):
            working.add(node)
    if sum(nbytes(spec) for node in made if node.op not in FREE for spec in node.specs) < MIN_BYTES:
        return []
    outside = [value for node in graph.nodes if node not in made for value in node.inputs]
    used = dict.fromkeys((*outside, *graph.roots()))
    return [value for value in used if value is not None and value.node in working]


def _made_of_weights(graph: Graph) -> dict[Node, None]:
    """Return the nodes that depend on parameters or lasting state, and on nothing else but them."""
    weights = {value.node for value in (*graph.params, *_lasting(graph))}
    made: dict[Node, None] = {}
    for node in graph.nodes:
        given = [v.node for v in node.inputs if v is not None and v.node.op != "core.constant"]
        if given and all(one in weights or one in made for one in given):
            made[node] = None
    return made


def _lasting(graph: Graph) -> list[Value]:
    """Return the state that a call does not change."""
    if not graph.updates:
        return list(graph.state)
    return [s for s, after in zip(graph.state, graph.updates, strict=True) if after == s]


def _declared(builder: Builder, values: Sequence[Value], role: str) -> dict[Value, Value]:
    declare = getattr(builder, role)
    new: dict[Value, Value] = {}
    for value in values:
        builder.scope, builder.source = value.node.scope, value.node.source
        new[value] = declare(value.spec, value.node.attrs.get("name", ""))
    return new


def _prepare(graph: Graph, chosen: Sequence[Value]) -> Graph:
    builder = Builder()
    new = _declared(builder, graph.params, "param") | _declared(builder, graph.state, "state")
    made = _made_of_weights(graph)
    belonging = [node for node in graph.nodes if node in made or node.op == "core.constant"]
    _replay(belonging, builder, new)
    return builder.finish([new[value] for value in chosen])


def _serve(graph: Graph, chosen: Sequence[Value]) -> Graph:
    builder = Builder()
    new = _declared(builder, graph.params, "param")
    for value in chosen:
        builder.scope, builder.source = value.node.scope, value.node.source
        new[value] = builder.param(value.spec, "prepared")
    new |= _declared(builder, graph.state, "state") | _declared(builder, graph.inputs, "input")
    _replay([node for node in graph.nodes if node.op not in INPUT_OPS], builder, new)
    return builder.finish([new[v] for v in graph.outputs], [new[v] for v in graph.updates])


def _replay(nodes: Sequence[Node], builder: Builder, new: dict[Value, Value]) -> None:
    """Make nodes anew; values that are there already stay as they are."""
    for node in nodes:
        builder.scope, builder.source = node.scope, node.source
        for old, made in zip(results_of(node), remake(builder, node, new), strict=True):
            new.setdefault(old, made)


class Prepared:
    """The owner of what was computed from the weights last seen, held as long as they live.

    Args:
        prepare: the graph of `split`.
        run: computes it.
    """

    def __init__(self, prepare: Graph, run: Run) -> None:
        self._run = run
        used = {value for node in prepare.nodes for value in node.inputs}
        used.update(prepare.outputs)
        self._params = [i for i, value in enumerate(prepare.params) if value in used]
        self._state = [i for i, value in enumerate(prepare.state) if value in used]
        self._held: tuple[tuple[weakref.ref[Any], ...], Any] | None = None

    def __call__(self, params: Sequence[Any], state: Sequence[Any]) -> Any:
        """Return the results for these weights: the same ones as long as the arrays are the same.

        None where the weights are not arrays that stay as they are: tracers, or NumPy's.
        """
        weights = [*(params[i] for i in self._params), *(state[i] for i in self._state)]
        held = self._held
        if held is not None and all(
            ref() is one for ref, one in zip(held[0], weights, strict=True)
        ):
            return held[1]
        if not all(map(_is_lasting, weights)):
            return None
        with eval_context():  # a caller may be traced, the results are kept
            results, _ = self._run(tuple(params), tuple(state), ())
        self._held = tuple(weakref.ref(one, self._forget) for one in weights), results
        return results

    def _forget(self, dead: weakref.ref[Any]) -> None:
        """Let go of the results when a weight dies that they were computed from."""
        if self._held is not None and any(ref is dead for ref in self._held[0]):
            self._held = None


def _is_lasting(array: Any) -> bool:
    return isinstance(array, jax.Array) and not isinstance(array, Tracer)
