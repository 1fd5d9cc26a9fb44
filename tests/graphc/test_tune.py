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
from graphc.builder import Builder
from graphc.ir import Graph
from graphc.kernels.registry import Signature, Target, TensorSpec, select, signature_key
from graphc.kernels.tuned import TABLES, Entry, load, read, write
from graphc.lower import default_target
from graphc.measured import Measured, choose_anew, keep, tables
from graphc.runtime.step import SCAN_LIMIT, loop_choice, table_key
from graphc.tune_program import close_forms
from graphc.xla_options import OPTION_SETS, choose_options
from tests.graphc.graphs import chain, spec

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
    monkeypatch.setenv("GRAPHC_TUNED", "1")
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


def _program(model: Any) -> Any:
    return model._programs.latest["train"].program


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
    (loop,) = (row for row in done.rows if row.op == "program.loop")
    assert set(loop.entry.seconds) == {"scan", "step"}, "a convolution may do well in a loop, too"
    assert loop.usual == "step"
    assert (_program(model).form, _program(model).why) == (loop.entry.best, loop.entry.reason)


def test_weights_are_not_touched(folder: Path) -> None:
    model, (x, y) = _small(keras.layers.Dense(3)), _numbers(20)
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


# Whole programs

OPTIONS = Entry("ynn", {"eigen": 3e-3, "ynn": 1e-3})
STEP = Entry("step", {"scan": 3e-3, "step": 1e-3})
GONE = Entry("gone", {"eigen": 3e-3, "gone": 1e-3})


def _loaded(folder: Path, graph: Graph, loop: Entry, options: Entry) -> Target:
    """A target that goes by these choices for a training step."""
    entries = {
        table_key("loop", "train", graph): loop,
        table_key("options", "train", graph): options,
    }
    write(folder / "table.json", entries, {})
    return Target("cpu", measured=load([folder / "table.json"]))


class _Own(keras.Model):
    """A model with a training step of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def _small(*layers: Any) -> Any:
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), *layers])
    return _compiled(model)


def _compiled(model: Any) -> Any:
    model.compile("adam", "mse", metrics=["mae"])
    return model


def _numbers(rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    return random.rand(rows, 5).astype("float32"), random.rand(rows, 3).astype("float32")


# Of each way that `fit` makes its step: a model, and how many rows there are.
STEPS = {
    "with the last batch padded": (lambda: _small(keras.layers.Dense(3)), 20),
    "with the last batch apart": (
        lambda: _small(keras.layers.BatchNormalization(), keras.layers.Dense(3)),
        20,
    ),
    "with less than a batch": (
        lambda: _small(keras.layers.BatchNormalization(), keras.layers.Dense(3)),
        6,
    ),
    "of the model's own": (lambda: _compiled(_Own()), 20),
}


def test_a_measured_program_comes_before_the_cost_model_and_says_why(tmp_path: Path) -> None:
    graph = chain("math.exp")
    target = _loaded(tmp_path, graph, STEP, OPTIONS)
    assert loop_choice(graph, target) == ("step", "measured: scan 3 ms, step 1 ms")
    assert loop_choice(graph, Target("cpu"))[0] == "scan"
    assert loop_choice(chain("math.tanh"), target)[0] == "scan", "another graph is another program"
    found = choose_options(target, table_key("options", "train", graph))
    assert (found.name, found.why) == ("ynn", "measured: eigen 3 ms, ynn 1 ms")
    assert found.values == OPTION_SETS["cpu"]["ynn"]
    assert choose_options(target).name == choose_options(Target("cpu")).name == "eigen"


def test_the_environment_comes_before_a_measured_loop(tmp_path: Path) -> None:
    graph = chain("math.exp")
    target = _loaded(tmp_path, graph, STEP, OPTIONS)
    with config.LOOP("scan"):
        assert loop_choice(graph, target) == ("scan", "GRAPHC_LOOP=scan asks for it")


def test_determinism_comes_before_measured_options(tmp_path: Path) -> None:
    graph = chain("math.exp")
    name = _loaded(tmp_path, graph, STEP, Entry("default")).measured
    target, key = Target("gpu", measured=name), table_key("options", "train", graph)
    assert choose_options(target, key).values == {}
    with config.DETERMINISM(True):
        assert choose_options(target, key).values == {"xla_gpu_deterministic_ops": True}


def test_what_a_table_names_and_is_no_more_is_passed_over_with_a_reason(tmp_path: Path) -> None:
    graph = chain("math.exp")
    target = _loaded(tmp_path, graph, GONE, GONE)
    form, why = loop_choice(graph, target)
    found = choose_options(target, table_key("options", "train", graph))
    assert (form, found.name) == ("scan", "eigen")
    for reason in (why, found.why):
        assert "'gone', which was measured to be the fastest, is not known any more" in reason


@pytest.mark.parametrize(
    ("size", "close"),
    [(16, ("scan",)), (300, ("scan", "step")), (700, ("scan", "step")), (1200, ("step",))],
)
def test_only_loops_that_the_cost_model_calls_close_are_measured(
    size: int, close: tuple[str, ...]
) -> None:
    b = Builder()
    x, kernel = b.input(spec(size, size)), b.param(spec(size, size), "kernel")
    graph = b.finish([b.emit("nn.dense", x, kernel, None)])
    usual = "scan" if 2 * size**3 < SCAN_LIMIT else "step"
    assert close_forms(graph, usual) == close
    other = "step" if usual == "scan" else "scan"
    assert close_forms(graph, other) == ("scan", "step"), "the usual one is always measured"


@pytest.mark.parametrize(("challenger", "best"), [(0.9, "usual"), (0.8, "other")])
def test_only_a_clear_gain_changes_a_choice(challenger: float, best: str) -> None:
    seconds = {"usual": 1.0, "other": challenger}
    assert Measured.of("an op", "key", (), "usual", seconds).entry.best == best


@pytest.mark.parametrize("name", STEPS)
def test_whole_steps_are_measured_as_fit_makes_them(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = {name: OPTION_SETS["cpu"][name] for name in ("eigen", "narrow")}
    monkeypatch.setitem(OPTION_SETS, "cpu", two)
    make, count = STEPS[name]
    model, (x, y) = make(), _numbers(count)
    done = graphc.tune(model, x, y, batch_size=8, repeats=1)
    model.fit(x, y, batch_size=8, verbose=0)
    whole = {row.op: row for row in done.rows if row.op.startswith("program.")}
    graph = _program(model).step.graph
    assert whole["program.options"].key == table_key("options", "train", graph)
    assert set(whole["program.options"].entry.seconds) == set(two)
    assert "program.loop" not in whole, "so small a step gains from a loop by all means"
    assert "the whole step" in str(done)
    assert _program(model).options.why == whole["program.options"].entry.reason
    assert f"{whole['program.options'].entry.best} (measured: " in str(model.explain())


def test_fit_goes_by_what_was_kept_for_its_step(folder: Path) -> None:
    model, (x, y) = _small(keras.layers.Dense(3)), _numbers(20)
    model.fit(x, y, batch_size=8, verbose=0)
    _keep_for(_program(model).step.graph)
    model.fit(x, y, batch_size=8, verbose=0)
    found = _program(model)
    assert (found.form, found.why) == ("step", STEP.reason)
    assert (found.options.name, found.options.why) == ("ynn", OPTIONS.reason)
    with config.TUNED(False):
        model.fit(x, y, batch_size=8, verbose=0)
    assert (_program(model).form, _program(model).options.name) == ("scan", "eigen")


def _keep_for(graph: Graph) -> None:
    keep(
        [
            Measured("", table_key("loop", "train", graph), (), "scan", STEP),
            Measured("", table_key("options", "train", graph), (), "eigen", OPTIONS),
        ]
    )


def test_a_second_process_runs_the_loop_that_the_first_measured(folder: Path) -> None:
    model, (x, y) = _small(keras.layers.Dense(3)), _numbers(20)
    model.fit(x, y, batch_size=8, verbose=0)
    _keep_for(_program(model).step.graph)
    code = (
        "import numpy as np\nfrom graphc import keras\n"
        "dense = keras.layers.Dense\n"
        "model = keras.Sequential([keras.Input((5,)), dense(4), dense(3)])\n"
        "model.compile('adam', 'mse', metrics=['mae'])\n"
        "x, y = np.ones((20, 5), 'float32'), np.ones((20, 3), 'float32')\n"
        "model.fit(x, y, batch_size=8, verbose=0)\n"
        "program = model._programs.latest['train'].program\n"
        "print(program.form, program.options.name)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["step", "ynn"]


def test_without_data_the_step_of_the_last_fit_is_measured(folder: Path) -> None:
    model, (x, y) = _small(keras.layers.Dense(3)), _numbers(20)
    model.fit(x, y, batch_size=8, verbose=0)
    done = graphc.tune(model, repeats=1)
    key = table_key("options", "train", _program(model).step.graph)
    assert [row.key for row in done.rows if row.op == "program.options"] == [key]


@pytest.mark.parametrize(
    ("arguments", "mode"),
    [({}, "infer"), ({}, "test"), ({"run_eagerly": True}, "train"), (None, "train")],
)
def test_where_fit_compiles_no_step_none_is_measured(
    folder: Path, arguments: Any, mode: Any
) -> None:
    model, (x, y) = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]), _numbers(8)
    if arguments is not None:
        model.compile("adam", "mse", **arguments)
    done = graphc.tune(model, x, y, mode=mode, batch_size=8, repeats=1)
    assert not [row for row in done.rows if row.op.startswith("program.")]
