"""Layers that apply other augmentations in a random order: `RandAugment` and `AugMix`."""

from __future__ import annotations

import random as python_random
from collections.abc import Callable
from typing import Any

from graphc.keras import ops, random
from graphc.keras.layers.image.affine import RandomRotation, RandomShear, RandomTranslation
from graphc.keras.layers.image.base import BaseImagePreprocessingLayer, ColorLayer
from graphc.keras.layers.image.colors import RandomColorDegeneration, RandomSharpness
from graphc.keras.layers.image.tones import (
    AutoContrast,
    Equalization,
    RandomBrightness,
    RandomContrast,
    RandomPosterization,
    Solarization,
)

SHAPES = ("random_shear", "random_translation", "random_rotation")
COLORS = (
    "random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness",
)  # fmt: skip
TONES = ("random_posterization", "solarization", "auto_contrast", "equalization")


class _Policy(BaseImagePreprocessingLayer):
    """Holds one layer of each kind, as attributes of the kinds' names."""

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        value_range: Any,
        factor: Any,
        interpolation: str,
        seed: int | None,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(
            value_range=value_range, factor=self.bounded(factor), interpolation=interpolation
        )
        self.seed_with(seed)
        self._shared = {"data_format": data_format, **kwargs}

    def make_layers(self, names: tuple[str, ...]) -> None:
        """Make layers, in the order given: each draws a seed where there is none."""
        factor = self.factor
        seeded = {"seed": self.seed, **self._shared}
        moved = {"interpolation": self.interpolation, **seeded}
        ranged = {"value_range": self.value_range, **seeded}
        plain = {"value_range": self.value_range, **self._shared}
        bits = max(1, int(8 * factor[1]))
        recipes: dict[str, Callable[[], Any]] = {
            "random_shear": lambda: RandomShear(x_factor=factor, y_factor=factor, **moved),
            "random_translation": lambda: RandomTranslation(factor, factor, **moved),
            "random_rotation": lambda: RandomRotation(factor, **moved),
            "random_brightness": lambda: RandomBrightness(factor, **ranged),
            "random_color_degeneration": lambda: RandomColorDegeneration(factor, **ranged),
            "random_contrast": lambda: RandomContrast(factor, **ranged),
            "random_sharpness": lambda: RandomSharpness(factor, **ranged),
            "solarization": lambda: Solarization(factor, factor, **ranged),
            "random_posterization": lambda: RandomPosterization(bits, **ranged),
            "auto_contrast": lambda: AutoContrast(**plain),
            "equalization": lambda: Equalization(**plain),
        }
        for name in names:
            setattr(self, name, recipes[name]())


class RandAugment(_Policy):
    """Applies `num_ops` augmentations, drawn for the whole batch, while training.

    Args:
        value_range: the range of the pixels.
        num_ops: how many are applied, one after the other.
        factor: how strong each of them is, in [0, 1], or the two ends.
        interpolation: "nearest" or "bilinear".
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".

    Source: Cubuk et al., "RandAugment", 2019.
    """

    NAMES = (*SHAPES, *COLORS, *TONES)

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.configure(num_ops=num_ops)
        self.make_layers((
            *SHAPES, *COLORS, "solarization", "random_posterization", *TONES[2:],
        ))  # fmt: skip

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return what every augmentation would do, and the numbers of those chosen."""
        if not training:
            return None
        chosen = random.randint((self.num_ops,), 0, len(self.NAMES), seed=self.generator)
        drawn = {
            name: getattr(self, name).get_random_transformation(data, seed=self.generator)
            for name in self.NAMES
        }
        return {"transforms": drawn, "layer_idxes": chosen}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return the images, augmented if training."""
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        images = self._one_after_the_other("transform_images", images, transformation)
        return ops.cast(images, self.compute_dtype)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the masks, moved as the images are."""
        if not training:
            return segmentation_masks
        return self._one_after_the_other(
            "transform_segmentation_masks", segmentation_masks, transformation
        )

    def _one_after_the_other(self, method: str, values: Any, transformation: Any) -> Any:
        for step in range(self.num_ops):
            index = transformation["layer_idxes"][step]
            for place, (name, drawn) in enumerate(transformation["transforms"].items()):
                changed = getattr(getattr(self, name), method)(values, drawn)
                values = ops.where(index == place, changed, values)
        return values

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes, moved as the images are."""
        if not training:
            return bounding_boxes
        result = dict(bounding_boxes)
        for place, (name, drawn) in enumerate(transformation["transforms"].items()):
            moved = getattr(self, name).transform_bounding_boxes(dict(result), drawn)
            for step in range(self.num_ops):
                chosen = transformation["layer_idxes"][step] == place
                for key in ("boxes", "labels"):
                    result[key] = ops.where(chosen, moved[key], result[key])
        return result


class AugMix(_Policy, ColorLayer):
    """Blends each image with chains of augmentations of it, while training.

    Python's `random` chooses the augmentations: in a compiled model once, when it is traced.

    Args:
        value_range: the range of the pixels.
        num_chains: how many chains are blended.
        chain_depth: how long a chain is, at most.
        factor: how strong the augmentations are, in [0, 1], or the two ends.
        alpha: how evenly they are blended: the parameter of the distributions.
        all_ops: whether to use those that change colours, too.
        interpolation: "nearest" or "bilinear".
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".

    Source: Hendrycks et al., "AugMix", 2019.
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.configure(num_chains=num_chains, chain_depth=chain_depth, alpha=alpha, all_ops=all_ops)
        self._names = (*SHAPES, *TONES, *(COLORS if all_ops else ()))
        self.make_layers((
            *SHAPES, "solarization", "random_posterization", *TONES[2:],
            *(COLORS if all_ops else ()),
        ))  # fmt: skip

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return the chains, and the weights they are blended with."""
        if not training:
            return None
        seed = self.generator_or(seed)
        share = random.gamma((self.num_chains,), self.alpha, seed=seed)
        weight = random.beta((), self.alpha, self.alpha, seed=seed)
        chains = [self._draw_chain(data) for _ in range(self.num_chains)]
        return {
            "chain_mixing_weights": share / ops.sum(share, axis=-1, keepdims=True),
            "weight_sample": weight,
            "chain_transforms": chains,
        }

    def _draw_chain(self, data: Any) -> list[dict[str, Any]]:
        chain = []
        for _ in range(self.chain_depth):
            name = python_random.choice([*self._names, None])
            if name is None:
                continue
            drawn = getattr(self, name).get_random_transformation(data, seed=self.generator)
            chain.append({"layer_name": name, "transformation": drawn})
        return chain

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return the images, blended with their augmentations if training."""
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        images = ops.clip(
            self._blended("transform_images", images, transformation), *self.value_range
        )
        return ops.cast(images, self.compute_dtype)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks, blended as the images are."""
        if not training:
            return segmentation_masks
        return self._blended("transform_segmentation_masks", segmentation_masks, transformation)

    def _blended(self, method: str, values: Any, transformation: Any) -> Any:
        weights, own = (
            ops.cast(transformation[key], self.compute_dtype)
            for key in ("chain_mixing_weights", "weight_sample")
        )
        mixed: Any = 0
        for place, chain in enumerate(transformation["chain_transforms"]):
            changed = values
            for link in chain:
                layer = getattr(self, link["layer_name"])
                changed = getattr(layer, method)(changed, link["transformation"])
            mixed = mixed + changed * weights[place]
        return own * values + (1 - own) * mixed
