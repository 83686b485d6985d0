import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from wire.io.channel import Channel
from wire.io.close_reason import CloseReason
from wire.io.meter import Meter
from wire.io.outbox import Outbox
from wire.io.sender import Sender
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import Bye, Heard, hello, welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.liveness_timer import LivenessTimer
from wire.protocol.wire_errors import (
    IdleTimeoutError,
    ResetError,
    StoppedError,
    SupersededError,
    WireError,
    WriteTimeoutError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    text: str


CODEC = Codec(Note, Bye, Heard)
ANN = Identity(cluster="c", node="ann", incarnation=1, store=bytes(16))
BOB = Identity(cluster="c", node="bob", incarnation=1, store=bytes(16))
NUMBER = LinkNumber(1, 1)


class Wire(Channel):
    """Takes what is written, until it takes no more."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.written: list[bytes] = []
        self.error: OSError | None = None

    def write(self, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.written.append(data)


class End:
    """A sender on an open two-way link, and the other end to hear it."""

    def __init__(self, sock: socket.socket) -> None:
        self.wire, self.close_reason, self.outbox = Wire(sock), CloseReason(), Outbox(8)
        connection, self.other = (Connection(CODEC, 65_536, is_dialer=is_dialer) for is_dialer in (True, False))
        said = replace(hello(ANN, to="", number=NUMBER, kind="client", local="a:1", remote="b:2"), is_two_way=True)
        list(self.other.receive(connection.greet(said)))
        list(connection.receive(self.other.accept(welcome(BOB, said, local="b:2", remote="a:1"))))
        self.outbox.open(NUMBER)
        liveness_timer = LivenessTimer(Limits(), 0.0, is_two_way=True)
        self.sender = Sender(
            self.wire,
            connection,
            self.outbox,
            self.close_reason,
            liveness_timer,
            peer="bob",
            meter=Meter(),
            taken=lambda: 7,
        )

    def heard(self) -> list[object]:
        return [message for data in self.wire.written for message in self.other.receive(data)]


@pytest.fixture
def end() -> Iterator[End]:
    near, far = socket.socketpair()
    with near, far:
        yield End(near)


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (StoppedError("x"), [Note(text="waits"), Bye(reason="going home")]),
        (SupersededError("x"), [Bye(reason="superseded")]),
        (IdleTimeoutError("x"), [Bye(reason="idle_timeout")]),
        (ResetError("x"), []),
    ],
)
def test_the_last_words_befit_the_reason(end: End, why: WireError, said: list[object]) -> None:
    end.outbox.put(NUMBER, Note(text="waits"))
    end.close_reason.give(why)
    assert end.sender.run() is why
    assert end.sender.part(why, "going home") is bool(said)
    assert end.heard() == said


@pytest.mark.parametrize("first", [StoppedError("first"), SupersededError("first"), None])
def test_nothing_follows_half_a_frame_whatever_the_reason_is(end: End, first: WireError | None) -> None:
    end.outbox.put(NUMBER, Note(text="stuck"))

    def write(_: bytes) -> None:
        if first is not None:  # somebody gives a reason while the write is under way
            end.close_reason.give(first)
        raise BlockingIOError

    end.wire.write = write  # type: ignore[method-assign]
    why = end.sender.run()
    assert why is first or isinstance(why, WriteTimeoutError), "the first reason stands"
    end.wire.write = end.wire.written.append  # type: ignore[method-assign]
    assert not end.sender.part(why, "going home")
    assert end.wire.written == []


def test_a_sign_of_life_tells_what_was_read(end: End) -> None:
    def write(data: bytes) -> None:
        end.wire.written.append(data)
        end.close_reason.give(StoppedError("x"))

    end.wire.write = write  # type: ignore[method-assign]
    end.sender.run()  # its vigil began at 0, so that one is due
    assert end.heard() == [Heard(frames=7)]
