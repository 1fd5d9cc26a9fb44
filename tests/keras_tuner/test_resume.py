"""A search that was killed goes on where it was: with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphc import keras_tuner
from tests.keras_tuner.problems import Bayes, Grid, Random

ROOT = Path(__file__).parents[2]
SEARCH = """
import sys, time
import numpy as np
from graphc import keras_tuner
from tests.keras_tuner.problems import build

class Slow(keras_tuner.{kind}):
    def on_epoch_end(self, trial, model, epoch, logs=None):
        if len(self.oracle.trials) == 3 and epoch == 1 and {hangs}:
            print("third", flush=True)
            time.sleep(100)

x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
y = (x[:, 0] > 0).astype("int32")
tuner = Slow(build, "val_loss", max_trials=5, seed=2, directory=sys.argv[1], project_name="search")
tuner.search(x, y, epochs=2, validation_split=0.25, batch_size=16, verbose=0)
print("done", flush=True)
"""


def begin(folder, kind, hangs):
    command = [sys.executable, "-c", SEARCH.format(kind=kind, hangs=hangs), str(folder)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."}
    )


def trials_in(folder):
    files = sorted(folder.glob("search/trial_*/trial.json"))
    return [json.loads(path.read_text()) for path in files]


def facts(trial):
    return trial["hyperparameters"]["values"], trial["score"], trial["curves"], trial["status"]


@pytest.mark.parametrize("kind", ["RandomSearch", "BayesianOptimization"])
def test_a_killed_search_goes_on(kind, tmp_path):
    """Finished trials stay as they are, the interrupted one is run again, and all is the same."""
    with begin(tmp_path / "killed", kind, hangs=True) as process:
        assert process.stdout.readline() == "third\n"
        process.send_signal(signal.SIGKILL)
    before = trials_in(tmp_path / "killed")
    assert [one["status"] for one in before] == ["COMPLETED", "COMPLETED", "RUNNING"]
    stamps = [path.stat().st_mtime_ns for path in sorted((tmp_path / "killed").rglob("*_[01]/*"))]
    for name in ("killed", "whole"):
        process = begin(tmp_path / name, kind, hangs=False)
        assert process.communicate(timeout=200)[0] == "done\n"
    after, whole = trials_in(tmp_path / "killed"), trials_in(tmp_path / "whole")
    assert after[:2] == before[:2]
    assert stamps == [
        path.stat().st_mtime_ns for path in sorted((tmp_path / "killed").rglob("*_[01]/*"))
    ]
    assert list(map(facts, after)) == list(map(facts, whole))
    assert len(after) == 5


def interrupted(at):
    made = []

    def function(hp):
        made.append(hp.Float("x", 0, 1))
        hp.Choice("n", [1, 2, 3])
        if len(made) == at:
            raise KeyboardInterrupt
        return made[-1]

    return function


@pytest.mark.parametrize("kind", [Random, Grid, Bayes], ids=["random", "grid", "bayes"])
def test_an_interrupted_search_goes_on_in_this_process_and_in_another(kind, tmp_path):
    arguments = {"max_trials": 12, "seed": 1, "directory": tmp_path}
    whole = kind(interrupted(0), project_name="whole", **arguments)
    whole.search(verbose=0)
    broken = kind(interrupted(4), project_name="broken", **arguments)
    with pytest.raises(KeyboardInterrupt):
        broken.search(verbose=0)
    other = kind(interrupted(9), project_name="broken", **arguments)
    assert other.remaining_trials == 8
    with pytest.raises(KeyboardInterrupt):
        other.search(verbose=0)
    other.search(verbose=0)
    found, wanted = (
        [(one.hyperparameters.values, one.score) for one in tuner.oracle.trials.values()]
        for tuner in (other, whole)
    )
    assert found == wanted


def test_a_finished_search_is_read_and_not_run_again(tmp_path):
    arguments = {"max_trials": 3, "directory": tmp_path, "project_name": "search"}
    first = Random(lambda hp: hp.Float("x", 0, 1), **arguments)
    first.search(verbose=0)
    calls = []
    again = Random(calls.append, **arguments)
    again.search(verbose=0)
    assert calls == []
    assert again.oracle.seed == first.oracle.seed
    best = [tuner.get_best_hyperparameters()[0].values for tuner in (first, again)]
    assert best[0] == best[1]
    Random(calls.append, overwrite=True, **arguments)
    assert not list((tmp_path / "search").glob("trial_*"))


def test_a_project_of_another_kind_is_refused(tmp_path):
    arguments = {"max_trials": 3, "directory": tmp_path, "project_name": "search"}
    Random(lambda hp: 1.0, **arguments)
    with pytest.raises(RuntimeError, match="overwrite=True"):
        Grid(lambda hp: 1.0, **arguments)


SHARED = """
import sys, time
from graphc import keras_tuner

class Search(keras_tuner.BayesianOptimization):
    def run_trial(self, trial, **kwargs):
        time.sleep(0.05)
        return (trial.hyperparameters.Float("x", -1, 1) - 0.3) ** 2

tuner = Search(
    None, max_trials=12, seed=1, directory=sys.argv[1], project_name="search", storage=sys.argv[2]
)
tuner.search(verbose=0)
print(len(tuner.oracle.trials), tuner.oracle.get_best_trials()[0].score)
"""


@pytest.mark.parametrize("same_folder", [True, False])
def test_processes_share_a_study(same_folder, tmp_path):
    """Two processes make the trials of one search between them, and see each other's."""
    url = f"sqlite:///{tmp_path}/study.db"
    folders = [tmp_path / "a", tmp_path / ("a" if same_folder else "b")]
    processes = []
    for folder in folders:
        command = [sys.executable, "-c", SHARED, str(folder), url]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        time.sleep(0.5)
    answers = [process.communicate(timeout=200)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    import optuna

    study = optuna.load_study(study_name="search", storage=url)
    done = [one for one in study.trials if one.state.name == "COMPLETE"]
    assert 12 <= len(done) <= 13  # both may start the last one at the same moment
    # The one that ends first does not wait for what the other is still at.
    values = [float(best) for _, best in answers]
    assert min(values) == pytest.approx(study.best_value)
    assert set(values) <= {one.value for one in done}


def test_a_study_of_the_users_is_asked_and_told(tmp_path):
    import optuna

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    tuner = Bayes(lambda hp: hp.Float("x", 0, 1), study=study, max_trials=4, directory=tmp_path)
    tuner.search(verbose=0)
    assert [one.value for one in study.trials] == [
        one.score for one in tuner.oracle.trials.values()
    ]
    assert study.best_params == {"x": tuner.get_best_hyperparameters()[0].get("x")}
    other = keras_tuner.Objective("x", "max")
    with pytest.raises(ValueError, match="minimize"):
        Bayes(lambda hp: 1.0, other, study=study, directory=tmp_path, overwrite=True)


def test_a_study_in_memory_draws_the_same_in_every_process(tmp_path, monkeypatch):
    import optuna

    drawn = []
    for name in ("one", "other"):
        monkeypatch.setattr("graphc.keras_tuner.engine.oracle.this_worker", lambda name=name: name)
        study = optuna.create_study()
        tuner = Random(
            lambda hp: hp.Float("x", 0, 1), study=study, max_trials=3, seed=1,
            directory=tmp_path, project_name=name,
        )  # fmt: skip
        tuner.search(verbose=0)
        drawn.append([trial.hyperparameters.values for trial in tuner.oracle.trials.values()])
    assert drawn[0] == drawn[1]
