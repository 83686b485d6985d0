"""A link that shares its thread, over a pair of sockets, with time as an argument."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from wire.io.bell import Bell
from wire.io.link_events import Event, MessageReceived
from wire.io.meter import Meter
from wire.io.open_link import Channel, OpenLink
from wire.io.outbox import RingingOutbox
from wire.io.polled_link import DRAINED_BYTES_MAX, ENDING_S, WRITE_BYTES, PayloadCache, PolledLink
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import Bye, Heard, hello, welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import (
    ClosedError,
    EncodeError,
    FloodError,
    IdleTimeoutError,
    LocalFault,
    ResetError,
    StoppedError,
    UnreadError,
    WireError,
    WriteTimeoutError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    text: str
    number: int = 0


CODEC = Codec(Text, Bye, Heard)
NUMBER = LinkNumber(0, 1)
LIMITS = Limits(outbox_messages_max=1_000)


class Pair:
    """The link under test, and the other end of it."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.far = far
        self.dialer = Connection(CODEC, 65_536, is_dialer=True)
        acceptor = Connection(CODEC, 65_536, is_dialer=False)
        ann, bob = (Identity(cluster="c", node=node, incarnation=0, store=bytes(16)) for node in ("c/ann/1", "bob"))
        said = hello(ann, to="", number=NUMBER, kind="client", local="", remote="", is_two_way=True)
        list(acceptor.receive(self.dialer.greet(said)))
        list(self.dialer.receive(acceptor.accept(welcome(bob, said, local="", remote=""))))
        self.rung = list[object]()
        self.outbox = RingingOutbox(LIMITS.outbox_messages_max, "ann", Meter(), self.rung.append)
        self.outbox.open(NUMBER)
        self.open_link = OpenLink(
            channel=Channel(near),
            connection=acceptor,
            peer=ann.node,
            number=NUMBER,
            identity=said.identity,
            is_trusted=True,
            local="",
            remote="",
            is_dialed=False,
            is_two_way=True,
            early=iter(()),
            outbox=self.outbox,
            limits=LIMITS,
            meter=Meter(),
        )
        self.events = list[Event]()
        self.link = PolledLink(self.open_link, self.events.append, PayloadCache(CODEC).encode, "*/*", 0.0)

    @property
    def reason(self) -> WireError | None:
        return self.open_link.close_reason.value

    def cut(self, reason: WireError) -> None:
        self.open_link.close_reason.set_once(reason)

    def say(self, *messages: object) -> None:
        for message in messages:
            self.far.sendall(self.dialer.send(message))

    def heard(self) -> list[object]:
        """All that the other end can read now."""
        found = list[object]()
        while True:
            try:
                data = self.far.recv(65_536)
            except BlockingIOError:
                return found
            if not data:
                return [*found, None]
            found += self.dialer.receive(data)


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = socket.socketpair()
    with near, far:
        far.settimeout(0)
        yield Pair(near, far)


def test_signs_of_life_count_what_was_read(pair: Pair) -> None:
    pair.say(Text(text="a"), Heard(frames=0))
    pair.link.run(0.5, is_readable=True)
    pair.link.run(1.0, is_due=True)
    assert pair.heard() == [Heard(frames=2)]
    assert pair.events == [MessageReceived(peer="c/ann/1", number=NUMBER, message=Text(text="a"))]


def test_bytes_that_came_while_the_thread_was_held_up_count(pair: Pair) -> None:
    pair.say(Heard(frames=0))
    pair.link.run(60.0, is_due=True)
    assert pair.reason is None
    pair.link.run(66.0, is_due=True)
    assert isinstance(pair.reason, IdleTimeoutError)


def test_a_message_behind_none_is_written_at_once(pair: Pair) -> None:
    assert pair.link.send(Text(text="a"), 0.1)
    assert pair.heard() == [Text(text="a")]
    assert not pair.rung


def test_a_message_is_not_written_before_those_that_wait(pair: Pair) -> None:
    assert pair.outbox.put(NUMBER, Text(text="a"))
    assert not pair.link.send(Text(text="b"), 0.1)
    assert pair.heard() == []


def test_the_rest_is_written_when_the_other_end_reads(pair: Pair) -> None:
    sent = [Text(text="x" * 50_000, number=number) for number in range(50)]
    taken = [each for each in sent if pair.link.send(each, 0.1)]
    assert 0 < len(taken) < len(sent)
    assert pair.rung == [pair.outbox]
    found = pair.heard()
    while len(found) < len(taken):
        pair.link.run(0.2)
        found += pair.heard()
    assert found == taken


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_link_that_ends_takes_no_message(pair: Pair, is_gone: bool) -> None:
    if is_gone:
        pair.far.close()
        assert pair.link.send(Text(text="a"), 0.1)
        assert pair.rung == [pair.outbox]
        assert isinstance(pair.reason, ResetError)
    else:
        pair.cut(ClosedError("over"))
    assert not pair.link.send(Text(text="b"), 0.1)


def test_a_bug_ends_one_link_alone(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair.link, "_encode", None)
    assert pair.link.send(Text(text="a"), 0.1)
    assert isinstance(pair.reason, LocalFault)
    assert pair.rung == [pair.outbox]


def test_a_message_that_cannot_be_encoded_is_left_for_the_log(pair: Pair) -> None:
    assert not pair.link.send(Text(text="a", number="b"), 0.1)  # type: ignore[arg-type]
    assert pair.link.send(Text(text="a"), 0.1)
    assert pair.heard() == [Text(text="a")]


def test_a_chunk_that_nobody_reads_is_all_that_is_taken(pair: Pair) -> None:
    for number in range(900):
        assert pair.outbox.put(NUMBER, Text(text="x" * 1_000, number=number))
    for _ in range(500):
        pair.link.run(0.1)
    waiting = len(pair.outbox)
    assert 0 < waiting < 900
    assert len(pair.link._unsent) <= WRITE_BYTES + 2_000
    pair.say(Heard(frames=2**40))
    pair.link.run(4.9, is_readable=True, is_due=True)
    assert pair.reason is None
    pair.link.run(5.2, is_due=True)
    assert isinstance(pair.reason, WriteTimeoutError)


def test_a_bye_never_comes_inside_a_frame(pair: Pair) -> None:
    for number in range(900):
        pair.outbox.put(NUMBER, Text(text="x" * 1_000, number=number))
    for _ in range(500):
        pair.link.run(0.1)
    pair.cut(UnreadError("a test's"))
    said = list[object]()
    while None not in said:
        pair.link.run(0.2)
        said += pair.heard()
    assert said[-2:] == [Bye(reason="unread"), None]
    assert [each.number for each in said[:-2] if isinstance(each, Text)] == list(range(len(said) - 2))
    assert not pair.link.is_over, "the other end may say why as well"
    pair.say(Bye(reason="I know"))
    pair.far.shutdown(socket.SHUT_WR)
    for _ in range(3):
        pair.link.run(0.3, is_readable=True)
    assert pair.link.is_over
    assert pair.link.ended.bye == "I know"
    assert isinstance(pair.link.ended.error, UnreadError)


def test_all_that_waits_is_sent_when_this_end_stops(pair: Pair) -> None:
    for number in range(100):
        pair.outbox.put(NUMBER, Text(text="x" * 1_000, number=number))
    pair.cut(StoppedError("a test's"))
    pair.link.run(0.1)
    said = pair.heard()
    assert len(said) == 102
    assert said[-2:] == [Bye(reason="stopping"), None]


def test_the_end_has_a_deadline(pair: Pair) -> None:
    pair.cut(FloodError("a test's"))
    pair.link.run(7.0)
    assert pair.link.ends_s == 7.0 + ENDING_S
    pair.link.run(7.0 + ENDING_S - 0.01)
    assert not pair.link.is_over
    pair.link.run(7.0 + ENDING_S)
    assert pair.link.is_over


def test_an_end_that_floods_on_is_not_read_for_ever(pair: Pair) -> None:
    pair.cut(FloodError("a test's"))
    pair.link.run(7.0)
    rounds = 0
    while not pair.link.is_over:
        rounds += 1
        pair.far.send(bytes(8_192))
        pair.link.run(7.1, is_readable=True)
    assert rounds <= DRAINED_BYTES_MAX // 8_192 + 1


def test_a_whole_stream_is_no_error_and_a_reset_is_one(pair: Pair) -> None:
    pair.say(Text(text="a"), Bye(reason="done"))
    pair.far.shutdown(socket.SHUT_WR)
    pair.link.run(0.1, is_readable=True)
    assert not pair.link.is_over
    pair.link.run(0.1, is_readable=True)
    assert pair.link.is_over
    assert isinstance(pair.reason, ClosedError)
    ended = pair.link.ended
    assert (ended.is_end_of_stream, ended.error, ended.bye) == (True, None, "done")


def test_a_bye_before_a_reset_is_read(pair: Pair) -> None:
    pair.say(Bye(reason="done"))
    pair.far.close()
    pair.outbox.put(NUMBER, Text(text="a"))
    pair.link.run(0.1)
    assert pair.link.is_over
    assert isinstance(pair.reason, ResetError)
    assert (pair.link.ended.bye, pair.link.ended.is_end_of_stream) == ("done", False)


def test_a_message_that_cannot_be_sent_is_dropped_alone(pair: Pair) -> None:
    pair.outbox.put(NUMBER, Text(text="x" * 70_000))
    pair.outbox.put(NUMBER, Text(text=1))  # type: ignore[arg-type]
    pair.outbox.put(NUMBER, Text(text="a"))
    pair.link.run(0.1)
    assert pair.heard() == [Text(text="a")]


def test_an_error_of_the_owner_ends_the_link_alone(pair: Pair) -> None:
    def fail(_: Event) -> None:
        raise ZeroDivisionError

    pair.link._deliver = fail
    pair.say(Text(text="a"))
    pair.link.run(0.1, is_readable=True)
    assert isinstance(pair.reason, LocalFault)
    assert pair.heard() == [Bye(reason="local"), None]


def test_an_outbox_rings_once_until_it_is_heard(pair: Pair) -> None:
    for _ in range(3):
        pair.outbox.put(NUMBER, Text(text="a"), replaces="a")
        pair.outbox.ring()
    assert pair.rung == [pair.outbox]
    pair.outbox.hear()
    pair.outbox.put(NUMBER, Text(text="a"))
    assert pair.rung == [pair.outbox] * 2
    pair.outbox.close()
    pair.outbox.hear()
    assert not pair.outbox.put(NUMBER, Text(text="a"))
    assert len(pair.rung) == 2, "a message that is dropped rings no bell"


def test_one_message_for_many_is_encoded_once() -> None:
    encoded = list[object]()

    class Counting(Codec):
        def encode(self, message: object) -> bytes:
            encoded.append(message)
            return super().encode(message)

    cache = PayloadCache(Counting(Text))
    first = Text(text="a")
    assert {cache.encode(first) for _ in range(10)} == {CODEC.encode(first)}
    assert len(encoded) == 1
    assert cache.encode(Text(text="b")) == CODEC.encode(Text(text="b"))
    for number in range(2 * cache.ENTRIES_MAX):
        cache.encode(Text(text="c", number=number))
    assert len(cache._payloads) == cache.ENTRIES_MAX
    assert cache.encode(first) == CODEC.encode(first)
    with pytest.raises(EncodeError):
        cache.encode(Bye(reason="of another codec"))


@contextmanager
def bell() -> Iterator[Bell]:
    made = Bell()
    try:
        yield made
    finally:
        made.close()


def test_a_bell_holds_one_byte_however_often_it_rings() -> None:
    with bell() as made:
        for _ in range(1_000):
            made.ring()
        assert made.sock.recv(64, socket.MSG_PEEK) == b"\0"
        made.hear()
        with pytest.raises(BlockingIOError):
            made.sock.recv(1)
        made.hear()
        made.ring()
        assert made.sock.recv(64) == b"\0"
    made.ring()
