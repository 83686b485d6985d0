"""The exit codes of the command, and the errors that lead to them."""

import sys
from contextlib import suppress
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit status of the process."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CANNOT_START = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141


EXIT_CODES = """exit codes:
  0    success
  1    failure: refused, not answered, or a check that found an error
  2    wrong usage, or an error in the configuration
  3    the node cannot start: its address is in use, its data directory is unusable, or no thread can be started
  130  interrupted
  141  the reader of the output has closed it
"""


class Failure(Exception):  # noqa: N818 - a result of a command, not a fault of this program
    """Ends the command with a message for the user.

    Attributes:
        code: the exit code.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


def complain(message: str, code: ExitCode) -> int:
    """Print one line to stderr that says why the command ends, and return the exit code."""
    with suppress(OSError):
        print("elect:", " ".join(message.split()), file=sys.stderr)
    return code
