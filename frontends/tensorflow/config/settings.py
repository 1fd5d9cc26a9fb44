"""Settings of TensorFlow's runtime: one has an effect here."""

from __future__ import annotations

from graphc.tensorflow.functions import Mode


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Let calls of `tf.function`s run as Python does, statement by statement, or compile them."""
    Mode.eager = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Return whether calls of `tf.function`s run statement by statement."""
    return Mode.eager


def set_soft_device_placement(enabled: bool) -> None:
    """Do nothing: JAX places everything."""
