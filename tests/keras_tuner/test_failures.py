"""Searches in which something goes wrong: what is reported, what ends them, what is kept."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import keras_tuner
from graphc.keras_tuner.errors import FailedTrialError, FatalError, FatalTypeError, FatalValueError
from tests.keras_tuner.problems import (
    FIT,
    Grid,
    Random,
    build,
    fixed_rates,
)


class Fussy(keras_tuner.HyperModel):
    def build(self, hp):
        if hp.Int("n", 0, 5) in (1, 3):
            raise ArithmeticError(f"n={hp.get('n')} will not do")
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        results = model.fit(*args, **kwargs)
        return float("nan") if hp.get("n") == 4 else min(results.history["val_loss"])


@pytest.mark.parametrize("error_score", [None, np.nan, 9.0])
def test_failures_are_kept_by_trial(error_score, rows, folder, capsys):
    hp = keras_tuner.HyperParameters()
    for name, value in (("units", 4), ("rate", 0.1), ("lr", 0.01)):
        hp.Fixed(name, value)
    tuner = keras_tuner.GridSearch(
        Fussy(), hyperparameters=hp, error_score=error_score, seed=0, **folder
    )
    tuner.search(*rows, **{**FIT, "verbose": 1})
    trials = {one.hyperparameters.get("n"): one for one in tuner.oracle.trials.values()}
    assert {n: one.status for n, one in trials.items()} == {
        n: "FAILED" if n in (1, 3, 4) else "COMPLETED" for n in range(6)
    }
    assert "ArithmeticError: n=1 will not do" in trials[1].message
    assert "was NaN" in trials[4].message
    for n in (1, 3, 4):
        expected = None if error_score is None else pytest.approx(error_score, nan_ok=True)
        assert trials[n].score == expected
    assert len(tuner.oracle.get_best_trials(9)) == 3
    assert "failed: ArithmeticError: n=3 will not do" in capsys.readouterr().out
    tuner.results_summary()
    assert "n=3 will not do" in capsys.readouterr().out


def fails_from(count):
    made = []

    def function(hp):
        made.append(hp.Float("x", 0, 1))
        if len(made) > count:
            raise ArithmeticError("no more")
        return made[-1]

    return function


def test_many_failures_in_a_row_end_the_search(folder):
    tuner = Random(fails_from(2), max_trials=20, seed=0, **folder)
    with pytest.raises(RuntimeError, match=r"3 trials in a row(.|\n)*no more"):
        tuner.search(verbose=0)
    assert len(tuner.oracle.trials) == 5
    again = Random(lambda hp: hp.Float("x", 0, 1), max_trials=7, seed=0, **folder)
    again.search(verbose=0)
    assert [one.status for one in again.oracle.trials.values()] == (
        2 * ["COMPLETED"] + 3 * ["FAILED"] + 2 * ["COMPLETED"]
    )


def test_error_score_raise_ends_at_the_first(folder):
    tuner = Random(fails_from(1), max_trials=9, error_score="raise", **folder)
    with pytest.raises(ArithmeticError, match="no more"):
        tuner.search(verbose=0)
    assert [one.status for one in tuner.oracle.trials.values()] == ["COMPLETED", "FAILED"]


def test_trials_are_tried_again_if_wanted(folder):
    calls = []

    def function(hp):
        calls.append(hp.Float("x", 0, 1))
        if len(calls) == 1:
            raise ArithmeticError("once")
        if len(calls) == 3:
            raise FailedTrialError("never")
        return calls[-1]

    tuner = Random(function, max_trials=2, max_retries_per_trial=2, seed=0, **folder)
    tuner.search(verbose=0)
    assert calls[0] == calls[1] and len(calls) == 3
    assert [one.status for one in tuner.oracle.trials.values()] == ["COMPLETED", "FAILED"]


def no_model(hp):
    return "a model"


ENDS = [
    ({"hypermodel": no_model}, FatalTypeError, "must return a Keras model"),
    ({"objective": "val_acuracy"}, ValueError, "direction"),
    (
        {"objective": keras_tuner.Objective("val_acuracy", "max")},
        FatalValueError,
        "Did you mean 'val_accuracy'",
    ),
    ({"cv": 1}, FatalValueError, "cv=1"),
    ({"max_trial": 3}, TypeError, "Did you mean 'max_trials'"),
    ({"hypermodel": "model"}, FatalValueError, "'model'"),
    ({"hypermodel": None}, ValueError, "`hypermodel` may be None only"),
    ({"error_score": "ignore"}, ValueError, "'ignore'"),
    ({"tune_new_entries": False}, ValueError, "hyperparameters=None"),
    ({"batch": 0}, ValueError, "batch=0"),
    ({"pruner": "lucky"}, ValueError, "'lucky'"),
]


@pytest.mark.parametrize(("wrong", "error", "words"), ENDS, ids=[words for *_, words in ENDS])
def test_mistakes_end_the_search(wrong, error, words, rows, folder):
    arguments = {"hypermodel": build, "objective": "val_loss", "max_trials": 2, **wrong, **folder}
    split = {} if "cv" in wrong else {"validation_split": 0.2}

    def search():
        keras_tuner.RandomSearch(**arguments).search(*rows, epochs=1, verbose=0, **split)

    with pytest.raises(error, match=words):
        search()


def test_what_fit_misses_is_said(rows, folder):
    tuner = keras_tuner.RandomSearch(build, "val_loss", **folder)
    with pytest.raises(FatalValueError, match="validation_data"):
        tuner.search(*rows, verbose=0)


def test_large_models_are_not_trained(rows, folder):
    tuner = keras_tuner.GridSearch(
        build, "val_loss", max_model_size=40, hyperparameters=fixed_rates(), **folder
    )
    tuner.search(*rows, **FIT)
    assert [one.status for one in tuner.oracle.trials.values()] == ["COMPLETED", "FAILED"]
    assert "57 parameters: over 40" in tuner.oracle.trials["1"].message


def test_fatal_errors_end_the_search_and_keep_what_was_done(folder):
    def function(hp):
        if hp.Int("n", 0, 9) == 3:
            raise FatalError("stop")
        return hp.get("n")

    tuner = Grid(function, **folder)
    with pytest.raises(FatalError):
        tuner.search(verbose=0)
    assert [one.status for one in tuner.oracle.trials.values()] == 3 * ["COMPLETED"] + ["RUNNING"]
