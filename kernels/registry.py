"""What an op is, the other ways to compute it, and the choice between them.

An op *is* its reference function: tensors are positional parameters, attributes are keyword-only
and hashable. A kernel is another function with the same signature. `select` picks one; it is a
deterministic function of shapes, dtypes, device kind and configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from graphc.kernels.tuned.tables import TABLES, Entry

TIERS = ("reference", "fused", "pallas")  # in rising order of preference


@dataclass(frozen=True)
class TensorSpec:
    """The shape (concrete dimensions) and the dtype name of a tensor."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Target:
    """The device kind that code is generated for: "cpu", "gpu" or "tpu", and the tiers allowed.

    `overrides` are pairs of an op and the kernel to prefer for it, whatever its tier; `measured`
    names the table of measured choices that comes next.
    """

    platform: str = "cpu"
    tiers: tuple[str, ...] = TIERS
    overrides: tuple[tuple[str, str], ...] = ()
    measured: str = ""


@dataclass(frozen=True)
class Signature:
    """The operand specs (None for an absent operand) and the attributes of one node."""

    inputs: tuple[TensorSpec | None, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])


Supports = Callable[[Signature, Target], str | None]


@dataclass(frozen=True)
class Kernel:
    """One way to compute an op; `supports` returns None, or the reason it cannot."""

    op: str
    tier: str
    name: str
    function: Callable[..., Any]
    supports: Supports


@dataclass(frozen=True)
class Op:
    """An op: its name, its reference function, and the other kernels registered for it."""

    name: str
    reference: Callable[..., Any]
    kernels: list[Kernel] = field(default_factory=list[Kernel])


@dataclass(frozen=True)
class Choice:
    """The kernel chosen for a node, and the rejected ones with their reasons."""

    kernel: Kernel
    rejected: tuple[tuple[Kernel, str], ...] = ()


OPS: dict[str, Op] = {}


def _always(signature: Signature, target: Target) -> str | None:
    del signature, target
    return None


def op(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated reference function as the op `name` (`family.snake_case`)."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if name in OPS:
            raise ValueError(f"The op {name!r} is defined twice.")
        OPS[name] = Op(name, function)
        OPS[name].kernels.append(Kernel(name, "reference", "reference", function, _always))
        return function

    return register


def kernel(
    name: str, *, tier: str, supports: Supports = _always
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as another way to compute the op `name`."""
    if tier not in TIERS:
        raise ValueError(f"Unknown kernel tier. Expected one of {TIERS}. Received: {tier!r}")

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        OPS[name].kernels.append(Kernel(name, tier, function.__name__, function, supports))
        return function

    return register


def select(name: str, signature: Signature, target: Target) -> Choice:
    """Choose the kernel of the highest allowed tier that supports the signature.

    Within a tier the one registered last wins, so that an extension can override. Kernels that the
    target names for the op come before all, then the one that was measured to be the fastest for
    this signature. The reasons of those that rank above the chosen one are kept for the report.
    """
    named = [kernel for op, kernel in target.overrides if op == name]
    entry = TABLES[target.measured].get(signature_key(name, signature)) if target.measured else None
    rejected: list[tuple[Kernel, str]] = []
    for candidate in (each for want in named for each in OPS[name].kernels if each.name == want):
        reason = candidate.supports(signature, target)
        if reason is None:
            return Choice(candidate, tuple(rejected))
        rejected.append((candidate, f"asked for, but {reason}"))
    ranked = sorted(
        enumerate(OPS[name].kernels),
        key=lambda pair: (TIERS.index(pair[1].tier), pair[0]),
        reverse=True,
    )
    for _, candidate in (pair for pair in ranked if pair[1].name not in named):
        reason = _reason_against(candidate, signature, target, entry)
        if reason is None:
            return Choice(candidate, tuple(rejected))
        rejected.append((candidate, reason))
    raise LookupError(f"No kernel of {name!r} supports {signature} on {target}.")


def unknown_in(overrides: Iterable[tuple[str, str]]) -> str | None:
    """Return what is wrong with overrides, if anything: an op or a kernel that there is not."""
    for name, wanted in overrides:
        known = [kernel.name for kernel in OPS[name].kernels] if name in OPS else list(OPS)
        what, given = (f"a kernel of {name!r}", wanted) if name in OPS else ("an op", name)
        if given not in known:
            near = get_close_matches(given, known, cutoff=0.3) or sorted(known)
            return f"Expected {what}, such as {near}. Received: '{name}:{wanted}'"
    return None


def _reason_against(
    candidate: Kernel, signature: Signature, target: Target, entry: Entry | None
) -> str | None:
    if candidate.tier not in target.tiers:
        return f"tier {candidate.tier!r} is switched off"
    reason = candidate.supports(signature, target)
    if reason is None and entry is not None and candidate.name != entry.best:
        best = next((k for k in OPS[candidate.op].kernels if k.name == entry.best), None)
        if best is not None and _reason_against(best, signature, target, None) is None:
            return entry.reason_against(candidate.name)
    return reason


def signature_key(name: str, signature: Signature) -> str:
    """Return an op with its signature as text: what measured choices are found by."""
    operands = ", ".join("-" if spec is None else str(spec) for spec in signature.inputs)
    attrs = ", ".join(f"{key}={value!r}" for key, value in sorted(signature.attrs.items()))
    return f"{name}({operands}) {attrs}".rstrip()


def candidates(name: str, signature: Signature, target: Target) -> tuple[Kernel, ...]:
    """Return the kernels that could run a signature on a target, the one of no tier left out."""
    return tuple(
        each for each in OPS[name].kernels if _reason_against(each, signature, target, None) is None
    )
