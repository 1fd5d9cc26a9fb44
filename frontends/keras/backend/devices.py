"""`keras.device`: where tensors are made."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import jax


def device(device_name: Any) -> AbstractContextManager[Any]:
    """Return a context in which arrays are made and operations run on one device.

    Args:
        device_name: a name such as "cpu", "gpu:0" or "tpu:3", or a `jax.Device`.

    Raises:
        ValueError: neither, or a device that is not there.
        RuntimeError: JAX knows no such kind of device.
    """
    if isinstance(device_name, jax.Device):
        return jax.default_device(device_name)
    if not isinstance(device_name, str):
        raise ValueError(
            "Expected `device_name` to be a string like 'gpu:0' or a `jax.Device`. "
            f"Received: device_name={device_name!r}"
        )
    kind, _, index = device_name.lower().partition(":")
    devices = jax.devices(kind)
    number = int(index or 0)
    found = next((one for one in devices if one.id == number), None)
    if found is None:
        raise ValueError(
            f"Expected one of the devices {[f'{kind}:{one.id}' for one in devices]}. "
            f"Received: device_name={device_name!r}"
        )
    return jax.default_device(found)
