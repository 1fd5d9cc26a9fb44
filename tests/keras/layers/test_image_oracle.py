"""Image layers against Keras's: numbers from the same seeds, boxes and masks, graphs, configs."""

from __future__ import annotations

import random

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import (
    CHECKS,
    MARKS,
    assert_close,
    check_in_models,
    draw,
    first_of_each,
    ids,
    make,
)

pytestmark = [
    *MARKS,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64 requested in"),  # Keras's
]
TRAIN = {"training": True}
IMAGES = {"x": (2, 9, 7, 3)}
TRAINED = {**IMAGES, "call": TRAIN}
FIRST = {"x": (2, 3, 9, 7), "call": TRAIN}
ONE = {"x": (9, 7, 3), "call": TRAIN}
BYTES = {**TRAINED, "dtype": "uint8"}
INFER = {**IMAGES, "call": {"training": False}}
CF = {"data_format": "channels_first"}
BF = {"dtype": "mixed_bfloat16"}
S = {"seed": 7}

FRAMING = [
    ("Resizing", {"height": 5, "width": 11}, IMAGES),
    ("Resizing", {"height": 5, "width": 11, "interpolation": "nearest"}, {**IMAGES, **BYTES}),
    ("Resizing", {"height": 5, "width": 11, "antialias": True}, BYTES),
    ("Resizing", {"height": 5, "width": 11, "interpolation": "bicubic"}, IMAGES),
    ("Resizing", {"height": 5, "width": 11, "crop_to_aspect_ratio": True}, IMAGES),
    (
        "Resizing",
        {"height": 5, "width": 11, "pad_to_aspect_ratio": True, "fill_value": 2.0},
        INFER,
    ),
    ("Resizing", {"height": 5, "width": 11, **CF}, FIRST),
    ("Resizing", {"height": 5, "width": 11, **BF}, ONE),
    ("CenterCrop", {"height": 4, "width": 5}, IMAGES),
    ("CenterCrop", {"height": 12, "width": 5}, INFER),
    ("CenterCrop", {"height": 4, "width": 5, **CF}, FIRST),
    ("CenterCrop", {"height": 4, "width": 5}, {**ONE, "dtype": "uint8"}),
    ("RandomCrop", {"height": 4, "width": 5, **S}, TRAINED),
    ("RandomCrop", {"height": 4, "width": 5, **S, **CF}, FIRST),
    ("RandomCrop", {"height": 9, "width": 7, **S}, ONE),
    ("RandomCrop", {"height": 12, "width": 3, **S}, BYTES),
]
MOVING = [
    ("RandomFlip", {**S}, TRAINED),
    ("RandomFlip", {"mode": "horizontal", **S, **CF}, FIRST),
    ("RandomFlip", {"mode": "vertical", **S, **BF}, BYTES),
    ("RandomFlip", {**S}, ONE),
    ("RandomFlip", {**S}, INFER),
    ("RandomRotation", {"factor": 0.2, **S}, TRAINED),
    ("RandomRotation", {"factor": (-0.1, 0.3), "fill_mode": "constant", "fill_value": 1.0, **S},
     ONE),
    ("RandomRotation", {"factor": 0.2, "fill_mode": "wrap", "interpolation": "nearest", **S, **CF},
     FIRST),
    ("RandomRotation", {"factor": 0.2, "fill_mode": "nearest", **S}, BYTES),
    ("RandomRotation", {"factor": 0.2, **S}, INFER),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": (-0.1, 0.5), **S}, TRAINED),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.2, "fill_mode": "constant",
                           "fill_value": 2.0, **S, **CF}, FIRST),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.2, **S}, ONE),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.2, **S}, BYTES),
    ("RandomZoom", {"height_factor": 0.3, **S}, TRAINED),
    ("RandomZoom", {"height_factor": (-0.5, -0.2), "width_factor": 0.4, "fill_mode": "wrap", **S},
     BYTES),
    ("RandomZoom", {"height_factor": 0.3, "width_factor": 0.2, "interpolation": "nearest", **S,
                    **CF}, FIRST),
    ("RandomZoom", {"height_factor": 0.3, **S}, ONE),
    ("RandomShear", {"x_factor": 0.3, "y_factor": (0.1, 0.4), **S}, TRAINED),
    ("RandomShear", {"x_factor": 0.3, "fill_mode": "constant", **S, **CF}, FIRST),
    ("RandomShear", {"y_factor": 0.3, "interpolation": "nearest", **S}, ONE),
]  # fmt: skip
TONES = [
    ("RandomBrightness", {"factor": 0.3, **S}, TRAINED),
    ("RandomBrightness", {"factor": (0.1, 0.2), "value_range": [1, 0], **S}, ONE),
    ("RandomBrightness", {"factor": (0.1, 0.2), **S}, BYTES),
    ("RandomBrightness", {"factor": 0.3, **S}, INFER),
    ("RandomContrast", {"factor": 0.3, **S}, TRAINED),
    ("RandomContrast", {"factor": (0.3, 0.9), "value_range": (0.0, 1.0), **S, **CF}, FIRST),
    ("RandomContrast", {"factor": 0.3, **S}, ONE),
    ("RandomContrast", {"factor": 0.3, **S}, BYTES),
    ("RandomContrast", {"factor": 0.3, **S, **BF}, TRAINED),
]
P = {**TRAINED, "high": 200}  # pixels: whole numbers as floats
P1 = {**ONE, "high": 200}
PF = {**FIRST, "high": 200}
U = {"value_range": (0, 1)}
COLORS = [
    ("RandomHue", {"factor": 0.6, **S}, P),
    ("RandomHue", {"factor": (0.3, 0.5), **S, **CF}, PF),
    ("RandomHue", {"factor": 0.6, **S, **U}, P1),
    ("RandomHue", {"factor": 0.6, **S}, BYTES),
    ("RandomSaturation", {"factor": 0.6, **S, **U}, P),
    ("RandomSaturation", {"factor": (0.3, 0.5), **S, **CF}, PF),
    ("RandomSaturation", {"factor": 0.6, **S}, P1),
    ("RandomColorDegeneration", {"factor": 0.6, **S}, P),
    ("RandomColorDegeneration", {"factor": (0.3, 0.5), **S, **CF}, PF),
    ("RandomColorDegeneration", {"factor": 0.6, **S}, {**P1, "dtype": "uint8"}),
    ("RandomGrayscale", {**S}, P),
    ("RandomGrayscale", {"factor": 0.9, **S, **CF}, PF),
    ("RandomGrayscale", {"factor": 0.9, **S}, BYTES),
    ("RandomSharpness", {"factor": 0.8, **S}, P),
    ("RandomSharpness", {"factor": (0.1, 0.3), **S, **CF}, PF),
    ("RandomSharpness", {"factor": 0.8, **S}, {**P1, "dtype": "uint8"}),
    ("RandomColorJitter", {"brightness_factor": 0.2, "contrast_factor": 0.3,
                           "saturation_factor": 0.4, "hue_factor": 0.5, **S, **U}, TRAINED),
    ("RandomColorJitter", {"contrast_factor": (0.2, 0.4), "hue_factor": 0.3, **S}, BYTES),
    ("RandomColorJitter", {}, P1),
]  # fmt: skip
TONES += [
    ("RandomInvert", {"factor": 0.6, **S}, P),
    ("RandomInvert", {"factor": (0.4, 0.6), **S, **U, **CF}, FIRST),
    ("RandomInvert", {**S}, {**ONE, "dtype": "uint8"}),
    ("RandomPosterization", {"factor": 3, **S}, P),
    ("RandomPosterization", {"factor": [2, 2], **S}, BYTES),
    ("RandomPosterization", {"factor": (2, 7), **S, **CF}, PF),
    ("RandomPosterization", {"factor": 5, "value_range": [0, 200], **S}, P1),
    ("Solarization", {"addition_factor": 0.2, "threshold_factor": (0.3, 0.6), **S}, P),
    ("Solarization", {"threshold_factor": 0.6, "value_range": (0, 200), **S}, BYTES),
    ("Solarization", {"threshold_factor": 0.6, **S}, P1),
    ("AutoContrast", {}, P),
    ("AutoContrast", {"value_range": (0, 200)}, BYTES),
    ("AutoContrast", {**CF}, PF),
    ("AutoContrast", {}, {"x": (4, 1, 3)}),  # nothing to stretch
    ("Equalization", {"bins": 16}, P),
    ("Equalization", {"bins": 20, "value_range": (0, 200)}, BYTES),
    ("Equalization", {"bins": 9, **CF}, PF),
    ("Equalization", {}, {**P1, "call": {"training": False}}),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (2, 3)}, P),
    ("ContrastLimitedAdaptiveHistogramEqualization",
     {"tile_grid_size": (2, 2), "clip_limit": 1.5, "value_range": (0, 200)}, P1),
    ("ContrastLimitedAdaptiveHistogramEqualization",
     {"tile_grid_size": (3, 1), "clip_limit": 0, **CF}, PF),
    ("RandomGaussianBlur", {**S}, P),
    ("RandomGaussianBlur", {"factor": 0.6, "kernel_size": (5, 3), "sigma": (0.4, 0.9), **S, **CF},
     PF),
    ("RandomGaussianBlur", {"sigma": 0.5, **S}, {**P1, "dtype": "uint8"}),
]  # fmt: skip
BENDING = [
    ("RandomPerspective", {"scale": 0.4, **S}, TRAINED),
    ("RandomPerspective", {"factor": 0.6, "scale": 0.4, "fill_value": 2.0, **S, **CF}, FIRST),
    ("RandomPerspective", {"scale": 0.4, "interpolation": "nearest", **S}, ONE),
    ("RandomElasticTransform", {**S, "value_range": (-5, 5)}, {**TRAINED, "x": (2, 24, 20, 3)}),
    ("RandomElasticTransform", {"factor": 0.6, "scale": (0.3, 0.9), "fill_mode": "constant", **S,
                                **CF}, {**PF, "x": (2, 3, 24, 20)}),
    ("RandomElasticTransform", {"interpolation": "nearest", **S}, {**P1, "x": (24, 20, 3)}),
    ("RandomElasticTransform", {"scale": 0, **S}, P),
    ("RandomErasing", {**S}, P),
    ("RandomErasing", {"factor": 0.6, "scale": 0.5, "fill_value": 7, **S, **CF}, PF),
    ("RandomErasing", {"fill_value": 7, "value_range": (0, 2), **S}, BYTES),
    ("RandomErasing", {"scale": (0.3, 0.5), **S}, P1),
    ("CutMix", {**S}, P),
    ("CutMix", {"factor": (0.4, 0.8), **S, **CF}, PF),
    ("CutMix", {**S}, P1),
    ("MixUp", {**S}, P),
    ("MixUp", {"alpha": 1.0, **S}, BYTES),
    ("MixUp", {**S}, P1),
    ("RandAugment", {**S}, {**P, "x": (2, 8, 8, 3)}),
    ("RandAugment", {"num_ops": 3, "factor": 0.3, "interpolation": "nearest", **S}, BYTES),
    ("AugMix", {"num_chains": 0, **S}, P),
    ("MaxNumBoundingBoxes", {"max_number": 3}, P),
]  # fmt: skip
FAMILIES = {
    "framing": FRAMING, "moving": MOVING, "tones": TONES, "colors": COLORS, "bending": BENDING,
}  # fmt: skip
CASES = [case for family in FAMILIES.values() for case in family]


def sampled(cases, quick):
    """Cases as parameters; those not in `quick` are left to the whole suite, for they compile."""
    return [
        pytest.param(case, id=name, marks=() if case in quick else pytest.mark.slow)
        for case, name in zip(cases, ids(cases), strict=True)
    ]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("case", sampled(CASES, first_of_each(CASES)))
def test_layer(keras, check, case):
    CHECKS[check](keras, *case)


def inferred(case):
    """A case as a model's prediction runs it."""
    name, arguments, spec = case
    return name, arguments, {key: value for key, value in spec.items() if key != "call"}


@pytest.mark.parametrize("case", sampled(first_of_each(CASES), first_of_each(CASES)[::6]))
def test_in_models(keras, case):
    name, arguments, spec = inferred(case)
    if name == "RandomCrop":
        pytest.skip("it promises smaller images than a prediction gives, in Keras too")
    check_in_models(keras, name, arguments, spec)


def test_aug_mix(keras):
    theirs, mine = (make(library, "AugMix", {"seed": 5, **U}) for library in (keras, ours))
    results = []
    for layer in (theirs, mine):
        random.seed(1)
        results.append(layer(draw((2, 8, 8, 3)) / 4, training=True))
    assert_close(results[1], results[0], rtol=1e-4, atol=1e-5)


def test_a_transformation_drawn_once_serves_many_images(keras):
    theirs, mine = (
        make(library, "RandomRotation", {"factor": 0.2, **S}) for library in (keras, ours)
    )
    images = draw((2, 9, 7, 3))
    for layer in (theirs, mine):
        layer(images)
    drawn = [layer.get_random_transformation(images, seed=11) for layer in (theirs, mine)]
    np.testing.assert_allclose(drawn[1]["angle"], drawn[0]["angle"], rtol=1e-6)
    for batch in (images, images[::-1]):
        results = [
            layer.transform_images(batch, transformation)
            for layer, transformation in zip((theirs, mine), drawn, strict=True)
        ]
        assert_close(results[1], results[0])


BAD = [
    ("RandomBrightness", {"factor": 2}),
    ("RandomBrightness", {"factor": (0.1, 0.2, 0.3)}),
    ("RandomBrightness", {"factor": 0.1, "value_range": 255}),
    ("RandomContrast", {"factor": -0.5}),
    ("RandomCrop", {"height": 2, "width": 2, "data_format": "last"}),
    ("RandomTranslation", {"height_factor": 1.5, "width_factor": 0.1}),
    ("RandomTranslation", {"height_factor": (0.1,), "width_factor": 0.1}),
    ("RandomZoom", {"height_factor": -1.0}),
    ("RandomZoom", {"height_factor": "a"}),
    ("RandomZoom", {"height_factor": 0.1, "fill_mode": "mirror"}),
    ("RandomRotation", {"factor": 0.1, "interpolation": "bicubic"}),
    ("RandomShear", {"x_factor": -0.2}),
    ("RandomPerspective", {"scale": 2.0}),
    ("RandomElasticTransform", {"scale": 2.0}),
    ("RandomElasticTransform", {"fill_mode": "zeros"}),
    ("RandomErasing", {"scale": "a"}),
    ("RandomGaussianBlur", {"kernel_size": 4}),
    ("RandomGaussianBlur", {"kernel_size": (3, 3, 3)}),
    ("RandomGrayscale", {"factor": 1.5}),
    ("RandomPosterization", {"factor": 9}),
    ("RandomHue", {"factor": 1.5}),
    ("Solarization", {"addition_factor": 1.5}),
    ("Solarization", {"threshold_factor": (0.1, -1)}),
    ("AutoContrast", {"value_range": (0, 1, 2)}),
    ("CutMix", {"factor": 3}),
    ("Resizing", {"height": 2, "width": 2, "factor": 0.3}),
]


@pytest.mark.parametrize("case", BAD, ids=ids(BAD))
def test_bad_arguments(keras, case):
    name, arguments = case
    with pytest.raises((ValueError, NotImplementedError), match=r".") as raised:
        make(keras, name, arguments)
    with pytest.raises(raised.type, match="Received"):
        make(ours, name, arguments)


def test_bad_ranks(keras):
    for library in (keras, ours):
        for name in ("RandomFlip", "CenterCrop"):
            layer = make(library, name, {"height": 2, "width": 2} if name == "CenterCrop" else {})
            with pytest.raises(ValueError, match=r"rank|tuple"):
                layer(np.ones((3, 3), "float32"))


def test_a_model_with_augmentation_learns():
    layers = ours.layers
    model = ours.Sequential([
        layers.Input((12, 12, 3)), layers.RandomFlip("horizontal"), layers.RandomRotation(0.1),
        layers.RandomZoom(0.1), layers.RandomCrop(12, 12), layers.RandomContrast(0.2),
        layers.RandomElasticTransform(value_range=(-9, 9)), layers.CenterCrop(10, 10),
        layers.Flatten(), layers.Dense(1),
    ])  # fmt: skip
    model.compile("adam", "mse")
    x, y = draw((10, 12, 12, 3)), draw((10, 1))
    history = model.fit(x, y, batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))
