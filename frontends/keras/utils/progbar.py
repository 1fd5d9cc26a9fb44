"""The progress bar of fit, evaluate and predict."""

import math
import os
import shutil
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphc.keras.config.messages import is_interactive_logging_enabled, print_message

BOLD, GREEN, GREY = "\x1b[1m", "\x1b[32m", "\x1b[37m"
RESET = "\x1b[0m"
BAR = "━"
NOTEBOOK_STREAMS = ("ipykernel", "pyodide_kernel")

Segment = tuple[str, str]  # (text, ANSI style or "")


class Progbar:
    """A bar redrawn in place on a terminal or notebook, and one final line anywhere else.

    With interactive logging off (`keras.config`), the final line is one of the log.

    Args:
        target: number of steps expected, or None while unknown.
        width: characters of the bar.
        verbose: 0 silent, 1 a bar, 2 one line when done.
        interval: seconds between two redraws, at least.
        stateful_metrics: names shown as given; every other metric is averaged over the steps.
        stateless_metrics: names averaged over the steps; every other metric is shown as given.
        unit_name: what a step is called.

    Raises:
        ValueError: if both `stateful_metrics` and `stateless_metrics` are given.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Expected at most one of `stateful_metrics` and `stateless_metrics`. "
                f"Received: {stateful_metrics} and {stateless_metrics}"
            )
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.prefix = ""  # starts the only line where the output is not live
        interactive = is_interactive_logging_enabled()
        self._on_terminal = interactive and _is_terminal()
        self.live = self._on_terminal or (interactive and _is_notebook())
        self._start = time.perf_counter()
        self._first: tuple[int, float] | None = None  # (step, time) of the first update
        self._last_draw = -math.inf
        self._last_length = 0
        self._seen = 0
        self._metrics: dict[str, tuple[Any, int]] = {}  # name -> (sum, count)

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Records that `current` steps are done and redraws when that is due.

        Args:
            current: steps done so far.
            values: pairs `(name, value of the last steps)`.
            finalize: whether this is the last update; by default, whether the target is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._record(name, value, current, finalize)
        self._seen = current
        now = time.perf_counter()
        pace = self._step_seconds(current, now)
        if self.verbose == 1 and (finalize or self.due()):
            self._draw(current, pace, now, finalize)
        if self.verbose == 2 and finalize and self.target:
            print_message(
                f"{self._count(current)} - {now - self._start:.0f}s"
                f" - {_duration(pace)}/{self.unit_name}{''.join(self._metric_texts())}"
            )

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Records `n` more steps."""
        self.update(self._seen + n, values)

    def due(self) -> bool:
        """Whether an update that is not the last would be drawn now."""
        waited = time.perf_counter() - self._last_draw
        return self.verbose == 1 and self.live and waited >= self.interval

    def _record(self, name: str, value: Any, current: int, finalize: bool) -> None:
        if finalize or not self._is_averaged(name):
            self._metrics[name] = (value, 1)
            return
        steps = max(current - self._seen, 1)
        total, count = self._metrics.get(name, (0.0, 0))
        self._metrics[name] = (total + value * steps, count + steps)

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in (self.stateful_metrics or ())

    def _step_seconds(self, current: int, now: float) -> float:
        """Seconds a step takes; the first update is left out, for it holds the compilation."""
        if not current:
            return 0.0
        first, self._first = self._first, self._first or (current, now)
        if first is None or current <= first[0]:
            return (now - self._start) / current
        return (now - first[1]) / (current - first[0])

    def _draw(self, current: int, pace: float, now: float, finalize: bool) -> None:
        left = None if finalize or not self.target else pace * (self.target - current)
        clock = f"{now - self._start:.0f}s" if left is None else _countdown(left)
        segments = [
            *self._bar(current),
            (" ", ""),
            (clock, BOLD),
            (f" {_duration(pace)}/{self.unit_name}", ""),
        ]
        segments += [(text, "") for text in self._metric_texts()]
        if not self.live:
            print_message(self.prefix + "".join(text for text, _ in segments))
            return
        if self._on_terminal and not finalize:
            segments = _cut(segments, shutil.get_terminal_size().columns - 1)
        length = _length(segments)
        line = "".join(f"{style}{text}{RESET}" if style else text for text, style in segments)
        padding = " " * (self._last_length - length)
        print_message(f"\r{line}{padding}", line_break=finalize)
        self._last_length = length
        self._last_draw = now

    def _bar(self, current: int) -> list[Segment]:
        if not self.target:
            return [(f"{current:7d}/Unknown", "")]
        done = min(int(self.width * current / self.target), self.width)
        bar = [(BAR * done, GREEN), (BAR * (self.width - done), GREY)]
        return [(self._count(current), BOLD), (" ", ""), *((text, s) for text, s in bar if text)]

    def _count(self, current: int) -> str:
        return f"{current:{len(str(self.target))}d}/{self.target}"

    def _metric_texts(self) -> list[str]:
        means = {
            name: float(np.mean(total)) / count for name, (total, count) in self._metrics.items()
        }
        return [
            f" - {name}: {mean:.4f}" if abs(mean) > 1e-3 else f" - {name}: {mean:.4e}"
            for name, mean in means.items()
        ]


def _is_terminal() -> bool:
    return bool(getattr(sys.stdout, "isatty", bool)()) or "PYCHARM_HOSTED" in os.environ


def _is_notebook() -> bool:
    """Whether the stream itself is a notebook's: a redirected one is a log, wherever it runs."""
    return type(sys.stdout).__module__.partition(".")[0] in NOTEBOOK_STREAMS


def _length(segments: list[Segment]) -> int:
    return sum(len(text) for text, _ in segments)


def _cut(segments: list[Segment], columns: int) -> list[Segment]:
    """Drops last parts until the line fits, because a wrapped line cannot be redrawn."""
    while len(segments) > 1 and _length(segments) > columns:
        segments = segments[:-1]
    return segments


def _countdown(seconds: float) -> str:
    if seconds > 3600:
        return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{seconds // 60:.0f}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


def _duration(seconds: float) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds * 1e6:.0f}us"
