"""The options that XLA compiles a program with: a choice, like a kernel."""

from __future__ import annotations

from typing import Any

from graphc import config
from graphc.spec import Target

# On the CPU: products and convolutions by Eigen (YNNPACK, the default, takes twice as long to
# convolve and a tenth longer for small products), sums by YNNPACK, vectors as wide as there are.
CPU_OPTIONS = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE",
    "xla_cpu_prefer_vector_width": 512,
}


def compiler_options(target: Target) -> dict[str, Any]:
    """Choose XLA's options for a program, like a kernel."""
    if target.platform == "gpu" and config.DETERMINISM.value:
        return {"xla_gpu_deterministic_ops": True}
    return dict(CPU_OPTIONS) if target.platform == "cpu" else {}
