"""`keras.optimizers`: Keras's optimizers on optax, and any optax transformation."""

from graphc.keras.optimizers import schedules
from graphc.keras.optimizers.adagrad import Adadelta, Adafactor, Adagrad, Ftrl
from graphc.keras.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam, ScheduleFreeAdamW
from graphc.keras.optimizers.lookup import deserialize, get, serialize
from graphc.keras.optimizers.loss_scale import LossScaleOptimizer
from graphc.keras.optimizers.momentum import SGD, Lion, RMSprop
from graphc.keras.optimizers.multi import MultiOptimizer, OptimizerMap
from graphc.keras.optimizers.muon import Muon
from graphc.keras.optimizers.optax_optimizer import OptaxOptimizer
from graphc.keras.optimizers.optimizer import Optimizer

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "OptaxOptimizer",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]
