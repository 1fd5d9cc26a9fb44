"""Going on after the process was killed."""

from __future__ import annotations

import os

from graphc.keras.callbacks.callback import Callback
from graphc.keras.saving.snapshots import Snapshots


class BackupAndRestore(Callback):
    """Lets a `fit` that was cut short go on where it was, to the byte.

    A snapshot holds everything that the rest of the training depends on: variables of the model,
    its optimizers and its metrics, seeds, the order of the rows, the place inside the epoch, and
    what the other callbacks remember (their attributes that are numbers, strings, arrays, or lists
    and dicts of such). Run the same script again, and `fit` continues from the last snapshot. Data
    from a generator is skipped up to that place, so it must give the same batches again.

    Args:
        backup_dir: a folder for the snapshots of this training alone.
        save_freq: "epoch", or a number of steps between snapshots; False for none but at `fit`'s
            interruption.
        double_checkpoint: accepted; the last two snapshots are always kept.
        delete_checkpoint: whether to delete the snapshots when the training ends.

    Raises:
        ValueError: no folder, or another `save_freq`.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int | bool = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed")
        by_step = isinstance(save_freq, int) and (save_freq is False or save_freq > 0)
        if save_freq != "epoch" and not by_step:
            raise ValueError(
                "Expected `save_freq` to be 'epoch' or a positive number of steps. "
                f"Received: save_freq={save_freq!r}"
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.snapshots = Snapshots(self.backup_dir)

    @property
    def steps_between(self) -> int | None:
        """Steps between snapshots inside an epoch; None where they are taken at its end."""
        return self.save_freq if self.save_freq and isinstance(self.save_freq, int) else None
