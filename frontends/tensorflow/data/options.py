"""`tf.data.Options`: settings of TensorFlow's runtime, which may be set and mean nothing here."""

from __future__ import annotations

from types import SimpleNamespace


class Options(SimpleNamespace):
    """Holds what scripts set, in groups as TensorFlow's object of this name."""

    def __init__(self) -> None:
        super().__init__(
            autotune=SimpleNamespace(),
            deterministic=None,
            distribute=SimpleNamespace(),
            experimental_distribute=SimpleNamespace(),
            experimental_optimization=SimpleNamespace(),
            threading=SimpleNamespace(),
        )
