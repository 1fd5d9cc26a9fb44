"""Lowering: every node by its chosen kernel, under its layer's name."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import config
from graphc.builder import Builder
from graphc.ir import Graph
from graphc.kernels.registry import TIERS, Target
from graphc.lower import default_target, lower, plan
from tests.graphc.graphs import chain, numbers, run, spec


def _whole() -> Graph:
    """Every kind of value: roles, absent operands, literals, arrays, several results, updates."""
    b = Builder()
    kernel, count, x = b.param(spec(3, 4)), b.state(spec()), b.input(spec(2, 3))
    b.scope = "block/dense"
    y = b.emit("nn.dense", x, kernel, None)
    b.scope = "block/cut"
    low, high = b.emit("shape.split", y, sections=2, axis=1)
    b.scope = ""
    scaled = b.emit("math.multiply", high, np.array([2.0, 3.0], "float32"))
    return b.finish([b.emit("math.add", low, scaled), x], [b.emit("math.add", count, 1)])


def test_a_graph_runs_as_numpy_would() -> None:
    graph = _whole()
    ((kernel,), (count,), (x,)) = arguments = numbers(graph)
    (first, second), (update,) = run(graph, arguments)
    y = x @ kernel
    np.testing.assert_allclose(first, y[:, :2] + y[:, 2:] * [2.0, 3.0], rtol=1e-5)
    np.testing.assert_array_equal(second, x)
    assert update == count + 1 and update.dtype == np.float32


def test_the_lowered_function_is_pure_under_jit_grad_and_vmap() -> None:
    graph = _whole()
    params, state, inputs = numbers(graph)
    lowered = lower(graph, plan(graph, Target()))
    expected = lowered(params, state, inputs)[0][0]
    np.testing.assert_allclose(jax.jit(lowered)(params, state, inputs)[0][0], expected, rtol=1e-6)
    (gradient,) = jax.grad(lambda p: lowered(p, state, inputs)[0][0].sum())(params)
    np.testing.assert_allclose(gradient, np.outer(inputs[0].sum(0), [1, 1, 2, 3]), rtol=1e-5)
    stacked = jnp.stack([inputs[0], 2 * inputs[0]])
    mapped = jax.vmap(lambda x: lowered(params, state, (x,))[0][0])(stacked)
    np.testing.assert_allclose(mapped[1], 2 * expected, rtol=1e-5)


def test_python_scalars_stay_weak() -> None:
    b = Builder()
    x = b.input(spec(2, dtype="bfloat16"))
    graph = b.finish([b.emit("math.multiply", x, 0.5), b.constant(3), b.constant(True)])
    half, three, true = lower(graph, plan(graph, Target()))((), (), (jnp.ones(2, "bfloat16"),))[0]
    assert [str(v.dtype) for v in (half, three, true)] == ["bfloat16", "int32", "bool"]


def test_results_are_arrays_even_when_nothing_is_computed() -> None:
    b = Builder()
    graph = b.finish([b.constant(1.5), b.constant(np.ones(2))])
    for value in lower(graph, {})((), (), ())[0]:
        assert isinstance(value, jax.Array)


@pytest.mark.parametrize("wrong", [((), (), ()), ((), (), (1.0, 2.0))], ids=["few", "many"])
def test_another_number_of_arrays_is_refused(wrong: Any) -> None:
    graph = chain("math.exp")
    with pytest.raises(ValueError, match="zip"):
        lower(graph, plan(graph, Target()))(*wrong)


def _traced(graph: Graph) -> Any:
    arguments = numbers(graph)
    return jax.jit(lower(graph, plan(graph, Target()))).trace(*arguments)


def test_layer_names_are_in_the_program() -> None:
    traced = _traced(_whole())
    stacks = {str(e.source_info.name_stack) for e in traced.jaxpr.eqns}
    assert {"block/dense", "block/cut"} <= stacks
    text = traced.lower().as_text(debug_info=True)
    assert "block/dense" in text and "block/cut" in text


def test_layer_names_survive_compilation() -> None:
    text = _traced(_whole()).lower().compile().as_text()
    assert "block/dense" in text


def test_the_plan_has_a_choice_for_every_computing_node() -> None:
    graph = _whole()
    planned = {node.op for node in plan(graph, Target())}
    assert planned == {"nn.dense", "shape.split", "math.multiply", "math.add"}


def _pooling() -> Graph:
    b = Builder()
    x = b.input(spec(2, 4, 4, 3))
    attrs = {"pool_size": 2, "strides": 2, "padding": "valid"}
    return b.finish([b.emit("nn.max_pool", x, **attrs)])


def test_tiers_are_chosen_by_target_and_rejections_are_kept() -> None:
    graph = _pooling()
    (best,) = plan(graph, Target("cpu")).values()
    assert best.kernel.tier == "fused"
    (plain,) = plan(graph, Target("cpu", ("reference",))).values()
    assert plain.kernel.tier == "reference"
    assert "tier 'fused' is switched off" in {reason for _, reason in plain.rejected}
    arguments = numbers(graph)
    results = [lower(graph, plan(graph, t))(*arguments)[0][0] for t in (
        Target("cpu"), Target("cpu", ("reference",)))]  # fmt: skip
    np.testing.assert_array_equal(*results)


def test_the_target_follows_the_knob() -> None:
    assert default_target() == Target(jax.default_backend(), TIERS)
    with config.KERNELS(("reference",)):
        assert default_target().tiers == ("reference",)
    with config.KERNELS(("referense",)), pytest.raises(ValueError, match=r"referense"):
        default_target()


def test_a_kernel_named_for_an_op_comes_before_the_tiers() -> None:
    graph = _pooling()
    (best,) = plan(graph, Target("cpu")).values()
    for names, kernel in (
        (("nn.max_pool:reference",), "reference"),
        ((f"nn.max_pool:{best.kernel.name}", "reference"), best.kernel.name),
        (("nn.conv:reference", "fused"), best.kernel.name),
        (("nn.conv:reference", "reference"), "reference"),
    ):
        with config.KERNELS(names):
            (choice,) = plan(graph, default_target()).values()
        assert choice.kernel.name == kernel, names


def test_a_named_kernel_that_cannot_run_is_passed_over_with_the_reason() -> None:
    b = Builder()
    x = b.input(spec(2, 4, 4, 3))
    attrs = {"pool_size": 3, "strides": 1, "padding": "same"}
    graph = b.finish([b.emit("nn.max_pool", x, **attrs)])
    (best,) = plan(graph, Target("cpu")).values()
    unfit = next(name for name, reason in ((k.name, r) for k, r in best.rejected) if reason)
    (choice,) = plan(graph, Target("cpu", TIERS, (("nn.max_pool", unfit),))).values()
    assert choice.kernel is best.kernel
    ((_, reason), *_) = choice.rejected
    assert reason.startswith("asked for, but ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nn.max_pol:reference", r"GRAPHC_KERNELS: Expected an op, such as .*nn\.max_pool"),
        ("nn.max_pool:referense", r"a kernel of 'nn\.max_pool', such as .*reference"),
    ],
)
def test_an_override_of_what_there_is_not_names_the_nearest(name: str, message: str) -> None:
    with config.KERNELS((name,)), pytest.raises(ValueError, match=message):
        default_target()
