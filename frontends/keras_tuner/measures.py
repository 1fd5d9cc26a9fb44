"""Objectives that are measured on a trained model: for autoencoders and for what draws pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.keras_tuner.engine.objective import Objective
from graphc.keras_tuner.errors import FatalValueError


def frechet_distance(first: Any, second: Any) -> float:
    """Return the squared Fréchet distance of two clouds of points, each taken for a Gaussian.

    Args:
        first, second: [N, features] and [M, features].

    Source: Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash
    equilibrium" (2017), there of the features that a classifier finds in pictures.

    Raises:
        ValueError: a cloud has fewer than two points, or the two have different features.
    """
    clouds = [np.asarray(cloud, np.float64).reshape(len(cloud), -1) for cloud in (first, second)]
    if min(map(len, clouds)) < 2 or clouds[0].shape[1] != clouds[1].shape[1]:
        shapes = [cloud.shape for cloud in clouds]
        raise ValueError(f"Two clouds of points of equal width are needed. Received: {shapes}")
    means = [cloud.mean(axis=0) for cloud in clouds]
    spreads = [np.atleast_2d(np.cov(cloud, rowvar=False)) for cloud in clouds]
    # The trace of the root of a product is that of a symmetric matrix's root: no complex numbers.
    root = _root(spreads[0])
    values = np.linalg.eigvalsh(root @ spreads[1] @ root)
    shared = np.sqrt(np.clip(values, 0, None)).sum()
    traces = np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * shared
    return float(max(0.0, np.sum((means[0] - means[1]) ** 2) + traces))


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


class FrechetDistance(Objective):
    """The Fréchet distance between what a model draws and what it was not shown; to be made small.

    Args:
        features: a function (or model) from pictures to features [N, features]: the last hidden
            layer of a small classifier, say.
        draw: a function of the trained model and a number, which returns as many pictures.
        count: how many to draw; None for as many as are held out.
        real: pictures to compare with; None for the held-out ones (the `validation_data` of
            `search`, or the fold).

    Raises, when measuring:
        FatalValueError: there are no pictures to compare with.
    """

    def __init__(
        self,
        features: Callable[[Any], Any],
        draw: Callable[[Any, int], Any],
        count: int | None = None,
        real: Any = None,
    ) -> None:
        super().__init__(self._distance, "min")
        self.name = "frechet_distance"
        self._features, self._draw, self._count, self._real = features, draw, count, real

    def _distance(self, model: Any, held: Any) -> float:
        real = first_of(held, "FrechetDistance") if self._real is None else self._real
        drawn = self._draw(model, self._count or len(real))
        return frechet_distance(self._of(real), self._of(drawn))

    def _of(self, pictures: Any) -> np.ndarray:
        found = getattr(self._features, "predict", None)
        return np.asarray(found(pictures, verbose=0) if found else self._features(pictures))


class ReconstructionError(Objective):
    """The mean squared error of what a model makes of data that it was not shown.

    Args:
        call: a function of the model and data; None for `model.predict`.

    Raises, when measuring:
        FatalValueError: nothing was held out.
    """

    def __init__(self, call: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__(self._error, "min")
        self.name = "reconstruction_error"
        self._call = call or (lambda model, data: model.predict(data, verbose=0))

    def _error(self, model: Any, held: Any) -> float:
        data = first_of(held, "ReconstructionError")
        return float(np.mean((np.asarray(self._call(model, data)) - np.asarray(data)) ** 2))


def first_of(held: Any, name: str) -> Any:
    """Return the inputs among held-out data.

    Raises:
        FatalValueError: there is none.
    """
    if held is None:
        raise FatalValueError(
            f"{name} needs data that the model was not shown: give `search` a `validation_data`, "
            "or the tuner `cv=k`. Received: neither"
        )
    return held[0] if isinstance(held, tuple | list) else held
