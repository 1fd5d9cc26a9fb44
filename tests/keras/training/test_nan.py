"""`fit(..., on_nan=)`: where a loss that is not finite came from."""

from contextlib import nullcontext

import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers, ops


def data(rows=64):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4)).astype("float32"), rng.normal(size=(rows, 1)).astype(
        "float32"
    )


def model_of(*middle, optimizer="sgd", loss="mse", cls=keras.Sequential):
    keras.utils.set_random_seed(0)
    model = cls([keras.Input((4,)), layers.Dense(5, name="first"), *middle, layers.Dense(1)])
    model.compile(optimizer, loss)
    return model


class Log(layers.Layer):
    """NaN where its input is negative."""

    def call(self, x):
        return ops.log(x)


class Root(layers.Layer):
    """Finite at zero, and its derivative is not."""

    def call(self, x):
        return ops.sqrt(ops.abs(x) * 0.0)


def report_of(model, on_nan="stop", **kwargs):
    x, y = kwargs.pop("data", data())
    model.fit(x, y, batch_size=16, verbose=0, on_nan=on_nan, **kwargs)
    return model.nan_report


def test_forward_names_the_layer_the_op_and_the_rows():
    model = model_of(Log(name="bad"))
    x, _ = data()
    before = model.get_weights()
    report = report_of(model, shuffle=False)
    assert (report.epoch, report.step) == (0, 0)
    found = report.culprit
    assert (found.direction, found.op, found.kind) == ("forward", "math.log", "nan")
    assert "bad" in found.scope and "test_nan.py" in found.source
    hidden = x[:16] @ before[0] + before[1]
    expected = tuple(np.flatnonzero((hidden < 0).any(axis=1)))
    assert found.rows == report.rows == expected
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)  # nothing is lost


def test_raise_says_all_of_it_and_the_model_stays_usable():
    model = model_of(Log(name="bad"))
    with pytest.raises(FloatingPointError, match=r"epoch 1, step 1\..*forward.*log.*'.*bad.*rows"):
        report_of(model, "raise")
    assert np.isfinite(np.concatenate([w.ravel() for w in model.get_weights()])).all()
    assert model.predict(data()[0], verbose=0).shape == (64, 1)


def test_backward_is_told_from_forward():
    report = report_of(model_of(Root(name="root")))
    assert (report.step, report.culprit.direction) == (0, "backward")
    assert "root" in report.culprit.scope


def test_the_data_are_blamed_where_they_are_wrong():
    x, y = data()
    x[37, 2] = np.nan
    with pytest.warns(UserWarning, match="holds NaN"):
        report = report_of(model_of(), data=(x, y))
    assert report.culprit.direction == "data" and report.rows == (37,)
    assert "rows 37 of the data" in str(report)


def test_an_update_that_runs_away_is_found_many_steps_later():
    model = model_of(optimizer=keras.optimizers.SGD(3.0))
    report = report_of(model, epochs=200)
    assert report is not None and report.epoch + report.step > 0
    assert report.culprit.direction in ("forward", "backward", "update")
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("chunk", ["1", "3"])
def test_chunks_do_not_change_what_is_found(monkeypatch, chunk):
    x, y = data()
    x[50] = 1e30  # squared it overflows, in the loss
    expected = report_of(model_of(), data=(x, y), shuffle=False)
    monkeypatch.setenv("GRAPHC_CHUNK", chunk)
    found = report_of(model_of(), data=(x, y), shuffle=False)
    assert found == expected and expected.step == 3 and expected.rows == (50,)


def test_ignore_goes_on_as_keras_does():
    model = model_of(Log())
    x, y = data()
    history = model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert np.isnan(history.history["loss"]).all() and model.nan_report is None


def test_convolutions_run_step_by_step_and_are_watched_too():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(2, 3), Log(), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    report = report_of(model, data=(rng.normal(size=(40, 6, 6, 1)), rng.normal(size=(40, 1))))
    assert (report.step, report.culprit.op) == (0, "math.log")


class Own(keras.Sequential):
    def train_step(self, data):
        x, y = data
        with keras.GradientTape() as tape:
            loss = ops.mean(ops.square(self(x, training=True) - y))
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(grads, self.trainable_weights)
        return {"loss": loss}


@pytest.mark.parametrize(("layer", "direction"), [(Log, "forward"), (Root, "backward")])
def test_steps_of_ones_own_are_looked_into(layer, direction):
    report = report_of(model_of(layer(name="mine"), cls=Own))
    assert report.step == 0
    assert report.culprit.direction == direction and "mine" in report.culprit.scope


def test_eager_steps_stop_too():
    model = model_of(Log())
    model.run_eagerly = True
    assert report_of(model).step == 0
    assert model.stop_training


def test_rows_of_batches_that_come_one_by_one_are_those_of_the_batch_alone():
    x, y = data()
    x[20] = 1e30

    def batches():
        for at in range(0, 64, 16):
            yield x[at : at + 16], y[at : at + 16]

    model = model_of()
    model.fit(batches(), steps_per_epoch=4, verbose=0, on_nan="stop")
    report = model.nan_report
    assert (report.step, report.culprit.rows, report.rows) == (1, (4,), ())
    assert str(report).endswith("in rows 4 of the batch.")


def test_another_choice_is_refused():
    with pytest.raises(ValueError, match="on_nan"):
        report_of(model_of(), "explode")


class Losses(keras.callbacks.Callback):
    """Makes the loop call for every batch."""

    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize("raises", [False, True])
def test_terminate_on_nan_stops_after_the_step_at_the_speed_of_the_loop(raises, capsys):
    x, y = data()
    y[37] = np.nan
    found = []
    for others in ([], [Losses()]):
        model = model_of(optimizer="adam")
        stopper = keras.callbacks.TerminateOnNaN(raise_error=raises)
        options = {"batch_size": 16, "epochs": 3, "verbose": 0, "shuffle": False}
        history = keras.callbacks.History()
        expected = pytest.raises(RuntimeError, match="at batch 2") if raises else nullcontext()
        with expected:
            model.fit(x, y, callbacks=[stopper, history, *others], **options)
        assert stopper.calls_each_batch is False
        found.append((int(model.optimizer.iterations), history.epoch, len(model.history.history)))
        assert np.isnan(model.get_weights()[0]).all()
    assert found[0] == found[1]
    assert found[0][0] == 3
    assert capsys.readouterr().out.count("Batch 2: Invalid loss") == (0 if raises else 2)
    assert keras.callbacks.overrides_batch_hooks(keras.callbacks.TerminateOnNaN(), "train")
