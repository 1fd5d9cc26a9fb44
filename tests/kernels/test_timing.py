"""bench/timing.py and bench/kernels.py: what they call a difference, and that they run."""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))

    def module(name):
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    yield module
    for name in ("timing", "kernels"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((1.0, 1.1, 0.9, 1.0), (2.0, 2.1, 1.9, 2.0), True),
        ((1.0, 2.0, 0.2, 1.5), (1.2, 2.2, 0.1, 1.6), False),
        ((1.0, 1.0, 1.0, 9.0), (1.5, 1.5, 1.5, 1.5), False),
        ((1.0, 1.0), (1.0, 1.0), False),
    ],
)
def test_a_difference_within_the_spread_is_none(load, a, b, expected):
    timing = load("timing")
    assert timing.differs(a, b) is expected
    faster = timing.describe({"slow": a, "fast": b}, "slow")["fast"]["times_faster"]
    assert (faster is not None) is expected


def test_samples_are_taken_in_turns_after_the_warm_up(load):
    timing, order = load("timing"), []
    functions = {name: (lambda name=name: order.append(name)) for name in "ab"}
    timing.BATCH_SECONDS = 0.0
    samples = timing.measure(functions, repeats=3, warm_up=2)
    assert order == ["a", "a", "b", "b", *"ababab"]
    assert [len(values) for values in samples.values()] == [3, 3]


def test_the_bench_of_kernels_prints_json(load, capsys):
    load("timing").BATCH_SECONDS = 0.0
    assert load("kernels").main(["--op", "nn.max_pool", "--case", "text_1d", "--repeats", "2"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["machine"]["jax"]
    peers = {"keras"} if importlib.util.find_spec("keras") else set()
    assert set(out["rows"][0]["kernels"]) == {"reference", "max_pool_slices"} | peers
