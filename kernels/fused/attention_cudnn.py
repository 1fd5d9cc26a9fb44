"""Attention by NVIDIA's cuDNN, which never holds the scores, neither forward nor backward.

What JAX and cuDNN ask for: an Ampere GPU or a later one, 16 bits, heads of at most 128 numbers (256
on Hopper only) in eights, and a window that is causal, whose bound on the left is ours: key `j` is
visible to query `i` for `i - window < j <= i`. It is causal from the first query and key on, as we
are, but is trusted here with as many queries as keys only.
"""

from __future__ import annotations

from typing import Any, cast

import jax
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.fused.attention_library import beyond_libraries
from graphc.kernels.reference.attention import common
from graphc.kernels.registry import Signature, Target, kernel

DTYPES = ("bfloat16", "float16")
WIDEST, STEP = 128, 8  # numbers a head
AMPERE = 8  # major number of the compute capability


def _supports(signature: Signature, target: Target) -> str | None:
    if target.platform != "gpu":
        return "cuDNN needs an NVIDIA GPU"
    reason = beyond_libraries(signature, DTYPES)
    if reason is not None:
        return reason
    query, key, value = (cast("Any", x).shape for x in signature.inputs[:3])
    if query[3] % STEP or query[3] > WIDEST:
        return f"the size of the heads is not a multiple of {STEP} up to {WIDEST}"
    if value[3] != query[3]:
        return "the heads of values are of another size"
    is_causal = bool(signature.attrs.get("is_causal"))
    if signature.attrs.get("window") is not None and not is_causal:
        return "cuDNN has causal windows only"
    if is_causal and query[1] != key[1]:
        return "it is causal, and there are not as many keys as queries"
    return _reason_against_this_gpu()


def _reason_against_this_gpu() -> str | None:
    """The reason why the GPU of this machine cannot; None where one is only planned for."""
    if jax.default_backend() != "gpu":
        return None
    device = cast("Any", jax.devices()[0])  # pyright: ignore[reportUnknownMemberType]
    major = str(device.compute_capability).partition(".")[0]  # AMD's are like "gfx90a"
    able = major.isdigit() and int(major) >= AMPERE
    return None if able else "the GPU is not one of NVIDIA's since Ampere"


@kernel("nn.attention", tier="fused", supports=_supports)
def attention_cudnn(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    bias: ArrayLike | None,
    mask: ArrayLike | None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    window: int | None = None,
    zero_empty_rows: bool = False,
    flash: bool | None = None,
) -> Array:
    """`softmax(scale * query @ key) @ value`. Differentiable once, in reverse mode."""
    del bias, mask, zero_empty_rows, flash
    reach = None if window is None else (window - 1, 0)
    return jax.nn.dot_product_attention(
        *common(query, key, value),
        scale=scale,
        is_causal=is_causal,
        local_window_size=reach,
        implementation="cudnn",
    )
