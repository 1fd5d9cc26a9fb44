"""ModelCheckpoint and CSVLogger write the files that Keras's write."""

import os
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from graphc.keras import callbacks as cb
from tests.keras.callbacks.fakes import FakeModel, run_epochs

os.environ.setdefault("KERAS_BACKEND", "jax")
LOSSES = [0.9, 0.5, 0.7, 0.5, 0.25, 0.3]
CHECKPOINTS = [
    {"filepath": "a.keras"},
    {"filepath": "new/{epoch:02d}-{val_loss:.2f}.keras", "save_best_only": True},
    {"filepath": Path("{epoch}.weights.h5"), "save_weights_only": True},
    {"filepath": "{epoch}.h5", "save_best_only": True, "mode": "max"},
    {"filepath": "{epoch}.keras", "save_best_only": True, "initial_value_threshold": 0.4},
    {"filepath": "{epoch}-{batch}.keras", "save_freq": 3},
    {"filepath": "{epoch}-{batch}.keras", "save_freq": 7},
    {
        "filepath": "{epoch}.keras",
        "save_freq": 4,
        "save_best_only": True,
        "monitor": "loss",
        "mode": "min",
    },
]


@pytest.fixture(scope="module")
def theirs():
    return import_module("keras").callbacks


def fit_with_batches(callback, model, chunk):
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(LOSSES):
        callback.on_epoch_begin(epoch)
        for batch in range(chunk - 1, 4, chunk):
            callback.on_train_batch_end(batch, {"loss": loss + batch / 10})
        callback.on_epoch_end(epoch, {"loss": loss, "val_loss": loss})


@pytest.mark.oracle
@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("options", CHECKPOINTS)
def test_checkpoints(theirs, tmp_path, monkeypatch, capsys, options, chunk):
    monkeypatch.chdir(tmp_path)
    results = []
    for kind in (cb.ModelCheckpoint, theirs.ModelCheckpoint):
        model, callback = FakeModel(), kind(verbose=1, **options)
        if kind is not cb.ModelCheckpoint:
            callback.set_model(model)
            callback._set_monitor_op()  # Keras does this only after the first epoch
        fit_with_batches(callback, model, chunk)
        results.append((model.saved, capsys.readouterr().out))
    assert results[0] == results[1]
    assert results[0][0]
    assert Path(results[0][0][0][1]).parent.is_dir()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filepath": "a"}, "end in .keras or .h5"),
        ({"filepath": "a.keras", "save_weights_only": True}, "end in .weights.h5"),
        ({"filepath": "a.keras", "save_freq": "batch"}, "Received: save_freq=batch"),
    ],
)
def test_bad_checkpoint_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        cb.ModelCheckpoint(**options)


def test_checkpoint_over_a_folder(tmp_path):
    (tmp_path / "a.keras").mkdir()
    with pytest.raises(OSError, match="an existing folder"):
        run_epochs(cb.ModelCheckpoint(tmp_path / "a.keras"), FakeModel(), [{}])


def test_checkpoint_with_a_field_that_is_not_logged():
    with pytest.raises(KeyError, match=r"among epoch, loss. Received: 'mape'"):
        run_epochs(cb.ModelCheckpoint("{mape}.keras"), FakeModel(), [{"loss": 1.0}])


@pytest.mark.parametrize(
    ("logs", "message"),
    [
        ({"loss": 1.0}, "with val_loss available"),
        ({"val_loss": np.ones(2)}, "a scalar value"),
    ],
)
def test_checkpoint_without_a_value_saves(tmp_path, logs, message):
    model = FakeModel()
    callback = cb.ModelCheckpoint(tmp_path / "a.keras", save_best_only=True)
    with pytest.warns(UserWarning, match=message):
        run_epochs(callback, model, [logs])
    assert len(model.saved) == 1


TABLES = [
    [{"loss": 0.5, "accuracy": 0.25}, {"loss": 1.0 / 3, "accuracy": 0.5}],
    [{"loss": 0.5, "val_loss": 1.5}, {"val_loss": 1.0}, {"loss": 1.0, "new": 3.0}],
    [{"name": "a,b", "list": [1, 2], "array": np.arange(3), "scalar": np.array(2.0)}],
    [{}],
    [],
]


@pytest.mark.oracle
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("epochs", TABLES)
def test_csv_logger(theirs, tmp_path, epochs, append, separator):
    contents = []
    for name, kind in (("ours", cb.CSVLogger), ("theirs", theirs.CSVLogger)):
        callback = kind(tmp_path / name, separator=separator, append=append)
        run_epochs(callback, FakeModel(), epochs)
        run_epochs(callback, FakeModel(), epochs)
        contents.append((tmp_path / name).read_bytes() if (tmp_path / name).exists() else b"")
    assert contents[0] == contents[1]


def test_csv_logger_holds_no_open_file(tmp_path):
    callback = cb.CSVLogger(tmp_path / "log.csv")
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 1.0})
    assert (tmp_path / "log.csv").read_text().splitlines() == ["epoch,loss,val_loss", "0,1.0,NA"]
