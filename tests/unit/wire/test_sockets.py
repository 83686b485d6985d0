import errno
import os
import socket

import pytest

from wire.errors import LinkFailure, ResetError, WriteTimeoutError
from wire.sockets import failure, lifted, write_all


class Narrow:
    """A socket that takes so many bytes a call; None: the call times out without any."""

    def __init__(self, *takes: int | None) -> None:
        self.takes = list(takes)
        self.taken = b""
        self.flags: list[int] = []

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:
        self.flags.append(flags)
        room = self.takes.pop(0)
        if room is None:
            raise BlockingIOError
        self.taken += bytes(data[:room])
        return min(room, len(data))


def test_all_is_written_in_however_many_pieces() -> None:
    sock = Narrow(2, 1, 9)
    write_all(sock, b"abcdef")  # type: ignore[arg-type]
    assert sock.taken == b"abcdef"


def test_a_call_that_timed_out_although_there_is_room_by_now_is_progress() -> None:
    sock = Narrow(None, 1, None, 9)
    write_all(sock, b"abc")  # type: ignore[arg-type]
    assert sock.taken == b"abc"
    assert sock.flags == [0, socket.MSG_DONTWAIT, 0, socket.MSG_DONTWAIT]


def test_no_room_even_then_is_a_time_out() -> None:
    with pytest.raises(BlockingIOError):
        write_all(Narrow(1, None, None), b"abc")  # type: ignore[arg-type]


def test_as_long_as_there_is_hope_a_writer_waits() -> None:
    sock, asked = Narrow(None, None, None, None, 9), []

    def is_hopeless(stalled_s: float) -> bool:
        asked.append(stalled_s)
        return False

    write_all(sock, b"abc", is_hopeless)  # type: ignore[arg-type]
    assert sock.taken == b"abc"
    assert len(asked) == 2
    assert asked == sorted(asked)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ETIMEDOUT, WriteTimeoutError),
        (errno.EHOSTUNREACH, WriteTimeoutError),
        (errno.ENETUNREACH, WriteTimeoutError),
        (errno.EHOSTDOWN, WriteTimeoutError),
        (errno.ECONNREFUSED, WriteTimeoutError),
        (errno.ECONNRESET, ResetError),
        (errno.EPIPE, ResetError),
        (errno.ENOBUFS, ResetError),
    ],
)
def test_what_the_network_said_meanwhile_is_no_reset(number: int, kind: type[LinkFailure]) -> None:
    assert isinstance(failure(OSError(number, "as the operating system says")), kind)


def test_sockets_of_wire_are_above_the_standard_streams() -> None:
    """A socket that got the number of a closed stream is moved, and works as before."""
    saved = os.dup(0)
    os.close(0)
    try:
        low, other = socket.socketpair()
        assert low.fileno() == 0
        with lifted(low) as moved, other:
            assert moved.fileno() > 2
            assert low.fileno() == -1
            other.sendall(b"x")
            assert moved.recv(1) == b"x"
            assert not moved.get_inheritable()
            assert lifted(moved) is moved
    finally:
        os.dup2(saved, 0)
        os.close(saved)
