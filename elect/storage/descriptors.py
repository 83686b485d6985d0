"""The descriptors of the standard streams, which a program may have closed."""

import os
from contextlib import suppress

STANDARD = range(3)
"""stdin, stdout, stderr."""


def fill_standard() -> None:
    """Open /dev/null in the place of each standard stream that is closed.

    The next file or socket would get its number, and then whatever the program prints. Where there is no /dev/null,
    nothing is done.
    """
    with suppress(OSError):
        for number in STANDARD:
            if not _is_open(number):
                opened = os.open(os.devnull, os.O_RDWR)
                if opened in STANDARD:
                    os.set_inheritable(opened, True)  # noqa: FBT003 - it takes no keyword
                else:  # another thread was faster
                    os.close(opened)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
