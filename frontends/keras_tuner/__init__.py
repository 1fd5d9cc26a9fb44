"""Define-by-run search over models, with KerasTuner's API: `from graphc import keras_tuner`."""

from graphc.keras_tuner import engine, errors, oracles, tuners
from graphc.keras_tuner.engine.hypermodel import HyperModel
from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.engine.objective import Objective
from graphc.keras_tuner.engine.oracle import Oracle, synchronized
from graphc.keras_tuner.engine.runner import SequentialRunner, TrialResult, TrialRunner
from graphc.keras_tuner.engine.trial import Trial, TrialStatus
from graphc.keras_tuner.engine.tuner import Tuner
from graphc.keras_tuner.measures import FrechetDistance, ReconstructionError, frechet_distance
from graphc.keras_tuner.seeing.plots import plot_search, to_html
from graphc.keras_tuner.seeing.records import to_frame
from graphc.keras_tuner.tuners.bayesian import BayesianOptimization
from graphc.keras_tuner.tuners.grid_search import GridSearch
from graphc.keras_tuner.tuners.hyperband import Hyperband
from graphc.keras_tuner.tuners.random_search import RandomSearch

__all__ = [
    "BayesianOptimization", "FrechetDistance", "GridSearch", "HyperModel", "HyperParameters",
    "Hyperband", "Objective", "Oracle", "RandomSearch", "ReconstructionError", "SequentialRunner",
    "Trial", "TrialResult", "TrialRunner", "TrialStatus", "Tuner", "engine", "errors",
    "frechet_distance", "oracles", "plot_search", "synchronized", "to_frame", "to_html", "tuners",
]  # fmt: skip
