"""Callbacks that watch a metric decide as Keras's do, on the same streams of values."""

import itertools
import os
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from graphc.keras import callbacks as cb
from tests.keras.callbacks.fakes import FakeModel, run_epochs

os.environ.setdefault("KERAS_BACKEND", "jax")


@pytest.fixture(scope="module")
def theirs():
    return import_module("keras").callbacks


def streams(seed):
    """Metrics that fall, then wander, in steps of 0.01: ties and exact deltas are common."""
    generator = np.random.default_rng(seed)
    values = np.round(1 / np.arange(1, 31) + generator.normal(0, 0.03, 30), 2)
    return [{"val_loss": float(np.float32(value))} for value in values]


def outcomes(kinds, options, seed, capsys):
    results = []
    for kind in kinds:
        model = FakeModel(learning_rate=float(np.float32(0.1)))
        rates = []
        watch = cb.LambdaCallback(
            on_epoch_end=lambda epoch, logs: rates.append(model.optimizer.learning_rate)  # noqa: B023
        )
        callback = kind(monitor="val_loss", verbose=1, **options)
        last = run_epochs(cb.CallbackList([callback, watch]), model, streams(seed))
        results.append((last, model.weights, rates, callback.wait, capsys.readouterr().out))
    return results


EARLY = [
    dict(
        zip(
            (
                "patience",
                "min_delta",
                "mode",
                "baseline",
                "restore_best_weights",
                "start_from_epoch",
            ),
            values,
            strict=True,
        )
    )
    for values in itertools.product(
        (0, 3), (0, 0.01), ("min", "max", "auto"), (None, 0.2), (False, True), (0, 4)
    )
]


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(3))
def test_early_stopping(theirs, capsys, seed):
    kinds = (cb.EarlyStopping, theirs.EarlyStopping)
    for options in EARLY:
        ours, expected = outcomes(kinds, options, seed, capsys)
        assert ours == expected, options


PLATEAU = [
    dict(
        zip(("patience", "min_delta", "mode", "cooldown", "factor", "min_lr"), values, strict=True)
    )
    for values in itertools.product(
        (1, 3), (0, 0.01), ("min", "max"), (0, 2), (0.5, 0.1), (0.0, 0.02)
    )
]


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(3))
def test_reduce_lr_on_plateau(theirs, capsys, seed):
    kinds = (cb.ReduceLROnPlateau, theirs.ReduceLROnPlateau)
    for options in PLATEAU:
        ours, expected = outcomes(kinds, options, seed, capsys)
        assert ours == expected, options


def test_early_stopping_restarts_with_every_fit():
    callback = cb.EarlyStopping("loss", patience=1)
    stops = [
        run_epochs(callback, FakeModel(), [{"loss": v} for v in (1.0, 2.0, 3.0, 4.0)])
        for _ in range(2)
    ]
    assert stops == [1, 1]


def test_a_missing_metric_is_reported():
    for callback in (cb.EarlyStopping(), cb.ReduceLROnPlateau()):
        callback.set_model(FakeModel())
        with pytest.warns(UserWarning, match=r"`val_loss` which is not available.*loss"):
            callback.on_epoch_end(0, {"loss": 1.0})


@pytest.mark.parametrize(
    ("monitor", "direction", "stops_at"),
    [("val_accuracy", "up", 2), ("val_error", "down", 1), ("val_out_accuracy", "up", 2)],
)
def test_auto_mode_asks_the_metric(monitor, direction, stops_at):
    metric = SimpleNamespace(name=monitor.split("_")[-1], _direction=direction)
    group = SimpleNamespace(name="compile_metrics", metrics=[metric])
    callback = cb.EarlyStopping(monitor)
    epochs = [{monitor: value} for value in (0.1, 0.2, 0.1, 0.05)]
    assert run_epochs(callback, FakeModel(metrics=[group]), epochs) == stops_at


def test_auto_mode_without_a_metric():
    callback = cb.EarlyStopping("speed")
    callback.set_model(FakeModel())
    with pytest.raises(ValueError, match=r"monitor='speed'.*Expected.*Received: mode='auto'"):
        callback.on_epoch_end(0, {"speed": 1.0})


def test_unknown_mode():
    with pytest.warns(UserWarning, match="EarlyStopping mode 'up' is unknown"):
        assert cb.EarlyStopping(mode="up").mode == "auto"


def test_factor_of_one():
    with pytest.raises(ValueError, match=r"factor >= 1.0. Received: factor=1.0"):
        cb.ReduceLROnPlateau(factor=1.0)


@pytest.mark.parametrize(
    "schedule", [lambda epoch, rate: rate / 2, lambda epoch: np.float64(0.1 / 2 ** (epoch + 1))]
)
def test_learning_rate_scheduler(schedule, capsys):
    model = FakeModel()
    run_epochs(cb.LearningRateScheduler(schedule, verbose=1), model, [{}] * 3)
    assert model.optimizer.learning_rate == pytest.approx(0.0125)
    assert "\nEpoch 1: LearningRateScheduler setting learning rate to 0.05.\n" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("wrong", [1, "0.1", None, np.ones(2)])
def test_a_schedule_that_gives_no_float(wrong):
    callback = cb.LearningRateScheduler(lambda epoch: wrong)
    callback.set_model(FakeModel())
    with pytest.raises(ValueError, match=r"should be a float. Received"):
        callback.on_epoch_begin(0)


def test_an_error_in_the_schedule_is_not_hidden():
    def schedule(epoch, rate):
        raise TypeError("mine")

    callback = cb.LearningRateScheduler(schedule)
    callback.set_model(FakeModel())
    with pytest.raises(TypeError, match="mine"):
        callback.on_epoch_begin(0)


def test_an_optimizer_without_a_learning_rate():
    callback, model = cb.LearningRateScheduler(float), FakeModel()
    model.optimizer = SimpleNamespace()
    callback.set_model(model)
    with pytest.raises(ValueError, match='must have a "learning_rate"'):
        callback.on_epoch_begin(0)
