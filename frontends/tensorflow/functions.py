"""`tf.function`: what a call computes becomes one compiled program."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.lazy import LazyScope, as_arrays, lazily
from graphc.keras.engine.scope import current_trace
from graphc.keras.engine.structure import map_structure
from graphc.tensorflow.tensor import TEXT


class Mode:
    """What `tf.config.run_functions_eagerly` said last."""

    eager = False


def function(func: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Return `func`, each of whose calls is compiled and run as a whole.

    Python's statements run in every call; programs are kept and found again by what a call
    computes. So a function may read and write variables, make layers in its first call, loop over
    tensors, and print. Inside a step or another such function it is a part of that.

    Args:
        func: the function; without one, a decorator is returned.
        options: TensorFlow's `input_signature`, `jit_compile`, `reduce_retracing` and so on, which
            say how programs are made there and have no effect here.
    """
    if func is None:
        return lambda decorated: function(decorated, **options)

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        if Mode.eager or current_trace() is not None:
            return func(*args, **kwargs)
        with lazily() as scope:
            assert isinstance(scope, LazyScope)
            given, named = map_structure(partial(_input, scope), (args, kwargs))
            found = func(*given, **named)
        scope.run()  # all at once: what was assigned, and the results while they are in use
        return as_arrays(found)

    call.python_function = func  # type: ignore[attr-defined]
    return call


def _input(scope: LazyScope, leaf: Any) -> Any:
    """Return what stands for an argument in the trace: all that is done with it is compiled."""
    is_array = isinstance(leaf, (np.ndarray, jax.Array))
    if not is_array or leaf.dtype.kind in TEXT:
        return leaf
    scope.watch(leaf)
    return scope.known(leaf)
