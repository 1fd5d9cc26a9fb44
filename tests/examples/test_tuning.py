"""The searches over generative models, small: every trial is scored, and the page is written."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {"TRIALS": 2, "EPOCHS": 1, "ROWS": 128, "FOLDS": 2}


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("tune_vae", "val_elbo"),
        pytest.param("tune_gan", "frechet_distance", marks=pytest.mark.slow),
    ],
)
def test_search_small(name, objective, monkeypatch, tmp_path):
    for key, value in SMALL.items():
        monkeypatch.setenv(key, str(value))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tuner, _ = module.main()
    trials = list(tuner.oracle.trials.values())
    assert [one.status for one in trials] == ["COMPLETED"] * 2, trials[0].message
    assert np.isfinite([one.score for one in trials]).all()
    assert tuner.oracle.objective.name == objective
    assert "<svg" in (tmp_path / "out" / f"{name}.html").read_text()
