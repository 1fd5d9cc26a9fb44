"""Models of pictures in Flax NNX: [B, H, W, C] throughout."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import jax
from flax import nnx

from flax_models.dense import flattened
from flax_models.layers import Network, convolution, linear, normalised, transposed


def pooled(x: jax.Array) -> jax.Array:
    """The largest of each 2 x 2."""
    return nnx.max_pool(x, (2, 2), strides=(2, 2))


def mean(x: jax.Array) -> jax.Array:
    """The mean over height and width: [B, H, W, C] -> [B, C]."""
    return x.mean(axis=(1, 2))


def convnet(rngs: nnx.Rngs) -> nnx.Module:
    """Two convolutions, each with max-pooling, dropout and ten classes."""
    valid = partial(convolution, kernel_size=(3, 3), padding="VALID", rngs=rngs)
    return nnx.Sequential(
        valid(1, 32), nnx.relu, pooled, valid(32, 64), nnx.relu, pooled,
        flattened, nnx.Dropout(0.5, rngs=rngs), linear(1600, 10, rngs=rngs),
    )  # fmt: skip


def convolved(before: int, width: int, size: int, strides: int, rngs: nnx.Rngs) -> nnx.Sequential:
    """A convolution with He's first weights, normalised."""
    return nnx.Sequential(
        nnx.Conv(
            before, width, (size, size), strides, use_bias=False,
            kernel_init=nnx.initializers.he_normal(), rngs=rngs,
        ),
        normalised(width, rngs=rngs),
    )  # fmt: skip


class Block(nnx.Module):
    """A residual block; where it halves the picture, with a 1 x 1 projection."""

    def __init__(self, before: int, width: int, rngs: nnx.Rngs) -> None:
        strides = 1 if before == width else 2
        self.kept = None if strides == 1 else convolved(before, width, 1, strides, rngs)
        self.first = convolved(before, width, 3, strides, rngs)
        self.second = convolved(width, width, 3, 1, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        kept = x if self.kept is None else self.kept(x)
        return nnx.relu(self.second(nnx.relu(self.first(x))) + kept)


def resnet20(rngs: nnx.Rngs) -> nnx.Module:
    """ResNet-20."""
    widths = (16, 16, 16, 16, 32, 32, 32, 64, 64, 64)
    pairs = pairwise(widths)
    blocks = [Block(before, width, rngs) for before, width in pairs]
    return nnx.Sequential(
        convolved(3, 16, 3, 1, rngs), nnx.relu, *blocks, mean, linear(64, 10, rngs=rngs)
    )


def depthwise(width: int, strides: int, rngs: nnx.Rngs) -> nnx.Conv:
    """A 3 x 3 convolution of each channel by itself."""
    return convolution(
        width, width, (3, 3), strides, feature_group_count=width, use_bias=False, rngs=rngs
    )


def pointwise(before: int, width: int, rngs: nnx.Rngs) -> nnx.Conv:
    """A 1 x 1 convolution."""
    return convolution(before, width, (1, 1), use_bias=False, rngs=rngs)


def mobile(before: int, width: int, strides: int, rngs: nnx.Rngs) -> list[Network]:
    """Depthwise and pointwise convolutions, each normalised."""
    return [
        depthwise(before, strides, rngs), normalised(before, rngs=rngs), nnx.relu,
        pointwise(before, width, rngs), normalised(width, rngs=rngs), nnx.relu,
    ]  # fmt: skip


def separated(before: int, width: int, strides: int, rngs: nnx.Rngs) -> list[Network]:
    """A depthwise and a pointwise convolution, normalised after both."""
    return [
        depthwise(before, strides, rngs), pointwise(before, width, rngs),
        normalised(width, rngs=rngs), nnx.relu,
    ]  # fmt: skip


def separable(rngs: nnx.Rngs) -> nnx.Module:
    """Depthwise and pointwise convolutions in MobileNet's way."""
    return nnx.Sequential(
        convolution(3, 32, (3, 3), use_bias=False, rngs=rngs), normalised(32, rngs=rngs),
        nnx.relu,
        *mobile(32, 64, 1, rngs), *mobile(64, 128, 2, rngs),
        *separated(128, 128, 1, rngs), *separated(128, 256, 2, rngs),
        mean, linear(256, 10, rngs=rngs),
    )  # fmt: skip


def autoencoder(rngs: nnx.Rngs) -> nnx.Module:
    """Convolutions of stride 2 down and their transposes back up, to logits [B, 28, 28, 1]."""
    halved = partial(convolution, kernel_size=(3, 3), strides=2, rngs=rngs)
    doubled = partial(transposed, kernel_size=(3, 3), strides=2, rngs=rngs)
    return nnx.Sequential(
        halved(1, 32), nnx.relu, halved(32, 32), nnx.relu,
        doubled(32, 32), nnx.relu, doubled(32, 32), nnx.relu,
        convolution(32, 1, (3, 3), rngs=rngs),
    )  # fmt: skip


MODELS = {
    "convnet": convnet, "resnet20": resnet20, "separable": separable, "autoencoder": autoencoder,
}  # fmt: skip
