"""`keras.visualization`: boxes and masks drawn into images, and galleries of images."""

from graphc.keras.visualization.boxes import draw_bounding_boxes
from graphc.keras.visualization.galleries import (
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)
from graphc.keras.visualization.masks import draw_segmentation_masks

__all__ = [
    "draw_bounding_boxes", "draw_segmentation_masks", "plot_bounding_box_gallery",
    "plot_image_gallery", "plot_segmentation_mask_gallery",
]  # fmt: skip
