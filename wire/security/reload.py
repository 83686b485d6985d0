"""Reloaded: what some files say, read again when they change, so that nothing need be restarted."""

import stat
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Generic, TypeVar

from wire.common.deadline import now_s
from wire.common.log import Log
from wire.protocol.wire_errors import CredentialsError

logger = Log(__name__)

LOOK_INTERVAL_S = 5.0
"""How soon files are seen to have changed when nobody asks."""

RETRY_INTERVAL_S = 1.0
"""Files that can't be used are tried so often at most: a stranger who dials must not make us read them all the time."""

FILE_BYTES_MAX = 1_048_576
"""More authorities than anybody believes."""

Value = TypeVar("Value")
Signature = tuple[tuple[int, int, int, int] | None, ...]


class Reloaded(Generic[Value]):
    """A value made of files.

    Files that can't be used, half of a new pair for one, leave the value from before; a warning says why, once.

    Args:
        subject: what it is, for the log.
        paths: the files.
        read: makes the value of them, or raises CredentialsError.

    Raises:
        CredentialsError: the first time they can't be used.
    """

    def __init__(self, subject: str, paths: Collection[Path], read: Callable[[], Value]) -> None:
        self._subject = subject
        self._paths = paths
        self._read = read
        self._lock = threading.Lock()
        self._cause = ""
        self._look_s = self._retry_s = 0.0
        # Looked at before they are read: what changes in between is then seen to have changed.
        self._signature = self._sign()
        self._value = read()

    @property
    def value(self) -> Value:
        """The value, of the files as they are now."""
        with self._lock:
            signature = self._sign()
            if signature != self._signature and now_s() >= self._retry_s:
                self._reload(signature)
            return self._value

    def look(self) -> None:
        """See now and then whether they have changed; cheap otherwise."""
        if now_s() >= self._look_s:
            self._look_s = now_s() + LOOK_INTERVAL_S
            _ = self.value

    def _reload(self, signature: Signature) -> None:
        try:
            self._value = self._read()
        except CredentialsError as error:
            self._retry_s = now_s() + RETRY_INTERVAL_S
            if str(error) != self._cause:
                self._cause = str(error)
                logger.warning("! %s: those from before stay in use: %s", self._subject, error)
            return
        self._signature, self._cause, self._retry_s = signature, "", 0.0
        logger.info("* %s: read anew", self._subject)

    def _sign(self) -> Signature:
        return tuple(_signature(path) for path in self._paths)


def check_file(path: Path) -> None:
    """CredentialsError unless there is a file that can be read to its end.

    A pipe may never say anything, a device may never end; and who reads here is about to shake hands.
    """
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            path.open("rb").close()
    except OSError as error:
        raise CredentialsError(f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise CredentialsError(f"{path}: it is not a regular file")
    if found.st_size > FILE_BYTES_MAX:
        raise CredentialsError(f"{path}: it has {found.st_size} bytes; {FILE_BYTES_MAX} are allowed")


def _signature(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
