"""Which of Optuna's samplers and pruners a name stands for, and draws that depend on position."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from graphc.keras_tuner.errors import need

# What each sampler takes beside a seed: whether it tells what it must draw apart is no news here.
SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("RandomSampler", {}),
    "tpe": ("TPESampler", {"multivariate": True, "group": True, "constant_liar": True}),
    "gp": ("GPSampler", {"warn_independent_sampling": False}),
    "cmaes": ("CmaEsSampler", {"warn_independent_sampling": False}),
}
NEEDED = {"gp": "torch", "cmaes": "cmaes"}
PRUNERS = {
    "hyperband": "HyperbandPruner",
    "median": "MedianPruner",
    "none": "NopPruner",
    "successive_halving": "SuccessiveHalvingPruner",
}


def seed_at(*position: object) -> int:
    """Return a seed for a place in a search: the same for the same place."""
    return random.Random("/".join(map(str, position))).randrange(1, 2**31)


def sampler_factory(sampler: Any, startup: int | None) -> Callable[[int], Any]:
    """Return a function from a seed to a sampler of Optuna.

    Args:
        sampler: a name of `SAMPLERS`, or a sampler, which is used as it is.
        startup: how many trials are random at first; None for the sampler's own number.

    Raises:
        ValueError: there is no sampler of that name.
        ImportError: a package that it needs is missing.
    """
    optuna = need("optuna", "A search by Optuna's samplers")
    if not isinstance(sampler, str):
        return lambda _: sampler
    if sampler not in SAMPLERS:
        raise ValueError(f"`sampler` must be one of {sorted(SAMPLERS)}. Received: {sampler!r}")
    if sampler in NEEDED:
        need(NEEDED[sampler], f"The sampler '{sampler}'")
    kind, arguments = SAMPLERS[sampler]
    if startup is not None and sampler != "random":
        arguments = {**arguments, "n_startup_trials": startup}

    def make(seed: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return getattr(optuna.samplers, kind)(seed=seed, **arguments)

    return make


def make_pruner(pruner: Any, max_epochs: int | None = None) -> Any:
    """Return a pruner of Optuna for a name of `PRUNERS`; a pruner is returned as it is.

    Raises:
        ValueError: there is no pruner of that name.
    """
    optuna = need("optuna", "Pruning")
    if not isinstance(pruner, str):
        return pruner
    if pruner not in PRUNERS:
        raise ValueError(f"`pruner` must be one of {sorted(PRUNERS)}. Received: {pruner!r}")
    return getattr(optuna.pruners, PRUNERS[pruner])()


class PositionedDraws:
    """Makes what is drawn for a trial a function of the seed and the trial's place alone.

    A sampler of Optuna holds a generator that a resumed search could not bring to where it was;
    here each trial has a sampler of its own, and all that samplers learn is in the study. With
    `forced`, nothing is drawn: the trial is given values that were chosen elsewhere.
    """

    def __init__(self, make: Callable[[int], Any], seed: int) -> None:
        self._make, self._seed = make, seed
        self.position: object = None
        self.forced: Mapping[str, Any] | None = None
        self._inner: Any = None

    def before_trial(self, study: Any, trial: Any) -> None:
        if self.forced is not None:
            return
        place = trial.number if self.position is None else self.position
        self._inner = self._make(seed_at(self._seed, place))
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        if self.forced is not None:
            return {}
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> Any:
        if self.forced is not None:
            return {}
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Any, trial: Any, param_name: str, distribution: Any) -> Any:
        if self.forced is not None:
            return self.forced[param_name]
        return self._inner.sample_independent(study, trial, param_name, distribution)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        if self._inner is not None:
            self._inner.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Do nothing: the seed is the place."""


def positioned(make: Callable[[int], Any], seed: int) -> Any:
    """Return `PositionedDraws` as a sampler of Optuna."""
    base = need("optuna", "A search by Optuna's samplers").samplers.BaseSampler
    return type("PositionedSampler", (PositionedDraws, base), {})(make, seed)
