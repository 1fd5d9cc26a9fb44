"""`tf.config.experimental`: the names that scripts begin with."""

from __future__ import annotations

from graphc.tensorflow.absent import absent
from graphc.tensorflow.config.devices import (
    PhysicalDevice,
    list_logical_devices,
    list_physical_devices,
)


def set_memory_growth(device: PhysicalDevice, enable: bool) -> None:
    """Do nothing: JAX reads XLA_PYTHON_CLIENT_PREALLOCATE before it starts."""


def get_memory_growth(device: PhysicalDevice) -> bool:
    """Return False: nothing of it is set here."""
    return False


def enable_op_determinism() -> None:
    """Do nothing: equal seeds give equal numbers anyway."""


__getattr__ = absent("tensorflow.config.experimental", globals())
