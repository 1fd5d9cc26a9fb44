"""Stopping a training whose loss is no number."""

import math

from graphc.keras.callbacks.callback import Callback, Logs
from graphc.keras.utils.progbar import print_message


class TerminateOnNaN(Callback):
    """Ends fit at the first step whose loss is NaN or infinite.

    Args:
        raise_error: raises instead of ending fit in the ordinary way.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error
        self.calls_each_batch = True  # until a compiled loop watches the loss by itself

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Checks the loss.

        Raises:
            RuntimeError: if it is not finite and `raise_error` is set.
        """
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Expected a finite loss. "
                f"Received: {loss}"
            )
        print_message(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
