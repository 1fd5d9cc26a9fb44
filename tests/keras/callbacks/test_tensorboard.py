"""`TensorBoard`: what is in the event files, read back with TensorBoard's own reader."""

import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from graphc import keras
from graphc.keras import layers
from graphc.keras.callbacks import TensorBoard, overrides_batch_hooks

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def fit(folder, epochs=3, **kwargs):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="d"), layers.Dense(1)], name="net"
    )
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    board = TensorBoard(folder, **kwargs)
    history = model.fit(
        X, Y, epochs=epochs, batch_size=8, verbose=0, validation_data=(X, Y), callbacks=[board]
    )
    return model, history.history


def read(folder, run):
    found = EventAccumulator(str(folder / run), size_guidance={"tensors": 0, "images": 0})
    found.Reload()
    return found


def series(events, tag):
    return [(e.step, float(make_ndarray(e.tensor_proto))) for e in events.Tensors(tag)]


def test_metrics_of_each_epoch(tmp_path):
    _, history = fit(tmp_path)
    train, validation = read(tmp_path, "train"), read(tmp_path, "validation")
    for name in ("loss", "mae"):
        wanted = [(i, pytest.approx(v)) for i, v in enumerate(history[name])]
        assert series(train, f"epoch_{name}") == wanted
        wanted = [(i, pytest.approx(v)) for i, v in enumerate(history[f"val_{name}"])]
        assert series(validation, f"epoch_{name}") == wanted
    rates = series(train, "epoch_learning_rate")
    assert rates == [(i, pytest.approx(0.01)) for i in range(3)]
    steps = [step for step, _ in series(validation, "evaluation_loss_vs_iterations")]
    assert steps == [5, 10, 15]
    (graph,) = train.Tensors("keras")
    assert b"Dense" in make_ndarray(graph.tensor_proto).item()


def test_histograms_images_and_speed(tmp_path):
    fit(tmp_path, histogram_freq=2, write_images=True, write_steps_per_second=True)
    train = read(tmp_path, "train")
    assert [e.step for e in train.Tensors("net/d/kernel/histogram")] == [0, 2]
    assert train.Images("net/d/kernel/image")[0].height == 4
    assert all(rate > 0 for _, rate in series(train, "epoch_steps_per_second"))


@pytest.mark.parametrize(("freq", "steps"), [("batch", range(1, 11)), (4, (4, 8))])
def test_metrics_of_batches(tmp_path, freq, steps):
    fit(tmp_path, epochs=2, update_freq=freq)
    assert [s for s, _ in series(read(tmp_path, "train"), "batch_loss")] == list(steps)


def test_by_epoch_the_loop_is_not_slowed_down(tmp_path):
    assert not overrides_batch_hooks(TensorBoard(tmp_path), "train")
    assert overrides_batch_hooks(TensorBoard(tmp_path, update_freq=3), "train")
    assert overrides_batch_hooks(TensorBoard(tmp_path, profile_batch=2), "train")


def test_a_profile_is_recorded(tmp_path):
    fit(tmp_path, epochs=1, profile_batch=(2, 3))
    assert list(tmp_path.glob("train/plugins/profile/*/*"))


def test_embeddings(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Embedding(5, 2, name="words")])
    model.compile("sgd", "mse")
    board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "names.tsv"})
    model.fit(np.zeros((4, 3), int), np.zeros((4, 3, 2)), verbose=0, callbacks=[board])
    text = (tmp_path / "train" / "projector_config.pbtxt").read_text()
    assert "words/embeddings" in text and "names.tsv" in text
    assert (tmp_path / "train" / "keras_embedding.ckpt-0.weights.h5").exists()


def test_what_is_wrong_is_said(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="update_freq"):
        TensorBoard(tmp_path, update_freq="step")
    with pytest.raises(ValueError, match="profile_batch"):
        TensorBoard(tmp_path, profile_batch=(5, 2))
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        TensorBoard(tmp_path)
