"""Image layers on dicts of images, boxes, labels and masks, against Keras's."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import MARKS, assert_close, draw, ids, make

pytestmark = [
    *MARKS,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64 requested in"),  # Keras's
]
S = {"seed": 7}
BOXES = np.array(
    [
        [[1, 1, 4, 5], [0, 2, 6, 8], [3, 3, 5, 4]],
        [[2, 0, 7, 9], [0, 0, 0, 0], [1, 5, 3, 8]],
    ],
    "float32",
)
EVERYTHING = {
    "images": draw((2, 9, 7, 3)),
    "bounding_boxes": {"boxes": BOXES, "labels": np.array([[1, 2, 3], [4, -1, 0]], "int32")},
    "labels": np.eye(4, dtype="float32")[[1, 3]],
    "segmentation_masks": draw((2, 9, 7, 1), high=3),
}
NO_MASKS = ("images", "bounding_boxes", "labels")
NO_BOXES = ("images", "labels", "segmentation_masks")
ALL = tuple(EVERYTHING)
REL, CENTER = {"bounding_box_format": "rel_xywh"}, {"bounding_box_format": "center_xywh"}
XYXY = {"bounding_box_format": "xyxy"}
DICTS = [
    ("Resizing", {"height": 5, "width": 11, **XYXY}, ALL),
    ("Resizing", {"height": 5, "width": 11, "crop_to_aspect_ratio": True, **XYXY}, ALL),
    ("Resizing", {"height": 5, "width": 11, "pad_to_aspect_ratio": True, **CENTER}, ALL),
    ("CenterCrop", {"height": 4, "width": 5, **XYXY}, ALL),
    ("CenterCrop", {"height": 12, "width": 5, **CENTER}, ALL),
    ("RandomCrop", {"height": 4, "width": 5, **S, **CENTER}, ALL),
    ("RandomFlip", {**S, **XYXY}, ALL),
    ("RandomFlip", {"mode": "horizontal", **S, **REL}, ALL),
    ("RandomRotation", {"factor": 0.2, **S, **XYXY}, ALL),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.2, **S, **CENTER}, ALL),
    ("RandomZoom", {"height_factor": 0.3, "width_factor": 0.2, **S, **XYXY}, ALL),
    ("RandomShear", {"x_factor": 0.3, "y_factor": 0.2, **S, **REL}, ALL),
    ("RandomPerspective", {"scale": 0.3, **S, **XYXY}, ALL),
    ("RandomElasticTransform", {**S, "value_range": (0, 9)}, NO_BOXES),
    ("RandomErasing", {**S, **XYXY}, ALL),
    ("RandomBrightness", {"factor": 0.2, **S, **XYXY}, ALL),
    ("Equalization", {"bins": 8, **XYXY}, ALL),
    ("RandomGaussianBlur", {**S, **XYXY}, ALL),
    ("MaxNumBoundingBoxes", {"max_number": 2, **XYXY}, ALL),
    ("MaxNumBoundingBoxes", {"max_number": 5, **XYXY}, ALL),
]
BATCH_DICTS = [("MixUp", {**S, **XYXY}, NO_MASKS), ("CutMix", {**S}, ("images", "labels"))]


def taken(keys, single=False):
    """A fresh dict, since Keras writes into its inputs."""
    first = (lambda x: x[0]) if single else (lambda x: x)
    found = {key: EVERYTHING[key] for key in keys}
    return {
        key: {k: first(v) for k, v in value.items()} if isinstance(value, dict) else first(value)
        for key, value in found.items()
    }


SAMPLED = [
    pytest.param(case, id=name, marks=() if number % 4 == 0 else pytest.mark.slow)
    for number, (case, name) in enumerate(
        zip([*DICTS, *BATCH_DICTS], ids([*DICTS, *BATCH_DICTS]), strict=True)
    )
]


@pytest.mark.parametrize("case", SAMPLED)
def test_dicts(keras, case):
    name, arguments, keys = case
    theirs, mine = (make(library, name, arguments) for library in (keras, ours))
    for single in (False, True)[: 1 + (case in DICTS)]:
        expected = theirs(taken(keys, single), training=True)
        found = mine(taken(keys, single), training=True)
        assert set(found) == set(expected)
        assert_close(found, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("case", DICTS[:8:3], ids=ids(DICTS[:8:3]))
def test_dicts_at_inference(keras, case):
    name, arguments, keys = case
    theirs, mine = (make(library, name, arguments) for library in (keras, ours))
    expected = theirs(taken(keys), training=False)
    assert_close(mine(taken(keys), training=False), expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_masks_are_mixed_as_images(name):  # Keras gives masks of one channel other shapes
    layer = getattr(ours.layers, name)(seed=3)
    both_parts = {"images": EVERYTHING["images"], "segmentation_masks": EVERYTHING["images"]}
    found = layer(both_parts, training=True)
    assert_close(found["segmentation_masks"], found["images"])
    gray = {"images": EVERYTHING["images"], "segmentation_masks": EVERYTHING["images"][..., :1]}
    assert layer(gray, training=True)["segmentation_masks"].shape == (2, 9, 7, 1)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_erasing_with_a_color(data_format):  # Keras on JAX cannot
    layer = ours.layers.RandomErasing(scale=1.0, fill_value=(1, 2, 9), data_format=data_format)
    x = np.zeros((2, 3, 5, 5) if data_format == "channels_first" else (2, 5, 5, 3), "float32")
    found = np.asarray(layer(x, training=True))
    colors = found.max(axis=(0, 2, 3) if data_format == "channels_first" else (0, 1, 2))
    np.testing.assert_array_equal(colors, [1, 2, 9])


def test_ragged_boxes_are_padded():
    layer = ours.layers.RandomFlip("horizontal", bounding_box_format="xyxy")
    ragged = {"boxes": [[[1, 2, 3, 4]], [[1, 2, 3, 4], [0, 0, 5, 5]]], "labels": [[1], [2, 3]]}
    found = layer.call({"images": EVERYTHING["images"], "bounding_boxes": ragged}, training=False)
    np.testing.assert_array_equal(found["bounding_boxes"]["labels"], [[1, -1], [2, 3]])
    np.testing.assert_array_equal(found["bounding_boxes"]["boxes"][0, 1], np.zeros(4))


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ({"boxes": BOXES}, "keys"),
        ({"boxes": BOXES[0, 0], "labels": np.ones(1)}, "num_boxes"),
        ({"boxes": BOXES, "labels": np.ones(2)}, "rank"),
    ],
)
def test_bad_boxes(boxes, message):
    layer = ours.layers.RandomFlip(bounding_box_format="xyxy")
    with pytest.raises(ValueError, match=rf"(?s){message}.*Received"):
        layer({"images": EVERYTHING["images"], "bounding_boxes": boxes})


def test_boxes_need_a_format(keras):
    for library in (keras, ours):
        with pytest.raises(ValueError, match="format"):
            library.layers.RandomFlip()(taken(ALL))
