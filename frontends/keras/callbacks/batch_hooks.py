"""Which callbacks need a call for every batch, which decides how long a compiled run may be."""

from typing import Any

from graphc.keras.callbacks.callback import Callback
from graphc.keras.callbacks.callback_list import CallbackList
from graphc.keras.callbacks.progbar_logger import ProgbarLogger
from graphc.keras.callbacks.saving_callback import SavingCallback
from graphc.keras.callbacks.tensorboard import TensorBoard
from graphc.keras.callbacks.terminate_on_nan import TerminateOnNaN

BATCH_HOOKS = {
    "train": ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


def overrides_batch_hooks(callback: Any, mode: str) -> bool:
    """Whether a callback, or one in a `CallbackList`, must be called for every batch.

    True when its class, or the object itself, overrides a batch hook of the mode. The hooks of
    `ProgbarLogger` do not count, for `on_chunk_end` replaces them, nor do a `ModelCheckpoint` or a
    `TensorBoard` that write by epoch, nor a `TerminateOnNaN` that the loop calls when it is time.

    Args:
        callback: a callback.
        mode: `"train"`, `"test"` or `"predict"`.
    """
    if isinstance(callback, CallbackList):
        return any(overrides_batch_hooks(each, mode) for each in callback.callbacks)
    return any(_needs_call(callback, hook) for hook in BATCH_HOOKS[mode])


def _needs_call(callback: Any, hook: str) -> bool:
    if hook in vars(callback):  # a LambdaCallback keeps its functions in the object
        return True
    function = getattr(type(callback), hook, None)
    if function is SavingCallback.on_train_batch_end:
        return callback.save_freq != "epoch"
    if function is TerminateOnNaN.on_batch_end:
        return callback.calls_each_batch
    if function in (TensorBoard.on_train_batch_begin, TensorBoard.on_train_batch_end):
        return callback.calls_each_batch
    defaults = (getattr(Callback, hook), getattr(ProgbarLogger, hook), None)
    return function not in defaults
