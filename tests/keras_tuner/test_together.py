"""Trials as lanes are what they are one after another."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import keras, keras_tuner
from graphc.keras_tuner.engine.runner import SequentialRunner
from graphc.keras_tuner.engine.together import TogetherRunner
from tests.keras_tuner.problems import FIT, build, values

KINDS = ("RandomSearch", "GridSearch", "BayesianOptimization")


def search(runner, kind, rows, folder, name, builder=build, cv=None, **options):
    tuner = getattr(keras_tuner, kind)(
        builder, "val_loss", max_trials=4, seed=1, batch=2, runner=runner,
        directory=folder["directory"], project_name=name, cv=cv,
        executions_per_trial=1 if cv else 2,
        max_consecutive_failed_trials=9,
    )  # fmt: skip
    fit = {**FIT, "epochs": 4, **({"validation_split": 0.0} if cv else {})}
    tuner.search(*rows, **fit, **options)
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


def test_what_lanes_cannot_do_is_left_to_fit(rows, folder):
    runner = TogetherRunner()
    nan = [keras.callbacks.TerminateOnNaN()]
    search(runner, "RandomSearch", rows, folder, "together", callbacks=nan)
    assert dict(runner.alone) == {"TerminateOnNaN looks into the epochs": 4}
