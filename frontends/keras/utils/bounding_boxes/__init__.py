"""`keras.utils.bounding_boxes`: boxes converted, compared, encoded and moved."""

from graphc.keras.utils.bounding_boxes.deltas import decode_deltas_to_boxes, encode_box_to_deltas
from graphc.keras.utils.bounding_boxes.formats import clip_to_image_size, convert_format
from graphc.keras.utils.bounding_boxes.overlap import compute_ciou, compute_iou
from graphc.keras.utils.bounding_boxes.transforms import affine_transform, crop, pad

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]
