"""`tf.image`: pictures [H, W, C], or batches of them [B, H, W, C]."""

from graphc.tensorflow.absent import absent
from graphc.tensorflow.image.colors import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    convert_image_dtype,
    grayscale_to_rgb,
    hsv_to_rgb,
    per_image_standardization,
    rgb_to_grayscale,
    rgb_to_hsv,
)
from graphc.tensorflow.image.draws import (
    random_brightness,
    random_contrast,
    random_crop,
    random_flip_left_right,
    random_flip_up_down,
    random_hue,
    random_saturation,
)
from graphc.tensorflow.image.frames import (
    ResizeMethod,
    central_crop,
    crop_to_bounding_box,
    extract_patches,
    flip_left_right,
    flip_up_down,
    pad_to_bounding_box,
    resize,
    resize_with_crop_or_pad,
    resize_with_pad,
    rot90,
    transpose,
)
from graphc.tensorflow.image.measures import psnr, sobel_edges, ssim, total_variation

__getattr__ = absent("tensorflow.image", globals())
