"""PyTorch at work: the training loop of its tutorials, eager or with `torch.compile`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from peer import SEED, Peer, native_inputs, native_labels
from torch import Tensor, nn
from torch.nn import functional
from torch_models import dense, images, sequences
from torch_models.initial import begin_like_keras
from workloads import Objective

MODELS: dict[str, Callable[[], nn.Module]] = dense.MODELS | images.MODELS | sequences.MODELS


def class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of class numbers; a sequence has a label at each place."""
    return functional.cross_entropy(logits.flatten(0, -2), labels.flatten())


LOSSES: dict[Objective, Callable[[Tensor, Tensor], Tensor]] = {
    "classes": class_loss,
    "binary": functional.binary_cross_entropy_with_logits,
    "squares": functional.mse_loss,
}


def count_right(objective: Objective, logits: Tensor, labels: Tensor) -> Tensor:
    """How many of a batch the model told right."""
    told = logits.argmax(dim=-1) if objective == "classes" else (logits > 0).to(labels.dtype)
    return (told == labels).sum()


class TorchPeer(Peer):
    """A `torch.nn.Module`, Adam, and a loop over shuffled batches."""

    packages = ("torch", "numpy")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.compiled = name == "torch_compiled"
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def take(self, data: dict[str, np.ndarray]) -> None:
        torch.manual_seed(SEED)
        x, y = native_inputs(data["x"]), native_labels(self.workload, data["y"])
        self.row = torch.from_numpy(x[:1])
        self.x = torch.from_numpy(x).to(self.device)
        self.y = torch.from_numpy(y).to(self.device)
        if self.workload.objective == "classes":
            self.y = self.y.long()

    def build(self) -> None:
        model = MODELS[self.workload.name]()
        begin_like_keras(self.workload.name, model)
        model = model.to(self.device)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
        self.model = torch.compile(model) if self.compiled else model

    def fit(self, epochs: int) -> float:
        self.model.train()
        return [self._epoch() for _ in range(epochs)][-1]

    def _epoch(self) -> float:
        """One pass over the rows; the loss and the accuracy are read at its end."""
        objective, batch = self.objective, self.workload.batch
        total = torch.zeros((), device=self.device)
        right = torch.zeros((), dtype=torch.int64, device=self.device)
        for rows in torch.randperm(len(self.x), device=self.device).split(batch):
            x, y = self.x[rows], self.y[rows]
            logits = self.model(x)
            loss = LOSSES[objective](logits, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(rows)
            if self.workload.accuracy:
                right += count_right(objective, logits.detach(), y)
        self.accuracy = right.item() / self.y.numel()
        return total.item() / len(self.x)

    def predict_row(self) -> np.ndarray:
        self.model.eval()
        with torch.inference_mode():
            return self.model(self.row.to(self.device)).cpu().numpy()

    def devices(self) -> list[str]:
        if self.device.type == "cuda":
            return [f"cuda: {torch.cuda.get_device_name()}"]
        return [f"cpu: {torch.get_num_threads()} threads"]
