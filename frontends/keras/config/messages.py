"""Where messages and progress bars go: standard output, or log lines."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import Any


@dataclass
class _Interaction:
    """The switch of this process; one instance."""

    enabled: bool = True


_INTERACTION = _Interaction()


def enable_interactive_logging() -> None:
    """Send messages and progress bars to standard output."""
    _INTERACTION.enabled = True


def disable_interactive_logging() -> None:
    """Send messages and progress bars to `absl.logging`, at level INFO, one line each.

    Where absl is not installed, they go to Python's logger "absl", which looks the same to whoever
    configures it.
    """
    _INTERACTION.enabled = False


def is_interactive_logging_enabled() -> bool:
    """Return whether messages go to standard output."""
    return _INTERACTION.enabled


def print_message(message: str, line_break: bool = True) -> None:
    """Write to standard output and flush, or to the log; see `disable_interactive_logging`.

    Characters that the output cannot encode are replaced.
    """
    if not _INTERACTION.enabled:
        _logger().info("%s", message)
        return
    stream = sys.stdout
    if stream is None:  # a windowed application has no standard output
        return
    text = f"{message}\n" if line_break else message
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "utf-8"
        plain = text.replace("━", "=").replace("└", "+")
        stream.write(plain.encode(encoding, errors="replace").decode(encoding))
    stream.flush()


def _logger() -> Any:
    try:
        from absl import logging as absl_logging  # noqa: PLC0415 - optional
    except ImportError:
        return logging.getLogger("absl")
    return absl_logging
