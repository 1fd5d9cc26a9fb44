"""What chooses, apart from the searches: for tuners of your own."""

from graphc.keras_tuner.engine.oracle import Oracle
from graphc.keras_tuner.tuners.bayesian import BayesianOptimizationOracle
from graphc.keras_tuner.tuners.grid_search import GridSearchOracle
from graphc.keras_tuner.tuners.hyperband import HyperbandOracle
from graphc.keras_tuner.tuners.random_search import RandomSearchOracle

__all__ = [
    "BayesianOptimizationOracle", "GridSearchOracle", "HyperbandOracle", "Oracle",
    "RandomSearchOracle",
]  # fmt: skip
