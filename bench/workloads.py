"""What the benchmarks train: models with their data, and how much faster each must be than Keras.

Imports no framework, because every peer's worker process imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from generative import build_gan, build_vae
from keras_models import dense, images, sequences
from sources import (
    Arrays,
    Source,
    as_own_targets,
    as_pictures,
    as_stored,
    in_colour,
    load_clothes,
    load_digits,
    load_few_digits,
    load_few_reviews,
    load_made_up,
    load_next_words,
    load_reviews,
    load_series,
    load_table,
    scaled,
    scaled_with_channel,
)

QUICK_ROWS = 192  # of --quick: enough for two steps of the largest batch but one

Objective = Literal["classes", "binary", "squares"]


@dataclass(frozen=True)
class Workload:
    """One model with its data, as a tutorial has them.

    `prepare` does in the worker what the tutorial does to the stored arrays before `fit`;
    `epochs` is the length of the fit whose mean epoch is one sample: the tutorial's where that is
    soon over; `targets` says how many times faster than Keras each measure must be. What has an
    `objective` was also written for PyTorch and Flax: those models give logits, and this is the
    loss of them; with `accuracy` they count the right ones, too, where Keras does.
    """

    name: str
    title: str
    build: Callable[[Any], Any]
    load: Callable[[], Source]
    prepare: Callable[[Mapping[str, np.ndarray]], Arrays]
    batch: int
    epochs: int
    targets: Mapping[str, float]
    objective: Objective | None = None
    accuracy: bool = True

    @property
    def is_native(self) -> bool:
        """Whether PyTorch and Flax have it, too."""
        return self.objective is not None


CLOTHES, FEW_CLOTHES = partial(load_clothes, 1280), partial(load_clothes, 640)
REVIEWS, FEW_REVIEWS = partial(load_few_reviews, 1280), partial(load_few_reviews, 640)

FIRST = {"first_cold": 1.0, "first_warm": 1.0}
COMMON = {"epoch": 1.05, "predict": 2.0, "memory": 1.0} | FIRST

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "tutorial_1", "MLP 784-128-10", dense.build_mlp, load_digits, scaled,
            batch=32, epochs=2, targets=COMMON | {"epoch": 1.5}, objective="classes",
        ),
        Workload(
            "tutorial_2", "functional 20-64-64-1", dense.build_functional, load_made_up, as_stored,
            batch=32, epochs=10, targets=COMMON | {"epoch": 6.0}, objective="binary",
        ),
        Workload(
            "tutorial_4", "embedding and mean", dense.build_reviews, load_reviews, as_stored,
            batch=512, epochs=5, targets=COMMON | {"epoch": 1.5, "epoch_validated": 1.5},
            objective="binary",
        ),
        Workload(
            "tabular", "MLP with BatchNormalization", dense.build_tabular, load_table, as_stored,
            batch=256, epochs=2, targets=COMMON, objective="classes",
        ),
        Workload(
            "convnet", "MNIST convnet", images.build_convnet, load_few_digits, scaled_with_channel,
            batch=128, epochs=1, targets=COMMON | {"epoch": 2.0, "epoch_validated": 2.0},
            objective="classes",
        ),
        Workload(
            "resnet20", "ResNet-20", images.build_resnet20, CLOTHES, in_colour,
            batch=128, epochs=1, targets=COMMON, objective="classes",
        ),
        Workload(
            "separable", "small MobileNet", images.build_separable,
            FEW_CLOTHES, in_colour, batch=64, epochs=1, targets=COMMON, objective="classes",
        ),
        Workload(
            "autoencoder", "convolutional autoencoder", images.build_autoencoder, CLOTHES,
            as_own_targets, batch=128, epochs=1, targets=COMMON, objective="binary",
            accuracy=False,
        ),
        Workload(
            "bilstm", "two bidirectional LSTMs", sequences.build_bilstm, FEW_REVIEWS, as_stored,
            batch=32, epochs=1, targets=COMMON, objective="binary",
        ),
        Workload(
            "gru", "GRU forecaster", sequences.build_gru, load_series, as_stored,
            batch=128, epochs=1, targets=COMMON, objective="squares", accuracy=False,
        ),
        Workload(
            "transformer", "transformer text classifier", sequences.build_transformer,
            REVIEWS, as_stored, batch=32, epochs=1, targets=COMMON, objective="classes",
        ),
        Workload(
            "gpt", "12 blocks of width 128", sequences.build_gpt, load_next_words, as_stored,
            batch=16, epochs=1, targets=COMMON | {"first_cold": 3.0}, objective="classes",
            accuracy=False,
        ),
        Workload(
            "vae", "convolutional VAE", build_vae, CLOTHES, as_own_targets,
            batch=128, epochs=1, targets={"epoch": 1.5} | FIRST,
        ),
        Workload(
            "gan", "small DCGAN, two optimizers", build_gan, CLOTHES, as_pictures,
            batch=128, epochs=1, targets={"epoch": 1.5} | FIRST,
        ),
    )
}  # fmt: skip
