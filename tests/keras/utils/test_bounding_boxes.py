"""`graphc.keras.utils.bounding_boxes` against Keras's own functions."""

from __future__ import annotations

import inspect
from importlib import import_module
from itertools import product

import numpy as np
import pytest

from graphc.keras import KerasTensor
from graphc.keras.engine.scope import TraceScope, entered
from graphc.keras.utils import bounding_boxes as ours
from graphc.spec import spec_of

keras = import_module("keras")
theirs = keras.utils.bounding_boxes
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64 requested in ShapeDtypeSt"),
]
FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh",
    "rel_center_xywh",
)  # fmt: skip
RNG = np.random.default_rng(0)
STARTS = RNG.uniform(0, 20, (2, 3, 2))
BOXES = np.concatenate([STARTS, STARTS + RNG.uniform(1, 20, (2, 3, 2))], -1).astype("float32")
OTHERS = np.flip(BOXES + 1.5, 1)
LABELS = np.array([[0, 1, 2], [3, 4, 5]], "int32")
PADDED = np.where(np.arange(3)[:, None] == 1, -1.0, BOXES).astype("float32")
SIZE = {"height": 24, "width": 30}
TURN = [
    np.array(v, "float32")
    for v in ([20.0, -5.0], [0.1, 0.0], [0.0, -0.2], [1.2, 1.0], [0.0, 9.0], [3.0, 0.0])
]

CASES = [
    *(("convert_format", (BOXES, s, t), SIZE) for s, t in product(FORMATS, FORMATS)),
    ("convert_format", (np.array([[1, 2, 3, 4]]), "XYWH", "xyxy"), {}),
    ("convert_format", (BOXES, "xyxy", "xywh"), {"dtype": "bfloat16"}),
    ("convert_format", ({"boxes": BOXES, "labels": LABELS}, "xyxy", "rel_yxyx"), SIZE),
    ("clip_to_image_size", ({"boxes": BOXES, "labels": LABELS},), SIZE),
    ("clip_to_image_size", ({"boxes": BOXES - 22, "labels": LABELS},), SIZE),
    ("clip_to_image_size", ({"boxes": BOXES / 20},), {"bounding_box_format": "rel_xyxy"}),
    ("compute_iou", (BOXES, OTHERS, "xyxy"), {}),
    ("compute_iou", (BOXES[0], OTHERS[0], "center_xywh"), {}),
    ("compute_iou", (BOXES, OTHERS[0], "yxyx"), {}),
    ("compute_iou", (BOXES[:1], OTHERS, "xywh"), {}),
    ("compute_iou", (BOXES, OTHERS, "rel_xyxy"), {"image_shape": (24, 30, 3)}),
    ("compute_iou", (PADDED, OTHERS, "xyxy"), {"use_masking": True, "mask_val": -2}),
    ("compute_ciou", (BOXES, OTHERS, "xyxy"), {}),
    ("compute_ciou", (BOXES, OTHERS[0], "center_yxhw"), {}),
    ("encode_box_to_deltas", (BOXES, OTHERS, "xyxy", "xyxy"), {}),
    (
        "encode_box_to_deltas",
        (BOXES, OTHERS / 30, "xywh", "rel_xyxy"),
        {
            "encoding_format": "center_xywh",
            "variance": [0.1, 0.1, 0.2, 0.2],
            "image_shape": (24, 30, 3),
        },
    ),
    ("decode_deltas_to_boxes", (BOXES, OTHERS / 30, "xyxy", "xyxy"), {}),
    (
        "decode_deltas_to_boxes",
        ({"P3": BOXES, "P4": OTHERS}, {"P3": OTHERS / 30, "P4": BOXES / 30}, "xywh", "rel_xyxy"),
        {"encoded_format": "center_xywh", "variance": [0.1] * 4, "image_shape": (24, 30, 3)},
    ),
    ("affine_transform", (BOXES, *TURN, 24, 30), {}),
    ("affine_transform", (BOXES, *TURN, 24, 30), {"center_x": 0.1, "center_y": 0.9}),
    ("crop", (BOXES, 3, 2, 10, 12), {}),
    ("pad", (BOXES, 3, 2), {}),
]
IDS = [f"{number}-{case[0]}" for number, case in enumerate(CASES)]


def copied(args):
    """Keras writes into the dicts that it is given."""
    return [dict(arg) if isinstance(arg, dict) else arg for arg in args]


def assert_same(mine, expected) -> None:
    if isinstance(expected, dict):
        assert set(mine) == set(expected)
        for key, value in expected.items():
            assert_same(mine[key], value)
        return
    mine, expected = np.asarray(mine), np.asarray(expected)
    assert (mine.shape, mine.dtype) == (expected.shape, expected.dtype)
    rtol = 1e-2 if expected.dtype.name == "bfloat16" else 2e-5
    wide = mine.astype("float64"), expected.astype("float64")
    np.testing.assert_allclose(*wide, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", sorted(n for n in dir(theirs) if not n.startswith("_")))
def test_signature(name):
    mine, expected = (
        [(p.name, p.default) for p in inspect.signature(getattr(library, name)).parameters.values()]
        for library in (ours, theirs)
    )
    assert mine == expected


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_numbers(case):
    name, args, kwargs = case
    expected = getattr(theirs, name)(*copied(args), **kwargs)
    assert_same(getattr(ours, name)(*copied(args), **kwargs), expected)


@pytest.mark.parametrize("case", CASES[::5], ids=IDS[::5])
def test_symbols(case):
    name, args, kwargs = case
    if not isinstance(args[0], np.ndarray):
        pytest.skip("its first argument is not one array")
    function, expected = getattr(ours, name), getattr(theirs, name)(*args, **kwargs)
    scope = TraceScope()
    with entered(scope):
        result = function(scope.input(spec_of(args[0])), *args[1:], **kwargs)
    assert (result.shape, result.dtype) == (expected.shape, str(expected.dtype))
    result = function(KerasTensor(args[0].shape), *args[1:], **kwargs)
    assert (result.shape, result.dtype) == (expected.shape, str(expected.dtype))


def test_the_given_dict_stays_as_it_was():
    boxes = {"boxes": BOXES, "labels": LABELS}
    ours.convert_format(boxes, "xyxy", "xywh")
    ours.clip_to_image_size(boxes, **SIZE)
    assert boxes["boxes"] is BOXES
    assert boxes["labels"] is LABELS


BAD = [
    ("convert_format", (BOXES, "xyxy", "rel_xyxy"), {}, ValueError),
    ("convert_format", (BOXES, "xyxx", "xyxy"), {}, ValueError),
    ("convert_format", (BOXES[..., :3], "xywh", "xyxy"), {}, ValueError),
    ("clip_to_image_size", ({"boxes": BOXES},), {}, ValueError),
    (
        "clip_to_image_size",
        ({"boxes": BOXES},),
        {"bounding_box_format": "xywh"},
        NotImplementedError,
    ),
    ("compute_iou", (BOXES[0, 0], BOXES, "xyxy"), {}, ValueError),
    ("compute_iou", (BOXES, BOXES, "rel_xyxy"), {}, ValueError),
    ("compute_ciou", (BOXES, BOXES, "rel_xyxy"), {}, ValueError),
    ("encode_box_to_deltas", (BOXES, BOXES, "xyxy", "xyxy", "xyxy"), {}, ValueError),
    ("encode_box_to_deltas", (BOXES, BOXES, "xyxy", "xyxy"), {"variance": [1.0]}, ValueError),
    ("decode_deltas_to_boxes", (BOXES, BOXES, "xyxy", "xyxy", "xyxy"), {}, ValueError),
    (
        "affine_transform",
        (BOXES, *TURN, 24, 30),
        {"bounding_box_format": "xywh"},
        NotImplementedError,
    ),
    ("crop", (BOXES, 1, 1, 2, 2), {"bounding_box_format": "xywh"}, NotImplementedError),
    ("pad", (BOXES, 1, 1), {"bounding_box_format": "xywh"}, NotImplementedError),
]


@pytest.mark.parametrize("case", BAD, ids=[f"{n}-{c[0]}" for n, c in enumerate(BAD)])
def test_errors(case):
    name, args, kwargs, error = case
    with pytest.raises(error):
        getattr(theirs, name)(*copied(args), **kwargs)
    with pytest.raises(error, match="Received"):
        getattr(ours, name)(*args, **kwargs)
