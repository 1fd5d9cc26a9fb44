"""`keras.visualization` beside real Keras; boxes, for which Keras needs OpenCV, by hand."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from graphc import keras as ours

RNG = np.random.RandomState(0)
IMAGES = RNG.randint(0, 256, (4, 8, 10, 3)).astype("uint8")
MASKS = RNG.randint(-1, 4, (4, 8, 10, 1))
COLORS = {0: (1, 2, 3), 1: (40, 50, 60), 2: (7, 8, 9)}


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras")


@pytest.mark.oracle
@pytest.mark.parametrize(
    "options",
    [{}, {"num_classes": 3}, {"color_mapping": COLORS, "num_classes": 3}, {"alpha": 0.3},
     {"ignore_index": 2}, {"blend": False, "num_classes": 4}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_masks(keras, options: dict, data_format: str) -> None:
    images, masks = IMAGES, MASKS
    if data_format == "channels_first":
        images, masks = images.transpose(0, 3, 1, 2), masks.transpose(0, 3, 1, 2)
    received, expected = (
        module.visualization.draw_segmentation_masks(
            images, masks, data_format=data_format, **options
        )
        for module in (ours, keras)
    )
    expected = np.asarray(expected)
    assert received.dtype == expected.dtype and received.shape == expected.shape
    # a product rounded the other way may fall below an integer
    np.testing.assert_allclose(received.astype(int), expected.astype(int), atol=1)


def test_masks_refuse() -> None:
    draw = ours.visualization.draw_segmentation_masks
    with pytest.raises(ValueError, match=r"Received: images\.shape"):
        draw(IMAGES[0], MASKS[0])
    with pytest.raises(TypeError, match=r"Received: segmentation_masks\.dtype=float64"):
        draw(IMAGES, MASKS.astype("float64"))


@pytest.mark.oracle
@pytest.mark.parametrize(
    "options",
    [{}, {"scale": 1, "dpi": 40, "transparent": False}, {"rows": 1, "cols": 4},
     {"y_true": [0, 1, 1, 5], "y_pred": [1, 1, 0, 0], "label_map": {0: "cat", 1: "dog"}}],
    ids=str,
)  # fmt: skip
def test_gallery_is_the_same_file(keras, tmp_path: Path, options: dict) -> None:
    for name, module in (("ours.png", ours), ("keras.png", keras)):
        module.visualization.plot_image_gallery(IMAGES, path=tmp_path / name, **options)
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "keras.png").read_bytes()


@pytest.mark.oracle
def test_mask_gallery_is_the_same_file(keras, tmp_path: Path) -> None:
    for name, module in (("ours.png", ours), ("keras.png", keras)):
        module.visualization.plot_segmentation_mask_gallery(
            IMAGES, 3, y_true=MASKS, y_pred=MASKS[::-1], blend=False, path=tmp_path / name
        )
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "keras.png").read_bytes()


def test_all_images_have_a_place(tmp_path: Path) -> None:
    images = np.concatenate([IMAGES, IMAGES[:1]])
    ours.visualization.plot_image_gallery(images, path=tmp_path / "five.png")
    assert (tmp_path / "five.png").stat().st_size


def test_gallery_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    plot = ours.visualization.plot_image_gallery
    with pytest.raises(ValueError, match="Received: path"):
        plot(IMAGES, path="a.png", show=True)
    with pytest.raises(ValueError, match="Received: label_map=None"):
        plot(IMAGES, y_true=[0, 1, 2, 3])
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="requires the `matplotlib` package"):
        plot(IMAGES)


BOXES = {
    "boxes": np.array([[[2, 3, 6, 9], [0, 0, 1, 1]]], "float32"),
    "labels": np.array([[1, -1]]),
    "confidences": np.array([[0.5, 0.1]]),
}
BLACK = np.zeros((1, 12, 14, 3), "uint8")


@pytest.mark.parametrize("thickness", [1, 2, 3])
def test_box_outline(thickness: int) -> None:
    draw = ours.visualization.draw_bounding_boxes
    drawn = draw(BLACK, BOXES, "xyxy", color=(9, 8, 7), line_thickness=thickness)
    expected = np.zeros_like(BLACK)
    before = thickness // 2
    left, top, right, bottom = (value - before for value in (2, 3, 6, 9))
    expected[0, top : bottom + thickness, left : right + thickness] = (9, 8, 7)
    expected[0, top + thickness : bottom, left + thickness : right] = 0
    assert np.array_equal(drawn, expected)
    assert not BLACK.any()
    first = draw(
        BLACK.transpose(0, 3, 1, 2), BOXES, "xyxy", color=(9, 8, 7), line_thickness=thickness,
        data_format="channels_first",
    )  # fmt: skip
    assert np.array_equal(first.transpose(0, 2, 3, 1), expected)


def test_box_formats_and_value_ranges() -> None:
    draw = ours.visualization.draw_bounding_boxes
    expected = draw(BLACK, BOXES, "xyxy")
    moved = {**BOXES, "boxes": np.array([[[2, 3, 4, 6], [0, 0, 1, 1]]], "float32")}
    assert np.array_equal(draw(BLACK, moved, "xywh"), expected)
    white = draw(np.ones_like(BLACK, "float32"), BOXES, "xyxy")
    assert white.dtype == np.uint8 and white[0, 0, 0].tolist() == [255] * 3


def test_class_names(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = ours.visualization.draw_bounding_boxes
    canvas = np.zeros((1, 80, 160, 3), "uint8")
    place = {**BOXES, "boxes": np.array([[[20, 50, 60, 70], [0, 0, 1, 1]]], "float32")}
    plain = draw(canvas, place, "xyxy")
    named = draw(canvas, place, "xyxy", {1: "dog"})
    assert (named != plain)[0, 25:45, 18:].any()
    assert np.array_equal(draw(canvas, place, "xyxy", {3: "dog"}), plain)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match="`pillow` package"):
        draw(canvas, place, "xyxy", {1: "dog"})


def test_boxes_refuse() -> None:
    draw = ours.visualization.draw_bounding_boxes
    with pytest.raises(ValueError, match=r"Received: images\.shape"):
        draw(BLACK[0], BOXES, "xyxy")
    with pytest.raises(TypeError, match="should be a dict"):
        draw(BLACK, BOXES["boxes"], "xyxy")
    with pytest.raises(ValueError, match="'boxes' and 'labels'"):
        draw(BLACK, {"boxes": 1}, "xyxy")


def test_box_gallery(tmp_path: Path) -> None:
    plot = ours.visualization.plot_bounding_box_gallery
    options = {"y_true": BOXES, "y_pred": BOXES, "path": tmp_path / "boxes.png"}
    plot(BLACK, "xyxy", legend=True, **options)
    assert (tmp_path / "boxes.png").stat().st_size
    with pytest.raises(ValueError, match="only one of `legend`"):
        plot(BLACK, "xyxy", legend=True, legend_handles=[1], **options)
