"""How a command ends."""

import sys
from contextlib import suppress
from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell gets."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CANNOT_START = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141


EXIT_CODES = """exit codes:
  0    done; what was asked about is good
  1    not done, not answered, or not good
  2    bad usage or a bad configuration
  3    the node cannot start: an address that is taken, a data directory that is unusable or another's, no thread
  130  interrupted; 141: nobody reads the output any more
"""


class Failure(Exception):  # noqa: N818 - an end that a command may have, no fault of this program
    """The command ends here; the message is for a person.

    Attributes:
        code: the exit code.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


def complain(message: str, code: ExitCode) -> int:
    """Say on one line of stderr why the command ends, if anybody can hear it; the exit code."""
    with suppress(OSError):
        print("elect:", " ".join(message.split()), file=sys.stderr)
    return code
