"""Event files for TensorBoard, written with the `tensorboard` package alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from graphc.keras.callbacks.callback import Callback, Logs
from graphc.keras.callbacks.event_files import EventFiles


class TensorBoard(Callback):
    """Writes metrics, histograms of weights, the model and a profile for `tensorboard --logdir`.

    Scalars are named `epoch_<metric>`, by batch `batch_<metric>`, and
    `evaluation_<metric>_vs_iterations` after `evaluate`. Only `update_freq` other than "epoch" and
    `profile_batch` make the loop run step by step.

    Args:
        log_dir: the folder; runs go to `train` and `validation` in it.
        histogram_freq: every how many epochs histograms of the weights are written; 0 for never.
        write_graph: whether to write the model's configuration, for the graph page.
        write_images: whether to write weights as images, too, where histograms are written.
        write_steps_per_second: whether to write how many steps a second an epoch did.
        update_freq: "epoch", "batch", or a number of steps between batch scalars.
        profile_batch: a step, or a pair (first, last), counted from 1 over the whole training, to
            record with JAX's profiler; 0 for none.
        embeddings_freq: every how many epochs Embedding layers are written; 0 for never.
        embeddings_metadata: a file of names for the rows, or a dict from layer name to one.

    Raises:
        ImportError: the `tensorboard` package is not installed.
        ValueError: an unknown `update_freq` or `profile_batch`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        if update_freq not in ("epoch", "batch") and not isinstance(update_freq, int):
            raise ValueError(
                "Expected `update_freq` to be 'epoch', 'batch' or a number of steps. "
                f"Received: update_freq={update_freq!r}"
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq, self.write_graph = histogram_freq, write_graph
        self.write_images, self.write_steps_per_second = write_images, write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.profile_batch = _first_and_last(profile_batch)
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        self._files = EventFiles(self.log_dir)
        self._steps = 0  # over the whole training
        self._epoch_began = 0
        self._profiling = False
        self._evaluated = 0

    @property
    def calls_each_batch(self) -> bool:
        """Whether it has something to do at every step."""
        return self.update_freq != "epoch" or self.profile_batch != (0, 0)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._steps = 0
        if self.write_graph:
            self._files.model("train", self.model)
        if self.embeddings_freq:
            self._files.projector(self.model, self.embeddings_metadata)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._stop_profile()
        self._files.close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch_began = self._iterations()
        self._files.start_clock()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        known = dict(logs or {})
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None and "learning_rate" not in known:
            known["learning_rate"] = float(np.asarray(optimizer.learning_rate))
        for name, value in known.items():
            run = "validation" if name.startswith("val_") else "train"
            self._files.scalar(run, f"epoch_{name.removeprefix('val_')}", value, epoch)
        if self.write_steps_per_second:
            rate = (self._iterations() - self._epoch_began) / self._files.seconds()
            self._files.scalar("train", "epoch_steps_per_second", rate, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._files.weights("train", self.model, epoch, images=self.write_images)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            path = Path(self.log_dir, "train", f"keras_embedding.ckpt-{epoch}.weights.h5")
            self.model.save_weights(path)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._steps += 1
        if self._steps == self.profile_batch[0]:
            jax.profiler.start_trace(str(Path(self.log_dir, "train")))
            self._profiling = True

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._steps >= self.profile_batch[1]:
            self._stop_profile()
        if isinstance(self.update_freq, int) and self._steps % self.update_freq == 0:
            for name, value in (logs or {}).items():
                self._files.scalar("train", f"batch_{name}", value, self._steps)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if self.model.optimizer is None:
            return
        for name, value in (logs or {}).items():
            tag = f"evaluation_{name}_vs_iterations"
            self._files.scalar("validation", tag, value, self._iterations())

    def _iterations(self) -> int:
        optimizer = getattr(self.model, "optimizer", None)
        return 0 if optimizer is None else int(np.asarray(optimizer.iterations))

    def _stop_profile(self) -> None:
        if self._profiling:
            jax.profiler.stop_trace()
            self._profiling = False


def _first_and_last(profile_batch: Any) -> tuple[int, int]:
    """Return the first and the last step to profile; (0, 0) for none."""
    if isinstance(profile_batch, str):
        profile_batch = tuple(int(part) for part in profile_batch.split(","))
    pair = (profile_batch, profile_batch) if isinstance(profile_batch, int) else profile_batch
    whole = isinstance(pair, (tuple, list)) and len(pair) == 2
    if not whole or not all(isinstance(n, int) and n >= 0 for n in pair) or pair[0] > pair[1]:
        raise ValueError(
            "Expected `profile_batch` to be a step or a pair (first, last) of steps. "
            f"Received: profile_batch={profile_batch!r}"
        )
    return pair[0], pair[1]
