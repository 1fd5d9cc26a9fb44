"""Models of pictures in PyTorch.

Their memory format is channels-last, PyTorch's faster one for convolutions on CPUs and on recent
GPUs; pictures come as [B, H, W, C], which is a view of that format.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class Pictures(nn.Module):
    """A network of pictures [B, H, W, C], all of it channels-last."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network(pictures.permute(0, 3, 1, 2))


class ToLast(nn.Module):
    """Pictures [B, C, H, W] as the data has them: [B, H, W, C]."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.permute(0, 2, 3, 1)


class Mean(nn.Module):
    """The mean over height and width: [B, C, H, W] -> [B, C]."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.mean(dim=(2, 3))


def normalised(width: int) -> nn.Module:
    """Batch normalisation with Keras's settings."""
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def convolved(before: int, width: int, size: int, strides: int = 1) -> nn.Sequential:
    """A convolution, normalised."""
    convolution = nn.Conv2d(before, width, size, strides, padding=size // 2, bias=False)
    return nn.Sequential(convolution, normalised(width))


class Block(nn.Module):
    """A residual block; where it halves the picture, with a 1 x 1 projection."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        strides = 1 if before == width else 2
        self.kept = nn.Identity() if strides == 1 else convolved(before, width, 1, strides)
        self.first = convolved(before, width, 3, strides)
        self.second = convolved(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))) + self.kept(x))


def convnet() -> nn.Module:
    """Two convolutions, each with max-pooling, dropout and ten classes."""
    return Pictures(
        nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
        )
    )  # fmt: skip


def resnet20() -> nn.Module:
    """ResNet-20."""
    widths = (16, 16, 16, 16, 32, 32, 32, 64, 64, 64)
    blocks = [Block(before, width) for before, width in pairwise(widths)]
    return Pictures(
        nn.Sequential(convolved(3, 16, 3), nn.ReLU(), *blocks, Mean(), nn.Linear(64, 10))
    )


def depthwise(width: int, strides: int) -> nn.Module:
    """A 3 x 3 convolution of each channel by itself."""
    return nn.Conv2d(width, width, 3, strides, padding=1, groups=width, bias=False)


def mobile(before: int, width: int, strides: int) -> list[nn.Module]:
    """Depthwise and pointwise convolutions, each normalised."""
    return [
        depthwise(before, strides), normalised(before), nn.ReLU(),
        nn.Conv2d(before, width, 1, bias=False), normalised(width), nn.ReLU(),
    ]  # fmt: skip


def separated(before: int, width: int, strides: int) -> list[nn.Module]:
    """A depthwise and a pointwise convolution, normalised after both."""
    return [
        depthwise(before, strides), nn.Conv2d(before, width, 1, bias=False), normalised(width),
        nn.ReLU(),
    ]  # fmt: skip


def separable() -> nn.Module:
    """Depthwise and pointwise convolutions in MobileNet's way."""
    return Pictures(
        nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1, bias=False), normalised(32), nn.ReLU(),
            *mobile(32, 64, 1), *mobile(64, 128, 2),
            *separated(128, 128, 1), *separated(128, 256, 2),
            Mean(), nn.Linear(256, 10),
        )
    )  # fmt: skip


def autoencoder() -> nn.Module:
    """Convolutions of stride 2 down and their transposes back up, to logits [B, 28, 28, 1]."""
    return Pictures(
        nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 32, 3, 2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(32, 32, 3, 2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(32, 32, 3, 2, padding=1, output_padding=1), nn.ReLU(),
            nn.Conv2d(32, 1, 3, padding=1), ToLast(),
        )
    )  # fmt: skip


MODELS = {
    "convnet": convnet, "resnet20": resnet20, "separable": separable, "autoencoder": autoencoder,
}  # fmt: skip
