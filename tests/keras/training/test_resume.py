"""`BackupAndRestore`: a training cut short goes on to the byte."""

import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers

ROWS = 70


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 5)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


def made():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((5,)), layers.Dense(8, "relu"), layers.BatchNormalization(),
            layers.Dropout(0.3), layers.Dense(2),
        ]
    )  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, clipnorm=1.0)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


class CutError(RuntimeError):
    """Stands for a killed process."""


class Killer(keras.callbacks.Callback):
    """Ends the training after so many steps of it."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        self.steps -= 1
        if not self.steps:
            raise CutError


class Remembering(keras.callbacks.Callback):
    """State of the user's own."""

    def __init__(self):
        super().__init__()
        self.seen, self.best = [], np.float32(0)

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((epoch, logs["loss"]))
        self.best = np.float32(logs["loss"])


def callbacks_of(folder, save_freq):
    return [
        keras.callbacks.BackupAndRestore(folder / "backup", save_freq=save_freq),
        keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, factor=0.5, min_delta=0.5),
        keras.callbacks.CSVLogger(folder / "log.csv"),
        Remembering(),
    ]


def fit(model, folder, save_freq="epoch", cut=None, epochs=6, **kwargs):
    callbacks = callbacks_of(folder, save_freq) + ([Killer(cut)] if cut else [])
    if "x" not in kwargs:
        kwargs.update(zip(("x", "y"), data(), strict=True), batch_size=16)
    history = model.fit(
        epochs=epochs, verbose=0, callbacks=callbacks, validation_data=data(), **kwargs
    )
    return history.history, callbacks


def finished(folder, save_freq, cut, **kwargs):
    """Cut a training after `cut` steps, begin again with a fresh model, and let it end."""
    make = kwargs.pop("make", dict)
    with pytest.raises(CutError):
        fit(made(), folder, save_freq, cut, **kwargs, **make())
    model = made()
    keras.utils.set_random_seed(99)  # another process knows nothing of the first one's draws
    return model, *fit(model, folder, save_freq, **kwargs, **make())


def assert_same(one, other):
    for a, b in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one[1] == other[1]  # the histories
    assert one[2][-1].seen == other[2][-1].seen
    for a, b in zip(one[0].optimizer.variables, other[0].optimizer.variables, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def undisturbed(tmp_path):
    def run(**kwargs):
        folder = tmp_path / "undisturbed"
        folder.mkdir()
        model = made()
        result = model, *fit(model, folder, **kwargs)
        return *result, (folder / "log.csv").read_bytes()

    return run


@pytest.mark.parametrize(
    ("save_freq", "cut"), [("epoch", 13), ("epoch", 20), (1, 9), (3, 14), (7, 19), (4, 5)]
)
def test_a_cut_training_ends_as_one_that_was_not(tmp_path, undisturbed, save_freq, cut):
    expected = undisturbed()
    found = finished(tmp_path, save_freq, cut)
    assert_same(found, expected)
    assert (tmp_path / "log.csv").read_bytes() == expected[3]
    assert not (tmp_path / "backup").exists()  # it has served


def generator():
    x, y = data()
    for _ in range(100):
        for at in range(0, 64, 16):
            yield x[at : at + 16], y[at : at + 16]


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        x, y = data()
        return x[index * 14 : index * 14 + 14], y[index * 14 : index * 14 + 14]


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"x": generator(), "steps_per_epoch": 4},
        lambda: {"x": Batches()},
        lambda: {"x": Batches(), "steps_per_epoch": 3},
        lambda: {**dict(zip(("x", "y"), data(), strict=True)), "batch_size": 16,
                 "steps_per_epoch": 3},
    ],
    ids=["generator", "PyDataset", "PyDataset in parts", "arrays in parts"],
)  # fmt: skip
@pytest.mark.parametrize("save_freq", ["epoch", 2])
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_every_kind_of_data_goes_on_where_it_was(tmp_path, undisturbed, make, save_freq):
    expected = undisturbed(**make())
    assert_same(finished(tmp_path, save_freq, 11, make=make), expected)


def test_run_eagerly_resumes_too(tmp_path, undisturbed):
    def eager():
        model = made()
        model.run_eagerly = True
        return model

    folder = tmp_path / "whole"
    folder.mkdir()
    whole = eager()
    history, _ = fit(whole, folder, epochs=2)
    with pytest.raises(CutError):
        fit(eager(), tmp_path, 2, cut=7, epochs=2)
    again = eager()
    assert fit(again, tmp_path, 2, epochs=2)[0] == history
    for a, b in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def snapshots(folder):
    return sorted((folder / "backup").iterdir(), key=lambda path: int(path.stem.split("-")[1]))


def test_a_torn_file_is_refused_and_the_one_before_it_used(tmp_path, undisturbed):
    expected = undisturbed()
    with pytest.raises(CutError):
        fit(made(), tmp_path, cut=18)
    newest = snapshots(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:-1000])
    model = made()
    with pytest.warns(UserWarning, match="Cannot resume from .*damaged"):
        found = model, *fit(model, tmp_path)
    assert_same(found, expected)


def test_a_flipped_bit_is_noticed(tmp_path):
    with pytest.raises(CutError):
        fit(made(), tmp_path, cut=18)
    for path in snapshots(tmp_path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(ValueError, match="Cannot resume"),
    ):
        fit(made(), tmp_path)


def test_a_foreign_file_is_refused(tmp_path):
    with pytest.raises(CutError):
        fit(made(), tmp_path, cut=18)
    other = keras.Sequential([keras.Input((5,)), layers.Dense(3), layers.Dense(2)])
    other.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = other.get_weights()
    with (
        pytest.warns(UserWarning, match="another model"),
        pytest.raises(ValueError, match="another model, optimizer or set of metrics"),
    ):
        fit(other, tmp_path)
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    (tmp_path / "backup" / "snapshot-99.graphc").write_text("something else")
    with pytest.warns(UserWarning, match=r"snapshot-99\.graphc"):
        fit(made(), tmp_path)


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="Empty `backup_dir`"):
        keras.callbacks.BackupAndRestore("")
    with pytest.raises(ValueError, match="save_freq"):
        keras.callbacks.BackupAndRestore("x", save_freq="step")


def test_snapshots_may_be_kept(tmp_path):
    model = made()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    model.fit(*data(), epochs=3, verbose=0, callbacks=[backup])
    assert len(list((tmp_path / "b").iterdir())) == 2
    weights = model.get_weights()
    model.fit(*data(), epochs=3, verbose=0, callbacks=[backup])  # there is nothing left to do
    for a, b in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
