"""Images side by side. Needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.keras.engine.optional import find
from graphc.keras.visualization.boxes import Color, draw_bounding_boxes
from graphc.keras.visualization.images import as_images
from graphc.keras.visualization.masks import draw_segmentation_masks


def need_matplotlib(caller: str) -> Any:
    """Return matplotlib's `pyplot`.

    Raises:
        ImportError: matplotlib is not installed.
    """
    plt = find("matplotlib.pyplot")
    if plt is None:
        raise ImportError(
            f"The `{caller}` function requires the `matplotlib` package. Please install it with "
            "`pip install matplotlib`."
        )
    return plt


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping[Any, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: Any = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> None:
    """Images in rows and columns, with their labels, shown or written to a file.

    Args:
        images: [B, H, W, C] (or with channels first).
        y_true: labels of the images.
        y_pred: predicted labels.
        label_map: names of labels.
        rows: rows of images; None for as many as columns, or one more.
        cols: columns of images; None for as many as are needed.
        value_range: the values of black and white.
        scale: size of an image, in inches.
        path: the file to write; None for none.
        show: whether to show the figure; None shows what is not written.
        transparent: whether the file's background is transparent.
        dpi: dots per inch of the file.
        legend_handles: what matplotlib's legend is to explain.
        data_format: "channels_last" or "channels_first"; None for the global setting.

    Raises:
        ValueError: not a batch of images, labels without names, or a path together with `show`.
        ImportError: matplotlib is not installed.
    """
    plt = need_matplotlib("plot_image_gallery")
    if path is not None and show:
        raise ValueError(
            "Expected either `path` to be set or `show` to be True. "
            f"Received: path={path}, show={show}"
        )
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError("`y_true` and `y_pred` need a `label_map`. Received: label_map=None")
    pictures = as_images(images, data_format)
    rows = rows or math.ceil(math.sqrt(len(pictures)))
    cols = cols or math.ceil(len(pictures) / rows)
    figure, axes = plt.subplots(
        nrows=rows, ncols=cols, figsize=(cols * scale, rows * scale), frameon=False,
        layout="tight", squeeze=False, sharex="row", sharey="col",
    )  # fmt: skip
    figure.subplots_adjust(wspace=0, hspace=0)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    low, high = value_range
    shown = ((pictures.astype("float32") - low) / (high - low) * 255).astype("uint8")
    titles = [_title(index, y_true, y_pred, label_map) for index in range(len(shown))]
    for index, place in enumerate(axes.flat):
        place.margins(x=0, y=0)
        place.axis("off")
        if index < len(shown):
            place.imshow(shown[index])
            place.set_title(titles[index], fontsize=8) if titles[index] else None
    if path is not None:
        plt.savefig(fname=path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show is None or show:
        plt.show()
    else:
        return
    plt.close()


def _title(index: int, y_true: Any, y_pred: Any, names: Any) -> str:
    parts = [
        f"{kind}: {names.get(np.asarray(labels)[index], 'Unknown')}"
        for kind, labels in (("Label", y_true), ("Pred", y_pred))
        if labels is not None and index < len(labels)
    ]
    return "  ".join(parts)


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: Any = None,
    y_pred: Any = None,
    value_range: tuple[float, float] = (0, 255),
    true_color: Color = (0, 188, 212),
    pred_color: Color = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: dict[int, str] | None = None,
    ground_truth_mapping: dict[int, str] | None = None,
    prediction_mapping: dict[int, str] | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Images with true and predicted boxes; see `draw_bounding_boxes` and `plot_image_gallery`.

    Args:
        y_true: the true boxes.
        y_pred: the predicted ones.
        true_color: of the true boxes.
        pred_color: of the predicted ones.
        class_mapping: names of classes, for both where they have none of their own.
        ground_truth_mapping: names of classes of the true boxes.
        prediction_mapping: names of classes of the predicted boxes.
        legend: whether to say which colour is which.

    Raises:
        ValueError: `legend` together with `legend_handles`.
        ImportError: matplotlib is not installed.
    """
    plt = need_matplotlib("plot_bounding_box_gallery")
    pictures = as_images(images, data_format)
    drawn = (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    )
    for boxes, color, names in drawn:
        if boxes is None:
            continue
        pictures = draw_bounding_boxes(
            pictures, boxes, bounding_box_format, names, color, line_thickness, text_thickness,
            font_scale, data_format="channels_last",
        )  # fmt: skip
    if legend and legend_handles:
        raise ValueError(
            "Expected only one of `legend` and `legend_handles`. "
            f"Received: legend=True, legend_handles={legend_handles}"
        )
    if legend:
        colors = {"Ground Truth": true_color, "Prediction": pred_color}
        legend_handles = [
            plt.Rectangle((0, 0), 1, 1, color=np.array(color) / 255.0, label=label)
            for label, color in colors.items()
        ]
    plot_image_gallery(
        pictures, value_range=value_range, legend_handles=legend_handles, rows=rows, cols=cols,
        data_format="channels_last", **kwargs,
    )  # fmt: skip


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: Mapping[int, Sequence[int]] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Images, one a row, beside their true and predicted masks.

    See `draw_segmentation_masks` and `plot_image_gallery`.

    Args:
        y_true: the true masks.
        y_pred: the predicted ones.

    Raises:
        ValueError: not a batch of images.
        ImportError: matplotlib is not installed.
    """
    pictures = as_images(images, data_format)
    columns = [pictures] + [
        draw_segmentation_masks(
            pictures, as_images(masks, data_format).astype("int32"), num_classes, color_mapping,
            alpha, blend, ignore_index, data_format="channels_last",
        )
        for masks in (y_true, y_pred)
        if masks is not None
    ]  # fmt: skip
    gallery = np.stack(columns, axis=1).reshape(-1, *pictures.shape[1:])  # [B * columns, H, W, C]
    plot_image_gallery(
        gallery, value_range=value_range, rows=len(pictures), cols=len(columns),
        data_format="channels_last", **kwargs,
    )  # fmt: skip
