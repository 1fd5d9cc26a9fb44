"""Searches: what is tried, what is kept, what is shared, what goes wrong."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from graphc import cache_info, keras, keras_tuner
from tests.keras_tuner.problems import (
    FIT,
    Bayes,
    Grid,
    Random,
    build,
    parabola,
    scores,
    values,
)


def test_random_search_of_models(rows, folder):
    tuner = keras_tuner.RandomSearch(build, "val_loss", max_trials=4, seed=1, **folder)
    tuner.search(*rows, **FIT)
    best = tuner.oracle.get_best_trials(4)
    assert [one.score for one in best] == sorted(scores(tuner))
    assert best[0].score == min(best[0].curves["val_loss"])
    assert best[0].best_step == int(np.argmin(best[0].curves["val_loss"]))
    assert tuner.get_best_hyperparameters()[0].values == best[0].hyperparameters.values
    models = tuner.get_best_models(2)
    held = rows[0][48:], rows[1][48:]
    for model, trial in zip(models, best, strict=False):
        assert model.evaluate(*held, verbose=0)[0] == pytest.approx(trial.score, rel=1e-4)


@pytest.mark.parametrize("kind", [Random, Bayes, Grid], ids=["random", "bayes", "grid"])
def test_the_same_seed_makes_the_same_search(kind, tmp_path):
    found = []
    for seed, name in ((3, "a"), (3, "b"), (4, "c")):
        tuner = kind(parabola, max_trials=14, seed=seed, directory=tmp_path, project_name=name)
        tuner.search(verbose=0)
        found.append(values(tuner))
    assert found[0] == found[1]
    assert (found[0] != found[2]) == (kind is not Grid)
    assert len({str(one) for one in found[0]}) == 14


def test_the_same_seed_trains_the_same_models(rows, tmp_path):
    found = []
    for name in "ab":
        tuner = keras_tuner.RandomSearch(
            build, "val_loss", max_trials=2, seed=5, directory=tmp_path, project_name=name
        )
        tuner.search(*rows, **FIT)
        found.append(scores(tuner))
    assert found[0] == found[1]


def test_trials_of_equal_structure_share_programs(rows, folder):
    hp = keras_tuner.HyperParameters()
    hp.Fixed("units", 6)
    tuner = keras_tuner.RandomSearch(
        build, "val_loss", max_trials=4, seed=1, hyperparameters=hp, **folder
    )
    counts = []
    tuner.on_trial_end = lambda trial: (
        counts.append(cache_info().misses),
        keras_tuner.Tuner.on_trial_end(tuner, trial),
    )
    tuner.search(*rows, **FIT)
    assert len({one["lr"] for one in values(tuner)}) == 4
    assert counts == [counts[0]] * 4


def test_grid_search_goes_through_all(folder):
    tuner = Grid(
        lambda hp: hp.Int("a", 0, 2) + 10 * hp.Choice("b", [1, 0, 3], default=3), seed=0, **folder
    )
    tuner.search(verbose=0)
    found = [(one["a"], one["b"]) for one in values(tuner)]
    assert found[0] == (0, 3)
    assert sorted(found) == [(a, b) for a in range(3) for b in (0, 1, 3)]
    assert tuner.get_best_hyperparameters()[0].values == {"a": 0, "b": 0}


def by_model(hp):
    kind = hp.Choice("model", ["mlp", "cnn"])
    with hp.conditional_scope("model", ["mlp"]):
        units = hp.Int("units", 1, 3)
    with hp.conditional_scope("model", ["cnn"]):
        filters = hp.Choice("filters", [8, 16])
    return units if kind == "mlp" else 0.1 * filters


@pytest.mark.parametrize(("kind", "most"), [(Grid, None), (Random, 50), (Bayes, 50)])
def test_conditions_leave_out_what_is_inactive(kind, most, folder):
    """Five sets of values, each tried once, whatever chooses them."""
    tuner = kind(by_model, max_trials=most, seed=0, **folder)
    tuner.search(verbose=0)
    wanted = [{"model": "mlp", "units": units} for units in (1, 2, 3)]
    wanted += [{"model": "cnn", "filters": filters} for filters in (8, 16)]
    found = values(tuner)
    assert sorted(map(str, found)) == sorted(map(str, wanted))


def test_builders_are_seen_under_every_condition(folder):
    def layered(hp):
        model = keras.Sequential([keras.Input((5,))])
        if hp.Boolean("deep"):
            with hp.conditional_scope("deep", [True]):
                model.add(keras.layers.Dense(hp.Int("width", 2, 4)))
        with hp.conditional_scope("deep", [True]):
            hp.Float("depth_rate", 0, 1)
        model.add(keras.layers.Dense(1))
        model.compile("sgd", "mse")
        return model

    tuner = keras_tuner.RandomSearch(layered, "loss", **folder)
    names = [hp.name for hp in tuner.oracle.get_space().space]
    assert names == ["deep", "depth_rate", "width"]


def test_an_empty_space_is_tried_once(folder):
    for kind in (Grid, Random):
        tuner = kind(lambda hp: 1.0, overwrite=True, **folder)
        tuner.search(verbose=0)
        assert scores(tuner) == [1.0]


def valley(hp):
    """A problem of five numbers and a choice; 0 is best."""
    rate = hp.Float("rate", 1e-5, 1, sampling="log")
    kind = hp.Choice("kind", ["a", "b", "c"])
    near = sum((hp.Float(f"x{n}", -3, 3) - n) ** 2 for n in range(3))
    return near + (np.log10(rate) + 3) ** 2 + {"a": 0, "b": 4, "c": 9}[kind]


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_bayes_knows_more_than_chance(sampler, folder):
    medians = []
    for kind, extra in ((Random, {}), (Bayes, {"sampler": sampler})):
        best = []
        for seed in range(3):
            tuner = kind(valley, max_trials=40, seed=seed, overwrite=True, **extra, **folder)
            tuner.search(verbose=0)
            best.append(tuner.oracle.get_best_trials()[0].score)
        medians.append(np.median(best))
    assert medians[1] < 0.5 * medians[0]


def test_results_may_be_of_many_kinds(folder):
    for result, score in (
        (lambda hp: 2, 2),
        (lambda hp: np.float32(2), 2),
        (lambda hp: {"val": 1.0, "other": 3}, 1),
        (lambda hp: [{"val": 1.0}, {"val": 2.0}], 1.5),
    ):
        objective = keras_tuner.Objective("val", "min")
        tuner = Random(result, objective, max_trials=1, overwrite=True, **folder)
        tuner.search(verbose=0)
        assert scores(tuner) == [score]


def test_objectives_may_be_sums_and_functions(rows, folder):
    measured = []

    def weights_norm(model, held):
        measured.append(float(np.linalg.norm(model.get_weights()[0])))
        assert len(held) == 2
        return measured[-1]

    fit = {**FIT, "validation_split": 0.0, "validation_data": (rows[0][:8], rows[1][:8])}
    tuner = keras_tuner.RandomSearch(build, weights_norm, max_trials=3, seed=0, **folder)
    tuner.search(*rows, **fit)
    assert scores(tuner) == measured
    assert tuner.oracle.objective.direction == "min"
    best = tuner.get_best_models()[0]
    assert np.linalg.norm(best.get_weights()[0]) == pytest.approx(min(measured), rel=1e-6)

    both = ["val_loss", keras_tuner.Objective("val_accuracy", "max")]
    tuner = keras_tuner.RandomSearch(build, both, max_trials=2, overwrite=True, **folder)
    tuner.search(*rows, **fit)
    for trial in tuner.oracle.trials.values():
        curves = trial.curves
        sums = np.subtract(curves["val_loss"], curves["val_accuracy"])
        assert trial.score == pytest.approx(sums.min())


def test_batches_of_trials_are_asked_for_and_kept_one_by_one(folder):
    seen = []

    class Backwards:
        def run(self, tuner, trials, args, kwargs):
            seen.append([one.trial_id for one in trials])
            for trial in reversed(trials):
                result = tuner.run_trial(trial, *args, **kwargs)
                yield keras_tuner.TrialResult(trial, result)

    hp = keras_tuner.HyperParameters()
    parabola(hp)
    for kind in (Random, Bayes, Grid):
        arguments = {"hyperparameters": hp, "overwrite": True, **folder}
        tuner = kind(parabola, max_trials=5, batch=2, runner=Backwards(), **arguments)
        tuner.search(verbose=0)
        assert len({str(one) for one in values(tuner)}) == 5
        assert [one.ended for one in tuner.oracle.trials.values()] == [1, 0, 3, 2, 4]
    assert seen == 3 * [["0", "1"], ["2", "3"], ["4"]]


def test_callbacks_are_copied_and_hooks_called(rows, folder):
    class Counting(keras.callbacks.Callback):
        count = 0

        def on_epoch_end(self, epoch, logs=None):
            self.count += 1
            assert self.count <= 2

    class Hooked(keras_tuner.RandomSearch):
        calls: ClassVar = []

        def on_epoch_end(self, trial, model, epoch, logs=None):
            self.calls.append((trial.trial_id, epoch, "val_loss" in logs))

        def on_batch_end(self, trial, model, batch, logs=None):
            self.calls.append(batch)

    callback = Counting()
    tuner = Hooked(build, "val_loss", max_trials=2, executions_per_trial=2, **folder)
    tuner.search(*rows, callbacks=[callback], **FIT)
    assert callback.count == 0
    epochs = [("0", 0, True), ("0", 1, True)] * 2 + [("1", 0, True), ("1", 1, True)] * 2
    assert [one for one in tuner.calls if isinstance(one, tuple)] == epochs
    assert [one for one in tuner.calls if not isinstance(one, tuple)] == [0, 1, 2] * 8


def test_compile_arguments_are_replaced(rows, folder):
    tuner = keras_tuner.RandomSearch(
        build,
        keras_tuner.Objective("val_mae", "min"),
        max_trials=1,
        optimizer=keras.optimizers.SGD(0.5),
        loss="mse",
        metrics=["mae"],
        **folder,
    )
    tuner.search(*rows, **FIT)
    model = tuner.get_best_models()[0]
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert float(model.optimizer.learning_rate) == 0.5
    assert set(tuner.oracle.trials["0"].curves) == {"loss", "mae", "val_loss", "val_mae"}


def test_new_entries_may_be_forbidden_or_left_at_their_defaults(rows, folder):
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [4, 8])
    with pytest.raises(RuntimeError, match="rate"):
        keras_tuner.GridSearch(
            build, "val_loss", hyperparameters=hp, allow_new_entries=False, **folder
        )
    tuner = keras_tuner.GridSearch(
        build, "loss", hyperparameters=hp, tune_new_entries=False, overwrite=True, **folder
    )
    tuner.search(*rows, epochs=1, verbose=0)
    assert [one["units"] for one in values(tuner)] == [4, 8]
    assert {one["lr"] for one in values(tuner)} == {1e-3}


def test_hypermodels_may_keep_their_space_to_themselves(folder):
    class Own(keras_tuner.HyperModel):
        def build(self, hp):
            return build(hp)

    tuner = keras_tuner.RandomSearch(Own(tunable=False), "loss", **folder)
    assert tuner.oracle.get_space().space == []
