"""The searches, by how they choose."""

from graphc.keras_tuner.engine.tuner import Tuner
from graphc.keras_tuner.tuners.bayesian import BayesianOptimization
from graphc.keras_tuner.tuners.grid_search import GridSearch
from graphc.keras_tuner.tuners.hyperband import Hyperband
from graphc.keras_tuner.tuners.random_search import RandomSearch

__all__ = ["BayesianOptimization", "GridSearch", "Hyperband", "RandomSearch", "Tuner"]
