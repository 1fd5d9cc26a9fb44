"""bench/run.py: its tables, its command line, its workers; nothing is timed for real here."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
KEYS = {
    "when", "preset", "machine", "python", "environment", "peers", "data", "losses", "rows",
    "claims", "failures",
}  # fmt: skip
installed = importlib.util.find_spec


@pytest.mark.parametrize(
    ("ours", "theirs", "target", "verdict"),
    [
        ((1.0, 1.01, 0.99), (3.0, 3.1, 2.9), 2.0, "met"),
        ((1.0, 1.01, 0.99), (3.0, 3.1, 2.9), 6.0, "not met"),
        ((1.0, 1.01, 0.99), (3.0, 3.1, 2.9), None, ""),
        ((3.0, 3.1, 2.9), (1.0, 1.01, 0.99), 1.0, "not met"),
        ((3.0, 3.1, 2.9), (2.5, 2.51, 2.49), 0.8, "met"),
        ((3.0, 3.1, 2.9), (2.0, 2.01, 1.99), 0.8, "not met"),
        ((1.0, 1.3, 0.8, 1.1), (1.1, 0.9, 1.2, 1.0), 1.0, "met"),
        ((1.0, 3.0, 0.2, 2.0), (3.5, 0.5, 9.0, 2.5), 1.5, "not met"),
    ],
)
def test_verdict(bench, ours, theirs, target, verdict) -> None:
    assert bench.tables.Row("w", "epoch", "keras", ours, theirs, target).verdict == verdict


def test_table_lines_up_and_names_no_difference_in_the_noise(bench) -> None:
    rows = [
        bench.tables.Row("one", "epoch", "keras", (0.010, 0.0101), (0.030, 0.0301), 1.5),
        bench.tables.Row("one", "predict", "keras", (1e-3, 3e-3, 2e-3), (2e-3, 1e-3, 4e-3), 2.0),
        bench.tables.Row("one", "memory", "keras", (2.0**28,), (2.0**29,)),
        bench.tables.Row("one", "epoch", "flax", (0.010, 0.0101), (0.005, 0.0051), 1.0),
    ]
    header, rule, epoch, predict, memory, flax = bench.tables.table(rows).splitlines()
    assert len(rule) == len(header)
    assert header.index("target") + len("target") == epoch.index("1.50x") + len("1.50x")
    assert "2.99x" in epoch and epoch.endswith("  met")
    assert "no diff." in predict and predict.endswith("  not met")
    assert "256 MB" in memory and "512 MB" in memory and memory.endswith("2.00x")
    assert "epoch / flax" in flax
    assert bench.tables.summary(rows) == (
        "1 of 3 targets met; not met: one predict, one epoch / flax"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.345, "12.3 s"), (0.0123, "12.3 ms"), (4.56e-5, "45.6 us"), (7e-8, "70 ns")],
)
def test_duration(bench, seconds, text) -> None:
    assert bench.tables.duration(seconds) == text


def test_turns_alternate(bench) -> None:
    seen = []
    taken = bench.measures.take_turns(
        {name: lambda name=name: seen.append(name) or 1.0 for name in "ab"}, 3
    )
    assert "".join(seen) == "abbaab"
    assert taken == {"a": [1.0] * 3, "b": [1.0] * 3}


@pytest.mark.parametrize(("seconds", "count"), [(1e6, 7), (0.0, 3)])
def test_slow_workloads_get_fewer_samples_but_three(bench, seconds, count) -> None:
    effort = bench.measures.Effort(repeats=7, seconds=seconds)
    assert len(bench.measures.warm_turns({"a": lambda: 1.0}, effort)["a"]) == count


def test_native_peers_take_part_where_they_have_the_model(bench) -> None:
    names = ("keras", "torch_eager", "flax")
    workloads = bench.workloads.WORKLOADS
    assert bench.measures.taking_part(workloads["gpt"], names) == ("graphc", *names)
    assert bench.measures.taking_part(workloads["vae"], names) == ("graphc", "keras")


def test_limits_are_told_from_noise(bench) -> None:
    row = {
        "title": "a", "most": 1.02, "ratio": 1.05, "clear": True, "met": False,
        "samples": {"ours": (1.05, 1.05), "base": (1.0, 1.0)},
    }  # fmt: skip
    assert "1.050 of at most 1.02  not met" in bench.limits.line(row)
    assert set(bench.limits.LIMITS) >= {"predict", "generator", "on_nan"}


def test_processes_start_with_the_given_switches_alone(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GRAPHC_VERIFY", "1")
    environment = bench.peers.clean_environment(tmp_path, {"GRAPHC_PASSES": "-simplify"})
    assert "GRAPHC_VERIFY" not in environment
    assert environment["GRAPHC_PASSES"] == "-simplify"
    assert environment["GRAPHC_CACHE_DIR"] == str(tmp_path)
    assert "GRAPHC_PASSES" not in bench.peers.clean_environment(tmp_path)


def test_a_worker_tells_of_its_errors_and_lives_on(bench, tmp_path) -> None:
    with bench.peers.started("graphc", tmp_path) as worker:
        with pytest.raises(bench.peers.PeerError, match=r"failed in `load`:(.|\n)*KeyError"):
            worker.ask("load", workload="none", file="none.npz")
        with pytest.raises(bench.peers.PeerError, match="Received: 'take'"):
            worker.ask("take")
        assert worker.ask("peak_memory") > 2**20
    with pytest.raises((bench.peers.PeerError, ValueError)):
        worker.ask("peak_memory")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "tutorial_9"), "Received: tutorial_9"),
        (("--peers", "tensorflow"), "Received: tensorflow"),
        (("--ablate", "fold_nothing"), "Received: fold_nothing"),
        (("--ablate", "kernels", "--only", "import"), "Received: import"),
        (("--ablate", "--chart", "a.svg"), "--ablate makes none"),
        (("--quick", "--fast"), "not allowed with"),
        (("--repeats", "0"), "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(bench, capsys, arguments, message) -> None:
    with pytest.raises(SystemExit):
        bench.options.options(arguments)
    assert message in capsys.readouterr().err


def test_a_missing_package_is_named_and_none_is_imported(bench, capsys, monkeypatch) -> None:
    looked_for = []
    monkeypatch.setattr(importlib.util, "find_spec", looked_for.append)
    with pytest.raises(SystemExit):
        bench.options.options(["--peers", "torch,flax"])
    error = capsys.readouterr().err
    assert "not installed: torch, flax" in error and "graphc-compiler[bench]" in error
    assert looked_for == ["torch", "flax"]


def test_groups_and_presets(bench, monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    given = bench.options.options(["--peers", "keras,torch", "--fast", "--repeats", "5"])
    assert given.peers == ["keras", "torch_eager", "torch_compiled"]
    effort = bench.options.effort_of(given)
    assert effort.repeats == 5 and effort.measures == ("epoch", "predict")
    assert bench.options.options(["--ablate"]).ablate == list(bench.ablate.SWITCHES)
    assert "gan" not in bench.options.options(["--ablate"]).only


@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.skipif(installed("keras") is None, reason="real Keras is absent")
def test_quick_run_writes_what_it_measured(tmp_path) -> None:
    path = tmp_path / "run.json"
    command = (
        sys.executable, BENCH / "run.py", "--quick", "--only", "tutorial_2", "--json", path,
        "--peers", "keras,flax",
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "targets met" in done.stdout and "1 of 12 workloads" in done.stdout
    found = json.loads(path.read_text())
    assert set(found) == KEYS
    assert set(found["peers"]["keras"]["versions"]) >= {"jax", "keras", "numpy"}
    assert [row["measure"] for row in found["rows"] if row["peer"] == "keras"] == [
        "epoch", "predict", "memory", "first_cold", "first_warm",
    ]  # fmt: skip
    assert [row["measure"] for row in found["rows"] if row["peer"] == "flax"] == [
        "epoch", "predict", "memory", "first_cold",
    ]  # fmt: skip
    assert all(value > 0.0 for row in found["rows"] for value in row["ours"] + row["theirs"])
    losses = found["losses"]["tutorial_2"]
    assert losses["graphc"] == pytest.approx(losses["keras"], rel=0.1)
    assert losses["graphc"] == pytest.approx(losses["flax"], rel=0.2)
