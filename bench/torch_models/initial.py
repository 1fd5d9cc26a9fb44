"""First weights of Keras's kind for PyTorch's modules."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

CONVOLUTIONS: dict[str, Callable[[Tensor], Tensor]] = {"resnet20": nn.init.kaiming_normal_}


def begin_like_keras(workload: str, model: nn.Module) -> None:
    """Draw the weights as Keras's layers do: Glorot's, but where the Keras model says otherwise."""
    convolution = CONVOLUTIONS.get(workload, nn.init.xavier_uniform_)
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            nn.init.uniform_(module.weight, -0.05, 0.05)
        elif isinstance(module, nn.LSTM | nn.GRU):
            begin_recurrent(module)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            begin(module, convolution)
        elif isinstance(module, nn.Linear):
            begin(module, nn.init.xavier_uniform_)


def begin(module: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, draw: Callable[..., Tensor]) -> None:
    """Draw the kernel; the biases are zeros."""
    draw(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def begin_recurrent(module: nn.LSTM | nn.GRU) -> None:
    """Draw input kernels, orthogonal recurrent ones, and forget biases of one.

    PyTorch's LSTM adds two biases where Keras's has one: the second stays zero, untrained.
    """
    for name, weight in module.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(weight)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(weight)
        else:
            nn.init.zeros_(weight)
        if isinstance(module, nn.LSTM) and name.startswith("bias_hh"):
            weight.requires_grad_(False)
        if isinstance(module, nn.LSTM) and name.startswith("bias_ih"):
            with torch.no_grad():
                weight[module.hidden_size : 2 * module.hidden_size] = 1.0
