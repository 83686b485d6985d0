import socket

from tests.unit.wire.test_link_runner import ANN, End
from wire import Address, Codec, Dialer, Endpoint, Event, LinkClosing
from wire.protocol.handshake import Bye
from wire.protocol.wire_errors import StoppedError


def test_link_is_closed_once_the_owner_was_told() -> None:
    events: list[Event] = []
    dialer = Dialer(
        "bob",
        lambda: Address("localhost", 1),
        Endpoint(identity=ANN, codec=Codec(), deliver=events.append),
        next_counter=lambda: 1,
    )
    dialer.ask_stop("going home")
    near, far = socket.socketpair()
    with near, far:
        end = End(near, is_two_way=False)
        dialer._close(end.link, end.runner(), StoppedError(""))
        assert far.recv(1) == b""
    assert end.heard() == [Bye(reason="going home")]
    assert [type(event) for event in events] == [LinkClosing]


def test_dialer_that_was_never_started_stops_at_once() -> None:
    dialer = Dialer(
        "bob",
        lambda: Address("localhost", 1),
        Endpoint(identity=ANN, codec=Codec(), deliver=lambda _: None),
        next_counter=lambda: 1,
    )
    assert not dialer.is_alive
    assert dialer.stop(0)
