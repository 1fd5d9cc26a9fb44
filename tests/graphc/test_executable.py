"""Executables: calls, stages, shared programs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
import pytest

from graphc.builder import Builder
from graphc.executable import STAGES, Executable
from graphc.ir import Graph
from graphc.kernels.registry import Target
from graphc.programs import cache_info, clear_cache
from tests.graphc.graphs import chain, numbers, spec


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    clear_cache()
    yield
    clear_cache()


def _classifier(scope: str = "head", axis: int = -1, name: str = "x") -> Graph:
    b = Builder()
    kernel, x, target = b.param(spec(3, 4)), b.input(spec(2, 3), name), b.input(spec(2, 4))
    b.scope, b.source = scope, f"{scope}.py:1"
    p = b.emit("nn.softmax", b.emit("nn.dense", x, kernel, None), axis=axis)
    loss = b.emit("nn.categorical_crossentropy", target, p, from_logits=False)
    return b.finish([loss])


def test_run_is_pure_and_compiled_once() -> None:
    executable = Executable(_classifier())
    arguments = numbers(executable.graph)
    (one,), updates = executable.run(*arguments)
    (other,), _ = executable.run(*arguments)
    np.testing.assert_array_equal(one, other)
    assert one.shape == (2,) and updates == ()
    assert executable._compiled.run.compilations.count == 1


def test_a_call_reads_arrays_packs_and_keeps_state() -> None:
    b = Builder()
    scale, count, x = b.param(spec()), b.state(spec()), b.input(spec(2))
    graph = b.finish([b.emit("math.multiply", x, scale)], [b.emit("math.add", count, 1.0)])
    kept: list[float] = []
    bound = {
        "params": lambda: [jnp.float32(3.0)],
        "state": lambda: [jnp.float32(len(kept))],
        "keep": lambda updates: kept.append(float(updates[0])),
        "pack": lambda outputs: {"y": outputs[0]},
        "unpack": lambda x: (x["x"],),
    }
    train = Executable(graph, "train", **bound)  # type: ignore[arg-type]
    for _ in range(2):
        np.testing.assert_array_equal(train({"x": np.ones(2, "float32")})["y"], [3.0, 3.0])
    assert kept == [1.0, 2.0]
    Executable(graph, "infer", **bound)({"x": np.ones(2, "float32")})  # type: ignore[arg-type]
    assert kept == [1.0, 2.0], "inference keeps no state"


@pytest.mark.parametrize(
    ("stage", "present", "absent"),
    [
        ("traced", ["nn.softmax", "from_logits=False", "# head"], []),
        ("graph", ["from_logits=True", "# head"], ["nn.softmax"]),
        ("plan", ["head", "nn.dense", "reference/reference"], ["nn.softmax", "core.input"]),
        ("jaxpr", ["lambda", "dot_general", "f32[2,3]"], []),
        ("hlo", ["HloModule", "ENTRY", "head"], []),
    ],
)
def test_every_stage_can_be_seen(stage: str, present: list[str], absent: list[str]) -> None:
    text = Executable(_classifier()).show(stage)
    assert all(part in text for part in present), text
    assert not any(part in text for part in absent), text


def test_the_stages_shown_are_all_stages() -> None:
    assert STAGES == ("traced", "graph", "plan", "jaxpr", "hlo")
    assert Executable(_classifier()).show() == Executable(_classifier()).show("graph")


def test_an_unknown_stage_is_told_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'jaxpr'.*Received: 'ptx'"):
        Executable(_classifier()).show("ptx")


def test_the_plan_says_why_better_kernels_were_passed_over() -> None:
    b = Builder()
    x = b.input(spec(2, 4, 4, 3))
    graph = b.finish([b.emit("nn.max_pool", x, pool_size=2, strides=2, padding="valid")])
    assert "fused/" in Executable(graph).show("plan")
    text = Executable(graph, target=Target("cpu", ("reference",))).show("plan")
    assert "reference/reference" in text and "tier 'fused' is switched off" in text


def test_equal_structures_share_one_program() -> None:
    one = Executable(_classifier(scope="head", name="x"))
    other = Executable(_classifier(scope="tail/of/another/model", name="y"))
    assert one._compiled is other._compiled
    assert (cache_info().misses, cache_info().hits, cache_info().size) == (1, 1, 1)
    arguments = numbers(one.graph)
    np.testing.assert_array_equal(one.run(*arguments)[0][0], other.run(*arguments)[0][0])
    assert one._compiled.run.compilations.count == 1


def test_sharing_a_program_does_not_mix_up_what_is_shown() -> None:
    Executable(_classifier(scope="first"))
    second = Executable(_classifier(scope="second"))
    for stage in ("traced", "graph", "plan", "hlo"):
        text = second.show(stage)
        assert "second" in text and "first" not in text, stage


def test_other_structures_do_not_share() -> None:
    Executable(chain("nn.softmax"))
    for graph in (chain("nn.log_softmax"), chain("nn.softmax", shape=(2, 4)), _classifier(axis=0)):
        Executable(graph)
    Executable(chain("nn.softmax"), target=Target("cpu", ("reference",)))
    assert (cache_info().misses, cache_info().hits) == (5, 0)


def test_modes_share_when_the_passes_leave_the_same_graph() -> None:
    graph = chain("math.exp")
    Executable(graph, "infer")
    Executable(graph, "train")
    assert (cache_info().misses, cache_info().hits) == (1, 1)


def test_the_record_is_plain_enough_for_json() -> None:
    rows = Executable(_classifier()).record.rows
    changed = {str(row["pass"]): row["changed"] for row in rows}
    assert changed["fuse_softmax_xent"] is True
    assert changed["fold_batch_norm"] is False
    json.dumps([{"pass": row["pass"], "seconds": row["seconds"]} for row in rows])
