import socket
import ssl
from collections.abc import Iterator

import pytest

from wire.common.deadline import Deadline
from wire.io.open_link import Channel, CloseReason
from wire.io.tls_channel import TlsChannel
from wire.protocol.wire_errors import StoppedError, TlsError, TruncatedError


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield Channel(near), far


def test_what_is_there_is_read_and_nothing_is_waited_for_to_poll(ends: tuple[Channel, socket.socket]) -> None:
    channel, far = ends
    assert channel.poll() is None
    far.sendall(b"xyz")
    assert channel.poll() == b"x"
    assert channel.read() == b"yz"
    far.close()
    assert channel.poll() == channel.read() == b""


def test_after_a_deadline_nothing_is_read_even_if_it_is_there(ends: tuple[Channel, socket.socket]) -> None:
    """A deadline for each byte would accept a slow stream."""
    channel, far = ends
    far.sendall(b"x")
    with pytest.raises(TimeoutError):
        channel.read_before(Deadline(0))
    assert channel.read_before(Deadline(5)) == b"x"


def test_clear_channel_has_no_handshake_and_no_proof(ends: tuple[Channel, socket.socket]) -> None:
    channel, far = ends
    channel.shake_hands(Deadline(0))
    channel.review("anybody", "anywhere")
    channel.write(b"x")
    assert far.recv(10) == b"x"


class NoContext(ssl.SSLContext):
    """A TLS context that must not be used."""

    def wrap_bio(self, *_: object, **__: object) -> ssl.SSLObject:
        raise AssertionError


def test_one_that_says_nothing_costs_an_acceptor_no_tls() -> None:
    near, far = socket.socketpair()
    with near, far:
        channel = TlsChannel(near, NoContext(ssl.PROTOCOL_TLS_SERVER), {}, is_dialer=False)
        far.close()
        with pytest.raises(TruncatedError):
            channel.shake_hands(Deadline(5))
        with pytest.raises(TlsError):
            channel.write(b"why not")


def test_a_signal_handler_may_give_the_reason_of_an_end() -> None:
    """It interrupts the thread that gives one."""
    reason = CloseReason()
    with reason._lock:
        first = reason.set_once(StoppedError("the client is being closed"))
    assert reason.set_once(StoppedError("another link is kept")) is first
