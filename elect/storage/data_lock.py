"""A data directory and its lock: one process at a time, and a record that the database beside it must match.

The lock file names the process that holds the directory, the store that was made in it, and the number of writes of
that store. It is written after each commit and not synced, so it may lag behind the database but is never ahead of it.
A database that is missing, another one, or older than this record has lost votes, and is refused.
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

STANDARD = range(3)
"""The descriptors of stdin, stdout and stderr."""

_BYTES_MAX = 512
_LINE = re.compile(
    rb"(elect pid=(?P<pid>\d{10}) store=(?P<store>[0-9a-f]{32}|-{32}) writes=(?P<writes>\d{20}) )(?P<sum>[0-9a-f]{8})\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRecord:
    """The state that the database must have reached.

    Attributes:
        store_id: of the store that was made here.
        writes: the least number of writes that it has taken.
    """

    store_id: bytes
    writes: int


class DataLock:
    """A lock from `acquire` to `release`, or to the end of the process. A forked child does not hold it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self._descriptor: int | None = None

    def acquire(self) -> LockRecord | None:
        """Lock the directory and return its record, or None: no store was ever finished here.

        Raises:
            StoreError: another process holds the directory, or the file cannot be read.
        """
        try:
            descriptor = _above_standard(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(error.errno, f"cannot open the lock file: {error.strerror}", str(self.path)) from error
        try:
            self._lock(descriptor)
            record = self._read(descriptor)
            self._descriptor = descriptor
            _held.add(self)
            with suppress(OSError):  # a full disk: the pid is only for people
                self._write(record)
        except BaseException:  # Ctrl-C, too: the caller then holds nothing that it could release
            self._descriptor = None
            _held.discard(self)
            os.close(descriptor)
            raise
        return record

    def update(self, record: LockRecord, *, is_synced: bool = False) -> None:
        """Write the record, after the database has reached that state.

        Args:
            record: the state of the database.
            is_synced: wait until the record is on disk. Without it, a write that fails leaves the older record.

        Raises:
            StoreError: `is_synced` is True and the record could not be written.
        """
        try:
            self._write(record)
            if is_synced and self._descriptor is not None:
                os.fsync(self._descriptor)
        except OSError as error:
            if is_synced:
                raise StoreError(error.errno, f"cannot write this file: {error.strerror}", str(self.path)) from error

    def release(self) -> None:
        """Unlock the directory; more calls do nothing."""
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
            problem = f"in use by {holder}; stop that process, or give this node a data_dir of its own"
            raise StoreError(errno.EWOULDBLOCK, problem, str(self.path.parent)) from None
        except OSError as error:
            raise StoreError(error.errno, f"cannot lock this file: {error.strerror}", str(self.path)) from error

    def _read(self, descriptor: int) -> LockRecord | None:
        try:
            content = os.pread(descriptor, _BYTES_MAX, 0)
        except OSError as error:
            raise StoreError(error.errno, f"cannot read the lock file: {error.strerror}", str(self.path)) from error
        found = _parse(content)
        if content and found is None:
            raise StoreError(None, "the lock file is damaged: the state of the store is unknown", str(self.path))
        return found[1] if found else None

    def _write(self, record: LockRecord | None) -> None:
        if self._descriptor is None:
            return
        store = record.store_id.hex() if record else "-" * 32
        line = f"elect pid={os.getpid():010d} store={store} writes={record.writes if record else 0:020d} ".encode()
        os.pwrite(self._descriptor, line + b"%08x\n" % zlib.crc32(line), 0)


def _above_standard(descriptor: int) -> int:
    """Return a descriptor of the file above the standard streams: a program that closed them may still print."""
    if descriptor > 2:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(descriptor)


def _parse(content: bytes) -> tuple[int, LockRecord | None] | None:
    """Return the pid and the record in the lock file, or None when its content is damaged."""
    found = _LINE.fullmatch(content)
    if found is None or zlib.crc32(found[1]) != int(found["sum"], 16):
        return None
    store = found["store"]
    is_made = not store.startswith(b"-")
    record = LockRecord(store_id=bytes.fromhex(store.decode()), writes=int(found["writes"])) if is_made else None
    return int(found["pid"]), record


def make_directory(path: Path) -> None:
    """Make a directory and its missing parents, so that their names survive a power cut."""
    try:
        missing = [directory for directory in (path, *path.parents) if not directory.exists()]
        for directory in reversed(missing):
            if directory.is_symlink():
                problem = f"{directory} is a link to {directory.readlink()}, which is missing; is its disk mounted?"
                raise StoreError(errno.ENOENT, problem, str(path))
            directory.mkdir(mode=0o700, exist_ok=True)
            sync_directory(directory.parent)
        if not path.is_dir():
            raise StoreError(None, "this is not a directory", str(path))
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(error.errno, f"cannot make this directory: {error.strerror}", str(path)) from error
    except ValueError as error:  # there is a NUL in it, or what no file system can write
        raise StoreError(errno.EINVAL, f"cannot make this directory: {error}", str(path)) from error


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: a synced file without its name is lost."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fill_standard() -> None:
    """Open /dev/null in place of each closed standard stream.

    Otherwise the next file or socket gets its number, and then the text that the program prints. Does nothing where
    there is no /dev/null.
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


_held: "weakref.WeakSet[DataLock]" = weakref.WeakSet()


def _release_in_child() -> None:
    # A lock belongs to all copies of its descriptor: the child's copy would hold it after the parent has died.
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_release_in_child)
