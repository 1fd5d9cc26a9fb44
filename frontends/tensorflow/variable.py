"""`tf.Variable`: Keras's variable, with TensorFlow's arguments."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.variable import Variable as KerasVariable
from graphc.tensorflow.tensor import as_array


class Variable(KerasVariable):
    """A tensor that can be assigned to, which layers and models that hold it own as their weight.

    Args:
        initial_value: an array, a number, or a function that returns one.
        trainable: whether it counts among trainable weights; it does where None.
        validate_shape: accepted; a variable keeps its shape.
        caching_device: accepted.
        name: its name.
        variable_def: accepted.
        dtype: that of the initial value where None, but float32 and int32 for Python's numbers.
        import_scope: accepted.
        constraint: a function that optimizers apply to it after each update.
        shape: accepted; that of the initial value.

    Raises:
        ValueError: no initial value.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        if initial_value is None:
            raise ValueError("`initial_value` must be given. Received: initial_value=None")
        value = as_array(initial_value() if callable(initial_value) else initial_value)
        super().__init__(
            value, dtype=dtype, trainable=trainable is not False, autocast=False, name=name
        )
        self.constraint = constraint

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Set the value, and return it.

        Raises:
            ValueError: another shape than the variable's.
        """
        return super().assign(value)

    def assign_add(  # pyright: ignore[reportIncompatibleMethodOverride] (TensorFlow's name)
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Add to the value, and return it."""
        return self.assign(self + delta)

    def assign_sub(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtract from the value, and return it."""
        return self.assign(self - delta)

    def read_value(self) -> Any:
        """Return the value."""
        return self.value
