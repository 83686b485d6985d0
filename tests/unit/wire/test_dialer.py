import socket
from types import SimpleNamespace

import pytest

from wire import Address, Codec, Dialer, Event, Identity, LinkClosing, LinkNumber
from wire.io.link_runner import Monologue
from wire.protocol.wire_errors import StoppedError, WireError, WriteTimeoutError


class Sender:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.byes: list[str] = []

    def part(self, why: WireError, bye: str) -> None:
        self.byes.append(bye)


@pytest.mark.parametrize(("error", "byes"), [(StoppedError(""), ["going home"]), (WriteTimeoutError(""), [])])
def test_a_stream_that_was_cut_inside_a_frame_gets_no_goodbye(error: WireError, byes: list[str]) -> None:
    """What is written after half a frame would be read as the rest of it."""
    events: list[Event] = []
    dialer = Dialer(
        "bob",
        lambda: Address("localhost", 1),
        Identity(cluster="c", node="ann", incarnation=1, store=bytes(16)),
        Codec(),
        next_counter=lambda: 1,
        deliver=events.append,
    )
    dialer.ask_stop("going home")
    near, far = socket.socketpair()
    with near, far:
        sender = Sender()
        link = SimpleNamespace(sock=near, number=LinkNumber(1, 1))
        dialer._close(link, Monologue(sender), error)  # type: ignore[arg-type]
        assert far.recv(1) == b""
    assert sender.byes == byes
    assert [type(event) for event in events] == [LinkClosing]


def test_one_that_was_never_started_is_stopped_at_once_and_not_alive() -> None:
    dialer = Dialer(
        "bob",
        lambda: Address("localhost", 1),
        Identity(cluster="c", node="ann", incarnation=1, store=bytes(16)),
        Codec(),
        next_counter=lambda: 1,
        deliver=lambda _: None,
    )
    assert not dialer.is_alive
    assert dialer.stop(0)
