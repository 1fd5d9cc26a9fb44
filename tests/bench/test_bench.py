"""bench/run.py: its tables, its workloads, its workers; nothing is timed for real here."""

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench"
MODULES = (
    "timing", "generative", "workloads", "peers", "tables", "measures", "peer_worker", "run",
    "limits",
)  # fmt: skip
PARAMETERS = {"tutorial_1": 101770, "tutorial_2": 5569, "tutorial_4": 160289, "convnet": 34826}
KEYS = {
    "when", "quick", "machine", "python", "environment", "peers", "data", "losses", "rows",
    "failures",
}  # fmt: skip


@pytest.fixture(scope="module")
def bench():
    """The scripts' modules, imported as they import one another."""
    sys.path.insert(0, str(BENCH))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        sys.path.remove(str(BENCH))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("ours", "theirs", "target", "verdict"),
    [
        ((1.0, 1.01, 0.99), (3.0, 3.1, 2.9), 2.0, "met"),
        ((1.0, 1.01, 0.99), (3.0, 3.1, 2.9), 6.0, "not met"),
        ((1.0, 1.01, 0.99), (3.0, 3.1, 2.9), None, ""),
        ((3.0, 3.1, 2.9), (1.0, 1.01, 0.99), 1.0, "not met"),
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
    ]
    header, rule, epoch, predict, memory = bench.tables.table(rows).splitlines()
    assert len(rule) == len(header)
    assert header.index("target") + len("target") == epoch.index("1.50x") + len("1.50x")
    assert "2.99x" in epoch and epoch.endswith("  met")
    assert "no diff." in predict and predict.endswith("  not met")
    assert "256 MB" in memory and "512 MB" in memory and memory.endswith("2.00x")
    assert bench.tables.summary(rows) == "1 of 2 targets met; not met: one predict"


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


@pytest.mark.parametrize("name", PARAMETERS)
def test_workloads_build_and_accept_their_data(bench, name) -> None:
    from graphc import keras

    workload = bench.workloads.WORKLOADS[name]
    stored = {
        "tutorial_1": {"x": np.ones((4, 28, 28), "uint8"), "y": np.arange(4, dtype="uint8")},
        "tutorial_2": {"x": np.ones((4, 20)), "y": np.ones((4, 1), "int64")},
        "tutorial_4": {"x": np.ones((4, 256), "int32"), "y": np.ones(4, "int64")},
        "convnet": {"x": np.ones((4, 28, 28), "uint8"), "y": np.arange(4, dtype="uint8")},
    }[name]
    data, model = workload.prepare(stored), workload.build(keras)
    assert data["x"].max() <= 1.0
    assert model.evaluate(data["x"], data["y"], verbose=0)[0] > 0.0
    assert model.count_params() == PARAMETERS[name]


def test_generative_models(bench) -> None:
    from graphc import keras

    pictures = bench.workloads.as_own_targets({"x": np.full((2, 28, 28), 255, "uint8")})
    vae = bench.generative.build_vae(keras)
    assert vae.predict(pictures["x"], verbose=0).shape == (2, 28, 28, 1)
    assert vae.evaluate(pictures["x"], pictures["y"], verbose=0) > 0.0
    gan = bench.generative.build_gan(keras)
    noise = np.zeros((2, bench.generative.NOISE), "float32")
    drawn = gan.generator.predict(noise, verbose=0)
    assert gan.discriminator.predict(drawn, verbose=0).shape == (2, 1)


def test_limits_are_told_from_noise(bench) -> None:
    row = {
        "title": "a", "most": 1.02, "ratio": 1.05, "clear": True, "met": False,
        "samples": {"ours": (1.05, 1.05), "base": (1.0, 1.0)},
    }  # fmt: skip
    assert "1.050 of at most 1.02  not met" in bench.limits.line(row)
    assert set(bench.limits.LIMITS) >= {"predict", "generator", "on_nan"}


def test_the_samples_stand_in_for_absent_data(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    digits, reviews = bench.workloads.load_few_digits(), bench.workloads.load_reviews()
    assert "Fashion-MNIST sample" in digits.text
    assert {name: array.shape for name, array in digits.arrays.items()} == {
        "x": (12800, 28, 28), "y": (12800,), "x_val": (1280, 28, 28), "y_val": (1280,),
    }  # fmt: skip
    assert "packaged review sentences" in reviews.text
    assert reviews.arrays["x"].shape == (15000, 256)
    assert 0.4 < reviews.arrays["y_val"].mean() < 0.6
    assert reviews.head(5).arrays["x"].shape == (5, 256)


def test_processes_start_without_switches_of_ours(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GRAPHC_VERIFY", "1")
    environment = bench.peers.clean_environment(tmp_path)
    assert "GRAPHC_VERIFY" not in environment
    assert environment["GRAPHC_CACHE_DIR"] == str(tmp_path)


def test_a_worker_tells_of_its_errors_and_lives_on(bench, tmp_path) -> None:
    with bench.peers.started("graphc", tmp_path) as worker:
        with pytest.raises(
            bench.peers.PeerError, match=r"graphc failed in `epoch`:(.|\n)*KeyError"
        ):
            worker.ask("epoch", validated=False, epochs=1)
        assert worker.ask("peak_memory") > 2**20
    with pytest.raises((bench.peers.PeerError, ValueError)):
        worker.ask("peak_memory")


def test_unknown_names_are_refused(bench, capsys) -> None:
    with pytest.raises(SystemExit):
        bench.run.main(["--only", "tutorial_9"])
    assert "Received: tutorial_9" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="real Keras is absent")
def test_quick_run_writes_what_it_measured(tmp_path) -> None:
    path = tmp_path / "run.json"
    command = (sys.executable, BENCH / "run.py", "--quick", "--only", "tutorial_2", "--json", path)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "targets met" in done.stdout
    found = json.loads(path.read_text())
    assert set(found) == KEYS
    assert set(found["peers"]["keras"]["versions"]) >= {"jax", "keras", "numpy"}
    assert [row["measure"] for row in found["rows"]] == [
        "epoch", "predict", "memory", "first_cold", "first_warm",
    ]  # fmt: skip
    assert all(value > 0.0 for row in found["rows"] for value in row["ours"] + row["theirs"])
    losses = found["losses"]["tutorial_2"]
    assert losses["graphc"] == pytest.approx(losses["keras"], rel=0.1)
