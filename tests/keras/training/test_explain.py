"""`model.explain()`: what it says of a model's step is what happened to it."""

from __future__ import annotations

import json
import re

import jax.numpy as jnp
import numpy as np
import pytest

from graphc import config, keras
from graphc.jitted import COMPILED, TRACED
from graphc.keras import layers
from graphc.programs import clear_cache
from tests.graphc.test_jitted import HEARD

X = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
Y = np.arange(48) % 3


def small_model(name="small"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, name="wide"), layers.Dense(3, name="head")], name=name
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def fitted():
    found = small_model()
    with config.CHUNK(1):
        found.fit(X, Y, batch_size=16, epochs=2, verbose=0)
    return found


@pytest.fixture(scope="module")
def trained():
    """A model that is only looked at, the first one with its program."""
    clear_cache()
    return fitted()


@pytest.fixture
def model():
    """A model to go on with."""
    return fitted()


def fact(report, name):
    return dict(report.all_facts())[name]


def test_compiling_is_told_by_stage(trained):
    stages = dict(trained.explain().stages)
    for name in ("tracing the model", "tracing the kernels", "lowering", "XLA"):
        assert 0 < stages[name] < 60, name
    assert "pass fuse_softmax_xent" in stages
    assert (*stages,)[:1] == ("tracing the model",) and (*stages,)[-1:] == ("XLA",)


def test_explaining_compiles_nothing_anew(trained):
    trained.explain()
    del HEARD[:]
    report = trained.explain()
    assert not {TRACED, COMPILED} & set(HEARD)
    assert report.memory.peak > 2 * X[:16].nbytes


def test_the_step_time_is_that_of_steps_without_the_compilation(trained):
    report = trained.explain()
    assert 0 < report.step_seconds < dict(report.stages)["XLA"]
    assert len(trained._programs.latest["train"].clock.chunks) == 5, "six steps, one compiled"
    assert report.as_dict()["step"]["recorded"] == report.step_seconds


def test_layers_have_predicted_times_that_add_up(trained):
    report = trained.explain()
    rows = {row.scope: row for row in report.layers()}
    assert {"small/wide", "small/head", "loss", "metrics"} == set(rows)
    assert sum(row.share for row in rows.values()) == pytest.approx(1)
    assert rows["small/wide"].weights == (6 * 8 + 8) * 4
    assert report.as_dict()["step"]["predicted"] == pytest.approx(
        sum(row.predicted for row in rows.values())
    )
    assert all(row.measured is None for row in rows.values())


def test_layers_are_measured_when_asked_for(trained):
    rows = trained.explain(measure=True).layers()
    assert all(row.measured is not None and row.measured < 1 for row in rows)


def test_the_loop_and_its_reason_are_told(trained):
    told = fact(trained.explain(), "loop")
    assert told.startswith("many steps in one compiled call") and "FLOPs" in told
    with config.LOOP("step"):
        other = small_model()
        other.fit(X, Y, batch_size=8, verbose=0)
    told = fact(other.explain(), "loop")
    assert told.startswith("one compiled call a step") and "GRAPHC_LOOP=step" in told


def test_a_program_of_an_equal_model_is_found_in_memory(trained):
    assert fact(trained.explain(), "this program").startswith("compiled 1 time")
    twin = small_model("twin")
    twin.fit(X, Y, batch_size=16, verbose=0)
    report = twin.explain()
    assert fact(report, "this program").startswith("found in memory, made for an equal step")
    assert report.layers()[0].scope == "twin/wide"


def test_a_recompile_names_the_argument_with_its_values(model):
    assert fact(model.explain(), "recompiles") == "none"
    model.fit(X, Y, batch_size=12, verbose=0)
    assert "batch_size changed from 16 to 12" in fact(model.explain(), "recompiles")


def test_options_tiers_and_overrides_are_told(model):
    report = model.explain()
    assert re.search(r"xla_cpu_\w+=\w+", fact(report, "XLA options"))
    with config.KERNELS(("reference", "nn.dense:reference")):
        model.fit(X, Y, batch_size=16, verbose=0)
    assert fact(model.explain(), "kernel tiers") == "reference, nn.dense:reference"


def test_modes_have_reports_of_their_own(model):
    model.evaluate(X, Y, batch_size=16, verbose=0)
    assert fact(model.explain("test"), "mode") == "test"
    assert model.explain("test").layers()[0].predicted < model.explain().layers()[0].predicted
    with pytest.raises(ValueError, match=r"nothing to explain yet.*mode='predict'"):
        model.explain("predict")


def test_a_layer_that_no_pass_looks_into_is_told():
    class Raw(keras.layers.Layer):
        def call(self, x):
            return jnp.multiply(x, 2.0)

    model = keras.Sequential([keras.Input((6,)), Raw(name="raw"), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)
    (row,) = [row for row in model.explain().layers() if row.scope.endswith("raw")]
    assert row.opaque and "! opaque: no pass looks inside" in str(model.explain())


def test_the_three_forms_agree(trained, tmp_path):
    report = trained.explain()
    data = json.loads(report.to_json(tmp_path / "report.json"))
    page, text = report.to_html(tmp_path / "report.html"), str(report)
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.html"}
    for row in data["layers"]:
        assert row["scope"] in page and row["scope"] in text
    for name, value in data["facts"].items():
        assert name in page and " ".join(value.split()) in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100
