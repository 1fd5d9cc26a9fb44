"""CallbackList, LambdaCallback, History, and who needs a call for every batch."""

import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import callbacks as cb
from graphc.keras.callbacks.callback_list import plain_logs
from tests.keras.callbacks.fakes import FakeModel, run_epochs

RUN = [f"on_{mode}_{end}" for mode in ("train", "test", "predict") for end in ("begin", "end")]
EPOCH = ["on_epoch_begin", "on_epoch_end"]
BATCH = [
    f"on_{mode}batch_{end}"
    for mode in ("", "train_", "test_", "predict_")
    for end in ("begin", "end")
]


def recorder(calls, hooks):
    class Recorder(cb.Callback):
        pass

    for name in hooks:

        def hook(self, *arguments, name=name, **named):
            calls.append((name, *arguments, *named.values()))

        setattr(Recorder, name, hook)
    return Recorder()


def test_every_hook_reaches_every_callback():
    calls = []
    hooks = [*RUN, *EPOCH, *BATCH]
    group = cb.CallbackList([recorder(calls, hooks), [recorder(calls, hooks)]])
    for name in RUN:
        getattr(group, name)({"loss": 1})
    for name in [*EPOCH, *BATCH]:
        getattr(group, name)(7, {"loss": 1})
    expected = [(name, {"loss": 1.0}) for name in RUN]
    expected += [(name, 7, {"loss": 1.0}) for name in [*EPOCH, *BATCH]]
    assert calls == [each for each in expected for _ in range(2)]


def test_train_batch_hooks_call_the_old_names():
    calls = []
    callback = recorder(calls, ["on_batch_begin", "on_batch_end"])
    callback.on_train_batch_begin(1, {})
    callback.on_train_batch_end(1, {})
    callback.on_test_batch_end(1, {})
    assert [call[0] for call in calls] == ["on_batch_begin", "on_batch_end"]


def test_model_and_params_reach_every_callback():
    model, inner = FakeModel(), cb.Callback()
    group = cb.CallbackList(inner, add_history=True, add_progbar=True, model=model, epochs=3)
    assert inner.model is model
    assert inner.params == {"epochs": 3}
    assert [type(each).__name__ for each in group.callbacks] == [
        "Callback",
        "History",
        "ProgbarLogger",
    ]
    assert model.history is group.callbacks[1]


def test_given_history_and_progbar_are_kept():
    mine = [cb.History(), cb.ProgbarLogger()]
    assert cb.CallbackList(mine, add_history=True, add_progbar=True).callbacks == mine


@pytest.mark.parametrize("wrong", [cb.EarlyStopping, print, "early_stopping", [3]])
def test_what_is_no_callback(wrong):
    with pytest.raises(TypeError, match=r"Expected instances of `Callback`. Received"):
        cb.CallbackList([wrong])


def test_plain_logs():
    plain = plain_logs(
        {
            "loss": jnp.float32(0.5),
            "count": np.int64(3),
            "on": True,
            "name": "x",
            "none": None,
            "group": {"b": np.array(2.0), "a": 1},
            "outputs": jnp.ones((1,)),
        }
    )
    assert list(plain) == ["count", "a", "b", "loss", "name", "none", "on", "outputs"]
    assert all(type(plain[key]) is float for key in ("loss", "count", "a", "b", "on"))
    assert isinstance(plain["outputs"], np.ndarray)
    assert plain["none"] is None
    assert plain_logs(None) == {}


def test_later_callbacks_see_what_earlier_ones_add():
    model, history = FakeModel(learning_rate=0.25), cb.History()
    group = cb.CallbackList([cb.LearningRateScheduler(lambda epoch: 0.5), history], model=model)
    group.on_train_begin()
    group.on_epoch_begin(0)
    group.on_epoch_end(0, {"loss": 1.0})
    assert history.history == {"loss": [1.0], "learning_rate": [0.5]}


def test_history_goes_on_over_several_fits():
    history, model = cb.History(), FakeModel()
    run_epochs(history, model, [{"loss": 3.0}, {"loss": 2.0}])
    run_epochs(history, model, [{"loss": 1.0}])
    assert history.history == {"loss": [3.0, 2.0, 1.0]}
    assert history.epoch == [0]
    assert model.history is history


def test_lambda_callback():
    seen = []
    callback = cb.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, logs["loss"])),
        on_train_end=lambda logs: seen.append("end"),
        on_test_begin=lambda logs: seen.append("test"),
    )
    cb.CallbackList([callback]).on_test_begin()
    run_epochs(callback, FakeModel(), [{"loss": 1.0}])
    assert seen == ["test", (0, 1.0), "end"]


def test_lambda_callback_with_a_misspelt_hook():
    with pytest.raises(ValueError, match=r"mean on_epoch_end.*Received: on_epoch_edn"):
        cb.LambdaCallback(on_epoch_edn=print)


class OldNames(cb.Callback):
    def on_batch_end(self, batch, logs=None):
        """Overrides."""


class OnlyTest(cb.Callback):
    def on_test_batch_begin(self, batch, logs=None):
        """Overrides."""


class MyBar(cb.ProgbarLogger):
    def on_predict_batch_end(self, batch, logs=None):
        """Overrides."""


class MyCheckpoint(cb.ModelCheckpoint):
    def on_train_batch_end(self, batch, logs=None):
        """Overrides."""


@pytest.mark.parametrize(
    ("callback", "modes"),
    [
        (cb.Callback(), ""),
        (cb.History(), ""),
        (cb.ProgbarLogger(), ""),
        (cb.EarlyStopping(), ""),
        (cb.ReduceLROnPlateau(), ""),
        (cb.LearningRateScheduler(float), ""),
        (cb.CSVLogger("log.csv"), ""),
        (cb.ModelCheckpoint("a.keras"), ""),
        (cb.LambdaCallback(on_epoch_end=print, on_test_end=print), ""),
        (cb.CallbackList(add_history=True, add_progbar=True), ""),
        (cb.ModelCheckpoint("a.keras", save_freq=10), "train"),
        (MyCheckpoint("a.keras"), "train"),
        (cb.TerminateOnNaN(), "train"),
        (OldNames(), "train"),
        (cb.LambdaCallback(on_train_batch_begin=print), "train"),
        (cb.LambdaCallback(on_batch_end=print), "train"),
        (OnlyTest(), "test"),
        (MyBar(), "predict"),
        (cb.CallbackList([OldNames(), [OnlyTest()]]), "train test"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_who_needs_every_batch(callback, modes):
    needed = [m for m in ("train", "test", "predict") if cb.overrides_batch_hooks(callback, m)]
    assert needed == modes.split()


def test_terminate_on_nan(capsys):
    model, callback = FakeModel(), cb.TerminateOnNaN()
    callback.set_model(model)
    callback.on_train_batch_end(0, {"loss": 1.0})
    callback.on_train_batch_end(1, {})
    assert not model.stop_training
    callback.on_train_batch_end(2, {"loss": float("inf")})
    assert model.stop_training
    assert capsys.readouterr().out == "Batch 2: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match="at batch 3"):
        cb.TerminateOnNaN(raise_error=True).on_train_batch_end(3, {"loss": float("nan")})
