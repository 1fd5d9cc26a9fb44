"""`graphc run`: a script becomes `__main__`, and Keras and TensorFlow mean graphc in it."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from graphc.aliases import install

CANNOT_OPEN = 2  # the exit status of `python no_such_file.py`


def run_script(script: Path, args: Sequence[str]) -> int:
    """Run `script` as `python script *args` would, with the aliases installed; return 0 at its end.

    Whatever the script raises (`SystemExit` too) passes through; the traceback that Python then
    prints begins in the script.
    """
    try:
        source = script.read_bytes()
    except OSError as error:
        print(f"graphc run: can't open file '{script}': {error.strerror}", file=sys.stderr)
        return CANNOT_OPEN
    install()
    sys.argv = [str(script), *args]
    if not sys.flags.safe_path:
        sys.path[0] = str(script.resolve().parent)  # in place of what started graphc
    sys.excepthook = _print_from_script_on
    _execute(source, str(script))
    return 0


def _execute(source: bytes, filename: str) -> None:
    code: CodeType = compile(source, filename, "exec", dont_inherit=True)
    module = ModuleType("__main__")
    module.__file__ = filename
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    exec(code, module.__dict__)  # noqa: S102 (to run the user's script is what the command is for)


def _print_from_script_on(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an uncaught exception without the frames of graphc's that started the script."""
    launcher = _execute.__code__
    frame = trace
    while frame is not None and frame.tb_frame.f_code is not launcher:
        frame = frame.tb_next
    start = trace if frame is None else frame.tb_next
    sys.__excepthook__(kind, error.with_traceback(start), start)
