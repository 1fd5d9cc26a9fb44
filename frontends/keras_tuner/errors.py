"""What may go wrong in a search: a trial that failed, or a mistake that ends the search."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

EXTRA = "pip install 'graphc-compiler[tuner]'"
# What no extra brings, for it is large.
ALONE = {"torch": "pip install torch (the sampler 'tpe', which is the default, does without)"}


class FailedTrialError(Exception):
    """Raise it in `build`, `fit` or `run_trial` to mark the trial failed, without another try."""


class FatalError(Exception):
    """Raise it in a trial to end the search: other errors only fail the trial."""


class FatalValueError(FatalError, ValueError):
    """A value that no trial can work with; ends the search."""


class FatalTypeError(FatalError, TypeError):
    """A type that no trial can work with; ends the search."""


class FatalRuntimeError(FatalError, RuntimeError):
    """A state that no trial can work in; ends the search."""


def need(package: str, purpose: str) -> ModuleType:
    """Return an optional package.

    Raises:
        ImportError: it is not installed; the message says what brings it.
    """
    try:
        return import_module(package)
    except ImportError as error:
        root = package.partition(".")[0]
        bringing = ALONE.get(root, EXTRA)
        raise ImportError(f"{purpose} needs {root}: {bringing}", name=root) from error
