"""`core.call`: a Python function of arrays as one node, for code that cannot be traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.kernels.registry import op


@op("core.call")
def call(*operands: Any, fn: Callable[..., tuple[Any, ...]]) -> tuple[Any, ...]:
    """Run `fn` on the operands; it returns a tuple of arrays."""
    return fn(*operands)
