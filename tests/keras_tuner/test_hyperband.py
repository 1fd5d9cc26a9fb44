"""Hyperband: how many models for how long, who goes on, and with which weights. And pruners."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import keras_tuner
from graphc.keras_tuner.tuners.hyperband import Plan
from tests.keras_tuner.problems import build

# (models, epochs) of each round of each bracket; as KerasTuner plans them.
PLANS = [
    (9, 3, [[(9, 1), (3, 3), (1, 9)], [(5, 3), (2, 9)], [(3, 9)]]),
    (4, 2, [[(4, 1), (2, 2), (1, 4)], [(3, 2), (2, 4)], [(3, 4)]]),
    (8, 3, [[(5, 3), (2, 8)], [(3, 8)]]),
    (1, 3, [[(1, 1)]]),
]


@pytest.mark.parametrize(("epochs", "factor", "expected"), PLANS)
def test_plan(epochs, factor, expected):
    plan = Plan(epochs, factor)
    found = [[(plan.size(b, n), plan.epochs(b, n)) for n in range(b + 1)] for b in plan.brackets]
    assert found == expected


@pytest.mark.oracle
@pytest.mark.parametrize(("epochs", "factor"), [(9, 3), (30, 3), (10, 2), (100, 4), (7, 5)])
def test_plan_is_keras_tuners(epochs, factor):
    from keras_tuner.oracles import HyperbandOracle

    other = HyperbandOracle("val_loss", max_epochs=epochs, factor=factor)
    plan = Plan(epochs, factor)
    assert len(plan.brackets) == other._get_num_brackets()
    for bracket in plan.brackets:
        for number in range(bracket + 1):
            assert plan.size(bracket, number) == other._get_size(bracket, number)
            assert plan.epochs(bracket, number) == other._get_epochs(bracket, number)


class Counted(keras_tuner.Hyperband):
    """Scores trials by their width and number of epochs, without models."""

    def run_trial(self, trial, **kwargs):
        hp = trial.hyperparameters
        x = hp.Float("x", 0, 1)
        if self.fails(trial):
            raise ArithmeticError("no")
        return {"score": x - 0.001 * hp.get("tuner/epochs")}

    def fails(self, trial):
        return False


OBJECTIVE = keras_tuner.Objective("score", "min")


def space():
    hp = keras_tuner.HyperParameters()
    hp.Float("x", 0, 1)
    return hp


def rounds_of(tuner):
    found = {}
    for trial in tuner.oracle.trials.values():
        hp = trial.hyperparameters
        found.setdefault((hp["tuner/bracket"], hp["tuner/round"]), []).append(trial)
    return found


@pytest.mark.parametrize("sampler", [None, "tpe"])
def test_the_best_of_each_round_go_on(sampler, folder):
    tuner = Counted(
        None, OBJECTIVE, max_epochs=9, hyperparameters=space(), seed=1, sampler=sampler, **folder
    )
    tuner.search(verbose=0)
    rounds = rounds_of(tuner)
    sizes = {key: len(trials) for key, trials in rounds.items()}
    assert sizes == {(2, 0): 9, (2, 1): 3, (2, 2): 1, (1, 0): 5, (1, 1): 2, (0, 0): 3}
    for (bracket, number), trials in rounds.items():
        if number == 0:
            assert all("tuner/trial_id" not in one.hyperparameters for one in trials)
            continue
        before = sorted(rounds[bracket, number - 1], key=lambda one: one.score)
        parents = [one.hyperparameters["tuner/trial_id"] for one in trials]
        assert sorted(parents) == sorted(one.trial_id for one in before[: len(trials)])
        for trial in trials:
            parent = tuner.oracle.trials[trial.hyperparameters["tuner/trial_id"]].hyperparameters
            assert trial.hyperparameters["x"] == parent["x"]
            assert trial.hyperparameters["tuner/initial_epoch"] == parent["tuner/epochs"]


def test_iterations_and_resuming(tmp_path):
    class Broken(Counted):
        calls = 0

        def fails(self, trial):
            type(self).calls += 1
            if self.calls == 12:
                raise KeyboardInterrupt
            return False

    arguments = {
        "objective": OBJECTIVE, "max_epochs": 4, "factor": 2, "hyperband_iterations": 2, "seed": 1,
        "hyperparameters": space(), "directory": tmp_path,
    }  # fmt: skip
    whole = Counted(project_name="whole", **arguments)
    whole.search(verbose=0)
    assert len(whole.oracle.trials) == 2 * (4 + 2 + 1 + 3 + 2 + 3)
    broken = Broken(project_name="broken", **arguments)
    with pytest.raises(KeyboardInterrupt):
        broken.search(verbose=0)
    other = Counted(project_name="broken", **arguments)
    other.search(verbose=0)
    found, wanted = (
        [(one.hyperparameters.values, one.score) for one in tuner.oracle.trials.values()]
        for tuner in (other, whole)
    )
    assert found == wanted


def test_failed_trials_do_not_stop_a_bracket(folder):
    class Failing(Counted):
        def fails(self, trial):
            return trial.hyperparameters["tuner/round"] == 0 and int(trial.trial_id) % 2

    tuner = Failing(
        None, OBJECTIVE, max_epochs=9, hyperparameters=space(), seed=1, error_score=9.0, **folder
    )
    tuner.search(verbose=0)
    sizes = {key: len(trials) for key, trials in rounds_of(tuner).items()}
    assert sizes[2, 0] == 9 and sizes[2, 1] == 3 and sizes[2, 2] == 1


def test_training_goes_on_with_the_weights_of_the_round_before(rows, folder):
    begun = []

    class Watched(keras_tuner.Hyperband):
        def on_epoch_begin(self, trial, model, epoch, logs=None):
            begun.append((trial.trial_id, epoch))

        def _build_hypermodel(self, hp):
            model = super()._build_hypermodel(hp)
            past = hp.values.get("tuner/trial_id")
            if past is not None:
                trial = self.oracle.trials[past]
                logs = model.evaluate(rows[0][48:], rows[1][48:], verbose=0)
                assert logs[0] == pytest.approx(trial.score, rel=1e-4)
                assert int(model.optimizer.iterations) > 0
            return model

    tuner = Watched(build, "val_loss", max_epochs=4, factor=2, seed=0, **folder)
    tuner.search(*rows, validation_split=0.25, batch_size=16, verbose=0)
    for trial in tuner.oracle.trials.values():
        assert trial.status == "COMPLETED", trial.message
        hp = trial.hyperparameters
        epochs = [epoch for name, epoch in begun if name == trial.trial_id]
        assert epochs == list(range(hp["tuner/initial_epoch"], hp["tuner/epochs"]))


def test_wrong_plans_are_refused(folder):
    for wrong in ({"factor": 1}, {"max_epochs": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Counted(None, OBJECTIVE, **wrong, **folder)


def test_pruners_stop_trials_that_lag_behind(rows, folder):
    import optuna

    study = optuna.create_study(direction="minimize")
    tuner = keras_tuner.RandomSearch(
        build,
        "val_loss",
        max_trials=6,
        seed=0,
        study=study,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1),
        **folder,
    )
    tuner.search(*rows, epochs=4, validation_split=0.25, verbose=0)
    lengths = [len(one.curves["val_loss"]) for one in tuner.oracle.trials.values()]
    states = [one.state.name for one in study.trials]
    assert lengths[:2] == [4, 4] and min(lengths) < 4
    assert states == ["PRUNED" if length < 4 else "COMPLETE" for length in lengths]
    assert np.isfinite([one.score for one in tuner.oracle.trials.values()]).all()
