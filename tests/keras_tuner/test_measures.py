"""What is measured on trained models, held to its formulas as SciPy computes them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from graphc import keras, keras_tuner
from graphc.keras_tuner.errors import FatalValueError
from graphc.keras_tuner.measures import frechet_distance


def by_scipy(first, second):
    """The formula as it is written, with the root of a product that is not symmetric."""
    means = [cloud.mean(axis=0) for cloud in (first, second)]
    spreads = [np.cov(cloud, rowvar=False) for cloud in (first, second)]
    root = sqrtm(spreads[0] @ spreads[1]).real
    return np.sum((means[0] - means[1]) ** 2) + np.trace(spreads[0] + spreads[1] - 2 * root)


def clouds(width=6):
    rng = np.random.default_rng(0)
    mixes = rng.normal(size=(2, width, width))
    first, second = rng.normal(size=(200, width)), rng.normal(size=(150, width))
    return first @ mixes[0], second @ mixes[1] + 0.5


def test_frechet_distance_is_the_formula_and_symmetric():
    first, second = clouds()
    found = frechet_distance(first, second)
    np.testing.assert_allclose(found, by_scipy(first, second), rtol=1e-8)
    np.testing.assert_allclose(found, frechet_distance(second, first), rtol=1e-10)


def test_equal_clouds_are_at_no_distance():
    first, _ = clouds()
    assert 0 <= frechet_distance(first, first[::-1]) < 1e-9
    few = first[:3]  # fewer points than features: the spread has no full rank
    assert 0 <= frechet_distance(few, few) < 1e-6


def test_distances_that_are_known():
    first, _ = clouds()
    shift = np.arange(6.0)
    np.testing.assert_allclose(frechet_distance(first, first + shift), np.sum(shift**2), rtol=1e-8)
    # Twice as wide about the same mean: tr(C + 4C - 2 * 2C) = tr(C).
    wide = first.mean(axis=0) + 2 * (first - first.mean(axis=0))
    trace = np.trace(np.cov(first, rowvar=False))
    np.testing.assert_allclose(frechet_distance(first, wide), trace, rtol=1e-8)
    line = np.array([[0.0], [2.0]])  # variance 2, moved by 3 and widened by 2
    np.testing.assert_allclose(frechet_distance(line, 2 * line + 2), 9 + 2, rtol=1e-8)


@pytest.mark.parametrize(
    ("shapes", "shown"),
    [(((1, 4), (5, 4)), r"\(1, 4\)"), (((5, 4), (5, 3)), r"\(5, 4\), \(5, 3\)")],
    ids=["one-point", "widths"],
)
def test_clouds_that_cannot_be_compared_are_refused(shapes, shown):
    with pytest.raises(ValueError, match=f"points of equal width.*{shown}"):
        frechet_distance(*map(np.ones, shapes))


def model_of(width):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(width, activation="tanh")])


@pytest.mark.parametrize("as_model", [True, False], ids=["model", "function"])
def test_objective_measures_features_of_what_is_drawn(as_model):
    real, drawn = (cloud[:, :5] for cloud in clouds())
    judge = model_of(3)
    asked = []

    def draw(model, count):
        asked.append((model, count))
        return drawn[:count]

    features = judge if as_model else lambda rows: judge.predict(rows, verbose=0)
    kinds = (None, real[:100]), (40, real[:100])
    for count, held in kinds:
        found = keras_tuner.FrechetDistance(features, draw, count)._distance("trained", held)
        shown = [judge.predict(rows, verbose=0).astype("float64") for rows in (held, drawn)]
        expected = by_scipy(shown[0], shown[1][: count or 100])
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert asked == [("trained", 100), ("trained", 40)]


def test_objective_prefers_pictures_that_it_is_given():
    real, drawn = clouds()
    measure = keras_tuner.FrechetDistance(lambda rows: rows, lambda _, n: drawn[:n], real=real[:80])
    expected = by_scipy(real[:80], drawn[:80])
    np.testing.assert_allclose(measure._distance(None, None), expected, rtol=1e-8)
    assert measure.direction == "min"


def test_reconstruction_error_is_the_mean_square():
    x = clouds()[0][:, :5].astype("float32")
    model = model_of(5)
    expected = np.mean((model.predict(x, verbose=0) - x) ** 2)
    measure = keras_tuner.ReconstructionError()
    np.testing.assert_allclose(measure._error(model, (x, None)), expected, rtol=1e-6)
    half = keras_tuner.ReconstructionError(lambda _, rows: rows / 2)
    np.testing.assert_allclose(half._error(None, x), np.mean((x / 2) ** 2), rtol=1e-6)


def test_nothing_held_out_is_an_error():
    for measure in (
        lambda: keras_tuner.FrechetDistance(None, None)._distance(None, None),
        lambda: keras_tuner.ReconstructionError()._error(None, None),
    ):
        with pytest.raises(FatalValueError, match="validation_data"):
            measure()
