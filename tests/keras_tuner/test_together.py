"""Trials as lanes are what they are one after another."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import model_selection

from graphc import keras, keras_tuner
from graphc.keras_tuner.engine.runner import SequentialRunner
from graphc.keras_tuner.engine.together import TogetherRunner
from tests.keras_tuner.problems import FIT, build, values

KINDS = ("RandomSearch", "GridSearch", "BayesianOptimization")


def search(runner, kind, rows, folder, name, builder=build, cv=None, *, how=None, **options):
    given = {
        "objective": "val_loss", "max_trials": 4, "seed": 1, "batch": 2, "runner": runner,
        "directory": folder["directory"], "project_name": name, "cv": cv,
        "executions_per_trial": 1 if cv else 2, "max_consecutive_failed_trials": 9, **(how or {}),
    }  # fmt: skip
    tuner = getattr(keras_tuner, kind)(builder, **given)
    fit = {**FIT, "epochs": 4, **({"validation_split": 0.0} if cv else {}), **options}
    tuner.search(*rows, **fit)
    return tuner


def assert_same(one, other):
    assert values(one) == values(other)
    pairs = zip(one.oracle.trials.values(), other.oracle.trials.values(), strict=True)
    for mine, theirs in pairs:
        assert (mine.status, mine.best_step, mine.ended) == (
            theirs.status, theirs.best_step, theirs.ended
        )  # fmt: skip
        assert mine.curves.keys() == theirs.curves.keys()
        for name, curve in theirs.curves.items():
            np.testing.assert_allclose(mine.curves[name], curve, rtol=2e-6)
    for mine, theirs in zip(one.get_best_models(2), other.get_best_models(2), strict=True):
        for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_what_they_are_one_after_another(kind, rows, folder):
    runner = TogetherRunner()
    stop = [keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)]
    together = search(runner, kind, rows, folder, "together", callbacks=stop)
    assert (runner.lanes, dict(runner.alone)) == (8, {})
    apart = search(SequentialRunner(), kind, rows, folder, "apart", callbacks=stop)
    assert_same(together, apart)


def test_folds_are_what_they_are_one_after_another(rows, folder):
    runner = TogetherRunner()
    together = search(runner, "RandomSearch", rows, folder, "together", cv=3)
    assert (runner.lanes, dict(runner.alone)) == (12, {})
    apart = search(SequentialRunner(), "RandomSearch", rows, folder, "apart", cv=3)
    assert_same(together, apart)


def test_failures_are_those_of_their_trials(rows, folder):
    def failing(hp):
        if hp.Float("lr", 1e-3, 1e-1, sampling="log") > 0.01:
            raise RuntimeError("too fast")
        return build(hp)

    runner = TogetherRunner()
    together = search(runner, "RandomSearch", rows, folder, "together", failing)
    apart = search(SequentialRunner(), "RandomSearch", rows, folder, "apart", failing)
    assert_same(together, apart)
    states = [trial.status for trial in together.oracle.trials.values()]
    assert {"COMPLETED", "FAILED"} == set(states)
    for trial in together.oracle.trials.values():
        assert trial.status == "COMPLETED" or "RuntimeError: too fast" in trial.message


def test_hyperband_goes_on_with_weights_and_epochs(rows, folder):
    runner, how = TogetherRunner(), {"max_epochs": 4, "factor": 2, "batch": 3, "max_trials": None}
    together = search(runner, "Hyperband", rows, folder, "together", how=how)
    assert dict(runner.alone) == {}
    assert runner.lanes == 2 * len(together.oracle.trials) > 12
    apart = search(SequentialRunner(), "Hyperband", rows, folder, "apart", how=how)
    assert_same(together, apart)
    begun = {
        t.hyperparameters.values["tuner/initial_epoch"] for t in together.oracle.trials.values()
    }
    assert begun == {0, 1, 2}


def draws(model, held):
    """A measure that draws: the mean of what the model makes of noise, beside its error."""
    noise = np.asarray(keras.random.normal((8, 5)))
    x, y = held
    error = float(np.mean((model.predict(x, verbose=0) - y) ** 2))
    return error + 0.1 * float(np.mean(model.predict(noise, verbose=0)))


OTHERS = {
    "validation data": ({}, {"validation_split": 0.0, "validation_data": (48, 64)}, None),
    "validation data beside a split": ({}, {"validation_data": (48, 64)}, None),
    "measured": ({"objective": keras_tuner.Objective(draws, "min")},
                 {"validation_split": 0.0, "validation_data": (48, 64)}, None),
    "measured on folds": ({"objective": keras_tuner.Objective(draws, "min")}, {}, 3),
    "weights on folds": ({}, {"sample_weight": np.linspace(0, 2, 64)}, 3),
    "a splitter": ({}, {}, model_selection.KFold(3)),
    "one trial of folds at a time": ({"batch": 1}, {}, 3),
    "later epochs": ({}, {"initial_epoch": 2}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_so_are_other_data_and_objectives(name, rows, folder):
    how, options, cv = OTHERS[name]
    x, y = rows
    if "validation_data" in options:
        first, end = options["validation_data"]
        options = {**options, "validation_data": (x[first:end], y[first:end])}
        x, y = x[:first], y[:first]
    runner = TogetherRunner()
    together = search(runner, "RandomSearch", (x, y), folder, "together", cv=cv, how=how, **options)
    assert (runner.lanes, dict(runner.alone)) == (4 * (3 if cv else 2), {})
    apart = search(
        SequentialRunner(), "RandomSearch", (x, y), folder, "apart", cv=cv, how=how, **options
    )
    assert_same(together, apart)


def spread(hp):
    """Rates from much too small to good ones, so that a pruner finds bad ones early."""
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(hp.Float("rate", 1e-5, 1e-1, sampling="log")), "mse")
    return model


PRUNED = {"sampler": "random", "pruner": "median", "max_trials": 12, "executions_per_trial": 1}


def test_a_pruner_sees_the_trials_of_a_batch_in_their_order(rows, folder):
    def run(name):
        runner, how = TogetherRunner(), {**PRUNED, "batch": 6}
        tuner = search(
            runner, "BayesianOptimization", rows, folder, name, spread, how=how, epochs=6
        )
        return runner, tuner

    runner, together = run("one")
    assert (runner.lanes, dict(runner.alone)) == (12, {})
    trials = together.oracle.trials.values()
    lengths = [len(trial.curves["val_loss"]) for trial in trials]
    pruned = [bool(trial.note.get("pruned")) for trial in trials]
    assert 0 < sum(pruned) < 12
    assert [length < 6 for length in lengths] == pruned
    _, again = run("two")
    assert_same(together, again)


def test_a_pruner_sees_folds_as_one_after_another(rows, folder):
    how, runner = {**PRUNED, "batch": 1}, TogetherRunner()
    both = [
        search(one, "BayesianOptimization", rows, folder, name, spread, 3, how=how, epochs=6)
        for one, name in ((runner, "together"), (SequentialRunner(), "apart"))
    ]
    assert dict(runner.alone) == {}
    assert_same(*both)
    assert any(trial.note.get("pruned") for trial in both[0].oracle.trials.values())


def test_what_lanes_cannot_do_is_left_to_fit(rows, folder):
    runner = TogetherRunner()
    nan = [keras.callbacks.TerminateOnNaN()]
    search(runner, "RandomSearch", rows, folder, "together", callbacks=nan)
    assert dict(runner.alone) == {"TerminateOnNaN looks into the epochs": 4}
