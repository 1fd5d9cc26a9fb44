"""The progress bar: Keras's lines on a terminal, one line in a log."""

import io
import os
import re
import sys
import time
from importlib import import_module

import pytest

from graphc.keras.utils.progbar import Progbar, print_message
from tests.keras.callbacks.fakes import Terminal

os.environ.setdefault("KERAS_BACKEND", "jax")
ANSI = re.compile(r"\x1b\[\d+m")


class Clock:
    """A clock that moves only when told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)  # Keras reads this one
    monkeypatch.setattr(time, "perf_counter", clock)
    monkeypatch.delenv("PYCHARM_HOSTED", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return clock


def show(monkeypatch, stream, make_bar, updates, clock):
    """What a bar writes for updates `(seconds since the last, arguments of update)`."""
    monkeypatch.setattr(sys, "stdout", stream)
    bar = make_bar()
    for seconds, arguments in updates:
        clock.now += seconds
        bar.update(*arguments)
    return stream.getvalue()


def frames(text):
    """The lines of a live bar, without colours and padding."""
    return [line.rstrip(" ") for line in ANSI.sub("", text).replace("\b", "").split("\r")]


STEADY = [(0.25, (i + 1, [("accuracy", i / 10), ("loss", 1e-4 * i)])) for i in range(10)]
LONG = [(400.0, (i, [("loss", 2.0)])) for i in (1, 2, 6, 10)]
FAST = [(0.001, (i + 1, [("loss", float(i))])) for i in range(10)]
TINY = [(2e-5, (i + 1, [("loss", -0.5)])) for i in range(10)]
FINALIZED = [*STEADY[:5], (0.5, (10, [("loss", 0.5), ("val_loss", 0.25)], True))]


@pytest.mark.oracle
@pytest.mark.parametrize("verbose", [0, 1, 2])
@pytest.mark.parametrize("stateful", [None, ["loss"]])
@pytest.mark.parametrize("target", [10, None])
@pytest.mark.parametrize("updates", [STEADY, LONG, FAST, TINY, FINALIZED])
def test_a_terminal_shows_what_keras_shows(monkeypatch, clock, verbose, stateful, target, updates):
    keras = import_module("keras")
    texts = []
    for kind in (Progbar, keras.utils.Progbar):

        def make_bar(kind=kind):
            return kind(target, verbose=verbose, stateful_metrics=stateful)

        texts.append(show(monkeypatch, Terminal(), make_bar, updates, clock))
    if updates is TINY and verbose == 2:  # Keras prints negative values in another format here
        texts[1] = texts[1].replace("-5.0000e-01", "-0.5000")
    assert frames(texts[0]) == frames(texts[1])


def test_the_line_of_the_manual(monkeypatch, clock):
    updates = [(1.0, (0,)), (1.0, (32, [("accuracy", 0.4864), ("loss", 0.7026)]))]
    text = show(monkeypatch, Terminal(), lambda: Progbar(32), updates, clock)
    bar = "━" * 20
    assert frames(text)[-1] == f"32/32 {bar} 2s 62ms/step - accuracy: 0.4864 - loss: 0.7026\n"
    assert f"\x1b[1m32/32\x1b[0m \x1b[32m{bar}\x1b[0m" in text


def test_first_update_does_not_count_in_the_pace(monkeypatch, clock):
    updates = [(60.0, (50,)), (1.0, (100,))]  # the first chunk held the compilation
    text = show(monkeypatch, Terminal(), lambda: Progbar(100), updates, clock)
    assert "61s 20ms/step" in frames(text)[-1]


def test_redraws_are_rate_limited(monkeypatch, clock):
    text = show(
        monkeypatch,
        Terminal(),
        lambda: Progbar(1000, interval=0.05),
        [(0.001, (i + 1,)) for i in range(1000)],
        clock,
    )
    assert 15 <= len(frames(text)) <= 25
    assert text.endswith("\n")


def test_a_log_gets_one_plain_line(monkeypatch, clock):
    def make_bar():
        bar = Progbar(10)
        bar.prefix = "Epoch 1/5: "
        return bar

    text = show(monkeypatch, io.StringIO(), make_bar, STEADY, clock)
    expected = "Epoch 1/5: 10/10 ━━━━━━━━━━━━━━━━━━━━ 2s 250ms/step"
    assert text.startswith(expected)
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)


def test_a_notebook_redraws(monkeypatch, clock):
    stream_type = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    text = show(monkeypatch, stream_type(), lambda: Progbar(10), STEADY, clock)
    assert text.count("\r") == 10


def test_a_narrow_terminal_gets_no_wrapped_redraws(monkeypatch, clock):
    monkeypatch.setenv("COLUMNS", "50")
    text = show(monkeypatch, Terminal(), lambda: Progbar(10), STEADY, clock)
    *live, last = frames(text)
    assert max(map(len, live)) < 50
    assert "loss" in last


def test_a_shorter_line_erases_the_longer(monkeypatch, clock):
    updates = [(1.0, (1, [("loss", -1000000.0)])), (1.0, (2, [("loss", 1.0)]))]
    text = show(monkeypatch, Terminal(), lambda: Progbar(3, stateless_metrics=()), updates, clock)
    first, second = ANSI.sub("", text).split("\r")[1:]
    assert len(second) >= len(first)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_ascii_stream_gets_ascii(monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    Progbar(4).update(4, [("läss", 1.0)])
    print_message("done ━ ✓")
    text = stream.buffer.getvalue().decode(encoding)
    assert text.startswith("4/4 ====================")
    assert text.endswith("done = ?\n")


def test_no_standard_output(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    Progbar(4).update(4)


def test_add_continues(monkeypatch, clock):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    bar = Progbar(4)
    bar.add(1, [("loss", 1.0)])
    bar.add(2, [("loss", 4.0)])
    bar.add(1)
    assert sys.stdout.getvalue().endswith("- loss: 3.0000\n")


def test_both_kinds_of_metrics():
    with pytest.raises(ValueError, match="at most one"):
        Progbar(3, stateful_metrics=["a"], stateless_metrics=["b"])
