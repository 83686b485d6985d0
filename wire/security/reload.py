"""ReloadingValue: a value made of files, made again when they change, so that a node need not restart."""

import stat
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Generic, TypeVar

from wire.common.deadline import now_s
from wire.common.log import Log
from wire.protocol.wire_errors import CredentialsError

logger = Log(__name__)

POLL_INTERVAL_S = 5.0
"""A change of the files is noticed within this time when no handshake asks for the value before."""

RETRY_INTERVAL_S = 1.0
"""Shortest time between two attempts to read unusable files: a stranger that dials must not cause a read each time."""

FILE_BYTES_MAX = 1_048_576
"""About 500 certificates of authorities; a system's whole list of them has 150."""

Value = TypeVar("Value")
Signature = tuple[tuple[int, int, int, int] | None, ...]


class ReloadingValue(Generic[Value]):
    """A value made of files.

    While the files cannot be used (half of a new pair, for one), the previous value stays, and one warning says why.

    Args:
        subject: the name of the value in the log.
        paths: the files.
        read: makes the value of the files, or raises CredentialsError.

    Raises:
        CredentialsError: the files cannot be used at the start.
    """

    def __init__(self, subject: str, paths: Collection[Path], read: Callable[[], Value]) -> None:
        self._subject = subject
        self._paths = paths
        self._read = read
        self._lock = threading.Lock()
        self._cause = ""
        self._poll_s = self._retry_s = 0.0
        # Before they are read: a change in between is then noticed the next time.
        self._signature = self._sign()
        self._value = read()

    @property
    def value(self) -> Value:
        """Return the value of the files as they are now."""
        with self._lock:
            signature = self._sign()
            if signature != self._signature and now_s() >= self._retry_s:
                self._reload(signature)
            return self._value

    def poll_files(self) -> None:
        """Reload the files if they have changed; checks them at most once in POLL_INTERVAL_S."""
        if now_s() >= self._poll_s:
            self._poll_s = now_s() + POLL_INTERVAL_S
            _ = self.value

    def _reload(self, signature: Signature) -> None:
        try:
            self._value = self._read()
        except CredentialsError as error:
            self._retry_s = now_s() + RETRY_INTERVAL_S
            if str(error) != self._cause:
                self._cause = str(error)
                logger.warning("reload of %s failed, keeping the previous files: %s", self._subject, error)
            return
        self._signature, self._cause, self._retry_s = signature, "", 0.0
        logger.info("reloaded %s", self._subject)

    def _sign(self) -> Signature:
        return tuple(_signature(path) for path in self._paths)


def check_file(path: Path) -> None:
    """Raise CredentialsError unless there is a regular file that can be read.

    A pipe may never deliver anything and a device may never end; a handshake waits for the caller.
    """
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            path.open("rb").close()
    except OSError as error:
        raise CredentialsError(f"cannot read {path}: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise CredentialsError(f"{path} is not a regular file")
    if found.st_size > FILE_BYTES_MAX:
        raise CredentialsError(f"{path} has {found.st_size} bytes; {FILE_BYTES_MAX} are allowed")


def _signature(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
