"""`RandomGaussianBlur`."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops, random
from graphc.keras.layers.image.base import ColorLayer, Shape, batch_size
from graphc.keras.layers.image.tones import chosen


class RandomGaussianBlur(ColorLayer):
    """Blurs some images while training, all by the same random width.

    Args:
        factor: how probably, in [0, 1]; two numbers: the probability is drawn between them.
        kernel_size: the size of the window, odd, or two of them (width, height).
        sigma: the largest width of the Gaussian, in [0, 1], or the two ends.
        value_range: the range of the pixels.
        data_format: "channels_last" or "channels_first".
        seed: an integer, or None for a random one.

    Raises:
        ValueError: an even window, or a factor or sigma out of bounds.
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(
            factor=self.bounded(factor),
            kernel_size=_odd_pair(kernel_size),
            sigma=self.bounded(sigma, "sigma"),
            value_range=value_range,
        )
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return which images are blurred, and the widths (x, y)."""
        applied = chosen(batch_size(shape), self.factor, seed)
        widths = random.uniform((2,), *self.sigma, seed=seed, dtype=self.compute_dtype)
        return {"should_apply_blur": applied, "blur_factor": widths + 1e-6}

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, some of them blurred if training."""
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        blurred = ops.image.gaussian_blur(
            images,
            kernel_size=self.kernel_size,
            sigma=transformation["blur_factor"],
            data_format=self.data_format,
        )
        applied = transformation["should_apply_blur"][:, None, None, None]
        return ops.clip(ops.where(applied, blurred, images), *self.value_range)


def _odd_pair(kernel_size: Any) -> tuple[int, int]:
    pair = kernel_size if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * 2
    if len(pair) == 2 and all(isinstance(n, (int, float)) and n % 2 == 1 for n in pair):
        return pair[0], pair[1]
    raise ValueError(
        "Expected `kernel_size` to be an odd number, or two of them. "
        f"Received: kernel_size={kernel_size}"
    )
