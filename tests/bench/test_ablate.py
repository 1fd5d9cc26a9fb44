"""bench/ablate.py: which parts change a step, and the table of what each buys."""

import numpy as np
import pytest


@pytest.fixture
def peer(bench, tmp_path):
    """graphc in this process, with a few digits."""
    file = tmp_path / "data.npz"
    np.savez(file, x=np.ones((40, 28, 28), "uint8"), y=np.arange(40, dtype="uint8") % 10)
    made = bench.graphc_peer.GraphcPeer("graphc")
    made.load("tutorial_1", str(file))
    return made


def test_plans_tell_what_changes_the_step(bench, peer, monkeypatch) -> None:
    monkeypatch.delenv("GRAPHC_PASSES", raising=False)
    parts = ("fuse_softmax_xent", "fold_batch_norm", "kernels")
    switches = {part: bench.ablate.SWITCHES[part] for part in parts}
    plans = peer.plans({"full": {}, **switches, "again": {}})
    assert plans["full"] == plans["again"] == plans["fold_batch_norm"]
    assert plans["fuse_softmax_xent"] != plans["full"]
    twins = bench.ablate.first_with_each(plans)
    assert twins["fold_batch_norm"] == twins["again"] == "full"
    assert twins["fuse_softmax_xent"] == "fuse_softmax_xent"


def test_every_pass_and_tier_can_be_switched_off(bench) -> None:
    from graphc.passes import PASSES

    assert {step.name for step in PASSES} < set(bench.ablate.SWITCHES)
    assert bench.ablate.SWITCHES["kernels"] == {"GRAPHC_KERNELS": "reference"}
    assert bench.ablate.SWITCHES["fused"] == {"GRAPHC_KERNELS": "reference,pallas"}


def test_parts_with_the_same_plan_are_timed_once(bench, monkeypatch) -> None:
    plans = {"full": "a", "fuse_softmax_xent": "a", "fused": "b", "kernels": "b"}
    timed = []

    def steady(workload, load, variants, effort):
        timed.append(variants)
        return {"full": [1.0, 1.0], "fused": [3.0, 3.0]}

    monkeypatch.setattr(bench.ablate, "plans_of", lambda load, parts: plans)
    monkeypatch.setattr(bench.ablate, "steady_epochs", steady)
    workload = bench.workloads.WORKLOADS["tutorial_2"]
    effort = bench.measures.FAST
    found = bench.ablate.ablate_workload(workload, tuple(plans)[1:], effort)
    assert timed == [("full", "fused")]
    assert found.same == ("fuse_softmax_xent",)
    assert [(row.peer, row.times) for row in found.rows] == [("fused", 3.0), ("kernels", 3.0)]
    assert found.as_dict()["rows"][0]["theirs"] == (3.0, 3.0)


def test_matrix(bench) -> None:
    row, ablation = bench.tables.Row, bench.ablate.Ablation
    convnet = ablation(
        "convnet",
        (
            row("convnet", "epoch", "kernels", (2.0, 2.0), (9.0, 9.0)),
            row("convnet", "epoch", "fuse_softmax_xent", (2.0, 2.2, 1.8), (1.9, 2.3, 2.0)),
        ),
        ("fold_batch_norm",),
    )
    gru = ablation("gru", (), ("kernels", "fold_batch_norm", "fuse_softmax_xent"))
    parts = ("fuse_softmax_xent", "fold_batch_norm", "kernels")
    _, title, header, full, *lines = bench.ablate.matrix((convnet, gru), parts).splitlines()
    assert title == "epoch: how many times slower without"
    assert header.split() == ["convnet", "gru"] and full.split() == ["full", "2", "s"]
    assert [line.split() for line in lines] == [
        ["fuse_softmax_xent", "~", "-"], ["fold_batch_norm", "-", "-"], ["kernels", "4.50x", "-"],
    ]  # fmt: skip
