"""The command's standard streams: there from the start, and in the end written or given up."""

import io
import os
import sys
from pathlib import Path
from typing import TextIO

from elect.cli.exit_codes import ExitCode, complain
from elect.storage.data_lock import fill_standard


def open_streams() -> None:
    """Put /dev/null in the place of each stream that is closed; Python has None there."""
    fill_standard()
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that can't show a sign is no reason to end


def flush_streams(code: int) -> int:
    """Write what is left of the output.

    Args:
        code: the exit code, if that succeeds.

    Returns:
        The exit code.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = ExitCode.BROKEN_PIPE
    except OSError as error:
        code = code or complain(f"the output can't be written: {error.strerror}", ExitCode.FAILED)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Python flushes once more at exit, and would end with 120: into nothing.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
