"""`tf.test`: which devices there are, asked in the older way."""

from __future__ import annotations

from graphc.tensorflow.absent import absent
from graphc.tensorflow.config import list_physical_devices


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: object = None) -> bool:
    """Return whether there is a GPU."""
    return bool(list_physical_devices("GPU"))


def gpu_device_name() -> str:
    """Return the name of the first GPU, or an empty string."""
    return "/device:GPU:0" if is_gpu_available() else ""


def is_built_with_cuda() -> bool:
    """Return whether there is a GPU: what it was built with is JAX's to know."""
    return is_gpu_available()


__getattr__ = absent("tensorflow.test", globals())
