"""`keras.distribution`: the devices that there are."""

from graphc.keras.distribution.devices import get_device_count, list_devices

__all__ = ["get_device_count", "list_devices"]
