"""Links on which both ends send: the events of each end, and how it learns that the other ended."""

import queue
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.integration.wire_ends import (
    PATIENCE_S,
    BareAcceptor,
    Conversation,
    Inbox,
    Note,
    Stranger,
    conversing,
    dialing,
    eventually,
    listening,
)
from wire import Limits, LinkAccepted, LinkEnded, LinkNumber, LinkOpened, MessageReceived
from wire.io.link_events import DialFailed, LinkClosing
from wire.link_metrics import WireMetrics
from wire.links.accepted_link import AcceptedLink
from wire.protocol.handshake import Bye, Heard, Hello
from wire.protocol.wire_errors import (
    ClosedError,
    IdleTimeoutError,
    PayloadError,
    StoppedError,
    SupersededError,
    UnreadError,
    WriteTimeoutError,
)
from wire.security.security import PLAIN, Keyed, Security

QUICK = Limits(keepalive_interval_s=0.3, idle_timeout_s=2.0)


def threads(part: str) -> int:
    return sum(part in thread.name for thread in threading.enumerate())


@pytest.fixture(params=["plain", "keyed", "tls"])
def securities(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Security, Security]:
    """Yield the security of both ends."""
    if request.param == "tls":
        return request.getfixturevalue("ann"), request.getfixturevalue("bob")
    if request.param == "plain":
        return PLAIN, PLAIN
    path = tmp_path / "keys"
    path.touch(0o600)
    path.write_text("61" * 32)
    return Keyed(path), Keyed(path)


def test_both_ends_send_in_order_and_the_dialer_says_bye(securities: tuple[Security, Security]) -> None:
    with conversing(securities=securities) as link:
        for number in range(100):
            assert link.ann.send(link.number, Note(number=number))
            assert link.bob.send("ann", link.number, Note(number=-number))
        for number in range(100):
            assert link.heard.next(MessageReceived) == MessageReceived(
                peer="ann", number=link.number, message=Note(number=number)
            )
            assert link.told.next(MessageReceived) == MessageReceived(
                peer="bob", number=link.number, message=Note(number=-number), is_dialed=True
            )
        assert link.ann.stop(5, bye="going home")
        ended = link.heard.next(LinkEnded)
        assert (ended.is_end_of_stream, ended.error, ended.bye) == (True, None, "going home")
        assert isinstance(link.told.next(LinkClosing).error, StoppedError)
        assert eventually(lambda: threads("reader") == threads("writer") == 0)


def test_the_acceptors_stop_sends_what_waits_and_says_bye(securities: tuple[Security, Security]) -> None:
    with conversing(securities=securities) as link:
        for number in range(200):
            assert link.bob.send("ann", link.number, Note(number=number, data=bytes(1_000)))
        assert link.bob.stop(5)
        assert [link.told.next(MessageReceived).message for _ in range(200)][-1] == Note(number=199, data=bytes(1_000))
        closing = link.told.next(LinkClosing)
        assert isinstance(closing.error, ClosedError)
        assert closing.bye == "stopping"
        ended = link.heard.next(LinkEnded)
        assert isinstance(ended.error, StoppedError)
        assert not ended.is_end_of_stream


def test_messages_sent_with_the_welcome_are_delivered() -> None:
    with BareAcceptor() as (address, accept), dialing(address, kind="client", is_two_way=True) as (_, told):
        sock = accept(Note(number=1), Note(number=2))
        told.next(LinkOpened)
        assert [told.next(MessageReceived).message for _ in range(2)] == [Note(number=1), Note(number=2)]
        sock.close()
        assert isinstance(told.next(LinkClosing).error, ClosedError)


def test_older_link_is_told_that_it_is_superseded() -> None:
    with (
        listening(two_way=("client",)) as (bob, heard),
        Stranger(bob.address, is_two_way=True) as old,
        Stranger(bob.address, is_two_way=True) as new,
    ):
        old.open(counter=3)
        heard.next(LinkAccepted)
        new.open(counter=4)
        assert old.last_words() == [Bye(reason="superseded")]
        ended = heard.later(LinkEnded)
        assert (ended.number, ended.is_end_of_stream) == ((1, 3), False)
        assert isinstance(ended.error, SupersededError)
        assert eventually(lambda: threads("reader") == threads("writer") == 1)
        assert bob.send("ann", LinkNumber(1, 4), Note(number=1))
        assert not bob.send("ann", LinkNumber(1, 3), Note(number=1))
        assert new.answer() in (Note(number=1), Heard(frames=0))


def test_kinds_are_independent_of_each_other() -> None:
    with (
        listening(two_way=("client",)) as (bob, heard),
        Stranger(bob.address, is_two_way=True) as client,
        Stranger(bob.address) as peer,
    ):
        client.open(counter=4)
        peer.open(counter=3)
        assert {heard.next(LinkAccepted).kind for _ in range(2)} == {"client", "peer"}
        assert not bob.send("ann", LinkNumber(1, 3), Note(number=1)), "a one-way link is not spoken on"
        assert bob.send("ann", LinkNumber(1, 4), Note(number=1))


@pytest.mark.parametrize(("kind", "is_two_way"), [("client", False), ("peer", True)])
def test_both_ends_must_mean_the_same_kind_of_link(kind: str, is_two_way: bool) -> None:
    with (
        listening(two_way=("client",)) as (bob, _),
        dialing(bob.address, kind=kind, is_two_way=is_two_way) as (_, told),
    ):
        assert told.next(DialFailed).error.reason == "kind"


@pytest.mark.long
def test_acceptor_notices_a_dialer_that_does_not_read() -> None:
    with listening(QUICK, two_way=("client",)) as (bob, heard), Stranger(bob.address, is_two_way=True) as deaf:
        deaf.open()
        heard.next(LinkAccepted)
        _talk_until(lambda: not heard.is_empty(), deaf.sock, deaf.connection.keepalive())
        assert isinstance(heard.next(LinkEnded).error, UnreadError)
        assert deaf.last_words()[-1:] == [Bye(reason="unread")]


@pytest.mark.long
def test_dialer_notices_an_acceptor_that_does_not_read() -> None:
    with BareAcceptor() as (address, accept), dialing(address, QUICK, kind="client", is_two_way=True) as (_, told):
        sock = accept()
        told.next(LinkOpened)
        _talk_until(lambda: not told.is_empty(), sock, accept.connection.keepalive())
        assert isinstance(told.next(LinkClosing).error, UnreadError)
        sock.close()


def test_flood_into_an_end_that_does_not_read_times_out() -> None:
    limits = Limits(keepalive_interval_s=0.3, idle_timeout_s=30.0, write_timeout_s=1.0)
    with listening(limits, two_way=("client",)) as (bob, heard), Stranger(bob.address, is_two_way=True) as deaf:
        deaf.open()
        number = heard.next(LinkAccepted).number

        def flood() -> bool:
            while bob.send("ann", number, Note(number=1, data=bytes(60_000))):
                pass
            return not heard.is_empty()

        _talk_until(flood, deaf.sock, deaf.connection.keepalive())
        assert isinstance(heard.next(LinkEnded).error, WriteTimeoutError)


def _talk_until(is_over: object, sock: socket.socket, sign: bytes) -> None:
    assert callable(is_over)
    deadline = time.monotonic() + PATIENCE_S
    while not is_over():
        assert time.monotonic() < deadline, "no end noticed"
        sock.send(sign)
        time.sleep(0.05)


def test_acceptor_notices_a_silent_dialer() -> None:
    with listening(QUICK, two_way=("client",)) as (bob, heard), Stranger(bob.address, is_two_way=True) as mute:
        mute.open()
        heard.next(LinkAccepted)
        assert mute.last_words() == [Bye(reason="idle_timeout")]
        assert isinstance(heard.next(LinkEnded).error, IdleTimeoutError)


def test_dialer_notices_a_silent_acceptor() -> None:
    with BareAcceptor() as (address, accept), dialing(address, QUICK, kind="client", is_two_way=True) as (_, told):
        sock = accept()
        told.next(LinkOpened)
        said = []
        while data := sock.recv(4_096):
            said += list(accept.connection.receive(data))
        assert said[-1] == Bye(reason="idle_timeout")
        assert isinstance(told.next(LinkClosing).error, IdleTimeoutError)
        sock.close()


def test_who_breaks_the_format_hears_why() -> None:
    with listening(two_way=("client",)) as (bob, heard), Stranger(bob.address, is_two_way=True) as wrong:
        wrong.open()
        heard.next(LinkAccepted)
        wrong.sock.sendall(b"\x00\x00\x00\x01\xff" + bytes(4) * 1_000)
        assert wrong.last_words() == [Bye(reason="payload")]
        assert isinstance(heard.next(LinkEnded).error, PayloadError)


def test_unknown_kinds_are_counted_and_skipped_at_either_end() -> None:
    metrics = WireMetrics()
    later = b"\x00\x00\x00\x07\x81\x65later"
    with (
        BareAcceptor() as (address, accept),
        dialing(address, metrics=metrics, kind="client", is_two_way=True) as (_, told),
    ):
        sock = accept()
        told.next(LinkOpened)
        sock.sendall(later + accept.connection.send(Note(number=1)))
        assert told.next(MessageReceived).message == Note(number=1)
        assert metrics.registry.get_sample_value("wire_rejected_frames_total", {"reason": "unknown_kind"}) == 1
        sock.close()


def test_nothing_is_delivered_after_the_end_was_told() -> None:
    """The reading thread is in the middle of what came at once when the writing one learns that it is over."""
    is_free, events = threading.Event(), list[object]()

    def deliver(event: object) -> None:
        events.append(event)
        if isinstance(event, MessageReceived):
            assert is_free.wait(10)
        if isinstance(event, LinkClosing):
            event.done.set()

    told = Inbox()
    told.deliver = deliver  # type: ignore[method-assign, assignment]
    with (
        BareAcceptor() as (address, accept),
        dialing(address, inbox=told, kind="client", is_two_way=True) as (ann, _),
    ):
        sock = accept(*(Note(number=number) for number in range(100)))
        assert eventually(lambda: len(events) == 2)
        ann.nudge(incarnation=2)
        assert eventually(lambda: not ann.send((1, 1), Note(number=0))), "the outbox is not closed"
        assert not eventually(lambda: _is_told_of_the_end(events), timeout=0.2), "while a message is being delivered"
        is_free.set()
        assert eventually(lambda: _is_told_of_the_end(events))
        sock.close()
    [closing] = [place for place, event in enumerate(events) if isinstance(event, LinkClosing)]
    assert not any(isinstance(event, MessageReceived) for event in events[closing:])


def _is_told_of_the_end(events: list[object]) -> bool:
    return any(isinstance(event, LinkClosing) for event in events)


def test_link_overtaken_after_its_welcome_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        listening(two_way=("client",)) as (bob, heard),
        Stranger(bob.address, is_two_way=True) as old,
        Stranger(bob.address, is_two_way=True) as new,
    ):
        claim = bob._registry.claim

        def late(hello: Hello, link: AcceptedLink) -> None:
            if hello.counter == 3:
                new.open(counter=4)
                assert heard.next(LinkAccepted).number == (1, 4)
            claim(hello, link)

        monkeypatch.setattr(bob._registry, "claim", late)
        old.open(counter=3)
        assert old.last_words() == [Bye(reason="stale_link")]
        assert heard.is_empty()


def test_the_last_words_of_both_ends_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wire.io.link_runner.LINGER_S", 10.0)
    with (
        listening(two_way=("client",)) as (bob, heard),
        Stranger(bob.address, is_two_way=True) as old,
        Stranger(bob.address, is_two_way=True) as new,
    ):
        old.open(counter=3)
        heard.next(LinkAccepted)
        new.open(counter=4)
        assert old.last_words() == [Bye(reason="superseded")]
        old.sock.sendall(old.connection.send(Note(number=1)))
        time.sleep(0.1)
        old.sock.sendall(old.connection.send(Note(number=1)) + old.connection.close("I know"))
        old.sock.close()
        ended = heard.later(LinkEnded)
        assert isinstance(ended.error, SupersededError)
        assert ended.bye == "I know"


def test_owner_may_stop_its_dialer_in_a_delivery() -> None:
    stopped: list[bool] = []
    with BareAcceptor() as (address, accept):
        told = Inbox()
        with dialing(address, inbox=told, kind="client", is_two_way=True) as (ann, _):
            deliver = ann._deliver

            def stop_at_a_message(event: object) -> None:
                if isinstance(event, MessageReceived):
                    stopped.append(ann.stop(5))
                deliver(event)  # type: ignore[arg-type]

            ann._deliver = stop_at_a_message
            sock = accept(Note(number=1))
            assert eventually(lambda: not ann.is_alive)
            assert stopped == [True]
            sock.close()


def _saturate(link: Conversation, messages: int) -> None:
    """Both owners send as fast as they can, and drop what does not fit, until this many came at each end."""
    until, came = time.monotonic() + PATIENCE_S, [0, 0]

    def is_over() -> bool:
        return min(came) >= messages or time.monotonic() > until

    def ann() -> None:
        while not is_over():
            link.ann.send(link.number, Note(number=1, data=bytes(30_000)))
            came[0] += _taken(link.told)

    def bob() -> None:
        while not is_over():
            link.bob.send("ann", link.number, Note(number=1, data=bytes(30_000)))
            came[1] += _taken(link.heard)

    talking = [threading.Thread(target=one) for one in (ann, bob)]
    for thread in talking:
        thread.start()
    for thread in talking:
        thread.join(2 * PATIENCE_S)
        assert not thread.is_alive(), "sending blocks"
    assert min(came) >= messages


def _taken(inbox: Inbox) -> int:
    try:
        inbox.next(MessageReceived, timeout=0.0001)
    except queue.Empty:
        return 0
    return 1


def test_two_saturated_ends_do_not_stop_each_other(securities: tuple[Security, Security]) -> None:
    metrics = WireMetrics(), WireMetrics()
    with conversing(metrics=metrics, securities=securities) as link:
        _saturate(link, 300)
        for each, peer in zip(metrics, ("bob", "ann"), strict=True):
            value = each.registry.get_sample_value
            assert (value("wire_outbox_sent_total", {"peer": peer}) or 0) > 200
            assert value("wire_connections", {"direction": "out" if peer == "bob" else "in"}) == 1


def test_sent_replaced_and_dropped_messages_are_counted() -> None:
    metrics = WireMetrics()
    labels = {"peer": "ann", "kind": "note"}
    value = metrics.registry.get_sample_value
    with conversing(metrics=(None, metrics)) as link:
        for number in range(20):
            assert link.bob.send("ann", link.number, Note(number=number), replaces="latest")
        while link.told.next(MessageReceived).message != Note(number=19):
            pass
        coalesced = value("wire_outbox_coalesced_total", labels) or 0
        assert eventually(lambda: value("wire_outbox_sent_total", {"peer": "ann"}) == 20 - coalesced)
        assert not link.bob.send("ann", LinkNumber(9, 9), Note(number=0))
        assert value("wire_outbox_dropped_total", labels) == 1
        assert value("wire_outbox_depth", {"peer": "ann"}) == 0
        received = "a sign of life is no message, and moves it all the same"
        assert eventually(lambda: value("wire_last_received_timestamp_seconds", {"peer": "ann"}) is not None), received
        assert link.ann.stop(5)
        assert eventually(lambda: value("wire_outbox_depth", {"peer": "ann"}) is None)
        assert value("wire_outbox_sent_total", {"peer": "ann"}) is None
