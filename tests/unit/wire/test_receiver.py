import errno
import socket
from collections.abc import Iterator

import pytest

from wire.io.channel import Channel
from wire.io.close_reason import CloseReason
from wire.io.meter import Meter
from wire.io.receiver import Receiver
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import Bye
from wire.protocol.identity import LinkNumber
from wire.protocol.wire_errors import IdleTimeoutError, ResetError, SupersededError, WireError, WriteTimeoutError


class Failing(Channel):
    """Whose reading fails."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        super().__init__(sock)
        self._number = number

    def read(self) -> bytes:
        raise OSError(self._number, "as the operating system says")


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    near, far = socket.socketpair()
    with near, far:
        yield near


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EAGAIN, IdleTimeoutError),
        (errno.ETIMEDOUT, WriteTimeoutError),
        (errno.ECONNRESET, ResetError),
        (errno.EHOSTUNREACH, WriteTimeoutError),
    ],
)
@pytest.mark.parametrize("why", [None, SupersededError("another took over")])
def test_what_ends_reading_is_named_unless_there_was_a_reason_before(
    sock: socket.socket, number: int, kind: type[WireError], why: WireError | None
) -> None:
    close_reason = CloseReason()
    if why is not None:
        close_reason.give(why)
    receiver = Receiver(
        Failing(sock, number),
        Connection(Codec(), 65_536, is_dialer=False),
        close_reason,
        lambda event: None,
        peer="ann",
        number=LinkNumber(1, 1),
        is_dialed=False,
        meter=Meter(),
        early=iter(()),
    )
    receiver.run()
    assert not receiver.is_end_of_stream
    assert receiver.error is why if why is not None else type(receiver.error) is kind


def test_a_goodbye_can_not_forge_a_line_of_a_log(sock: socket.socket) -> None:
    receiver = Receiver(
        Failing(sock, errno.ECONNRESET),
        Connection(Codec(), 65_536, is_dialer=False),
        CloseReason(),
        lambda event: None,
        peer="ann",
        number=LinkNumber(1, 1),
        is_dialed=False,
        meter=Meter(),
        early=iter([Bye(reason="all is well\n! or not")]),
    )
    receiver.run()
    assert receiver.bye == r"all is well\n! or not"
