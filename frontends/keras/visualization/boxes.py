"""Bounding boxes drawn into images."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras.engine.optional import find
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.utils.bounding_boxes import convert_format
from graphc.keras.visualization.images import as_images

LETTERS = 16  # height of letters at a font scale of 1, pixels

Color = tuple[int, int, int]


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: dict[str, Any],
    bounding_box_format: str,
    class_mapping: dict[int, str] | None = None,
    color: Color = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int | None = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Images with boxes drawn into them, and the names of their classes (which needs Pillow).

    Args:
        images: [B, H, W, 3] (or with channels first), 0 to 255 or floating from 0 to 1.
        bounding_boxes: "boxes" [B, N, 4], "labels" [B, N] (-1 where there is no box) and, where
            there are any, "confidences" [B, N].
        bounding_box_format: "xyxy", "xywh", "rel_xyxy", "center_xywh" ...
        class_mapping: names of classes by label; boxes of other classes get no name.
        color: of boxes and names.
        line_thickness: of boxes, in pixels.
        text_thickness: of the strokes of letters; None for that of lines.
        font_scale: size of letters.
        data_format: "channels_last" or "channels_first"; None for the global setting.

    Returns:
        uint8 images of the same layout.

    Raises:
        TypeError: the boxes are no dictionary.
        ValueError: not a batch of images, or boxes without "boxes" or "labels".
        ImportError: names are to be drawn and Pillow is not installed.
    """
    canvas = as_bytes(as_images(images, data_format))  # [B, H, W, C]
    if not isinstance(bounding_boxes, dict):
        raise TypeError(
            "`bounding_boxes` should be a dict. "
            f"Received: bounding_boxes={bounding_boxes} of type {type(bounding_boxes)}"
        )
    if "boxes" not in bounding_boxes or "labels" not in bounding_boxes:
        raise ValueError(
            "`bounding_boxes` should be a dict containing 'boxes' and 'labels' keys. "
            f"Received: bounding_boxes={bounding_boxes}"
        )
    height, width = canvas.shape[1:3]
    corners = convert_format(
        np.asarray(bounding_boxes["boxes"], "float32"), bounding_box_format, "xyxy", height, width
    )
    boxes = np.asarray(corners).astype("int32")  # [B, N, 4]
    labels = np.asarray(bounding_boxes["labels"]).astype("int32")  # [B, N]
    names = _names(labels, bounding_boxes.get("confidences"), class_mapping or {})
    stroke = text_thickness or line_thickness
    for image, its_boxes, its_labels, its_names in zip(canvas, boxes, labels, names, strict=True):
        for box, label, name in zip(its_boxes, its_labels, its_names, strict=True):
            if label == -1:
                continue
            _draw_box(image, box, color, line_thickness)
            if name is not None:
                _write(image, name, _text_place(box, font_scale, stroke), color, stroke, font_scale)
    first = standardize_data_format(data_format) == "channels_first"
    return canvas.transpose(0, 3, 1, 2) if first else canvas


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Return a copy of images in uint8; floating ones are from 0 to 1 where none is larger."""
    if images.dtype.kind == "f" and images.size:
        unit = images.max() <= 1.0
        images = np.clip(images, 0, 1) * 255 if unit else np.clip(images, 0, 255)
    return images.astype("uint8").copy()


def _names(labels: np.ndarray, confidences: Any, mapping: dict[int, str]) -> list[list[str | None]]:
    """The text for each box; None for no text."""
    names = [[mapping.get(int(label)) for label in row] for row in labels]
    if confidences is None:
        return names
    return [
        [name and f"{name} | {float(value):.2f}" for name, value in zip(row, values, strict=True)]
        for row, values in zip(names, np.asarray(confidences), strict=True)
    ]


def _draw_box(image: np.ndarray, box: np.ndarray, color: Color, thickness: int) -> None:
    """Draws the outline of a box, lines around its edges, into an image [H, W, C]."""
    before = thickness // 2
    x1, y1, x2, y2 = (int(value) - before for value in box)
    spans = (
        (y1, y1 + thickness, x1, x2 + thickness), (y2, y2 + thickness, x1, x2 + thickness),
        (y1, y2 + thickness, x1, x1 + thickness), (y1, y2 + thickness, x2, x2 + thickness),
    )  # fmt: skip
    for top, bottom, left, right in spans:
        rows, columns = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
        image[rows, columns] = color


def _text_place(box: np.ndarray, scale: float, thickness: int) -> tuple[int, int]:
    """Where a text starts (left end of its base line): above the box, or inside at the top."""
    x, y, height = int(box[0]), int(box[1]), int(scale * 12)
    if y - 8 - 2 * height > 0:
        return x, y - 8
    return x + 3, y + 2 * height + thickness + 3


def _write(
    image: np.ndarray, text: str, place: tuple[int, int], color: Color, stroke: int, scale: float
) -> None:
    pictures, drawing, fonts = (find(f"PIL.{name}") for name in ("Image", "ImageDraw", "ImageFont"))
    if pictures is None:  # only the names of classes need it
        raise ImportError(
            "Class names in `draw_bounding_boxes` require the `pillow` package. Please install it "
            "with `pip install pillow`."
        )
    picture = pictures.fromarray(image)
    font = fonts.load_default(size=LETTERS * scale)
    drawing.Draw(picture).text(
        place, text, fill=tuple(color), font=font, anchor="ls", stroke_width=max(stroke - 1, 0) / 2
    )
    image[...] = np.asarray(picture)
