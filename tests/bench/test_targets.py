"""bench/targets.py and bench/chart.py: sums over made-up rows."""

import pytest


def rows_of(bench, times, measure="epoch", peer="keras"):
    """One clear row a workload, ours 1 s and theirs so many."""
    return [
        bench.tables.Row(name, measure, peer, (1.0, 1.0), (value, value))
        for name, value in times.items()
    ]


def finding_of(bench, rows, measure, peer):
    """What is found of the one claim about a measure and a peer."""
    found = [f for f in bench.targets.findings(rows) if f.claim.measure == measure]
    (finding,) = [f for f in found if peer in f.claim.peers]
    return finding


def test_twelve_workloads_count(bench) -> None:
    assert len(bench.targets.COUNTED) == 12
    assert set(bench.workloads.WORKLOADS) - set(bench.targets.COUNTED) == {"vae", "gan"}


@pytest.mark.parametrize(
    ("usual", "odd", "mean", "verdict", "below"),
    [
        (4.0, 4.0, 4.0, "met", ()),
        (4.0, 1.0, 4.0 ** (11 / 12), "not met", ("gpt",)),
        (2.0, 4.0, 2.0 * 2 ** (1 / 12), "not met", ()),
    ],
)
def test_geometric_mean_and_least_against_keras(bench, usual, odd, mean, verdict, below) -> None:
    times = dict.fromkeys(bench.targets.COUNTED, usual) | {"gpt": odd, "vae": 1000.0}
    finding = finding_of(bench, rows_of(bench, times), "epoch", "keras")
    assert finding.mean == pytest.approx(mean)
    assert (finding.verdict, finding.below) == (verdict, below)


def test_the_better_of_two_torches_counts(bench) -> None:
    times = dict.fromkeys(bench.targets.COUNTED, 2.0)
    eager = rows_of(bench, times | {"gru": 0.5}, peer="torch_eager")
    compiled = rows_of(bench, times | {"gpt": 1.0}, peer="torch_compiled")
    finding = finding_of(bench, eager + compiled, "epoch", "torch_eager")
    assert finding.mean == pytest.approx((2.0**10 * 0.5 * 1.0) ** (1 / 12))
    assert finding.below == ("gru",) and finding.lowest.peer == "torch_eager"
    alone = bench.targets.findings(eager)
    assert alone == []  # one of the two may not be the better


def test_a_part_of_the_workloads_decides_nothing(bench) -> None:
    finding = finding_of(bench, rows_of(bench, {"gru": 9.0, "gpt": 4.0}), "epoch", "keras")
    assert finding.verdict == "open"
    assert str(finding) == (
        "epoch against Keras, 2 of 12 workloads: geometric mean 6.00x (target 2.50x); "
        "lowest 4.00x on gpt (target 1.05x): open"
    )
    assert finding.as_dict()["workloads"] == {"gru": 9.0, "gpt": 4.0}


def test_no_slower_forgives_the_noise(bench) -> None:
    times = dict.fromkeys(bench.targets.COUNTED, 1.2)
    rows = rows_of(bench, times, peer="flax")
    noisy = bench.tables.Row("gru", "epoch", "flax", (1.0, 1.3, 0.8), (0.9, 1.2, 0.7))
    clear = bench.tables.Row("gru", "epoch", "flax", (1.0, 1.0), (0.9, 0.9))
    rows = [row for row in rows if row.workload != "gru"]
    assert finding_of(bench, [*rows, noisy], "epoch", "flax").verdict == "met"
    assert finding_of(bench, [*rows, clear], "epoch", "flax").below == ("gru",)


def test_targets_by_row(bench) -> None:
    target, workloads = bench.targets.target, bench.workloads.WORKLOADS
    assert target(workloads["tutorial_2"], "epoch", "keras") == 6.0
    assert target(workloads["gpt"], "first_cold", "keras") == 3.0
    assert target(workloads["gpt"], "epoch", "torch_compiled") == 0.8
    assert target(workloads["gpt"], "epoch", "flax") == 1.0
    assert target(workloads["gpt"], "predict", "flax") is None
    assert target(workloads["gan"], "memory", "keras") is None


def test_chart_shows_each_bar_and_has_the_same_bytes(bench, tmp_path) -> None:
    rows = rows_of(bench, {"gru": 9.0, "gpt": 0.5}) + rows_of(bench, {"gru": 3.0}, peer="flax")
    first, second = tmp_path / "a.svg", tmp_path / "b" / "b.svg"
    bench.chart.draw_chart(rows, first)
    bench.chart.draw_chart(rows, second)
    text = first.read_text()
    for shown in ("9x", "0.5x", "3x", "gru", "gpt", "keras", "flax"):
        assert f">{shown}</text>" in text
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(ValueError, match="Received: none"):
        bench.chart.draw_chart(rows, first, measure="predict")
