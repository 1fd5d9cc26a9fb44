"""`tf.data.Dataset`: elements that are made one after the other, anew in every pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras.engine.scope import entered
from graphc.tensorflow.data.base import callable_
from graphc.tensorflow.data.creation import Creation
from graphc.tensorflow.data.elements import map_leaves
from graphc.tensorflow.data.making import Making
from graphc.tensorflow.data.ordering import Ordering
from graphc.tensorflow.tensor import as_tensor, tensor


class Dataset(Creation, Ordering, Making):
    """Elements (arrays in tuples and dictionaries) that can be gone through again and again.

    Every method returns another dataset, and nothing is computed before an element is asked for.
    Functions of the user run on the host, an element at a time and in order, so that equal seeds
    give equal elements: `num_parallel_calls`, `deterministic` and `name` are accepted and change
    nothing. They may use `tf`, `keras.ops`, layers and NumPy. What `map` computes with the first
    three is traced and compiled once for each shape, in 32 bits, as JAX has it.
    """

    def reduce(
        self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None
    ) -> Any:
        """Return the last state: `reduce_func(state, element)` makes each of the one before."""
        callable_("reduce_func", reduce_func)
        state = map_leaves(as_tensor, initial_state)
        for element in self._stream.elements():
            given = map_leaves(tensor, element)
            with entered(None):
                state = map_leaves(as_tensor, reduce_func(state, given))
        return state

    def apply(self, transformation_func: Callable[[Any], Any], name: str | None = None) -> Any:
        """Return what a function makes of the dataset."""
        return callable_("transformation_func", transformation_func)(self)
