"""What computes: the backend, which is always JAX, and flash attention."""

from __future__ import annotations

import os
from dataclasses import dataclass

from graphc.config import DETERMINISM

BACKENDS = ("tensorflow", "jax", "torch", "numpy", "openvino")  # Keras's


@dataclass
class _Attention:
    """The switch of this process; one instance."""

    flash: bool | None = None


_ATTENTION = _Attention()


def backend() -> str:
    """Return "jax"."""
    return "jax"


def set_backend(backend: str) -> None:
    """Accept "jax", which is what computes already.

    Raises:
        ValueError: another backend.
    """
    if backend == "jax":
        return
    known = " (one of Keras's, which graphc does not use)" if backend in BACKENDS else ""
    raise ValueError(f"Expected `backend` to be 'jax'. Received: backend={backend!r}{known}")


def is_nnx_enabled() -> bool:
    """Return False: variables are never those of Flax's NNX."""
    return False


def enable_flash_attention() -> None:
    """Let attention layers made from now on choose a fast kernel where there is one (default)."""
    _ATTENTION.flash = None


def disable_flash_attention() -> None:
    """Keep attention layers made from now on from choosing a flash attention kernel."""
    _ATTENTION.flash = False


def is_flash_attention_enabled() -> bool | None:
    """Return None where attention may choose, False where it must not use flash attention."""
    return _ATTENTION.flash


def enable_determinism() -> None:
    """Let equal seeds give equal bytes on every device, for the rest of the process.

    On the CPU they do anyway; on GPUs programs compiled from now on use deterministic ops alone,
    which are slower. Seeds are set by `keras.utils.set_random_seed`.
    """
    os.environ[DETERMINISM.env] = "1"
