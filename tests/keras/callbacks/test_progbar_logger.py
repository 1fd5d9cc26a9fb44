"""What a run prints: epochs, evaluation and prediction, by chunk or by batch."""

import io
import re
import sys

import pytest

from graphc.keras.callbacks import CallbackList
from tests.keras.callbacks.fakes import FakeModel, Terminal

ANSI = re.compile(r"\x1b\[\d+m")


@pytest.fixture(autouse=True)
def _no_pycharm(monkeypatch):
    monkeypatch.delenv("PYCHARM_HOSTED", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


def fit(callbacks, epochs, chunks, report):
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_begin(epoch)
        for step in chunks:
            report(step, {"loss": 1.0, "accuracy": 0.5})
        callbacks.on_test_begin()
        callbacks.on_test_batch_end(0, {"loss": 9.0})
        callbacks.on_chunk_end(1, {"loss": 9.0})
        callbacks.on_test_end({"loss": 9.0})
        callbacks.on_epoch_end(epoch, {"loss": 1.0, "accuracy": 0.5, "val_loss": 2.0})
    callbacks.on_train_end()


def run(monkeypatch, stream, epochs=2, steps=4, verbose="auto", by_batch=False):
    monkeypatch.setattr(sys, "stdout", stream)
    callbacks = CallbackList(
        add_progbar=True, model=FakeModel(), epochs=epochs, steps=steps, verbose=verbose
    )
    report = callbacks.on_train_batch_end if by_batch else callbacks.on_chunk_end
    fit(callbacks, epochs, range(4) if by_batch else [1, 3], report)
    return re.sub(r"\d+\w?s", "0s", ANSI.sub("", stream.getvalue()))


BAR = "━" * 20
DONE = f"4/4 {BAR} 0s 0s/step - accuracy: 0.5000 - loss: 1.0000 - val_loss: 2.0000\n"


@pytest.mark.parametrize("by_batch", [False, True])
@pytest.mark.parametrize("steps", [4, None])
def test_a_log_has_one_line_an_epoch(monkeypatch, steps, by_batch):
    text = run(monkeypatch, io.StringIO(), steps=steps, by_batch=by_batch)
    assert text == f"Epoch 1/2: {DONE}Epoch 2/2: {DONE}"


@pytest.mark.parametrize("by_batch", [False, True])
@pytest.mark.parametrize("steps", [4, None])
def test_a_terminal_shows_every_epoch(monkeypatch, steps, by_batch):
    text = run(monkeypatch, Terminal(), steps=steps, by_batch=by_batch)
    assert re.findall(r"Epoch ./2\n", text) == ["Epoch 1/2\n", "Epoch 2/2\n"]
    assert text.count(DONE) == 2
    assert "9.0000" not in text


def test_unknown_steps_are_known_after_the_first_epoch(monkeypatch):
    text = run(monkeypatch, Terminal(), steps=None)
    first, second = text.split("Epoch 2/2\n")
    assert "2/Unknown" in first
    assert "Unknown" not in second


def test_verbose_two(monkeypatch):
    text = run(monkeypatch, Terminal(), epochs=1, verbose=2)
    assert text == "4/4 - 0s - 0s/step - accuracy: 0.5000 - loss: 1.0000 - val_loss: 2.0000\n"


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_verbose_zero(monkeypatch, stream):
    assert run(monkeypatch, stream(), verbose=0) == ""


def test_one_epoch_has_no_title(monkeypatch):
    assert run(monkeypatch, io.StringIO(), epochs=1) == DONE


def test_evaluate_and_predict(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    callbacks = CallbackList(add_progbar=True, model=FakeModel(), epochs=1, steps=2, verbose=1)
    fit(callbacks, 1, [1], callbacks.on_chunk_end)
    callbacks.on_test_begin()
    callbacks.on_chunk_end(1, {"loss": 3.0})
    callbacks.on_test_end({"loss": 3.0})
    callbacks.on_predict_begin()
    callbacks.on_predict_batch_end(1, {"outputs": [1.0]})
    callbacks.on_predict_end()
    lines = sys.stdout.getvalue().splitlines()
    assert lines[1].startswith("2/2 ")
    assert lines[1].endswith("- loss: 3.0000")
    assert lines[2].endswith("/step")
    assert len(lines) == 3


def test_logs_are_asked_for_only_when_they_show(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    callbacks = CallbackList(add_progbar=True, model=FakeModel(), epochs=1, steps=9, verbose=1)
    callbacks.on_epoch_begin(0)
    assert not callbacks.progress_due()
    monkeypatch.setattr(sys, "stdout", Terminal())
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    assert callbacks.progress_due()
    callbacks.on_chunk_end(1, {"loss": 1.0})
    assert not callbacks.progress_due()  # too soon
    callbacks.on_test_begin()
    assert not callbacks.progress_due()  # validation is silent
    assert not CallbackList().progress_due()
