"""Searches to look at: frames, pictures, pages, tables, what is shown while they run."""

from __future__ import annotations

import io
import math
import re
import warnings
from html.parser import HTMLParser

import numpy as np
import optuna
import pytest
from rich.console import Console
from scipy import stats
from sklearn import preprocessing
from sklearn.pipeline import make_pipeline

import graphc.sklearn
from graphc import keras, keras_tuner
from graphc.keras_tuner.seeing.importance import importance
from graphc.keras_tuner.seeing.records import Record, SearchRecord, read_search
from tests.keras_tuner.problems import Random, build


def scored(hp):
    x = hp.Float("x", 1e-4, 1, sampling="log")
    kind = hp.Choice("kind", ["a", "b"])
    if hp.Int("n", 0, 3) == 2:
        raise ArithmeticError("two")
    return {"score": abs(math.log10(x) + 2) + (kind == "b")}


@pytest.fixture
def tuner(folder):
    search = Random(
        scored,
        keras_tuner.Objective("score", "min"),
        max_trials=25,
        seed=1,
        error_score=np.nan,
        **folder,
    )
    search.search(verbose=0)
    return search


def test_frame_of_a_tuner(tuner):
    frame = keras_tuner.to_frame(tuner)
    assert list(frame.columns) == ["trial", "state", "score", "seconds", "x", "kind", "n"]
    assert len(frame) == 25
    done = frame[frame.state == "completed"]
    assert set(done.n) == {0, 1, 3}
    expected = (np.log10(done.x) + 2).abs() + (done.kind == "b")
    np.testing.assert_allclose(done.score, expected)
    assert frame[frame.state == "failed"].score.isna().all()


def test_frame_of_a_study():
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
    frame = keras_tuner.to_frame(study)
    assert list(frame.score) == list(frame.x)
    assert read_search(study).best_first[0].score == study.best_value


def test_frame_of_a_search_of_scikit_learn():
    from sklearn import model_selection, tree

    x = np.random.default_rng(0).normal(size=(60, 3))
    search = model_selection.GridSearchCV(
        tree.DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, cv=3
    ).fit(x, x[:, 0] > 0)
    frame = keras_tuner.to_frame(search)
    assert list(frame.max_depth) == [1, 2, 3]
    np.testing.assert_allclose(frame.score, search.cv_results_["mean_test_score"])


def test_a_search_of_scikit_learn_over_values_of_all_kinds(tmp_path):
    """Tuples, None, NumPy's numbers, estimators; several scores, of which one counts."""
    x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    y = (x[:, 0] > 0).astype(int)
    space = {
        "mlpclassifier__hidden_layer_sizes": [(4,), (3, 3)],
        "mlpclassifier__max_iter": stats.randint(2, 6),
        "mlpclassifier__batch_size": [8, "auto"],
        "mlpclassifier__random_state": [None, 1],
        "standardscaler": ["passthrough", preprocessing.StandardScaler(), None],
    }
    pipeline = make_pipeline(
        preprocessing.StandardScaler(), graphc.sklearn.MLPClassifier(hidden_layer_sizes=(4,))
    )
    search = graphc.sklearn.RandomizedSearchCV(
        pipeline, space, n_iter=8, cv=2, random_state=0, scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(x, y)
    assert search.trainings_.lanes == 16
    found = read_search(search)
    assert found.objective == "mean_test_neg_log_loss"
    assert found.best_first[0].score == search.best_score_
    for one, params, history in zip(
        found.trials, search.cv_results_["params"], search.histories_, strict=True
    ):
        assert one.values == params
        assert one.curves == history
        assert len(history["loss"]) <= params["mlpclassifier__max_iter"]
    figure = keras_tuner.plot_search(search, tmp_path / "search.html")
    parallel, curves = figure.axes[1], figure.axes[3]
    texts = {text.get_text() for text in parallel.texts}
    assert {"(4,)", "(3, 3)", "None", "passthrough", "StandardScaler()"} <= texts
    assert len(curves.lines) == 8 and curves.get_ylabel() == "loss"
    values = [params["mlpclassifier__max_iter"] for params in search.cv_results_["params"]]
    assert {str(min(values)), str(max(values))} <= texts  # numbers, not kinds
    page = (tmp_path / "search.html").read_text()
    assert "<td>(3, 3)</td>" in page and "<td>None</td>" in page
    frame = keras_tuner.to_frame(search)
    assert list(frame["mlpclassifier__hidden_layer_sizes"]) == [
        params["mlpclassifier__hidden_layer_sizes"] for params in search.cv_results_["params"]
    ]
    assert (frame.seconds > 0).all()


def test_histories_are_the_means_of_the_folds():
    x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    estimator = graphc.sklearn.KerasRegressor(line, rate=0.1, epochs=3, random_state=0)
    folds = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    search = graphc.sklearn.GridSearchCV(estimator, {"rate": [0.01, 0.1]}, cv=folds)
    search.fit(x, x.sum(1))
    for rate, history in zip([0.01, 0.1], search.histories_, strict=True):
        losses = []
        for chosen, _ in folds:
            alone = graphc.sklearn.KerasRegressor(line, rate=rate, epochs=3, random_state=0)
            losses.append(alone.fit(x[chosen], x[chosen].sum(1)).history_["loss"])
        np.testing.assert_allclose(history["loss"], np.mean(losses, 0), rtol=1e-6)


def line(rate=0.1):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def test_what_is_no_search_is_refused():
    with pytest.raises(TypeError, match="Received: dict"):
        keras_tuner.plot_search({})


def test_importance_finds_what_matters():
    rng = np.random.default_rng(0)
    trials = []
    for number in range(200):
        values = {"x": rng.uniform(), "noise": rng.uniform(), "kind": str(rng.choice(["a", "b"]))}
        if rng.uniform() < 0.5:
            values["seldom"] = rng.uniform()
        score = 3 * values["x"] + (values["kind"] == "a") + 0.1 * rng.normal()
        trials.append(Record(str(number), values, score, "completed"))
    found = importance(SearchRecord("score", "min", tuple(trials)))
    assert found["x"] > 0.5 > found["kind"] > 0.05
    assert found["noise"] < 0.05 and found["seldom"] < 0.05
    few = importance(SearchRecord("score", "min", tuple(trials[:2])))
    assert set(few.values()) == {0}


def test_picture_shows_the_best_so_far_and_the_learning(rows, folder, tmp_path):
    search = keras_tuner.RandomSearch(build, "val_loss", max_trials=3, seed=0, **folder)
    search.search(*rows, epochs=3, validation_split=0.25, verbose=0)
    figure = keras_tuner.plot_search(search, tmp_path / "search.png")
    history, parallel, bars, curves = figure.axes
    scores = [trial.score for trial in search.oracle.trials.values()]
    np.testing.assert_allclose(history.lines[0].get_ydata(), scores)
    np.testing.assert_allclose(history.lines[1].get_ydata(), np.minimum.accumulate(scores))
    assert [label.get_text() for label in parallel.get_xticklabels()] == ["units", "rate", "lr"]
    assert len(bars.patches) == 3
    best = search.oracle.get_best_trials()[0]
    np.testing.assert_allclose(curves.lines[0].get_ydata(), best.curves["val_loss"])
    assert curves.get_ylabel() == "val_loss"
    assert (tmp_path / "search.png").stat().st_size > 10_000


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]


def test_page_needs_nothing_else(tuner, tmp_path):
    keras_tuner.to_html(tuner, tmp_path / "search.html")
    keras_tuner.plot_search(tuner, tmp_path / "same.html")
    text = (tmp_path / "search.html").read_text()
    page = Page()
    page.feed(text)
    assert page.tags.count("svg") == 1 and page.tags.count("tr") == 26
    assert all(link.startswith("#") for link in page.links)
    assert "script" not in page.tags and "@import" not in text and "url(http" not in text
    best = tuner.oracle.get_best_trials()[0]
    first = re.search(r"<tbody>\s*<tr><td>(\d+)", text)
    assert first.group(1) == best.trial_id
    assert abs(len((tmp_path / "same.html").read_text()) - len(text)) < 2000


@pytest.mark.parametrize("draw", [keras_tuner.plot_search, keras_tuner.to_frame])
def test_a_search_without_results_can_be_looked_at(draw, folder):
    draw(Random(scored, keras_tuner.Objective("score", "min"), max_trials=1, **folder))


def test_hall_of_fame(tuner):
    console = Console(file=io.StringIO(), width=120)
    console.print(tuner.hall_of_fame(3))
    text = console.file.getvalue()
    best = tuner.oracle.get_best_trials(3)
    places = [text.index(trial.trial_id) for trial in best if trial.trial_id in text]
    assert len(places) == 3 and "score (min)" in text and "kind" in text


def test_lines_where_there_is_no_terminal(folder, capsys):
    search = Random(
        scored,
        keras_tuner.Objective("score", "min"),
        max_trials=6,
        seed=1,
        error_score=1.0,
        **folder,
    )
    search.search(verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:7] for line in lines[:6]] == [f"trial {n}" for n in range(6)]
    assert re.match(r"6/6 trials · [\d.e+]+ a minute · best score [\d.]+ \(\d\)", lines[6])
    search.search(verbose=0)
    assert capsys.readouterr().out == ""


def test_a_table_in_place_on_a_terminal(rows, folder):
    search = keras_tuner.RandomSearch(build, "val_loss", max_trials=2, seed=0, **folder)
    console = Console(file=io.StringIO(), force_terminal=True, width=110)
    shown = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            shown.append(search.display.title())

    search.display.console = console
    search.search(*rows, epochs=2, validation_split=0.25, callbacks=[Watch()])
    text = console.file.getvalue()
    assert "2/2 trials" in text and "completed" in text and "units=" in text
    assert shown[0] == "0/2 trials"
    assert re.match(r"1/2 trials · [\d.]+ a minute · about .* left · best val_loss", shown[-1])
    assert "step" not in text  # the bars of `fit` would break the table


def test_summaries(tuner, capsys):
    tuner.search_space_summary()
    text = capsys.readouterr().out
    assert "Default search space size: 3" in text and "kind (Choice)" in text
    tuner.results_summary(2)
    text = capsys.readouterr().out
    assert text.count("summary") == 3 and 'Objective(name="score", direction="min")' in text
    assert "failed: ArithmeticError: two" in text
