"""Models of Dense layers in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Reviews(nn.Module):
    """Embedding, mean over the words, 16, 1: words [B, T] to a logit [B, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10000, 16)
        self.inner, self.outer = nn.Linear(16, 16), nn.Linear(16, 1)

    def forward(self, words: Tensor) -> Tensor:
        return self.outer(torch.relu(self.inner(self.table(words).mean(dim=1))))


def mlp() -> nn.Module:
    """784-128-10."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def functional() -> nn.Module:
    """20-64-64-1."""
    return nn.Sequential(
        nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
    )


def tabular() -> nn.Module:
    """Three times 256 with normalised batches and dropout, and ten classes."""
    layers: list[nn.Module] = []
    for width in (32, 256, 256):
        layers += [
            nn.Linear(width, 256), nn.BatchNorm1d(256, eps=1e-3, momentum=0.01), nn.ReLU(),
            nn.Dropout(0.2),
        ]  # fmt: skip
    return nn.Sequential(*layers, nn.Linear(256, 10))


MODELS = {
    "tutorial_1": mlp, "tutorial_2": functional, "tutorial_4": Reviews, "tabular": tabular,
}  # fmt: skip
