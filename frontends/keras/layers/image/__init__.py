"""Layers that resize, crop and augment images."""

from graphc.keras.layers.image.affine import (
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from graphc.keras.layers.image.blurring import RandomGaussianBlur
from graphc.keras.layers.image.box_count import MaxNumBoundingBoxes
from graphc.keras.layers.image.colors import (
    RandomColorDegeneration,
    RandomColorJitter,
    RandomGrayscale,
    RandomHue,
    RandomSaturation,
    RandomSharpness,
)
from graphc.keras.layers.image.flipping import RandomFlip
from graphc.keras.layers.image.framing import CenterCrop, RandomCrop, Resizing
from graphc.keras.layers.image.mixing import CutMix, MixUp, RandomErasing
from graphc.keras.layers.image.policies import AugMix, RandAugment
from graphc.keras.layers.image.tones import (
    AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
    RandomBrightness,
    RandomContrast,
    RandomInvert,
    RandomPosterization,
    Solarization,
)
from graphc.keras.layers.image.warping import RandomElasticTransform, RandomPerspective

__all__ = [
    "AugMix",
    "AutoContrast",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "MaxNumBoundingBoxes",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
    "Solarization",
]
