"""What a search shows while it runs, and what it says of time."""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

import numpy as np
import optuna
import pytest
from rich.console import Console
from sklearn import model_selection
from sklearn.metrics import make_scorer, mean_absolute_error

from graphc import keras
from graphc.sklearn import BayesSearchCV, GridSearchCV, KerasRegressor, RandomizedSearchCV
from graphc.sklearn.watching import SearchTable

X = np.random.default_rng(0).normal(size=(60, 4))
Y = X @ np.arange(4.0)


def build(rate: float = 0.01, units: int = 3) -> Any:
    if units < 0:
        raise RuntimeError("no such layer")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def regressor(**options: Any) -> Any:
    given = {"epochs": 3, "batch_size": 16, "random_state": 0, **options}
    return KerasRegressor(build, rate=0.01, units=3, **given)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Any:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr("graphc.report.live.Console", lambda: console)
    return console


def test_a_line_a_candidate_where_there_is_no_terminal(capsys: Any) -> None:
    search = GridSearchCV(regressor(), {"rate": [0.001, 0.01]}, cv=2, verbose=1).fit(X, Y)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "Fitting 2 folds for each of 2 candidates, totalling 4 fits"  # scikit-learn's
    means = search.cv_results_["mean_test_score"]
    for number, (rate, line) in enumerate(zip(["0.001", "0.01"], lines, strict=False)):
        pattern = rf"candidate {number} \[.*s\] score {means[number]:.5g} \| rate={rate}"
        assert re.fullmatch(pattern, line)
    best = f"best {max(means):.5g} (candidate {means.argmax()})"
    assert re.fullmatch(rf"4/4 fits · .* a minute · {re.escape(best)}", lines[-1])
    assert len(lines) == 3


def test_a_table_in_place_on_a_terminal(terminal: Any) -> None:
    RandomizedSearchCV(regressor(), {"rate": [0.001, 0.01, 0.02]}, n_iter=2, cv=2, verbose=1).fit(
        X, Y
    )
    text = terminal.file.getvalue()
    assert "candidate" in text and "scored" in text and "rate=" in text
    assert "4/4 fits" in text
    assert "\x1b[" in text  # it changes in place


def test_failed_candidates_are_shown_as_such(capsys: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        GridSearchCV(regressor(), {"units": [-1, 3]}, cv=2, verbose=1).fit(X, Y)
    out = capsys.readouterr().out
    assert re.search(r"candidate 0 \[.*\] failed \| units=-1", out)
    assert re.search(r"candidate 1 \[.*\] score .* \| units=3", out)


def test_a_bayesian_search_knows_how_many_will_come(capsys: Any) -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    BayesSearchCV(
        regressor(), {"rate": (0.001, 0.01)}, n_iter=4, n_points=2, cv=2, verbose=1, random_state=0
    ).fit(X, Y)
    optuna.logging.set_verbosity(before)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("candidate 3 [")]
    assert lines[-1].startswith("8/8 fits")


def test_it_says_how_far_lanes_are() -> None:
    table, seen = SearchTable(), []
    table.begin([{"rate": 0.1}, {"rate": 0.2}], folds=2).part(0)

    class Lane:
        epochs = 5

    class Trained:
        lane, epochs = Lane(), 3

    with table:
        table.expect(Trained.lane, 1)
        table.observe(Trained, False)
        seen.append(table.rows[1].state)
        table.observe(Trained, True)
        seen.append(table.rows[1].state)
        assert table.title().startswith("1/4 fits")
        table.observe(type("Other", (), {"lane": Lane()}), True)  # of a part before: nobody's
    assert seen == ["0/2 trained, epoch 3/5", "1/2 trained"]
    assert table.rows[0].state == "waiting"


@pytest.mark.parametrize("scoring", [
    None, "r2", make_scorer(mean_absolute_error, greater_is_better=False), ["r2", "neg_max_error"],
    lambda estimator, X, y: float(estimator.predict(X).mean()),
], ids=["own", "name", "scorer", "several", "function"])  # fmt: skip
def test_scores_and_scorers_are_those_of_a_silent_search(scoring: Any, capsys: Any) -> None:
    refit = "r2" if isinstance(scoring, list) else True
    options = {"scoring": scoring, "refit": refit, "cv": 2, "return_train_score": True}
    silent, shown, theirs = (
        kind(regressor(), {"rate": [0.001, 0.01]}, **options, verbose=verbose).fit(X, Y)
        for kind, verbose in [
            (GridSearchCV, 0), (GridSearchCV, 1), (model_selection.GridSearchCV, 0),
        ]
    )  # fmt: skip
    for key, values in silent.cv_results_.items():
        if "time" not in key:
            np.testing.assert_array_equal(values, shown.cv_results_[key])
    assert type(shown.scorer_) is type(theirs.scorer_)
    name = "r2" if isinstance(scoring, list) else "score"
    means = shown.cv_results_[f"mean_test_{name}"]
    assert f"score {means[0]:.5g} |" in capsys.readouterr().out
    assert shown.score(X, Y) == pytest.approx(theirs.score(X, Y), abs=1e-5)


def test_the_time_of_a_fit_is_told_though_it_was_done_beside_others() -> None:
    search = GridSearchCV(regressor(epochs=20), {"rate": [0.001, 0.01]}, cv=3).fit(X, Y)
    times = search.cv_results_["mean_fit_time"]
    assert times[0] == times[1] > 0
    alone = regressor(epochs=20).fit(X, Y)
    assert alone.history_.keys()
    assert (search.cv_results_["std_fit_time"] == 0).all()
