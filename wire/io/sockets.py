"""The operations on every socket.

Each socket of a listener, a dialer or a server goes through `own_socket`. A forked child closes its copies of them at
once and never shuts them down: a shutdown would end the parent's connections, and a copy that stays open would hide
the parent's end from its peers.
"""

import contextlib
import errno
import fcntl
import os
import resource
import selectors
import socket
import struct
import weakref
from collections.abc import Callable

from wire.common.deadline import now_s
from wire.protocol.address import UNIX, Address
from wire.protocol.wire_errors import LinkFailure, ResetError, WriteTimeoutError

_MS_PER_S = 1_000

STALL_S = 0.5
"""The interval at which a blocked write checks whether to go on: a stop waits at most this time for it."""

LINK_DESCRIPTORS_FROM = 16_384
"""The lowest descriptor of a link, if the limit of the process leaves room above it; few programs of Python have that
many others. The kernel's table of descriptors then takes 128 KiB."""

_ABSENT = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
"""The errors of a machine that has no such family or no such address."""

_UNREACHABLE = {errno.ECONNREFUSED, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH}
"""The errors that Linux raises instead of ETIMEDOUT when the network reported why nothing arrives.

Source: https://man7.org/linux/man-pages/man7/tcp.7.html, "Error handling"
"""


_owned: "weakref.WeakSet[socket.socket | selectors.BaseSelector]" = weakref.WeakSet()


def own_socket(sock: socket.socket) -> socket.socket:
    """Return the socket, to be closed in forked children, with a descriptor above those of the standard streams.

    In a program that closed its standard streams a new socket has one of their numbers, and a print would go to a peer.
    """
    if sock.fileno() <= 2:
        with sock:
            sock = socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))
    _owned.add(sock)
    return sock


def own_link_socket(sock: socket.socket) -> socket.socket:
    """Return the socket, as `own_socket` does, with a descriptor above those of the program's other sockets.

    Linux closes the descriptors of a killed process from the highest down. With thousands of connections below it the
    link ends at once, and the peer need not wait for the end of all the others.

    Source: the Linux kernel since 4.3: `close_files` in fs/file.c, `task_work_run` in kernel/task_work.c
    """
    lowest = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4, LINK_DESCRIPTORS_FROM)
    try:
        number = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, lowest)
    except OSError:  # no room up there
        return own_socket(sock)
    with sock:
        return own_socket(socket.socket(fileno=number))


def reserve_link_descriptors() -> None:
    """Let the kernel enlarge its table now, which takes milliseconds in a process with threads, and not at a dial."""
    with contextlib.suppress(OSError):
        own_link_socket(socket.socket(socket.AF_UNIX)).close()


def own_selector() -> selectors.BaseSelector:
    """Return a new selector, to be closed in forked children."""
    selector = selectors.DefaultSelector()
    _owned.add(selector)
    return selector


def _close_in_child() -> None:
    for each in list(_owned):
        each.close()


os.register_at_fork(after_in_child=_close_in_child)


def listen(address: Address, backlog: int = 128) -> socket.socket:
    """Bind to an address that is no Unix socket, and listen; the rules are the same for every port of a node.

    [::] accepts IPv4 as well, whatever the system's default is; on a machine without IPv6 it means 0.0.0.0. A name
    means the first of its addresses that this machine has. Of those of localhost 127.0.0.1 comes first: dialers take
    the two for one address, and many systems name ::1 first.

    Args:
        address: where to listen; port 0 for any port.
        backlog: the number of connections that may wait to be accepted.

    Raises:
        OSError: the address is in use, not this machine's, or a name without an address.
    """
    hosts = [address.host]
    if address.is_wildcard and ":" in address.host:
        hosts.append("0.0.0.0")  # noqa: S104 - they asked for all
    places = [
        (family, place)
        for host in hosts
        for family, _, _, _, place in socket.getaddrinfo(
            host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    ]
    if address.host.lower().removesuffix(".") == "localhost":
        places.sort(key=lambda each: each[1][0] != "127.0.0.1")
    for family, place in places[:-1]:
        try:
            return _listen(family, place, backlog)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
    return _listen(*places[-1], backlog)


def _listen(family: int, place: tuple[object, ...], backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with contextlib.suppress(OSError):  # some systems have no sockets of both families
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(place)
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return own_socket(sock)


def tune(sock: socket.socket, write_timeout_s: float) -> None:
    """Send small frames without delay; fail when the other end's host acknowledges nothing for `write_timeout_s`."""
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(write_timeout_s * _MS_PER_S))


def block_reads(sock: socket.socket, timeout_s: float) -> None:
    """Make each read block in the kernel for at most `timeout_s`.

    A timeout of Python's costs a poll() before each recv(); this one costs nothing.
    """
    sock.settimeout(None)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(timeout_s))


def block_writes(sock: socket.socket, timeout_s: float) -> None:
    """Make each write block in the kernel for at most `timeout_s` without progress, and at most STALL_S."""
    sock.settimeout(None)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(min(timeout_s, STALL_S)))


def write_all(sock: socket.socket, data: bytes, is_hopeless: Callable[[float], bool] = lambda _: True) -> None:
    """Write all of the data, for as long as there is progress, or `is_hopeless` returns False.

    Args:
        sock: a socket on which `block_writes` was called.
        data: the bytes to write.
        is_hopeless: given the seconds without progress, returns whether to give up; called every STALL_S.

    Raises:
        BlockingIOError: the write was given up.
        OSError: the socket failed.
    """
    rest = memoryview(data)
    progress_s = now_s()
    while rest:
        try:
            rest = rest[_write_some(sock, rest) :]
            progress_s = now_s()
        except BlockingIOError:
            if is_hopeless(now_s() - progress_s):
                raise


def _write_some(sock: socket.socket, data: bytes | memoryview) -> int:
    try:
        return sock.send(data)
    except BlockingIOError:
        # The kernel wakes a writer only when a good part of its buffer is free. A reader may be slower than that.
        return sock.send(data, socket.MSG_DONTWAIT)


def _timeval(seconds: float) -> bytes:
    whole, fraction = divmod(seconds, 1)
    return struct.pack("@ll", int(whole), int(fraction * 1e6))


def failure(error: OSError) -> LinkFailure:
    """Return the error of the operating system about an open connection as an error of wire."""
    if isinstance(error, TimeoutError) or error.errno in _UNREACHABLE:
        return WriteTimeoutError(f"what was sent was not taken in time: {error.strerror}")
    return ResetError(str(error))


def views(sock: socket.socket) -> tuple[str, str]:
    """Return this end's and the other end's address, as this end sees them."""
    own, other = sock.getsockname(), sock.getpeername()
    if sock.family == socket.AF_UNIX:
        return _unix_view(own), _unix_view(other)
    return str(Address.of_socket(own)), str(Address.of_socket(other))


def _unix_view(name: object) -> str:
    """Return the address of an end of a Unix socket; the dialing one has no path, or any that its program chose.

    One that is not printable would forge a line of the log, and may be longer than an address in a handshake.
    """
    return f"{UNIX}{name}" if isinstance(name, str) and name.isprintable() else UNIX


def shut(sock: socket.socket) -> None:
    """Shut down and close a socket: the other end sees it even while a forked child holds a copy.

    Only the process that opened the connection may call it.
    """
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def has_input(sock: socket.socket) -> bool:
    """Return whether a read would return at once: bytes, the end of the stream or an error."""
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def stop_reading(sock: socket.socket) -> None:
    """Wake a thread that reads: it sees the end of the stream."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RD)


def stop_writing(sock: socket.socket) -> None:
    """End the stream to the other end; reading goes on."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


def wake(sock: socket.socket) -> None:
    """Wake a thread that connects, accepts, reads or writes, with an error; the thread closes the socket."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
