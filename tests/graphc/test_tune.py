"""`graphc.tune`: alternatives are measured, the fastest is kept, and later processes go by it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import config, keras
from graphc.kernels.registry import Signature, Target, TensorSpec, select, signature_key
from graphc.kernels.tuned import TABLES, Entry, load, read, write
from graphc.lower import default_target
from graphc.measured import choose_anew, tables
from graphc.tune import Measured, keep

POOL = Signature(
    (TensorSpec((4, 8, 8, 2), "float32"),),
    {"pool_size": 2, "strides": 2, "padding": "valid", "data_format": "channels_last"},
)
KEY = signature_key("nn.max_pool", POOL)
ENTRY = Entry("reference", {"reference": 1e-3, "max_pool_slices": 3e-3})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of this test's own."""
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path))
    choose_anew()
    yield tmp_path
    choose_anew()


def _model() -> Any:
    model = keras.Sequential(
        [
            keras.Input((12, 12, 2)),
            keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
            keras.layers.MaxPooling2D(name="pool"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, name="dense"),
        ]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def _data(rows: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    return random.rand(rows, 12, 12, 2).astype("float32"), random.randint(0, 3, rows)


def _chosen(model: Any) -> dict[str, str]:
    found = model.explain("train").choices()
    return {f"{n.scope.split('/')[-1]} {n.op}": c.kernel.name for n, c in found}


def test_a_measured_choice_comes_before_the_tiers_and_says_why(tmp_path: Path) -> None:
    write(tmp_path / "table.json", {KEY: ENTRY}, {})
    target = Target("cpu", measured=load([tmp_path / "table.json"]))
    choice = select("nn.max_pool", POOL, target)
    assert choice.kernel.name == "reference"
    assert [reason for _, reason in choice.rejected] == [
        "measured: 3.00 times the time of reference"
    ]
    assert select("nn.max_pool", POOL, Target("cpu")).kernel.name == "max_pool_slices"


def test_an_override_comes_before_a_measured_choice(tmp_path: Path) -> None:
    write(tmp_path / "table.json", {KEY: ENTRY}, {})
    name = load([tmp_path / "table.json"])
    target = Target("cpu", overrides=(("nn.max_pool", "max_pool_slices"),), measured=name)
    assert select("nn.max_pool", POOL, target).kernel.name == "max_pool_slices"


def test_a_measured_kernel_whose_tier_is_off_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "table.json", {KEY: Entry("max_pool_slices", ENTRY.seconds)}, {})
    name = load([tmp_path / "table.json"])
    target = Target("cpu", ("reference",), measured=name)
    assert select("nn.max_pool", POOL, target).kernel.name == "reference"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 0, "choices": {}}', '{"version": 1}'])
def test_a_table_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(text)
    assert read(path) == {}
    assert load([path, tmp_path / "absent.json"]) == ""


def test_tables_are_named_by_what_they_choose(tmp_path: Path) -> None:
    for name, seconds in (("a.json", 1.0), ("b.json", 2.0)):
        write(tmp_path / name, {KEY: Entry("reference", {"reference": seconds})}, {})
    first, second = load([tmp_path / "a.json"]), load([tmp_path / "b.json"])
    assert first == second, "seconds differ from run to run, choices do not"
    assert TABLES[first][KEY].best == "reference"


def test_tuning_writes_what_it_measured_and_goes_by_it(folder: Path) -> None:
    model, (x, y) = _model(), _data()
    done = graphc.tune(model, x, y, batch_size=8, repeats=2)
    measured = {row.op for row in done.rows}
    assert {"nn.conv", "nn.max_pool"} <= measured
    assert done.path.is_relative_to(folder)
    stored = json.loads(done.path.read_text())["choices"]
    assert len(stored) == len(done.rows)
    for row in done.rows:
        assert set(stored[row.key]["seconds"]) == set(row.entry.seconds)
        assert row.entry.best in str(row)
    model.fit(x, y, batch_size=8, verbose=0)
    chosen = _chosen(model)
    for row in done.rows:
        if row.op in ("nn.conv", "nn.max_pool"):
            assert chosen[f"{row.layers[0].split('/')[-1]} {row.op}"] == row.entry.best


def test_weights_are_not_touched(folder: Path) -> None:
    model, (x, y) = _model(), _data()
    before = model.get_weights()
    graphc.tune(model, x, y, batch_size=8, repeats=1)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_second_process_goes_by_what_the_first_measured(folder: Path) -> None:
    forced = Measured("nn.max_pool", KEY, ("pool",), "max_pool_slices", ENTRY)
    assert keep([forced]) == tables()[1]
    code = (
        "from graphc.kernels.registry import *\nfrom graphc.lower import default_target\n"
        "import graphc.kernels\n"
        "s = Signature((TensorSpec((4, 8, 8, 2), 'float32'),), {'pool_size': 2, 'strides': 2, "
        "'padding': 'valid', 'data_format': 'channels_last'})\n"
        "print(select('nn.max_pool', s, default_target()).kernel.name)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["reference"]


def test_choices_can_be_ignored(folder: Path) -> None:
    keep([Measured("nn.max_pool", KEY, ("pool",), "max_pool_slices", ENTRY)])
    assert default_target().measured
    with config.TUNED(False):
        assert default_target().measured == ""


def test_training_tunes_unasked_when_the_knob_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_AUTOTUNE", "1")
    model, (x, y) = _model(), _data()
    model.fit(x, y, batch_size=8, verbose=0)
    table = read(tables()[1])
    assert any(key.startswith("nn.max_pool") for key in table)
    stamp = tables()[1].stat().st_mtime_ns
    model.fit(x, y, batch_size=8, verbose=0)
    assert tables()[1].stat().st_mtime_ns == stamp, "what is known is not measured again"


def test_the_same_kernel_is_kept_for_a_small_difference(folder: Path) -> None:
    row = Measured(
        "nn.max_pool", KEY, ("pool",), "max_pool_slices",
        Entry("max_pool_slices", {"reference": 1.0e-3, "max_pool_slices": 1.02e-3}),
    )  # fmt: skip
    assert row.gain == 1.0
    assert "kept" in str(row)


@pytest.mark.parametrize(
    ("model", "mode", "error"), [(object(), "train", TypeError), (None, "sideways", ValueError)]
)
def test_what_cannot_be_tuned_is_refused(model: Any, mode: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        graphc.tune(model, mode=mode)
