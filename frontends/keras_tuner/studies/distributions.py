"""Hyperparameters as Optuna's distributions, and values back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphc.keras_tuner.engine.hyperparameter import Boolean, Choice, Fixed, HyperParameter
from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.engine.numerical import Int, Numerical


def keys_of(space: Iterable[HyperParameter]) -> list[tuple[str, HyperParameter]]:
    """Return the name in the study of each dimension that is searched.

    Two of one name under different conditions may have different ranges; a study knows only
    names, and so the later ones get a number.
    """
    counts: dict[str, int] = {}
    found = []
    for hp in space:
        if isinstance(hp, Fixed):
            continue
        counts[hp.name] = counts.get(hp.name, 0) + 1
        key = hp.name if counts[hp.name] == 1 else f"{hp.name}#{counts[hp.name]}"
        found.append((key, hp))
    return found


def suggest(trial: Any, space: HyperParameters) -> dict[str, Any]:
    """Return values for all that is active, chosen by the sampler of the trial's study."""
    chosen = HyperParameters()
    keys = {id(hp): key for key, hp in keys_of(space.space)}
    for hp in space.space:
        if not chosen.all_hold(hp.conditions):
            continue
        key = keys.get(id(hp))
        value = hp.default if key is None else decode(hp, suggest_one(trial, key, hp))
        chosen.values[hp.name] = value
    return chosen.values


def suggest_one(trial: Any, key: str, hp: HyperParameter) -> Any:
    """Return the study's number or category for one dimension."""
    if isinstance(hp, Boolean | Choice):
        return trial.suggest_categorical(key, list(hp.values))
    assert isinstance(hp, Numerical)
    if _by_index(hp):
        return trial.suggest_int(key, 0, hp.count - 1)
    if hp.sampling == "reverse_log":
        return trial.suggest_float(key, 0.0, 1.0)
    log, high = hp.sampling == "log", hp.max_value
    if hp.step is not None:  # the last step may end before the end of the range
        high = hp.at(hp.count - 1)
    if isinstance(hp, Int):
        return trial.suggest_int(key, int(hp.min_value), int(high), step=hp.step or 1, log=log)
    return trial.suggest_float(key, hp.min_value, high, step=hp.step, log=log)


def decode(hp: HyperParameter, raw: Any) -> Any:
    """Return the value that a number or category of the study stands for."""
    if isinstance(hp, Numerical) and _by_index(hp):
        return hp.prob_to_value((raw + 0.5) / hp.count)
    if isinstance(hp, Numerical) and hp.sampling == "reverse_log":
        return hp.prob_to_value(raw)
    return raw


def encode(hp: HyperParameter, value: Any) -> Any:
    """Return the number or category that stands for a value."""
    if isinstance(hp, Numerical) and _by_index(hp):
        return hp.index_of(value)
    if isinstance(hp, Numerical) and hp.sampling == "reverse_log":
        return hp.value_to_prob(value)
    return value


def encode_all(space: HyperParameters, values: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in a study for the values of what is active."""
    chosen = HyperParameters()
    chosen.values = values
    return {
        key: encode(hp, values[hp.name])
        for key, hp in keys_of(space.space)
        if hp.name in values and chosen.all_hold(hp.conditions)
    }


def _by_index(hp: Numerical) -> bool:
    return hp.step is not None and hp.sampling != "linear"
