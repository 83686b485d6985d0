"""The lock on a data directory: one process at a time, and a witness of what the database beside it must hold.

The file says who holds the directory, which store was made in it, and how many writes that store has taken. It is
written after each commit and not synced, so it may lag behind the database but is never ahead of it. A database that
is gone, another one, or older than its witness has lost votes, and is refused.
"""

import errno
import fcntl
import os
import re
import weakref
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from elect.errors import StoreError

NAME = "elect.lock"

_BYTES_MAX = 512
_LINE = re.compile(
    rb"(elect pid=(?P<pid>\d{10}) store=(?P<store>[0-9a-f]{32}|-{32}) writes=(?P<writes>\d{20}) )(?P<sum>[0-9a-f]{8})\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What is known of the database without reading it.

    Attributes:
        store_id: the store that was made here.
        writes: it has taken at least so many.
    """

    store_id: bytes
    writes: int


class DataLock:
    """Held from `acquire` to `release`, or to the end of the process; a forked child does not keep it held."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self._descriptor: int | None = None

    def acquire(self) -> Witness | None:
        """Lock the directory; None: no store was ever finished here.

        Raises:
            StoreError: another process holds it, or the file can't be read.
        """
        try:
            descriptor = _lifted(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(error.errno, f"the lock file can't be opened: {error.strerror}", str(self.path)) from error
        try:
            self._lock(descriptor)
            witness = self._read(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _held.add(self)
        with suppress(OSError):  # a full disk: the pid is for a reader's eyes only
            self._write(witness)
        return witness

    def record(self, witness: Witness, *, is_synced: bool = False) -> None:
        """Say what the database holds, after it does.

        Args:
            witness: what it holds.
            is_synced: wait until this is on disk, and raise StoreError when it can't be; otherwise an older witness
                will do.
        """
        try:
            self._write(witness)
            if is_synced and self._descriptor is not None:
                os.fsync(self._descriptor)
        except OSError as error:
            if is_synced:
                raise StoreError(error.errno, f"can't be written: {error.strerror}", str(self.path)) from error

    def release(self) -> None:
        """Let go; idempotent."""
        _held.discard(self)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = _parse(os.pread(descriptor, _BYTES_MAX, 0))
            holder = f"process {found[0]}" if found else "another process"
            problem = f"in use by {holder}; a data directory serves one process at a time"
            raise StoreError(errno.EWOULDBLOCK, problem, str(self.path.parent)) from None
        except OSError as error:
            raise StoreError(error.errno, f"can't be locked: {error.strerror}", str(self.path)) from error

    def _read(self, descriptor: int) -> Witness | None:
        try:
            content = os.pread(descriptor, _BYTES_MAX, 0)
        except OSError as error:
            raise StoreError(error.errno, f"the lock file can't be read: {error.strerror}", str(self.path)) from error
        found = _parse(content)
        if content and found is None:
            raise StoreError(None, "the lock file is damaged: it can't be told what was stored here", str(self.path))
        return found[1] if found else None

    def _write(self, witness: Witness | None) -> None:
        if self._descriptor is None:
            return
        store = witness.store_id.hex() if witness else "-" * 32
        line = f"elect pid={os.getpid():010d} store={store} writes={witness.writes if witness else 0:020d} ".encode()
        os.pwrite(self._descriptor, line + b"%08x\n" % zlib.crc32(line), 0)


def _lifted(descriptor: int) -> int:
    """The same file above the standard streams: a program that closed them may print all the same."""
    if descriptor > 2:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(descriptor)


def _parse(content: bytes) -> tuple[int, Witness | None] | None:
    """The holder's pid and the witness; None when the content is not what was written."""
    found = _LINE.fullmatch(content)
    if found is None or zlib.crc32(found[1]) != int(found["sum"], 16):
        return None
    store = found["store"]
    is_made = not store.startswith(b"-")
    witness = Witness(store_id=bytes.fromhex(store.decode()), writes=int(found["writes"])) if is_made else None
    return int(found["pid"]), witness


_held: "weakref.WeakSet[DataLock]" = weakref.WeakSet()


def _release_in_child() -> None:
    # A lock belongs to all copies of its descriptor: the child's would hold it after the parent is dead.
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_release_in_child)
