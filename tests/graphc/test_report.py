"""The report: layers, rewrites with reasons, facts, as text and as data."""

from __future__ import annotations

import json

import pytest

from graphc.builder import Builder
from graphc.kernels.registry import Target
from graphc.pipeline import PassRecord, Pipeline
from graphc.report import Report
from tests.graphc.graphs import spec


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
    assert pool.nbytes == 2 * 4 * 4 * 3 * 4
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
