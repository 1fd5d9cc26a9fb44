"""The generative models on the packaged data: what they learn, and the pictures that they write."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {"EPOCHS": 2, "ROWS": 128, "FILTERS": 4}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs an example, in a folder of its own."""

    def run(name, **environment):
        for key, value in environment.items():
            monkeypatch.setenv(key, str(value))
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(EXAMPLES)
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.main()

    return run


def check_grid(path, rows, columns):
    """A picture of so many pictures of 28 x 28 pixels, not all of one colour."""
    shown = plt.imread(path)
    assert shown.shape[:2] == (28 * rows, 28 * columns)
    assert np.ptp(shown[..., 0]) > 0.01


def check_history(history, names):
    assert set(history) == names
    assert all(np.isfinite(values).all() for values in history.values())


def test_vae_small(run, tmp_path, capsys):
    history, errors = run("vae", **SMALL)
    names = {"loss", "reconstruction", "kl"}
    check_history(history, names | {f"val_{name}" for name in names})
    total = np.add(history["reconstruction"], history["kl"])
    np.testing.assert_allclose(history["loss"], total, rtol=1e-5)
    assert np.isfinite(errors).all()
    assert "val_loss by epoch" in capsys.readouterr().out
    check_grid(tmp_path / "out" / "vae_samples.png", 8, 8)
    check_grid(tmp_path / "out" / "vae_reconstructions.png", 2, 12)


@pytest.mark.slow
def test_vae_learns(run):
    history, (by_mean, by_model) = run("vae", EPOCHS=5)
    assert history["loss"][-1] < 0.75 * history["loss"][0]
    assert history["val_loss"][-1] < 0.9 * history["val_loss"][0]
    assert by_model < 0.4 * by_mean


GANS = {"gan": {"d_loss", "g_loss"}, "wgan_gp": {"distance", "g_loss"}}


@pytest.mark.parametrize("name", GANS)
def test_gan_small(name, run, tmp_path, capsys):
    history, scores = run(name, **SMALL)
    check_history(history, GANS[name])
    assert set(scores) == {"before training", "after training", "real, held out"}
    for row in scores.values():
        assert 0.1 <= row["confidence"] <= 1
        assert 0.99 < row["classes"] < 10.01
        assert 0.99 < row["inception"] < 10.01
    assert "g_loss by epoch" in capsys.readouterr().out
    check_grid(tmp_path / "out" / f"{name}_samples.png", 8, 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", GANS)
def test_gan_learns(name, run):
    """It draws clothes of which the classifier is surer than of grey noise, and of many classes."""
    _, scores = run(name, EPOCHS=4)
    before, after, real = scores.values()
    assert before["inception"] < 1.5
    assert 2 < after["inception"] < real["inception"]
    assert after["classes"] > max(5, 1.5 * before["classes"])
    assert after["confidence"] > 0.5
