"""Models of words and series in PyTorch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@torch.compiler.disable
def recur(layer: nn.LSTM | nn.GRU, x: Tensor) -> tuple[Tensor, Any]:
    """The layer's outputs and last states, by its own kernel under `torch.compile`, too.

    Compiled, its loop would be unrolled: 200 steps took minutes to compile, and ran 100 times as
    long.
    """
    return layer(x)


class BiLSTM(nn.Module):
    """Two bidirectional LSTMs: words [B, T] to a logit [B, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20000, 64)
        self.lstm = nn.LSTM(64, 64, num_layers=2, batch_first=True, bidirectional=True)
        self.outer = nn.Linear(128, 1)

    def forward(self, words: Tensor) -> Tensor:
        _, (last, _) = recur(self.lstm, self.table(words))  # [4, B, 64]
        return self.outer(torch.cat((last[-2], last[-1]), dim=1))


class Forecaster(nn.Module):
    """A GRU: windows [B, T, 8] to a number [B, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 64, batch_first=True)
        self.outer = nn.Linear(64, 1)

    def forward(self, windows: Tensor) -> Tensor:
        _, last = recur(self.gru, windows)  # [1, B, 64]
        return self.outer(last[0])


class Attention(nn.Module):
    """Self-attention of some heads with their own width."""

    def __init__(self, width: int, heads: int, size: int, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.inner = nn.Linear(width, 3 * heads * size)
        self.outer = nn.Linear(heads * size, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.inner(x).unflatten(-1, (3, self.heads, -1))  # [B, T, 3, H, D]
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each [B, H, T, D]
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        return self.outer(mixed.transpose(1, 2).flatten(2))


class TokenAndPosition(nn.Module):
    """Vectors of the words plus learned vectors of their places: [B, T] -> [B, T, W]."""

    def __init__(self, vocabulary: int, length: int, width: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)

    def forward(self, words: Tensor) -> Tensor:
        return self.words(words) + self.places(torch.arange(words.shape[1], device=words.device))


class Transformer(nn.Module):
    """One post-norm block: words [B, T] to two logits [B, 2]."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embedded = TokenAndPosition(20000, 200, width)
        self.attention = Attention(width, 2, width, causal=False)
        self.inner = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.first, self.second = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.dropout = nn.Dropout(0.1)
        self.outer = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(width, 20), nn.ReLU(), nn.Dropout(0.1), nn.Linear(20, 2)
        )

    def forward(self, words: Tensor) -> Tensor:
        x = self.embedded(words)
        x = self.first(x + self.dropout(self.attention(x)))
        x = self.second(x + self.dropout(self.inner(x)))
        return self.outer(x.mean(dim=1))


class GPTBlock(nn.Module):
    """A pre-norm block with causal attention: [B, T, W] -> [B, T, W]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, width // heads, causal=True)
        self.inner = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.first(x))
        return x + self.inner(self.second(x))


def gpt() -> nn.Module:
    """Twelve blocks of width 128: words [B, T] to logits of the next ones [B, T, 1000]."""
    vocabulary, width = 1000, 128
    blocks = [GPTBlock(width, heads=4) for _ in range(12)]
    return nn.Sequential(
        TokenAndPosition(vocabulary, 64, width), *blocks, nn.LayerNorm(width),
        nn.Linear(width, vocabulary),
    )  # fmt: skip


MODELS = {"bilstm": BiLSTM, "gru": Forecaster, "transformer": Transformer, "gpt": gpt}
