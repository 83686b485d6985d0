import errno
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from wire.io.link_runner import LinkRunner
from wire.io.meter import Meter
from wire.io.open_link import Channel, CloseReason, OpenLink
from wire.io.outbox import Outbox
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import Bye, Heard, hello, welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.limits import Limits
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


class FakeChannel(Channel):
    """Takes what is written, until it takes no more; its reading fails."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.written: list[bytes] = []
        self.before_write: Callable[[], object] = lambda: None
        self.errno = errno.ECONNRESET

    def write(self, data: bytes) -> None:
        self.before_write()
        self.written.append(data)

    def read(self) -> bytes:
        raise OSError(self.errno, "as the operating system says")


class End:
    """The dialing end of an open link, and a Connection of the other end."""

    def __init__(self, sock: socket.socket, *, is_two_way: bool = True) -> None:
        self.channel, self.outbox = FakeChannel(sock), Outbox(8)
        connection, self.other = (Connection(CODEC, 65_536, is_dialer=is_dialer) for is_dialer in (True, False))
        said = hello(ANN, to="", number=NUMBER, kind="client", local="a:1", remote="b:2", is_two_way=is_two_way)
        list(self.other.receive(connection.greet(said)))
        answer = welcome(BOB, said, local="b:2", remote="a:1")
        list(connection.receive(self.other.accept(answer)))
        self.outbox.open(NUMBER)
        self.link = OpenLink(
            channel=self.channel,
            connection=connection,
            peer="bob",
            number=NUMBER,
            identity=answer.identity,
            is_trusted=True,
            local="a:1",
            remote="b:2",
            is_dialed=True,
            is_two_way=is_two_way,
            early=iter(()),
            outbox=self.outbox,
            limits=Limits(),
            meter=Meter(),
        )

    @property
    def close_reason(self) -> CloseReason:
        return self.link.close_reason

    def runner(self) -> LinkRunner:
        """Return a runner of the link that delivers nothing."""
        return LinkRunner(self.link, lambda _: None, "reader")

    def heard(self) -> list[object]:
        return [message for data in self.channel.written for message in self.other.receive(data)]


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    near, far = socket.socketpair()
    with near, far:
        yield near


@pytest.fixture
def end(sock: socket.socket) -> End:
    return End(sock)


def test_each_message_costs_the_dialer_one_wait(sock: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    end, waits = End(sock, is_two_way=False), list[float]()
    take = end.outbox.take_message

    def take_counted(timeout_s: float = 0.0) -> object | None:
        waits.append(timeout_s)
        if len(waits) > 3:
            end.close_reason.set_once(StoppedError("x"))
        else:
            end.outbox.put(NUMBER, Note(text=str(len(waits))))
        return take(timeout_s)

    monkeypatch.setattr(end.outbox, "take_message", take_counted)
    assert isinstance(end.runner().write(), StoppedError)
    assert end.heard() == [Note(text="1"), Note(text="2"), Note(text="3")]
    assert len(waits) == 4
    assert all(waits)


@pytest.mark.parametrize(
    ("is_two_way", "reason", "said"),
    [
        (True, StoppedError("x"), [Note(text="waits"), Bye(reason="going home")]),
        (True, SupersededError("x"), [Bye(reason="superseded")]),
        (True, IdleTimeoutError("x"), [Bye(reason="idle_timeout")]),
        (True, ResetError("x"), []),
        (False, StoppedError("x"), [Note(text="waits"), Bye(reason="going home")]),
        (False, WriteTimeoutError("x"), []),
    ],
)
def test_goodbye_fits_the_reason(sock: socket.socket, is_two_way: bool, reason: WireError, said: list[object]) -> None:
    end = End(sock, is_two_way=is_two_way)
    end.outbox.put(NUMBER, Note(text="waits"))
    end.close_reason.set_once(reason)
    sender = end.runner()._sender
    assert sender.run() is reason
    assert sender.send_bye(reason, "going home") is bool(said)
    assert end.heard() == said


@pytest.mark.parametrize("first", [StoppedError("first"), SupersededError("first"), None])
def test_nothing_follows_half_a_frame(end: End, first: WireError | None) -> None:
    """The first reason stays, whether it comes before the write fails or is its failure."""
    end.outbox.put(NUMBER, Note(text="stuck"))

    def fail() -> None:
        if first is not None:
            end.close_reason.set_once(first)
        raise BlockingIOError

    end.channel.before_write = fail
    sender = end.runner()._sender
    reason = sender.run()
    assert reason is first or (first is None and isinstance(reason, WriteTimeoutError))
    end.channel.before_write = lambda: None
    assert not sender.send_bye(reason, "going home")
    assert end.channel.written == []


def test_sign_of_life_counts_the_frames_that_were_read(end: End) -> None:
    end.link = replace(end.link, limits=Limits(keepalive_interval_s=0.001))
    end.channel.before_write = lambda: end.close_reason.set_once(StoppedError("x"))
    runner = end.runner()
    runner.receiver.frames = 7
    runner._sender.run()
    assert end.heard() == [Heard(frames=7)]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EAGAIN, IdleTimeoutError),
        (errno.ETIMEDOUT, WriteTimeoutError),
        (errno.ECONNRESET, ResetError),
        (errno.EHOSTUNREACH, WriteTimeoutError),
    ],
)
@pytest.mark.parametrize("reason", [None, SupersededError("another took over")])
def test_error_of_reading_is_named(end: End, number: int, kind: type[WireError], reason: WireError | None) -> None:
    """A reason that came before the error stays."""
    if reason is not None:
        end.close_reason.set_once(reason)
    end.channel.errno = number
    receiver = end.runner().receiver
    receiver.run()
    assert not receiver.is_end_of_stream
    assert receiver.error is reason if reason is not None else type(receiver.error) is kind


def test_bye_cannot_forge_a_line_of_a_log(end: End) -> None:
    end.link = replace(end.link, early=iter([Bye(reason="all is well\n! or not")]))
    receiver = end.runner().receiver
    receiver.run()
    assert receiver.bye == r"all is well\n! or not"


def test_each_read_is_noted_though_it_brings_no_message(end: End) -> None:
    """A flood of keepalives costs time as well."""
    reads, noted = [bytes(4), bytes(8), b""], list[int]()
    end.channel.read = lambda: reads.pop(0)  # type: ignore[method-assign]
    runner = LinkRunner(end.link, lambda _: None, "reader", after_read=lambda: noted.append(len(reads)))
    runner.receiver.run()
    assert noted == [2, 1]
