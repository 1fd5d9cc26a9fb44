"""The options that XLA compiles a program with: a choice among named sets, like a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphc import config
from graphc.kernels.tuned import TABLES
from graphc.spec import Target

YNN, WIDTH = "xla_cpu_experimental_ynn_fusion_type", "xla_cpu_prefer_vector_width"

# By device kind; the first set is the usual one. What YNNPACK does not compute, Eigen and XLA's own
# code do. It takes twice as long to convolve, and for small products a tenth longer, than Eigen.
OPTION_SETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "cpu": {
        "eigen": {YNN: "LIBRARY_FUSION_TYPE_REDUCE", WIDTH: 512},  # YNNPACK for sums alone
        "ynn": {WIDTH: 512},  # XLA's default: YNNPACK for whatever it can
        "ynn_dot": {YNN: "LIBRARY_FUSION_TYPE_DOT", WIDTH: 512},  # for products alone
        "narrow": {YNN: "LIBRARY_FUSION_TYPE_REDUCE", WIDTH: 256},  # higher clock on some machines
    },
}
ONE_SET: Mapping[str, Mapping[str, Any]] = {"default": {}}
DETERMINISTIC = {"xla_gpu_deterministic_ops": True}


@dataclass(frozen=True)
class Options:
    """A set of XLA's options, and why it was chosen."""

    name: str
    values: Mapping[str, Any]
    why: str


def option_sets(platform: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the sets to choose from on a kind of device, the usual one first."""
    return OPTION_SETS.get(platform, ONE_SET)


def choose_options(target: Target, key: str = "") -> Options:
    """Choose XLA's options for a program.

    Args:
        target: what it is compiled for.
        key: what measured choices of the program's options are found by; "" where there are none.
    """
    if target.platform == "gpu" and config.DETERMINISM.value:
        return Options("deterministic", DETERMINISTIC, f"{config.DETERMINISM.env} asks for it")
    sets = option_sets(target.platform)
    usual = next(iter(sets))
    entry = TABLES[target.measured].get(key) if target.measured else None
    if entry is None:
        return Options(usual, sets[usual], "the usual ones")
    if entry.best not in sets:
        return Options(usual, sets[usual], f"the usual ones: {entry.unknown}")
    return Options(entry.best, sets[entry.best], entry.reason)


def compiler_options(target: Target, key: str = "") -> dict[str, Any]:
    """Return the options of `choose_options` alone, as JAX takes them."""
    return dict(choose_options(target, key).values)
