"""Callbacks made of plain functions."""

import difflib
from collections.abc import Callable
from typing import Any

from graphc.keras.callbacks.callback import Callback

HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """A callback whose hooks are the functions given by name.

    Epoch hooks are called as `f(epoch, logs)`, batch hooks as `f(batch, logs=logs)`, the others
    as `f(logs)`. Any hook of `Callback` can be given as a keyword.

    Raises:
        ValueError: if a keyword that starts with `on_` names no hook.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        named = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name in kwargs:
            _check_hook_name(name)
        given = {name: hook for name, hook in named.items() if hook is not None}
        vars(self).update(kwargs | given)


def _check_hook_name(name: str) -> None:
    if name in HOOKS or not name.startswith("on_"):
        return
    nearest = difflib.get_close_matches(name, HOOKS)
    hint = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
    raise ValueError(f"Expected the name of a callback hook.{hint} Received: {name}")
