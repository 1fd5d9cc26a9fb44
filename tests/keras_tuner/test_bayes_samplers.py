"""Which sampler a Bayesian search uses, and what it says where a sampler's package is missing."""

from __future__ import annotations

import sys

import pytest

from graphc.keras_tuner.studies.samplers import sampler_factory
from graphc.keras_tuner.tuners.bayesian import BayesianOptimizationOracle
from tests.keras_tuner.problems import Bayes, parabola


@pytest.mark.parametrize(
    ("sampler", "package", "install"),
    [("gp", "torch", "install torch"), ("cmaes", "cmaes", r"install 'graphc-compiler\[tuner\]'")],
    ids=["gp", "cmaes"],
)
def test_a_missing_package_is_named_with_what_brings_it(
    sampler, package, install, monkeypatch, folder
):
    monkeypatch.setitem(sys.modules, package, None)
    words = rf"sampler '{sampler}' needs {package}: pip {install}"
    with pytest.raises(ImportError, match=words) as caught:
        Bayes(parabola, sampler=sampler, max_trials=2, **folder).search(verbose=0)
    assert caught.value.name == package
    assert len(str(caught.value).splitlines()) == 1


def test_the_default_is_tpe_and_needs_no_torch(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert BayesianOptimizationOracle("loss").study_options["sampler"] == "tpe"
    assert type(sampler_factory("tpe", 3)(0)).__name__ == "TPESampler"
    tuner = Bayes(parabola, max_trials=12, num_initial_points=4, seed=0, **folder)
    tuner.search(verbose=0)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED"] * 12
