"""The devices that JAX has, under TensorFlow's names for them."""

from __future__ import annotations

from typing import NamedTuple

import jax


class PhysicalDevice(NamedTuple):
    """A device: its name, such as "/physical_device:GPU:0", and "CPU", "GPU" or "TPU"."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """Return the host's CPU and the accelerators, or those of one type."""
    found = [PhysicalDevice("/physical_device:CPU:0", "CPU")]
    for device in jax.local_devices():
        if device.platform != "cpu":
            kind = "TPU" if device.platform == "tpu" else "GPU"
            number = sum(one.device_type == kind for one in found)
            found.append(PhysicalDevice(f"/physical_device:{kind}:{number}", kind))
    return [one for one in found if device_type in (None, one.device_type)]


def list_logical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """Return the same: no device is divided."""
    return list_physical_devices(device_type)
