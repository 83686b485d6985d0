"""Unix sockets: a listening one with its file, and the user at the other end.

The directory and the mode of the file say who can connect; the user of each process that does is checked as well. So
there is no key and no TLS on such a link.

Source: FORMAT.md, section 9.1.
"""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from wire.common.deadline import Deadline
from wire.io.sockets import own_socket
from wire.protocol.wire_errors import ForeignUserError

MODE = 0o660
"""The owner of the file and its group may connect."""

PROBE_S = 1.0
"""A process that listens accepts at once; one whose backlog is full for this long is alive all the same."""

LOCK_S = 1.0
LOCK_PAUSE_S = 0.01
"""Another process that begins to listen in the directory holds its lock for milliseconds."""


class UnixListener:
    """A socket that listens on a path. The file of a process that is dead is replaced.

    Args:
        path: the path; its directory must exist.
        backlog: the number of connections that may wait to be accepted.

    Raises:
        OSError: a process listens there (EADDRINUSE), the path is another kind of file (EEXIST), or it cannot be made.

    Attributes:
        sock: the socket.
    """

    def __init__(self, path: str, backlog: int) -> None:
        self._path = place = Path(path)
        self._pid = os.getpid()
        with _locked(place.parent):
            _remove_stale(place)
            self.sock = own_socket(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            try:
                with contextlib.suppress(OSError):  # on Linux the file is made with it
                    os.fchmod(self.sock.fileno(), MODE)
                self.sock.bind(path)
                place.chmod(MODE)  # before `listen` nobody can connect
                self._file = _file_of(place)
                self.sock.listen(backlog)
            except OSError:
                self.sock.close()
                raise

    def remove_file(self) -> None:
        """Remove the file, unless it is another one by now, or belongs to the process that forked this one."""
        with contextlib.suppress(OSError):
            if os.getpid() == self._pid and _file_of(self._path) == self._file:
                self._path.unlink()


def peer_uid(sock: socket.socket) -> int:
    """Return the user id of the process that opened the other end of a Unix socket.

    Raises:
        OSError: it cannot be found out.
    """
    if sys.platform == "linux":
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    else:  # LOCAL_PEERCRED of macOS and FreeBSD gives a struct xucred: version, uid, groups
        _, uid = struct.unpack_from("2I", sock.getsockopt(0, 1, 76))
    return int(uid)


def check_user(sock: socket.socket, uids: Collection[int]) -> None:
    """Raise ForeignUserError unless the user of the other end of a Unix socket is one of these; OSError: see above."""
    uid = peer_uid(sock)
    if uid not in uids:
        raise ForeignUserError(f"user {uid} may not connect")


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other processes from the same; without it the second of two would remove the file of the first."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        deadline = Deadline(LOCK_S)
        while not _lock(descriptor) and not deadline.is_over:
            time.sleep(LOCK_PAUSE_S)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Return whether the lock is taken, or cannot be."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "this is no socket; remove it, or listen on another path", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except (TimeoutError, BlockingIOError):
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path))


def _file_of(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
