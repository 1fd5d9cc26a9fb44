"""The knobs: typed context variables, each with an environment name, default and meaning."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


class Knob(Generic[T]):
    """One setting: the innermost `with knob(value)`, else its environment variable, or default."""

    def __init__(self, env: str, default: T, parse: Callable[[str], T], doc: str) -> None:
        self.env, self.default, self.parse, self.doc = env, default, parse, doc
        self._override: ContextVar[T] = ContextVar(env)

    @property
    def value(self) -> T:
        """The setting in force here and now."""
        text = os.environ.get(self.env)
        return self._override.get(self.default if text is None else self._parsed(text))

    def _parsed(self, text: str) -> T:
        try:
            return self.parse(text)
        except ValueError as error:
            expected = f"Expected a value like {self.default!r}. Received: {text!r}"
            raise ValueError(f"{self.env}: {self.doc}. {expected}") from error

    @contextmanager
    def __call__(self, value: T) -> Generator[None]:
        token = self._override.set(value)
        try:
            yield
        finally:
            self._override.reset(token)


def _flag(text: str) -> bool:
    return text.strip().lower() not in ("", "0", "false", "no", "off")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


DEBUG = Knob(
    "GRAPHC_DEBUG", 0, int,
    "1: print passes and recompiles; 2: kernels, too; 3: changed graphs; 4: what compiling took",
)  # fmt: skip
DUMP = Knob("GRAPHC_DUMP", "", str, "a folder: write the graph before and after each pass")
PASSES = Knob("GRAPHC_PASSES", (), _names, "passes to switch off (-name) or alone to run (name)")
PASS_LIMIT = Knob("GRAPHC_PASS_LIMIT", -1, int, "run only the first n passes (bisecting)")
KERNELS = Knob(
    "GRAPHC_KERNELS", (), _names, "tiers allowed (reference), kernels preferred (nn.conv:reference)"
)
TUNED = Knob("GRAPHC_TUNED", True, _flag, "go by measured choices, where there are any")
AUTOTUNE = Knob("GRAPHC_AUTOTUNE", False, _flag, "measure the kernels of what is trained, and keep")
VERIFY = Knob("GRAPHC_VERIFY", False, _flag, "verify the graph after every pass")
CACHE_DIR = Knob("GRAPHC_CACHE_DIR", "", str, "folder of the disk cache of compiled programs")
DISK_CACHE = Knob("GRAPHC_DISK_CACHE", True, _flag, "keep compiled programs on disk between runs")
LANES = Knob(
    "GRAPHC_LANES", "", str, "'in_turn' or 'abreast': how the trainings of a search share a program"
)
LOOP = Knob("GRAPHC_LOOP", "", str, "'scan' or 'step': override the cost model's loop form")
CHUNK = Knob("GRAPHC_CHUNK", 0, int, "steps in one compiled call; 0 lets the clock decide")
XDG_CACHE_HOME = Knob("XDG_CACHE_HOME", "", str, "the user's cache folder, ~/.cache by default")
DATA_BYTES = Knob("GRAPHC_DATA_BYTES", 0, int, "bytes of data kept on the device; 0 asks it")
KEEP_MEMORY = Knob("GRAPHC_KEEP_MEMORY", True, _flag, "keep freed host memory during a run")
DETERMINISM = Knob("GRAPHC_DETERMINISM", False, _flag, "deterministic ops on GPUs (slower)")
LINT = Knob("GRAPHC_LINT", (), _names, "warnings before training to switch off (-name), or 'off'")
PROGRAMS = Knob("GRAPHC_PROGRAMS", 64, int, "compiled programs kept in memory")

KNOBS = tuple(
    cast("Knob[Any]", value) for value in [*globals().values()] if isinstance(value, Knob)
)
