"""The ported models on the packaged data: the loss falls, and caches and masks change nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from graphc import keras
from graphc.keras import ops

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name, monkeypatch, tmp_path, **environment):
    for key, value in environment.items():
        monkeypatch.setenv(key, str(value))
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "factor"), [("unet", 0.5), ("gpt", 0.85), ("seq2seq", 0.9)], ids=str
)
def test_learns(name, factor, monkeypatch, tmp_path, capsys):
    module = load(name, monkeypatch, tmp_path, EPOCHS=3, ROWS=1000)
    found = module.main()
    history = found[0] if isinstance(found, tuple) else found
    assert history["loss"][-1] < factor * history["loss"][0]
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert capsys.readouterr().out


def test_unet_shapes(monkeypatch, tmp_path):
    module = load("unet", monkeypatch, tmp_path)
    model = module.build_unet(filters=(4, 4), bottom=4)
    noisy, clean = module.pairs(np.zeros((2, 28, 28), "uint8"), seed=0)
    assert model.predict(noisy, verbose=0).shape == clean.shape == (2, 28, 28, 1)
    assert {type(layer).__name__ for layer in model.layers} >= {"Conv2DTranspose", "Concatenate"}


def test_cache_of_keys_changes_nothing(monkeypatch, tmp_path):
    """One letter at a time with cached keys gives the logits of the whole line at once."""
    module = load("gpt", monkeypatch, tmp_path)
    keras.utils.set_random_seed(0)
    model = module.GPT(len(module.LETTERS), module.LENGTH, module.WIDTH, module.HEADS, depth=1)
    ids = np.array([[0, 5, 9, 2, 7]])
    whole = np.asarray(model(ids))
    width = module.WIDTH // module.HEADS
    caches = [ops.zeros((2, 1, module.LENGTH, module.HEADS, width)) for _ in model.blocks]
    for place in range(ids.shape[1]):
        logits, caches = model.step(ids[:, place : place + 1], caches, place)
        np.testing.assert_allclose(logits, whole[:, place], rtol=1e-4, atol=1e-5)
    assert module.write(model, 8) == module.write(model, 8)


def test_seq2seq_runs_on_padded_letters(monkeypatch, tmp_path):
    module = load("seq2seq", monkeypatch, tmp_path, ROWS=8)
    sources, so_far, targets = module.data()
    assert sources.shape == so_far.shape == targets.shape == (8, module.LENGTH)
    model = module.build()
    shown = model.predict([sources, so_far], verbose=0)
    assert shown.shape == (8, module.LENGTH, len(module.LETTERS))
    longer = np.concatenate([sources, np.zeros_like(sources[:1])])
    again = model.predict([longer, np.concatenate([so_far, so_far[:1]])], verbose=0)
    np.testing.assert_allclose(again[:8], shown, rtol=1e-4, atol=1e-5)
