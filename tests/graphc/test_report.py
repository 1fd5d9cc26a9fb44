"""The report: layers, rewrites with reasons, costs, facts, as text and as data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from graphc.builder import Builder
from graphc.cost import Ceilings
from graphc.cost.predict import BACKWARD
from graphc.jitted import Memory
from graphc.kernels.registry import Target
from graphc.passes import FUSE_SOFTMAX_XENT
from graphc.pipeline import PassRecord, Pipeline
from graphc.report import NodeCost, Report, costs_of
from graphc.report.quantities import duration, percent, short, size
from tests.graphc.graphs import chain, spec

LIMITS = Ceilings(1e10, 1e10, 1e10, 1e9, 1e9, 1e-5, 1e-6, 1e-7)


@pytest.fixture(scope="module")
def report() -> Report:
    b = Builder()
    x, kernel = b.input(spec(2, 8, 8, 3), "x"), b.param(spec(12, 5), "head/kernel")
    target = b.input(spec(2, 4, 4, 5), "y")
    b.scope = "pool"
    pooled = b.emit("nn.max_pool", x, pool_size=2, strides=2, padding="valid")
    b.scope = "cut"
    (opaque,) = b.emit("core.call", pooled, fn=lambda a: (a.repeat(4, axis=-1),))
    b.scope = "head"
    p = b.emit("nn.softmax", b.emit("nn.dense", opaque, kernel, None), axis=1)
    q = b.emit("nn.softmax", b.emit("nn.dense", opaque, kernel, None), axis=-1)
    b.scope = "loss"
    losses = [
        b.emit("nn.categorical_crossentropy", target, probabilities, from_logits=False)
        for probabilities in (p, q)
    ]
    graph, record = b.finish(losses), PassRecord()
    after = Pipeline()(graph, "infer", [record])
    target_ = Target("cpu", ("reference", "fused"))
    return Report("a title", graph, after, target_, record.rows, (("mode", "test"),))


def test_there_is_one_row_a_layer_in_order(report: Report) -> None:
    rows = report.layers()
    assert [row.scope for row in rows] == ["pool", "cut", "head", "loss"]
    pool, cut, head, loss = rows
    assert pool.kernels and pool.kernels[0].startswith("fused:") and head.kernels == ()
    assert (cut.opaque, pool.opaque) == (True, False)
    assert head.ops == ("nn.dense", "nn.softmax")
    assert head.flops >= 2 * (2 * 4 * 4) * 12 * 5
    assert pool.results == 2 * 4 * 4 * 3 * 4
    assert pool.nbytes == pool.results + 2 * 8 * 8 * 3 * 4
    assert len(loss.ops) == 2


def test_rewrites_are_told_with_reasons(report: Report) -> None:
    events = [(name, event.reason is None) for name, event in report.rewrites()]
    assert sorted(events) == [("fuse_softmax_xent", False), ("fuse_softmax_xent", True)]


def test_the_text_says_everything(report: Report) -> None:
    text = str(report)
    for part in (
        "a title\n=======", "mode", "nodes", "traced", "pool", "fused:", "opaque",
        "fuse_softmax_xent: categorical_crossentropy_of_softmax at loss: applied",
        "not applied: softmax is over axis 1", "fold_batch_norm: nothing to do",
    ):  # fmt: skip
        assert part in text, text


def test_the_data_is_json(report: Report) -> None:
    data = json.loads(json.dumps(report.as_dict()))
    assert data["title"] == "a title" and data["facts"] == {"mode": "test"}
    assert [row["scope"] for row in data["layers"]] == ["pool", "cut", "head", "loss"]
    assert {row["applied"] for row in data["rewrites"]} == {True, False}
    assert data["graph_before"] != data["graph_after"]


def test_rejected_kernels_are_listed_with_reasons(report: Report) -> None:
    plain = Report("t", report.before, report.after, Target("cpu", ("reference",)))
    assert any("switched off" in reason for reason in plain.layers()[0].rejected)
    assert "switched off" in str(plain)


def test_a_layer_tells_what_was_traced_and_what_became_of_it(report: Report) -> None:
    rows = {row.scope: row for row in report.layers()}
    loss, head = rows["loss"], rows["head"]
    assert head.ops_before == ("nn.dense", "nn.softmax", "nn.softmax")
    assert [text.partition(" ")[0] for text in loss.rewrites] == ["fuse_softmax_xent:"] * 2
    assert any("not applied: softmax is over axis 1" in text for text in loss.rewrites)
    assert head.weights == 12 * 5 * 4 and loss.weights == 0


def test_a_layer_of_which_nothing_is_left_is_told_last(report: Report) -> None:
    gone = replace(report, after=chain("math.exp"))
    assert [row.scope for row in gone.layers()] == ["", "pool", "cut", "head", "loss"]
    assert gone.layers()[1].ops == () and "(nothing left)" in str(gone)


def test_shares_follow_measured_seconds_before_predicted_ones(report: Report) -> None:
    nodes = [node for node, _ in report.choices()]
    guessed = {node: NodeCost(10, 20, 1e-3) for node in nodes}
    rows = replace(report, costs=guessed, limits=LIMITS).layers()
    assert sum(row.share or 0 for row in rows) == pytest.approx(1)
    assert rows[0].share == pytest.approx(1 / len(nodes))
    timed = {node: NodeCost(10, 20, 1e-3, 5e-3 if node is nodes[0] else 0.0) for node in nodes}
    rows = replace(report, costs=timed, limits=LIMITS).layers()
    assert [row.share for row in rows] == [1.0, 0.0, 0.0, 0.0]
    assert rows[0].seconds == rows[0].measured == 5e-3 and rows[0].predicted == 1e-3


def test_what_limits_a_layer_follows_from_the_ceilings(report: Report) -> None:
    node = report.choices()[0][0]
    for cost, bound in ((NodeCost(1000, 1), "arithmetic"), (NodeCost(1, 1000), "traffic")):
        assert replace(report, costs={node: cost}, limits=LIMITS).layers()[0].bound == bound
    assert replace(report, costs={node: NodeCost(0, 0)}, limits=LIMITS).layers()[0].bound == ""
    assert report.layers()[0].bound == ""


def test_only_what_the_loss_depends_on_is_run_backward() -> None:
    b = Builder()
    x, kernel = b.input(spec(64, 64), "x"), b.param(spec(64, 64), "kernel")
    b.scope = "model"
    hidden = b.emit("nn.dense", x, kernel, None)
    b.scope = "metrics"
    aside = b.emit("nn.dense", hidden, b.emit("math.exp", x), None)
    b.scope = "model"
    graph = b.finish([b.emit("reduce.mean", hidden), aside])
    target = Target("cpu", ("reference",))
    once, both = (costs_of(graph, target, training=both) for both in (False, True))
    seconds = {(node.scope, node.op): (once[node].predicted, both[node].predicted) for node in once}
    forward, whole = seconds["model", "nn.dense"]
    assert forward is not None and whole == pytest.approx(BACKWARD["product"] * forward)
    forward, whole = seconds["metrics", "nn.dense"]
    assert forward == whole is not None


def test_times_are_measured_only_when_asked_for(report: Report) -> None:
    graph, target = chain("math.exp", "math.sin", shape=(300, 300)), Target("cpu")
    for measured in (False, True):
        costs = costs_of(graph, target, training=False, measured=measured).values()
        assert [cost.measured is not None for cost in costs] == [measured] * 2
    assert all(cost.measured and cost.measured < 1 for cost in costs)


def test_a_device_that_is_not_here_has_no_times() -> None:
    (cost,) = costs_of(chain("math.exp"), Target("tpu"), training=True).values()
    assert (cost.predicted, cost.measured) == (None, None) and cost.flops > 0


def whole(report: Report) -> Report:
    costs = costs_of(report.after, report.target, training=False)
    facts = (("loop", "a long reason, told in many words " * 5),)
    return replace(
        report, facts=facts, costs=costs, stages=(("tracing", 0.25), ("XLA", 1.5)),
        step_seconds=0.0123, memory=Memory(1000, 200, 100, 5000), limits=LIMITS,
    )  # fmt: skip


def test_the_text_fits_into_a_hundred_columns(report: Report) -> None:
    text = str(whole(report))
    assert max(map(len, text.splitlines())) <= 100
    for part in (
        "step time              12.3 ms", "compiled in 1.75 s", "XLA", "6.1KB at most",
        "roofline               10.0GFLOP/s", "~ is predicted",
    ):  # fmt: skip
        assert part in text, text


def test_many_places_of_one_rule_are_told_once() -> None:
    b = Builder()
    target, logits = b.input(spec(2, 3)), b.param(spec(2, 3))
    losses = []
    for number in range(5):
        b.scope = f"loss_{number}"
        p = b.emit("nn.softmax", b.emit("math.multiply", logits, float(number)), axis=-1)
        losses.append(b.emit("nn.categorical_crossentropy", target, p, from_logits=False))
    graph, record = b.finish(losses), PassRecord()
    after = Pipeline((FUSE_SOFTMAX_XENT,))(graph, "train", [record])
    text = " ".join(str(Report("t", graph, after, Target("cpu"), record.rows)).split())
    assert text.count("categorical_crossentropy_of_softmax at") == 1
    assert "loss_0, loss_1, loss_2 and 2 more: applied" in text


def test_the_data_holds_times_memory_and_passes(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    text = whole(report).to_json(path)
    data = json.loads(path.read_text())
    assert data == json.loads(text)
    assert data["step"]["recorded"] == 0.0123 and data["step"]["predicted"] > 0
    assert data["stages"] == {"tracing": 0.25, "XLA": 1.5}
    assert data["memory"]["peak"] == 6100
    assert data["roofline"]["bytes_per_second"] == 1e9
    assert "fuse_softmax_xent" in [row["pass"] for row in data["passes"]]
    assert data["layers"][0]["kernels"] == ["fused:max_pool_slices"]


def test_quantities_have_three_digits_and_a_unit() -> None:
    assert [short(n) for n in (0, 999, 1234, 5.6e6, 1e15, 1e19)] == [
        "0", "999", "1.2K", "5.6M", "1.0P", "10000.0P"
    ]  # fmt: skip
    assert [duration(s) for s in (None, 0, 2.5, 0.0123, 4.56e-5, 3e-7)] == [
        "", "0", "2.5 s", "12.3 ms", "45.6 us", "0.3 us"
    ]  # fmt: skip
    assert (size(2048), percent(0.1234), percent(None)) == ("2.0KB", "12.3%", "")
