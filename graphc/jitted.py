"""`Jitted`: a jitted function that keeps what its compilations took, and can tell its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any, cast

import jax
import numpy as np
from jax.core import Tracer

from graphc import config

TRACED = "/jax/core/compile/jaxpr_trace_duration"
LOWERED = "/jax/core/compile/jaxpr_to_mlir_module_duration"
COMPILED = "/jax/core/compile/backend_compile_duration"
ON_DISK = "/jax/compilation_cache/cache_hits"


@dataclass
class Compilations:
    """What compiling one function took so far.

    Attributes:
        tracing: seconds of the Python function that becomes a jaxpr.
        lowering: seconds of the jaxpr that becomes StableHLO.
        compiling: seconds of XLA, or of reading what it made before from the disk.
        count: how often it was compiled.
        from_disk: how often of these the disk had it.
    """

    tracing: float = 0.0
    lowering: float = 0.0
    compiling: float = 0.0
    count: int = 0
    from_disk: int = 0


@dataclass(frozen=True)
class Memory:
    """The bytes that a compiled program needs while it runs."""

    arguments: int
    outputs: int
    aliased: int  # outputs that lie where arguments were
    temporary: int

    @property
    def peak(self) -> int:
        """An upper bound of what is held at once."""
        return self.arguments + self.outputs - self.aliased + self.temporary


class Jitted:
    """`jax.jit(function)`, compiled when first called, with a record of that."""

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        _listen()
        self.jitted: Any = jax.jit(function, **options)  # pyright: ignore[reportUnknownMemberType]
        self.name = function.__name__
        self.compilations = Compilations()
        self._arguments: Any = None  # shapes and dtypes of what was last compiled for
        self._hit = False
        self._compiling = Lock()

    def __call__(self, *arguments: Any) -> Any:
        """Call the function, compiling it for arguments of this form when it was not."""
        before = self.compilations.count
        token = _CALLED.set(self)
        try:
            result = self.jitted(*arguments)
        finally:
            _CALLED.reset(token)
        if self.compilations.count > before:
            self._arguments = jax.tree.map(_form, arguments)
            if config.DEBUG.value >= 4:
                print(f"graphc: {self.told()}")
        return result

    def compile_for(self, *arguments: Any) -> None:
        """Compile it for arguments of this form, which are only looked at; a call finds it done."""
        with self._compiling:
            token = _CALLED.set(self)
            try:
                self.jitted.lower(*jax.tree.map(_form, arguments)).compile()
            finally:
                _CALLED.reset(token)

    def memory(self) -> Memory | None:
        """Return what the program last compiled needs; None before, or where XLA does not say."""
        if self._arguments is None:
            return None
        # JAX keeps what it traced, lowered and compiled: nothing is done again.
        found = self.jitted.lower(*self._arguments).compile().memory_analysis()
        if found is None:
            return None
        return Memory(
            found.argument_size_in_bytes, found.output_size_in_bytes,
            found.alias_size_in_bytes, found.temp_size_in_bytes,
        )  # fmt: skip

    def told(self) -> str:
        """Return a line on the last compilation: seconds by stage, and sizes."""
        took, traced = self.compilations, self.jitted.trace(*self._arguments)
        lowered = traced.lower()
        where = " (from the disk)" if took.from_disk else ""
        return (
            f"{self.name}: traced in {took.tracing:.3f} s ({_equations(traced.jaxpr.jaxpr)} "
            f"equations), lowered in {took.lowering:.3f} s ({_lines(lowered)} lines of "
            f"StableHLO), compiled in {took.compiling:.3f} s{where} "
            f"({_lines(lowered.compile())} lines of HLO)"
        )

    def heard(self, event: str, seconds: float) -> None:
        """Count a stage of this function's compilation."""
        took = self.compilations
        if event == TRACED:
            took.tracing += seconds
        elif event == LOWERED:
            took.lowering += seconds
        elif event == COMPILED:
            took.compiling += seconds
            took.count += 1
            took.from_disk += self._hit

    def heard_of_disk(self, hit: bool) -> None:
        """Note whether the disk had what is being compiled."""
        self._hit = hit


_CALLED: ContextVar[Jitted | None] = ContextVar("graphc_jitted", default=None)


@cache
def _listen() -> None:
    """Listen to JAX, once: it has no public way to stop."""

    def on_duration(event: str, duration_secs: float, **details: Any) -> None:
        called = _CALLED.get()
        if called is None or event not in (TRACED, LOWERED, COMPILED):
            return
        # Functions inside are traced too, and their seconds are part of the outer one's.
        if details.get("fun_name", called.name) in (called.name, f"jit({called.name})"):
            called.heard(event, duration_secs)
        if event == COMPILED:
            called.heard_of_disk(False)

    def on_event(event: str, **details: Any) -> None:
        called = _CALLED.get()
        if called is not None and event == ON_DISK:
            called.heard_of_disk(True)

    jax.monitoring.register_event_duration_secs_listener(on_duration)
    jax.monitoring.register_event_listener(on_event)


def _form(leaf: Any) -> Any:
    """Return what a compilation depends on in an argument."""
    if not isinstance(leaf, jax.Array):
        return jax.ShapeDtypeStruct(np.shape(leaf), np.asarray(leaf).dtype)
    traced = isinstance(leaf, Tracer)  # inside another transformation
    sharding = leaf.sharding if not traced and leaf.committed else None
    return jax.ShapeDtypeStruct(
        leaf.shape, leaf.dtype, sharding=sharding, weak_type=leaf.aval.weak_type
    )


def _equations(jaxpr: Any) -> int:
    """Return the number of equations, those of sub-jaxprs included."""
    return sum(1 + sum(map(_equations, _inside(each))) for each in jaxpr.eqns)


def _inside(equation: Any) -> Iterator[Any]:
    for value in equation.params.values():
        several = isinstance(value, (tuple, list))
        for item in cast("Sequence[Any]", value) if several else (value,):
            inner = getattr(item, "jaxpr", item)
            if hasattr(inner, "eqns"):
                yield inner


def _lines(stage: Any) -> int:
    return str(stage.as_text()).count("\n")
