"""Where a training is, and all it depends on, as a snapshot that another process takes up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.keras.callbacks.backup_and_restore import BackupAndRestore
from graphc.keras.callbacks.callback_list import CallbackList
from graphc.keras.callbacks.progbar_logger import ProgbarLogger
from graphc.keras.config.messages import print_message
from graphc.keras.engine.variable import Variable
from graphc.keras.optimizers import Optimizer
from graphc.keras.random.seed_generator import global_seed_generator
from graphc.keras.saving.plain import plain_attributes
from graphc.keras.saving.snapshots import SnapshotError

NOT_REMEMBERED = ("params", "_model", "snapshots")


@dataclass
class Place:
    """An epoch (from 0), the steps of it that are done, and the logs after the last one."""

    epoch: int
    done: int = 0
    logs: dict[str, Any] | None = None


class Resume:
    """Takes snapshots of one `fit`, and takes up the last one.

    Args:
        model: what is trained.
        feed: the data, which knows its own place.
        callbacks: those of the training, the one that asks for snapshots among them.
    """

    def __init__(self, model: Any, feed: Any, callbacks: CallbackList) -> None:
        self.model, self.feed, self.callbacks = model, feed, callbacks
        found = [one for one in callbacks.callbacks if isinstance(one, BackupAndRestore)]
        self.backup = found[0] if found else None
        self.seed = 0
        self._left = self._every or 0  # steps to the next snapshot

    @property
    def _every(self) -> int | None:
        return None if self.backup is None else self.backup.steps_between

    def start(self, first: int, seed: int) -> Place:
        """Return where to begin: as asked, or where a snapshot was taken.

        Args:
            first: the first epoch, where there is no snapshot.
            seed: what shuffles the rows; `self.seed` is that of the snapshot, where there is one.

        Raises:
            SnapshotError: there are snapshots, and none of them is whole and of this training.
        """
        self.seed = seed
        if self.backup is None:
            return Place(first)
        if self.backup.snapshots.files():
            self.feed.prepare()
        known = self.backup.snapshots.read(self._check)
        if known is None:
            return Place(first)
        self._restore(known)
        place = Place(known["epoch"], known["done"], known["logs"])
        print_message(
            f"Resuming from {self.backup.snapshots.files()[0]}: epoch {place.epoch + 1}"
            + (f", after {place.done} steps of it." if place.done else ".")
        )
        return place

    @property
    def counts_steps(self) -> bool:
        """Whether `after_steps` has something to do."""
        return self._every is not None

    def room(self) -> int | None:
        """Return how many steps there are until the next snapshot inside an epoch."""
        return self._left if self._every else None

    def after_steps(self, epoch: int, done: int, steps: int, logs: dict[str, Any]) -> None:
        """Note that `steps` were done, `done` of the epoch in all; take a snapshot when due."""
        self._left -= steps
        if self._left <= 0:
            self._left = self._every or 0
            self._save(Place(epoch, done, logs))

    def after_epoch(self, epoch: int) -> None:
        """Take a snapshot at the end of an epoch, where these are wanted."""
        if self.backup is not None and self.backup.save_freq == "epoch":
            self._save(Place(epoch + 1))

    def finish(self) -> None:
        """The training is through: its snapshots have served."""
        if self.backup is not None and self.backup.delete_checkpoint:
            self.backup.snapshots.clear()

    def _save(self, place: Place) -> None:
        assert self.backup is not None
        variables = _state(self.model)
        self.backup.snapshots.write(
            {
                "epoch": place.epoch,
                "done": place.done,
                "logs": _plain_logs(place.logs),
                "left": self._left,
                "seed": self.seed,
                "data": self.feed.position(inside=place.done > 0),
                "stop": bool(self.model.stop_training),
                "layout": [_layout(variable) for variable in variables],
                "values": [np.asarray(variable.stored) for variable in variables],
                "callbacks": [[name, _memory(one)] for name, one in self._others()],
            }
        )

    def _check(self, known: dict[str, Any]) -> None:
        """Refuse a snapshot whose variables are not those of the model."""
        mine = [_layout(variable) for variable in _state(self.model)]
        theirs = known["layout"]
        if [kind for _, *kind in mine] == [kind for _, *kind in theirs]:
            return  # names do not count: automatic ones go on counting when a model is made again
        pairs = zip(mine, theirs, strict=False)
        differs = next(((a, b) for a, b in pairs if a[1:] != b[1:]), (len(mine), len(theirs)))
        raise SnapshotError(
            "it was taken of another model, optimizer or set of metrics: expected the variables "
            f"{differs[0]}, and it holds {differs[1]}. Give this training a folder of its own"
        )

    def _restore(self, known: dict[str, Any]) -> None:
        for variable, value in zip(_state(self.model), known["values"], strict=True):
            variable.assign(value)
        self.seed, self._left = known["seed"], known["left"] or self._every or 0
        self.feed.seek(known["data"])
        self.model.stop_training = known["stop"]
        memories = {tuple(name): memory for name, memory in known["callbacks"]}
        for name, callback in self._others():
            for attribute, value in memories.get(name, {}).items():
                setattr(callback, attribute, value)

    def _others(self) -> Iterator[tuple[tuple[str, int], Any]]:
        """Yield the callbacks that remember something, by class and number among its like."""
        left_out = (BackupAndRestore, ProgbarLogger)
        count: Counter[str] = Counter()
        for one in self.callbacks.callbacks:
            if not isinstance(one, left_out):
                name = f"{type(one).__module__}.{type(one).__qualname__}"
                yield (name, count[name]), one
                count[name] += 1


def _state(model: Any) -> list[Variable]:
    """Return all variables that a training changes, in a fixed order."""
    optimizers = [model.optimizer, *(v for v in vars(model).values() if isinstance(v, Optimizer))]
    variables = [
        *model.variables,
        *(variable for one in optimizers if one is not None for variable in one.variables),
        *model.metrics_variables,
        global_seed_generator().state,
    ]
    return list({id(variable): variable for variable in variables}.values())


def _layout(variable: Variable) -> list[Any]:
    return [variable.path.split("/")[-1], list(variable.shape), variable.dtype]


def _memory(callback: Any) -> dict[str, Any]:
    return plain_attributes(callback, [n for n in vars(callback) if n not in NOT_REMEMBERED])


def _plain_logs(logs: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if logs is None else {name: np.asarray(value) for name, value in logs.items()}
