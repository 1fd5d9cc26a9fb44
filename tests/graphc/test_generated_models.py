"""Generated models: what the passes make of them has the outputs and derivatives it had.

Every model is compared with itself without any pass: after all of them, after each alone, and after
all but each. That takes thousands of graphs. What makes it cheap: a pass is applied once to a graph
(to most it does nothing), and nodes run one by one, compiled once for all models, each with its
directional derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from graphc import config, keras
from graphc.ir import INPUT_OPS, Graph, Node, Value, fingerprint
from graphc.keras.training.arrays import Rows
from graphc.keras.training.tracer import TracedStep, trace_step
from graphc.kernels.registry import OPS
from graphc.nested import apply_everywhere
from graphc.passes import PASSES, merge_parallel, repeats, roll_blocks
from graphc.passes.base import AnyPass, Mode
from graphc.pipeline import selected_passes
from graphc.verify import verify
from tests.graphc.generated_models import BATCH, INPUTS, Recipe, build, data, recipes

# Rounding of float32, 2**-24, times the sums and the depth behind a result.
TOLERANCE = 2e-5
MODES: tuple[tuple[str, Mode], ...] = (("predict", "infer"), ("train", "train"))
SETTINGS = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
# What pays is not the question here, and small models would never be large enough.
THRESHOLDS: tuple[tuple[ModuleType, str, int], ...] = (
    (merge_parallel, "MIN_ROWS", 1), (merge_parallel, "MIN_TERMS", 1),
    (repeats, "FEWEST_NODES", 2), (roll_blocks, "FEWEST_SAVED", 1),
    (roll_blocks, "LEAST_INTENSITY", 0),
)  # fmt: skip
COMMON = {
    "fold_batch_norm", "fuse_softmax_xent", "merge_linear", "merge_parallel", "raise_gelu",
    "raise_norm", "roll_blocks", "simplify",
}  # fmt: skip
# The passes that models of each kind must give something to do, to be worth generating.
FIRES: dict[str, set[str]] = {
    "bags": {*COMMON, "pool_embedding"},
    "images": {*COMMON},
    "rows": {*COMMON},
    "steps": {*COMMON, "raise_attention", "raise_products"},
    "tokens": {*COMMON, "pool_embedding", "raise_attention", "raise_products"},
}

Dual = tuple[Any, Any]  # a result and its derivative; None where there is none


class Applied:
    """Applies passes to the graphs of one model, each pass once to each graph."""

    def __init__(self, firing: set[str]) -> None:
        self.firing = firing
        self._known: dict[tuple[str, Graph], Graph] = {}

    def __call__(self, steps: Sequence[AnyPass], graph: Graph) -> Graph:
        """Return the graph after the passes, verified."""
        for step in steps:
            key = step.name, graph
            if key not in self._known:
                self._known[key] = self._applied(step, graph)
            graph = self._known[key]
        return graph

    def _applied(self, step: AnyPass, graph: Graph) -> Graph:
        after, _ = apply_everywhere(step, graph)
        if after is graph:
            return graph
        self.firing.add(step.name)
        return verify(after)


def _traced(model: Any, mode: Any, rows: Rows) -> TracedStep:
    with config.PASS_LIMIT(0):
        return trace_step(model, mode, rows, BATCH, masked=False)


def _arguments(graph: Graph, traced: TracedStep, rows: Rows) -> dict[Value, Dual]:
    """Return the duals of a step: parameters moved off zero and one, all in one direction."""
    rng = np.random.default_rng(0)

    def some(variable: Any) -> Dual:
        array = np.asarray(variable.value)
        move, direction = (rng.uniform(-1, 1, array.shape).astype(array.dtype) for _ in range(2))
        return array + array.dtype.type(0.2) * move, direction

    state = [np.asarray(variable.value) for variable in traced.state]
    fixed = [*state, *rows.leaves, *(np.float32(scalar) for scalar in traced.read_scalars())]
    duals = [*(some(variable) for variable in traced.params), *map(_constant, fixed)]
    return dict(zip((*graph.params, *graph.state, *graph.inputs), duals, strict=True))


def _constant(array: Any) -> Dual:
    return array, np.zeros_like(array) if np.asarray(array).dtype.kind == "f" else None


def _results(graph: Graph, arguments: Sequence[Dual]) -> list[Dual]:
    """Return the duals of the outputs and updates of a graph, by its reference kernels."""
    given = (*graph.params, *graph.state, *graph.inputs)
    env = dict(zip(given, arguments, strict=True))
    for node in graph.nodes:
        if node.op not in INPUT_OPS:
            results = _computed(node, [(None, None) if v is None else env[v] for v in node.inputs])
            env.update({Value(node, index): dual for index, dual in enumerate(results)})
    return [env[value] for value in (*graph.outputs, *graph.updates)]


def _computed(node: Node, operands: Sequence[Dual]) -> Sequence[Dual]:
    if node.op == "core.constant":
        value = node.attrs["value"]
        return [_constant(value.array) if node.literal is None else (value, None)]
    moving = {place: dual for place, dual in enumerate(operands) if dual[1] is not None}
    still = {place: value for place, (value, moves) in enumerate(operands) if moves is None}
    return _compiled(node.op, tuple(node.attrs))(moving, still, **node.attrs)


@cache
def _compiled(op: str, attrs: tuple[str, ...]) -> Any:
    """Return the reference of an op, compiled for duals: operands by place, still ones apart."""

    def run(moving: Mapping[int, Dual], still: Mapping[int, Any], **attrs: Any) -> list[Dual]:
        def of(values: Mapping[int, Any]) -> tuple[Any, ...]:
            operands = {**values, **still}
            result = OPS[op].reference(*(operands[i] for i in range(len(operands))), **attrs)
            return tuple(result) if isinstance(result, (tuple, list)) else (result,)

        values, moves = ({i: dual[part] for i, dual in moving.items()} for part in (0, 1))
        results, moved = jax.jvp(of, (values,), (moves,))
        return [
            (value, None if move.dtype == jax.dtypes.float0 else move)
            for value, move in zip(results, moved, strict=True)
        ]

    return jax.jit(run, static_argnames=attrs)


def _assert_equal(ours: Sequence[Dual], theirs: Sequence[Dual], message: str) -> None:
    """Fail unless results agree, and their derivatives, each by its size."""
    for (one, one_moved), (other, other_moved) in zip(ours, theirs, strict=True):
        _assert_near(one, other, message)
        assert (one_moved is None) == (other_moved is None), message
        if other_moved is not None:
            _assert_near(one_moved, other_moved, f"the derivatives: {message}")


def _assert_near(one: Any, other: Any, message: str) -> None:
    assert one.dtype == other.dtype and one.shape == other.shape, message
    one, other = (np.asarray(array).astype("float64") for array in (one, other))
    assert np.isfinite(other).all(), message
    size = float(np.abs(other).max(initial=1.0))
    np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE * size, err_msg=message)


def _variants(mode: Mode) -> Iterator[tuple[str, Sequence[AnyPass]]]:
    """Yield the ways in which passes are applied."""
    steps = selected_passes(PASSES, mode)
    yield "all passes", steps
    for step in steps:
        yield f"{step.name} alone", (step,)
    for step in steps:
        yield f"all but {step.name}", tuple(other for other in steps if other is not step)


def _compare(recipe: Recipe, firing: set[str]) -> None:
    """Compare each way of applying passes with no pass at all."""
    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    model, rows = build(recipe), Rows(*data(recipe))
    for kind, mode in MODES:
        traced = _traced(model, kind, rows)
        graph, applied = traced.traced, Applied(firing)
        arguments = [*_arguments(graph, traced, rows).values()]
        wanted = _results(graph, arguments)
        done = {fingerprint(graph)}
        for name, steps in _variants(mode):
            after = applied(steps, graph)
            if fingerprint(after) not in done:
                done.add(fingerprint(after))
                _assert_equal(_results(after, arguments), wanted, f"{name} in {mode}")


@pytest.mark.parametrize("count", [64, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", INPUTS)
def test_passes_keep_the_results_of_generated_models(
    kind: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 models of each of 5 kinds: 320 in `make test`."""
    for threshold in THRESHOLDS:
        monkeypatch.setattr(*threshold)
    firing: set[str] = set()

    @settings(SETTINGS, max_examples=count)
    @given(recipe=recipes(kind))
    def compare(recipe: Recipe) -> None:
        _compare(recipe, firing)

    with config.KERNELS(("reference",)):  # inside loops, too
        compare()
    assert not FIRES[kind] - firing, "the models are worth generating"
