"""Generated models: what the passes make of them has the outputs, loss and gradients it had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from graphc import config, keras
from graphc.ir import Graph, fingerprint
from graphc.keras.training.arrays import Rows
from graphc.keras.training.tracer import TracedStep, trace_step
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from graphc.passes import PASSES
from graphc.passes.base import AnyPass, Mode
from graphc.pipeline import Observer, Pipeline
from graphc.rewrite import Event
from tests.graphc.generated_models import BATCH, Recipe, build, data, recipes

# Rounding of float32, 2**-24, times the sums and the depth behind a result.
TOLERANCE = 1e-4
REFERENCE = Target("cpu", ("reference",))
PIPELINES = {"all passes": Pipeline(), **{step.name: Pipeline((step,)) for step in PASSES}}
MODES: tuple[tuple[str, Mode], ...] = (("predict", "infer"), ("train", "train"))
SETTINGS = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


class Firing(Observer):
    """Keeps the names of the passes that changed a graph."""

    def __init__(self) -> None:
        self.changed: set[str] = set()

    def after(self, step: AnyPass, old: Graph, new: Graph, events: Sequence[Event]) -> None:
        """Note the pass."""
        if new is not old:
            self.changed.add(step.name)


def _traced(model: Any, mode: Any, rows: Rows) -> TracedStep:
    with config.PASS_LIMIT(0):
        return trace_step(model, mode, rows, BATCH, masked=False)


def _arguments(traced: TracedStep, rows: Rows) -> Any:
    """Return the arguments of a step, its parameters moved off zero and one."""
    rng = np.random.default_rng(0)

    def moved(variable: Any) -> np.ndarray:
        array = np.asarray(variable.value)
        return array + rng.uniform(-0.2, 0.2, array.shape).astype(array.dtype)

    params = tuple(moved(variable) for variable in traced.params)
    state = tuple(np.asarray(variable.value) for variable in traced.state)
    return params, state, (*rows.leaves, *traced.read_scalars())


def _results(graph: Graph, arguments: Any, mode: Mode) -> tuple[list[Any], list[Any]]:
    """Return the outputs and updates of a graph, and in training the gradients of its loss."""
    lowered = lower(graph, plan(graph, REFERENCE))
    params, state, inputs = arguments
    if mode == "infer":
        outputs, updates = lowered(params, state, inputs)
        return [*outputs, *updates], []

    def loss(params: Any) -> Any:
        outputs, updates = lowered(params, state, inputs)
        return outputs[0], (outputs, updates)

    (_, (outputs, updates)), gradients = jax.value_and_grad(loss, has_aux=True)(params)
    return [*outputs, *updates], list(gradients)


def _assert_equal(ours: Any, theirs: Any, message: str) -> None:
    """Fail unless results agree each by its size, gradients by the largest of all.

    A gradient may be zero but for rounding: that of the bias of attention's keys is.
    """
    for one, other in zip(ours[0], theirs[0], strict=True):
        _assert_near(one, other, float(np.abs(other).max(initial=1.0)), message)
    most = max([float(np.abs(other).max()) for other in theirs[1]], default=0.0)
    for one, other in zip(ours[1], theirs[1], strict=True):
        _assert_near(one, other, most, message)


def _assert_near(one: Any, other: Any, size: float, message: str) -> None:
    assert one.dtype == other.dtype and one.shape == other.shape, message
    one, other = (np.asarray(array).astype("float64") for array in (one, other))
    assert np.isfinite(other).all(), message
    np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE * size, err_msg=message)


def _compare(recipe: Recipe, firing: Firing) -> None:
    """Compare the whole pipeline, and every pass alone, with no pass at all."""
    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    model, rows = build(recipe), Rows(*data(recipe))
    for kind, mode in MODES:
        traced = _traced(model, kind, rows)
        arguments = _arguments(traced, rows)
        wanted = _results(traced.traced, arguments, mode)
        made = {fingerprint(traced.traced): ("no pass", traced.traced)}
        for name, pipeline in PIPELINES.items():
            after = pipeline(traced.traced, mode, [firing])
            made.setdefault(fingerprint(after), (name, after))
        for name, after in [*made.values()][1:]:
            _assert_equal(_results(after, arguments, mode), wanted, f"{name} in {mode}")


@pytest.mark.parametrize("count", [100, pytest.param(400, marks=pytest.mark.slow)])
def test_passes_keep_the_results_of_generated_models(count: int) -> None:
    firing = Firing()

    @settings(SETTINGS, max_examples=count)
    @given(recipe=recipes())
    def compare(recipe: Recipe) -> None:
        _compare(recipe, firing)

    compare()
    drawn = {"raise_attention", "raise_gelu", "raise_norm", "raise_products", "fold_batch_norm"}
    missing = {*drawn, "fuse_softmax_xent"} - firing.changed
    assert not missing, "the models are worth generating"
