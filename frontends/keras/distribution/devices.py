"""The accelerators, or the CPUs where there are none, under Keras's names."""

from __future__ import annotations

import jax


def list_devices(device_type: str | None = None) -> list[str]:
    """Return the devices of one kind as "kind:number".

    Args:
        device_type: "cpu", "gpu" or "tpu"; that of the default device when not given.

    Raises:
        RuntimeError: there is no device of this kind.
    """
    devices = jax.devices(device_type.lower() if device_type else None)
    return [f"{device.platform}:{device.id}" for device in devices]


def get_device_count(device_type: str | None = None) -> int:
    """Return how many devices of one kind there are; see `list_devices`."""
    return jax.device_count(device_type.lower() if device_type else None)
