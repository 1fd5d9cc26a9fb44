"""One model twice, in real Keras and in graphc.keras, with the same weights and the same data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours

MARKS = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # in Keras
    # Keras asks JAX for int64, of which JAX 0.11 complains.
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64 requested in ShapeDtypeSt"),
]

STEPS, BATCH = 5, 4
ROWS = STEPS * BATCH
OUTPUT_RTOL = 1e-5  # of forward passes, relative to the largest output
WEIGHT_RTOL = 1e-4  # of weights and optimizer state after five steps
MOVE_RTOL = 1e-3  # of how far the steps moved each variable: gradients show, whatever the weight
ROUNDING = 1e-7  # of gradients that are zero, as that of a bias before batch normalization
HISTORY_RTOL = 1e-3  # over three epochs

Build = Callable[[Any], Any]


@dataclass(frozen=True)
class Data:
    """What is passed to `fit`."""

    x: Any
    y: Any = None
    fit: dict[str, Any] = field(default_factory=dict)
    once: bool = False  # one fit of three epochs, for what Keras cannot fit again


def rows(shape: tuple[int, ...], seed: int = 0, count: int = ROWS) -> np.ndarray:
    """Return normal numbers [count, *shape]."""
    drawn = np.random.default_rng(seed).normal(size=(count, *shape))
    return drawn.astype("float32")


def labels(classes: int, shape: tuple[int, ...] = (), seed: int = 1, count: int = ROWS) -> Any:
    """Return whole numbers from 0 to classes - 1 [count, *shape]."""
    return np.random.default_rng(seed).integers(0, classes, size=(count, *shape))


def one_hot(classes: int, seed: int = 1, count: int = ROWS) -> np.ndarray:
    """Return rows of the unit matrix [count, classes]."""
    return np.eye(classes, dtype="float32")[labels(classes, seed=seed, count=count)]


def sgd(keras: Any) -> Any:
    """Return an optimizer under which weights move by the gradient itself."""
    return keras.optimizers.SGD(0.05)


@dataclass
class Pair:
    """Our model and Keras's, compiled alike."""

    ours: Any
    theirs: Any

    @classmethod
    def make(cls, keras: Any, build: Build, compile: Build, x: Any) -> Pair:
        """Build both, give ours Keras's weights, and compile both."""
        keras.utils.set_random_seed(0)  # a test that fails fails again
        theirs, mine = build(keras), build(ours)
        if not (theirs.built and theirs.weights and mine.built and mine.weights):
            theirs.predict(_first(x, 2), verbose=0), mine.predict(_first(x, 2), verbose=0)
        given = theirs.get_weights()
        assert [w.shape for w in mine.get_weights()] == [w.shape for w in given]
        mine.set_weights(given)
        for module, model in ((keras, theirs), (ours, mine)):
            model.compile(**{"optimizer": sgd(module), **compile(module)})
        return cls(mine, theirs)

    def check_outputs(self, x: Any) -> None:
        """Compare forward passes."""
        found = self.ours.predict(x, batch_size=BATCH, verbose=0)
        _same_nested(found, self.theirs.predict(x, batch_size=BATCH, verbose=0), OUTPUT_RTOL)

    def fit(self, data: Data, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Fit both; return both histories."""
        options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **data.fit, **more}
        mine = self.ours.fit(data.x, data.y, **options).history
        return mine, self.theirs.fit(data.x, data.y, **options).history

    def check_training(self, data: Data) -> None:
        """Compare weights and optimizer after an epoch of five steps, histories over three."""
        before = self.theirs.get_weights()
        histories = [self.fit(data, epochs=3 if data.once else 1)]
        self.check_weights(before)
        if not data.once:
            histories.append(self.fit(data, epochs=3, initial_epoch=1))
        for mine, keras in histories:
            assert list(mine) == list(keras)
            for name in keras:
                np.testing.assert_allclose(
                    mine[name], keras[name], rtol=HISTORY_RTOL, atol=1e-5, err_msg=name
                )

    def check_weights(self, before: list[np.ndarray]) -> None:
        """Compare weights with statistics, how far they moved, and the optimizer's variables."""
        pairs = zip(self.ours.weights, self.theirs.weights, before, strict=True)
        for mine, keras, start in pairs:
            expected = np.asarray(keras.value)
            _close(mine.numpy(), expected, WEIGHT_RTOL, mine.path, ROUNDING)
            if expected.dtype.kind == "f":
                atol = 2e-6 * np.max(np.abs(expected), initial=0.05)
                _close(mine.numpy() - start, expected - start, MOVE_RTOL, mine.path, atol)
        optimizers = self.ours.optimizer.variables, self.theirs.optimizer.variables
        for mine, keras in zip(*optimizers, strict=True):
            _close(mine.numpy(), np.asarray(keras.value), WEIGHT_RTOL, mine.path, ROUNDING)

    def check_moved(self, before: list[np.ndarray]) -> None:
        """Check that training changed the weights that it changes in Keras, and some at least."""
        after = self.ours.get_weights(), self.theirs.get_weights()
        mine, keras = (
            [
                bool(np.any(np.abs(w - start) > 10 * ROUNDING))
                for w, start in zip(weights, before, strict=True)
            ]
            for weights in after
        )
        assert mine == keras and any(keras)


def check(keras: Any, build: Build, data: Data, compile: Build, outputs: bool = False) -> Pair:
    """Compare (outputs,) five steps and three epochs of one model; return the pair."""
    pair = Pair.make(keras, build, compile, data.x)
    if outputs:
        pair.check_outputs(data.x)
    before = pair.ours.get_weights()
    pair.check_training(data)
    pair.check_moved(before)
    return pair


def _first(x: Any, count: int) -> Any:
    if isinstance(x, dict):
        return {name: _first(part, count) for name, part in x.items()}
    return [_first(part, count) for part in x] if isinstance(x, list) else x[:count]


def _same_nested(found: Any, expected: Any, rtol: float) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            _same_nested(found[name], expected[name], rtol)
    elif isinstance(expected, (list, tuple)):
        assert type(found) is type(expected) and len(found) == len(expected)
        for mine, keras in zip(found, expected, strict=True):
            _same_nested(mine, keras, rtol)
    else:
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        _close(found, expected, rtol, "output")


def _close(found: Any, expected: Any, rtol: float, name: str, atol: float = 0.0) -> None:
    scale = np.max(np.abs(expected), initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * scale + atol, err_msg=name)
