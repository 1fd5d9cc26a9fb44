"""Callbacks of lanes do what those of `fit` do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc import keras
from graphc.keras.training.arrays import Rows
from graphc.keras.training.lane import Lane
from graphc.keras.training.lane_callbacks import LaneCallbacks, reason_against_callbacks
from graphc.keras.training.lanes import train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")
CHOSEN, HELD, BATCH, EPOCHS = np.arange(44), np.arange(44, 60), 16, 5
callbacks = keras.callbacks


def build(seed: int, rate: float = 0.3, drop: float = 0.2, ema: bool = False) -> Any:
    keras.utils.set_random_seed(seed)
    hidden = keras.layers.Dense(6, "relu")
    dropped = keras.layers.Dropout(drop)
    stack = [keras.Input((5,)), hidden, dropped, keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(stack)
    optimizer = keras.optimizers.Adam(rate, use_ema=ema, ema_momentum=0.5)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


class SetsWeights(keras.callbacks.Callback):
    """Changes weights, a number that is no variable, and the logs."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 2:
            self.model.layers[1].rate = 0.4

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["norm"] = float(np.linalg.norm(self.model.get_weights()[0]))
        if epoch == 1:
            self.model.set_weights([w * 0.5 for w in self.model.get_weights()])
        if epoch == 3:
            self.model.stop_training = True


class Looks(keras.callbacks.Callback):
    """Asks the model in the middle of a training."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["mean"] = float(self.model.predict(X, verbose=0).mean())


def early() -> list[Any]:
    return [callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)]


def plateau() -> list[Any]:
    return [callbacks.ReduceLROnPlateau("val_loss", factor=0.2, patience=1, min_delta=0.1)]


def schedule() -> list[Any]:
    return [callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.7)]


KINDS = {
    "early": early, "plateau": plateau, "schedule": schedule,
    "all": lambda: [*early(), *plateau(), *schedule()],
    "own": lambda: [SetsWeights()], "looks": lambda: [Looks()],
}  # fmt: skip
NUMBERS = [(1, 0.3, 0.2), (2, 0.01, 0.1), (3, 0.9, 0.3)]


def by_fit(model: Any, given: list[Any]) -> Any:
    history = model.fit(
        X[CHOSEN], Y[CHOSEN], BATCH, EPOCHS, verbose=0, callbacks=given,
        validation_data=(X[HELD], Y[HELD]),
    ).history  # fmt: skip
    return history, model.get_weights(), [v.numpy() for v in model.optimizer.variables]


def by_lanes(models: list[Any], given: list[Any]) -> Any:
    """Models are made by functions, for each draws its seed as soon as it is built."""
    rows, made = Rows(X, Y), []
    for build_one, each in zip(models, given, strict=True):
        model = build_one()
        heard = LaneCallbacks(model, each, epochs=EPOCHS, steps=3)
        ready = heard.ready(Lane(model, rows, CHOSEN, BATCH, EPOCHS, held=HELD))
        assert ready is not None
        made.append((ready, heard))
    found = train([ready for ready, _ in made])
    for trained, (_, heard) in zip(found, made, strict=True):
        trained.into(heard.model)
        model = heard.model
        slots = [v.numpy() for v in model.optimizer.variables]
        yield heard.history.history, model.get_weights(), slots


def assert_same(one: Any, other: Any) -> None:
    assert list(one[0]) == list(other[0])
    for name, values in other[0].items():
        # Validation sums its rows in another order.
        np.testing.assert_allclose(one[0][name], values, rtol=2e-6, err_msg=name)
    for mine, theirs in zip(one[1] + one[2], other[1] + other[2], strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ema", [False, True], ids=["plain", "averaged"])
def test_they_do_what_those_of_fit_do(kind: str, ema: bool) -> None:
    models = [lambda each=each: build(*each, ema=ema) for each in NUMBERS]
    found = list(by_lanes(models, [KINDS[kind]() for _ in NUMBERS]))
    for one, make in zip(found, models, strict=True):
        assert_same(one, by_fit(make(), KINDS[kind]()))
    if kind in ("early", "all"):
        lengths = {len(history["loss"]) for history, *_ in found}
        assert min(lengths) < EPOCHS


def test_hooks_are_called_in_the_order_of_fit() -> None:
    def noting(heard: list[Any]) -> list[Any]:
        names = ("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end")
        hooks = {
            name: lambda *given, name=name: heard.append(
                (name, [sorted(g) if isinstance(g, dict) else g for g in given])
            )
            for name in names
        }
        return [callbacks.LambdaCallback(**hooks)]

    mine, theirs = [], []
    list(by_lanes([lambda: build(1)], [noting(mine)]))
    by_fit(build(1), noting(theirs))
    assert mine == theirs


def test_files_are_written_as_by_fit(tmp_path: Any) -> None:
    def writing(name: str) -> list[Any]:
        best = tmp_path / f"{name}.weights.h5"
        return [
            callbacks.ModelCheckpoint(best, save_best_only=True, save_weights_only=True),
            callbacks.CSVLogger(tmp_path / f"{name}.csv"),
        ]

    list(by_lanes([lambda: build(1)], [writing("lane")]))
    by_fit(build(1), writing("fit"))
    one, other = build(1), build(1)
    for model in (one, other):
        model.optimizer.build(model.trainable_variables)
    one.load_weights(tmp_path / "lane.weights.h5")
    other.load_weights(tmp_path / "fit.weights.h5")
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    mine, theirs = [(tmp_path / f"{n}.csv").read_text().splitlines() for n in ("lane", "fit")]
    assert mine[0] == theirs[0]
    assert len(mine) == len(theirs) == EPOCHS + 1


def test_lanes_may_share_a_model() -> None:
    model, rows = build(1), Rows(X, Y)
    begun = model.get_weights()
    model.optimizer.build(model.trainable_variables)
    made = []
    for number in range(2):
        each = callbacks.LearningRateScheduler([lambda _: 0.5, lambda _: 0.1][number])
        heard = LaneCallbacks(model, [each], epochs=3)
        lane = Lane(model, rows, CHOSEN, BATCH, 3)
        made.append((heard.ready(lane, lambda: 5), heard))
    for one, other in zip(model.get_weights(), begun, strict=True):
        np.testing.assert_array_equal(one, other)
    assert float(np.asarray(model.optimizer.learning_rate)) == pytest.approx(0.3)
    train([ready for ready, _ in made if ready is not None])
    first, second = [heard.history.history for _, heard in made]
    assert first["learning_rate"] == [0.5] * 3
    assert second["learning_rate"] == pytest.approx([0.1] * 3)
    assert first["loss"] != second["loss"]


def test_a_training_that_a_callback_ends_before_it_begins_is_no_lane() -> None:
    class Refuses(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.model.stop_training = True

    model = build(1)
    assert LaneCallbacks(model, [Refuses()], epochs=2).ready(
        Lane(model, Rows(X, Y), CHOSEN, BATCH, 2)
    ) is None  # fmt: skip


def test_what_cannot_be_said_between_epochs_is_refused(tmp_path: Any) -> None:
    def why(one: Any, validates: bool = False) -> Any:
        return reason_against_callbacks([one], validates=validates)

    assert why(callbacks.TerminateOnNaN()) == "TerminateOnNaN looks into the epochs"
    assert why(callbacks.BackupAndRestore(tmp_path)) == "BackupAndRestore looks into the epochs"
    batch = callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: None)
    assert why(batch) == "LambdaCallback is called for every batch"
    test = callbacks.LambdaCallback(on_test_end=lambda _: None)
    assert why(test) is None
    assert why(test, True) == "LambdaCallback is called while the model is evaluated"
    assert [why(one, True) for kind in KINDS.values() for one in kind()] == [None] * 8
