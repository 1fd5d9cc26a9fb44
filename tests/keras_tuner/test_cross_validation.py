"""`cv`: which rows each training gets, and that the objective is the mean over the folds."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import keras, keras_tuner
from graphc.keras_tuner.engine.folds import fold_numbers, split
from graphc.keras_tuner.errors import FatalValueError
from tests.keras_tuner.problems import build


@pytest.mark.parametrize(("count", "folds"), [(10, 2), (103, 5), (7, 7)])
def test_folds_hold_each_row_once(count, folds):
    numbers = fold_numbers(count, folds, seed=1)
    sizes = np.bincount(numbers)
    assert len(sizes) == folds and np.ptp(sizes) <= 1
    assert (numbers == fold_numbers(count, folds, seed=1)).all()
    if count > folds:
        assert (numbers != fold_numbers(count, folds, seed=2)).any()


CLASSES = np.repeat([0, 1, 2], [50, 30, 10])
TARGETS = {
    "whole numbers": CLASSES,
    "a column": CLASSES[:, None],
    "words": np.array(["a", "b", "c"])[CLASSES],
    "one-hot": np.eye(3, dtype="float32")[CLASSES],
}


@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
def test_each_fold_has_its_share_of_each_class(y):
    parts = split(5, 0, (np.zeros((90, 2)), y), {})
    for part in parts:
        held = part.held[1]
        labels = held.argmax(axis=1) if held.ndim == 2 and held.shape[1] == 3 else held.ravel()
        assert sorted(np.unique(labels, return_counts=True)[1]) == [2, 6, 10]


def test_rows_go_together():
    x = {"a": np.arange(12), "b": np.arange(12)[:, None] * 10}
    y, weights = np.arange(12) * 0.5, np.arange(12) + 100
    parts = split(3, 0, (x,), {"y": y, "sample_weight": weights, "epochs": 2})
    seen = []
    for part in parts:
        (inputs, targets), kwargs = part.args, part.kwargs
        held = kwargs["validation_data"]
        assert len(held) == 3 and kwargs["epochs"] == 2
        for a, b, c, d in ((inputs, targets, kwargs["sample_weight"], 8), (*held, 4)):
            assert len(a["a"]) == d
            np.testing.assert_array_equal(a["b"][:, 0], 10 * a["a"])
            np.testing.assert_array_equal(b, a["a"] * 0.5)
            np.testing.assert_array_equal(c, a["a"] + 100)
        assert not set(inputs["a"]) & set(held[0]["a"])
        seen += list(held[0]["a"])
    assert sorted(seen) == list(range(12))


def test_frames_keep_their_columns():
    import pandas as pd

    frame = pd.DataFrame({"a": range(6), "b": range(6)})
    for part in split(2, 0, (frame, frame.a.to_numpy()), {}):
        assert list(part.args[0].columns) == ["a", "b"]
        assert list(part.args[0].a) == list(part.args[1])


def test_splitters_of_scikit_learn_are_used():
    from sklearn import model_selection

    x = np.arange(8)[:, None]
    parts = split(model_selection.KFold(4), 0, (x, x[:, 0]), {})
    assert [list(part.held[1]) for part in parts] == [[0, 1], [2, 3], [4, 5], [6, 7]]


def numbers():
    yield from range(3)


WRONG = [
    ({"cv": 1}, {}, "cv=1"),
    ({"cv": 65}, {}, "cv=65"),
    ({"cv": 4}, {"validation_split": 0.2}, "validation_split"),
    ({"cv": 4}, {"x": numbers()}, "generator"),
]


@pytest.mark.parametrize(("options", "changed", "words"), WRONG)
def test_what_cannot_be_split_is_refused(options, changed, words, rows, folder):
    tuner = keras_tuner.RandomSearch(build, "val_loss", **options, **folder)
    given = {"x": rows[0], "y": rows[1], "verbose": 0, **changed}
    with pytest.raises(FatalValueError, match=words):
        tuner.search(**given)


def test_the_objective_is_the_mean_over_the_folds(rows, folder):
    logs = []

    class Watched(keras_tuner.RandomSearch):
        def on_epoch_end(self, trial, model, epoch, logs=None):
            self.seen.append((trial.trial_id, epoch, logs["val_loss"]))

        seen = logs

    tuner = Watched(build, "val_loss", max_trials=2, cv=4, seed=0, **folder)
    tuner.search(*rows, epochs=3, batch_size=16, verbose=0)
    for trial in tuner.oracle.trials.values():
        own = np.array([loss for name, _, loss in logs if name == trial.trial_id]).reshape(4, 3)
        assert trial.score == pytest.approx(own.min(axis=1).mean())
        np.testing.assert_allclose(trial.curves["val_loss"], own.mean(axis=0), rtol=1e-6)
    assert np.ptp([loss for _, epoch, loss in logs if epoch == 2]) > 0


def test_models_without_targets_are_cross_validated(rows, folder):
    """An autoencoder is given no y; its error is measured on the rows it was not shown."""
    shown = []

    def autoencoder(hp):
        inputs = keras.Input((5,))
        code = keras.layers.Dense(hp.Int("code", 1, 4), activation="relu")(inputs)
        model = Autoencoder(inputs, keras.layers.Dense(5)(code))
        model.compile(keras.optimizers.Adam(0.01), "mse")
        return model

    class Autoencoder(keras.Model):
        def fit(self, x, **kwargs):
            shown.append(len(x))
            held = kwargs["validation_data"][0]
            return super().fit(x, x, **{**kwargs, "validation_data": (held, held)})

    tuner = keras_tuner.RandomSearch(
        autoencoder, keras_tuner.ReconstructionError(), max_trials=2, cv=2, seed=0, **folder
    )
    tuner.search(rows[0], epochs=2, verbose=0)
    assert shown == [32] * 4
    for trial in tuner.oracle.trials.values():
        assert trial.status == "COMPLETED", trial.message
        last = trial.curves["val_loss"][-1]
        assert trial.score == pytest.approx(last, rel=1e-4)  # both are means of squares
    best = tuner.get_best_models()[0]
    assert best.predict(rows[0], verbose=0).shape == (64, 5)
