"""`fit` and its kin: what they return, when they stop, what changes nothing, what compiles once."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import config, keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(22, 6)).astype("float32")
Y = RNG.integers(0, 3, 22)
QUIET = {"batch_size": 4, "verbose": 0}
LOSS = "sparse_categorical_crossentropy"


def _model(rate: float = 0.3, **options: Any) -> Any:
    """Return a classifier with dropout and batch statistics, the same for the same seed."""
    layers = [
        keras.layers.Dense(5, activation="relu", kernel_regularizer="l2"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(rate, seed=3),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile(**{"optimizer": "adam", "loss": LOSS, "metrics": ["accuracy"], **options})
    return model


def _seeded(**options: Any) -> Any:
    keras.utils.set_random_seed(5)
    return _model(**options)


def _two_outputs() -> Any:
    inputs = keras.Input((6,))
    outputs = {name: keras.layers.Dense(2, name=name)(inputs) for name in ("a", "b")}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", metrics={"a": ["mae"], "b": ["mae"]})
    return model


def _bytes(model: Any) -> bytes:
    return b"".join(weight.tobytes() for weight in model.get_weights())


def _compiles() -> int:
    return graphc.cache_info().misses


# What comes back


def test_history() -> None:
    model = _model()
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), **QUIET)
    assert history is model.history
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(isinstance(value, float) for values in history.history.values() for value in values)


def test_metrics_names_before_and_after_fit() -> None:
    model = _model()
    assert model.metrics_names == ["loss", "compile_metrics"]
    model.fit(X, Y, **QUIET)
    assert model.metrics_names == ["loss", "compile_metrics"]
    two = _two_outputs()
    two.fit(X, {"a": X[:, :2], "b": X[:, 2:4]}, **QUIET)
    assert two.metrics_names == ["loss", "compile_metrics", "a_loss", "b_loss"]


def test_evaluate_returns_a_list_a_dict_or_one_number() -> None:
    model = _model()
    model.fit(X, Y, **QUIET)
    as_list = model.evaluate(X, Y, **QUIET)
    as_dict = model.evaluate(X, Y, return_dict=True, **QUIET)
    assert list(as_dict) == ["accuracy", "loss"]
    assert as_list == [as_dict["loss"], as_dict["accuracy"]]
    model.compile("sgd", LOSS)
    assert isinstance(model.evaluate(X, Y, **QUIET), float)


def test_evaluate_does_not_depend_on_the_batch_size_and_changes_nothing() -> None:
    model = _model()
    model.fit(X, Y, **QUIET)
    before = _bytes(model)
    found = [model.evaluate(X, Y, batch_size=size, verbose=0) for size in (1, 4, 22, 64)]
    np.testing.assert_allclose(found, [found[0]] * 4, rtol=1e-5)
    assert _bytes(model) == before


@pytest.mark.parametrize("rows", [1, 3, 4, 22])
def test_predict_structures(rows: int) -> None:
    inputs = keras.Input((6,))
    dense = keras.layers.Dense(2)(inputs)
    forms = {
        "tensor": (dense, lambda p: p),
        "list": ([dense, dense * 2.0], lambda p: p[0]),
        "dict": ({"one": dense, "two": dense * 2.0}, lambda p: p["one"]),
    }
    for outputs, first in forms.values():
        predicted = keras.Model(inputs, outputs).predict(X[:rows], **QUIET)
        assert type(predicted) is (np.ndarray if outputs is dense else type(outputs))
        assert isinstance(first(predicted), np.ndarray) and first(predicted).shape == (rows, 2)


def test_predict_equals_the_call_and_predict_on_batch() -> None:
    model = _model()
    expected = np.asarray(model(X))
    np.testing.assert_allclose(model.predict(X, **QUIET), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(X), expected, rtol=1e-5, atol=1e-6)


def test_on_batch() -> None:
    model = _model()
    first = model.train_on_batch(X[:8], Y[:8])
    assert [type(value) for value in first] == [float, float]
    logs = model.train_on_batch(X[8:16], Y[8:16], return_dict=True)
    assert list(logs) == ["accuracy", "loss"]
    assert model.test_on_batch(X[:8], Y[:8]) == model.test_on_batch(X[:8], Y[:8])  # each alone
    assert model.test_on_batch(X, Y) == pytest.approx(model.evaluate(X, Y, **QUIET), rel=1e-5)
    assert int(model.optimizer.iterations.value) == 2


def test_one_fit_equals_steps_on_batches() -> None:
    fitted, stepped = _seeded(), _seeded()
    fitted.fit(X, Y, shuffle=False, **QUIET)
    for start in range(0, 20, 4):
        stepped.train_on_batch(X[start : start + 4], Y[start : start + 4])
    stepped.train_on_batch(X[20:], Y[20:])
    for one, other in zip(fitted.get_weights(), stepped.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


# When it starts and stops


def test_initial_epoch() -> None:
    seen: list[int] = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
    history = _model().fit(X, Y, epochs=5, initial_epoch=3, callbacks=[watch], **QUIET)
    assert seen == history.epoch == [3, 4]
    assert _model().fit(X, Y, epochs=2, initial_epoch=2, **QUIET).history == {}


def test_stop_training_after_an_epoch_or_within_one() -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 1

    class StopEarly(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 1

    model = _model()
    assert model.fit(X, Y, epochs=5, callbacks=[Stop()], **QUIET).epoch == [0, 1]
    steps = int(model.optimizer.iterations.value)
    assert model.fit(X, Y, epochs=5, callbacks=[StopEarly()], **QUIET).epoch == [0]
    assert int(model.optimizer.iterations.value) == steps + 2
    assert model.fit(X, Y, epochs=2, **QUIET).epoch == [0, 1]


def test_early_stopping_restores_the_best_weights() -> None:
    kept: list[bytes] = []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            kept.append(_bytes(self.model))

    model = _model(optimizer=keras.optimizers.SGD(5.0))
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    history = model.fit(
        X, Y, epochs=30, validation_data=(X, Y), callbacks=[Keep(), stop], **QUIET
    ).history["val_loss"]
    assert len(history) < 30
    assert _bytes(model) == kept[int(np.argmin(history))]
    assert model.evaluate(X, Y, **QUIET)[0] == pytest.approx(min(history), rel=1e-5)


def test_model_checkpoint_of_weights(tmp_path: Path) -> None:
    path = str(tmp_path / "epoch_{epoch}.weights.h5")
    model = _model()
    save = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    model.fit(X, Y, epochs=2, callbacks=[save], **QUIET)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "epoch_1.weights.h5", "epoch_2.weights.h5",
    ]  # fmt: skip
    other = _model()
    with pytest.warns(UserWarning, match="Skipping the variables of optimizer"):  # not built yet
        other.load_weights(tmp_path / "epoch_2.weights.h5")
    assert _bytes(other) == _bytes(model)


# What changes nothing


class Watch(keras.callbacks.Callback):
    """Gathers what the batch hooks are told."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[tuple[int, dict[str, Any]]] = []
        self.iterations: list[int] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.logs.append((batch, dict(logs)))
        self.iterations.append(int(self.model.optimizer.iterations.value))


def test_batch_hooks_see_every_batch_and_change_no_bit() -> None:
    watch, plain, watched = Watch(), _seeded(), _seeded()
    random.seed(1)
    expected = plain.fit(X, Y, epochs=2, **QUIET).history
    random.seed(1)
    history = watched.fit(X, Y, epochs=2, callbacks=[watch], **QUIET).history
    assert _bytes(watched) == _bytes(plain) and history == expected
    assert [batch for batch, _ in watch.logs] == [*range(6), *range(6)]
    assert watch.iterations == list(range(1, 13))
    assert set(watch.logs[0][1]) == {"accuracy", "loss"}
    assert watch.logs[5][1]["loss"] == pytest.approx(history["loss"][0])


RUNS: dict[str, Callable[[Any], Any]] = {
    "again": lambda fit: fit(),
    "chunk_1": lambda fit: _with(config.CHUNK(1), fit),
    "chunk_7": lambda fit: _with(config.CHUNK(7), fit),
    "chunk_1000": lambda fit: _with(config.CHUNK(1000), fit),
    "verbose_1": lambda fit: fit(verbose=1),
    "verbose_2": lambda fit: fit(verbose=2),
}


def _with(setting: Any, fit: Callable[..., Any]) -> Any:
    with setting:
        return fit()


@pytest.mark.parametrize("name", RUNS)
def test_same_bytes(name: str) -> None:
    def fit(verbose: int = 0) -> Any:
        model = _seeded()
        model.fit(X, Y, batch_size=4, epochs=2, verbose=verbose, validation_split=0.2)
        return model

    assert _bytes(RUNS[name](fit)) == _bytes(fit())


def test_another_seed_gives_other_bytes() -> None:
    models = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        models.append(_model())
        models[-1].fit(X, Y, **QUIET)
    assert _bytes(models[0]) != _bytes(models[1])


def test_eager_equals_compiled() -> None:
    weight = np.linspace(0.1, 2.0, 22)
    found = []
    for eagerly in (False, True):
        # Not Adam: it makes steps of the rounding where batch statistics cancel a bias's gradient.
        model = _seeded(run_eagerly=eagerly, weighted_metrics=["accuracy"], optimizer="sgd")
        options = {"shuffle": False, "sample_weight": weight[:20], "epochs": 2, **QUIET}
        history = model.fit(X[:20], Y[:20], validation_data=(X, Y), **options).history
        found.append((history, model.get_weights(), model.predict(X, **QUIET)))
    (history, weights, outputs), (eager_history, eager_weights, eager_outputs) = found
    assert list(history) == list(eager_history)
    for name in history:
        np.testing.assert_allclose(eager_history[name], history[name], rtol=1e-4, err_msg=name)
    for eager, compiled in zip(eager_weights, weights, strict=True):
        np.testing.assert_allclose(eager, compiled, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(eager_outputs, outputs, rtol=1e-3, atol=1e-5)


def test_calling_in_training_mode_updates_statistics() -> None:
    model = _model()
    norm = model.layers[1]
    model(X)
    assert not np.any(norm.moving_mean.numpy())
    first = np.asarray(model(X, training=True))
    assert np.any(norm.moving_mean.numpy())
    assert np.any(first != np.asarray(model(X, training=True)))  # another dropout mask


# What compiles once


def test_changing_scalars_does_not_compile_again() -> None:
    model = _model(optimizer=keras.optimizers.SGD(0.1))
    weight = np.ones(22, "float32")
    model.fit(X, Y, sample_weight=weight, **QUIET)
    before = _compiles()
    start = model.get_weights()
    moved = []
    for change in (
        lambda: None,
        lambda: setattr(model.optimizer, "learning_rate", 0.01),
        lambda: setattr(model.layers[2], "rate", 0.6),
        lambda: weight.__imul__(3.0),
    ):
        change()
        model.set_weights(start)
        model.layers[2].seed_generator.state.assign(np.array([3, 0], np.uint32))
        model.fit(X, Y, sample_weight=weight, shuffle=True, **QUIET)
        moved.append(np.abs(model.get_weights()[0] - start[0]).max())
    assert _compiles() == before
    assert moved[1] < moved[0] / 4 and len(set(moved)) == 4


def test_class_weights_do_not_compile_again() -> None:
    model = _model()
    model.fit(X, Y, class_weight={0: 1.0}, **QUIET)
    before = _compiles()
    model.fit(X, Y, class_weight={0: 5.0, 2: 0.1}, **QUIET)
    assert _compiles() == before


def test_schedule_from_a_callback_reaches_the_steps() -> None:
    model = _model(optimizer=keras.optimizers.SGD(0.1), rate=0.0)
    off = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
    model.fit(X, Y, callbacks=[off], **QUIET)
    start = model.layers[0].get_weights()
    model.fit(X, Y, callbacks=[off], **QUIET)
    assert all(
        np.array_equal(a, b) for a, b in zip(model.layers[0].get_weights(), start, strict=True)
    )


def _plain_model() -> Any:
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


# Folds of unequal size share programs where rows do not depend on each other; batch statistics do.
@pytest.mark.parametrize(("build", "rows"), [(_plain_model, 22), (_model, 20)])
def test_folds_that_rebuild_the_model_compile_once(build: Any, rows: int) -> None:
    folds = np.array_split(np.random.default_rng(1).permutation(rows), 5)
    counts = []
    for held in folds:
        rest = np.setdiff1d(np.arange(rows), held)
        model = build()
        model.fit(X[rest], Y[rest], epochs=1, validation_data=(X[held], Y[held]), **QUIET)
        model.evaluate(X[held], Y[held], **QUIET)
        counts.append(_compiles())
    assert len(set(counts)) == 1


def test_freezing_takes_effect_in_the_next_fit() -> None:
    model = _model()
    model.fit(X, Y, **QUIET)
    model.layers[0].trainable = False
    model.compile("adam", LOSS)
    start, last = model.layers[0].get_weights(), model.layers[3].get_weights()
    model.fit(X, Y, **QUIET)
    assert all(
        np.array_equal(a, b) for a, b in zip(model.layers[0].get_weights(), start, strict=True)
    )
    assert not np.array_equal(model.layers[3].get_weights()[0], last[0])


def test_variables_are_current_in_callbacks() -> None:
    seen: list[float] = []
    layer = keras.layers.Dense(3, activation="softmax")
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(float(np.sum(layer.kernel.numpy() ** 2)))
    )
    model = keras.Sequential([keras.Input((6,)), layer])
    model.compile("sgd", LOSS)
    model.fit(X, Y, callbacks=[look], **QUIET)
    assert len(set(seen)) == 6


def test_assigning_in_a_callback_counts() -> None:
    model = _model(rate=0.0)
    zero = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model.set_weights([0 * w for w in model.get_weights()])
    )
    model.fit(X, Y, epochs=2, callbacks=[zero], **QUIET)
    assert not any(np.any(weight) for weight in model.get_weights())
