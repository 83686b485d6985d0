"""Links of clients, which share one thread of their acceptor: the events of each end, and how each link ends."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import open_descriptors
from tests.integration.shared_ends import ANN, StrangeClient, shared_conversing, sharing
from tests.integration.wire_ends import PATIENCE_S, Inbox, Note, Stranger, dialing, endpoint, eventually
from wire import Limits, LinkAccepted, LinkEnded, LinkNumber, LinkOpened, MessageReceived
from wire.io.link_events import DialFailed, LinkClosing
from wire.link_metrics import WireMetrics
from wire.links.shared_links import SERIES, SharedLinks
from wire.protocol.handshake import Bye, Reject
from wire.protocol.wire_errors import (
    ClosedError,
    IdleTimeoutError,
    PayloadError,
    StoppedError,
    SupersededError,
    TruncatedError,
    UnreadError,
)
from wire.security.security import PLAIN, Keyed, Security
from wire.security.tls import Tls

QUICK = Limits(keepalive_interval_s=0.3, idle_timeout_s=2.0)


@pytest.fixture(params=["plain", "keyed", "tls"])
def securities(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Security, Security]:
    """Yield the security of both ends."""
    if request.param == "tls":
        authority = request.getfixturevalue("authority")
        files = authority.files("client", uris=["wire://c/client%2Fann"])
        own = Tls(files, node=ANN, cluster="c")
        return own, request.getfixturevalue("bob")
    if request.param == "plain":
        return PLAIN, PLAIN
    path = tmp_path / "keys"
    path.touch(0o600)
    path.write_text("61" * 32)
    return Keyed(path), Keyed(path)


def test_both_ends_send_in_order_and_the_client_says_bye(securities: tuple[Security, Security]) -> None:
    with shared_conversing(securities=securities) as link:
        for number in range(60):
            assert link.ann.send(link.number, Note(number=number))
            assert link.hub.shared.send(*link.place, Note(number=-number))
        for number in range(60):
            assert link.hub.heard.next(MessageReceived) == MessageReceived(
                peer=ANN, number=link.number, message=Note(number=number)
            )
            assert link.told.next(MessageReceived).message == Note(number=-number)
        assert len(link.hub.shared) == 1
        assert link.ann.stop(5, bye="going home")
        ended = link.hub.heard.next(LinkEnded)
        assert (ended.is_end_of_stream, ended.error, ended.bye) == (True, None, "going home")
        assert isinstance(link.told.next(LinkClosing).error, StoppedError)
        assert eventually(lambda: len(link.hub.shared) == 0)


def test_the_stop_sends_what_waits_and_says_bye(securities: tuple[Security, Security]) -> None:
    with shared_conversing(securities=securities) as link:
        for number in range(200):
            assert link.hub.shared.send(*link.place, Note(number=number, data=bytes(1_000)))
        assert link.hub.shared.stop(5)
        assert [link.told.next(MessageReceived).message for _ in range(200)][-1] == Note(number=199, data=bytes(1_000))
        closing = link.told.next(LinkClosing)
        assert isinstance(closing.error, ClosedError)
        assert closing.bye == "stopping"
        ended = link.hub.heard.next(LinkEnded)
        assert isinstance(ended.error, StoppedError)
        assert not ended.is_end_of_stream
        assert not link.hub.shared.send(*link.place, Note(number=1))
        assert link.hub.shared.stop(5)


@pytest.mark.long
def test_links_that_say_nothing_stay_open(securities: tuple[Security, Security]) -> None:
    with shared_conversing(QUICK, securities=securities) as link:
        assert not eventually(lambda: not link.told.is_empty() or not link.hub.heard.is_empty(), timeout=3.0)


def test_many_links_have_one_thread() -> None:
    with sharing() as hub, ExitStack() as clients:
        for number in range(20):
            clients.enter_context(StrangeClient(hub.bob.address, f"client/ann/{number}")).open()
            hub.heard.next(LinkAccepted)
        threads = {"test-listener", "test-clients"}
        assert eventually(lambda: {each.name for each in threading.enumerate() if "test-" in each.name} == threads)


def test_one_message_for_each_link_is_sent_to_each() -> None:
    with sharing() as hub, ExitStack() as stack:
        clients = [
            stack.enter_context(StrangeClient(hub.bob.address, f"client/ann/{number}")).open() for number in range(20)
        ]
        links = [(event.peer, event.number) for event in [hub.heard.next(LinkAccepted) for _ in clients]]
        assert hub.shared.send_to_each([*links, ("client/nobody/1", LinkNumber(1, 1))], Note(number=7)) == 20
        assert {client.told() for client in clients} == {Note(number=7)}


def test_on_its_own_thread_it_sends_at_once_but_after_what_waits(securities: tuple[Security, Security]) -> None:
    with shared_conversing(securities=securities) as link:
        shared, links = link.hub.shared, [link.place, ("client/nobody/1", LinkNumber(1, 1))]

        def told_in_a_turn(turn: Callable[[], object]) -> Note:
            shared._turn = lambda: turn() and None
            shared.wake()
            return link.told.next(MessageReceived).message

        assert told_in_a_turn(lambda: shared.send_to_each(links, Note(number=1))) == Note(number=1)
        both = [partial(shared.send, *link.place, Note(number=2)), partial(shared.send_to_each, links, Note(number=3))]
        assert told_in_a_turn(lambda: [each() for each in both]) == Note(number=2)
        assert link.told.next(MessageReceived).message == Note(number=3)


def test_a_newer_link_of_the_client_replaces_the_older() -> None:
    with sharing() as hub, StrangeClient(hub.bob.address) as old, StrangeClient(hub.bob.address) as new:
        old.open(counter=3)
        hub.heard.next(LinkAccepted)
        new.open(counter=4)
        assert old.last_words() == [Bye(reason="superseded")]
        ended = hub.heard.later(LinkEnded)
        assert (ended.number, ended.is_end_of_stream) == ((1, 3), False)
        assert isinstance(ended.error, SupersededError)
        assert hub.shared.send(ANN, LinkNumber(1, 4), Note(number=1))
        assert not hub.shared.send(ANN, LinkNumber(1, 3), Note(number=1))
        assert new.told() == Note(number=1)


def test_the_owner_ends_a_link_in_the_middle_of_its_messages() -> None:
    with sharing() as hub, StrangeClient(hub.bob.address) as liar:
        deliver, events = hub.heard.deliver, list[object]()

        def judge(event: object) -> None:
            events.append(event)
            if isinstance(event, MessageReceived):
                hub.shared.cut(event.peer, event.number, PayloadError("a lie"))
            deliver(event)  # type: ignore[arg-type]

        hub.shared._deliver = judge
        liar.open()
        hub.heard.next(LinkAccepted)
        liar.sock.sendall(b"".join(liar.connection.send(Note(number=number)) for number in range(10)))
        assert liar.last_words() == [Bye(reason="payload")]
        assert isinstance(hub.heard.later(LinkEnded).error, PayloadError)
        assert sum(isinstance(event, MessageReceived) for event in events) == 1
        hub.shared.cut(ANN, LinkNumber(1, 1), PayloadError("a lie"))


def test_a_silent_client_and_one_that_breaks_off_are_noticed() -> None:
    with sharing(QUICK) as hub:
        with StrangeClient(hub.bob.address) as mute:
            mute.open()
            hub.heard.next(LinkAccepted)
            assert mute.last_words() == [Bye(reason="idle_timeout")]
            assert isinstance(hub.heard.next(LinkEnded).error, IdleTimeoutError)
        with StrangeClient(hub.bob.address) as broken:
            broken.open(counter=2)
            hub.heard.next(LinkAccepted)
            broken.sock.sendall(b"\0\0")
        ended = hub.heard.next(LinkEnded)
        assert ended.is_end_of_stream
        assert isinstance(ended.error, TruncatedError)


def test_a_client_that_breaks_the_format_hears_why() -> None:
    metrics = WireMetrics()
    with sharing(metrics=metrics) as hub, StrangeClient(hub.bob.address) as wrong:
        wrong.open()
        hub.heard.next(LinkAccepted)
        wrong.sock.sendall(b"\x00\x00\x00\x01\xff" + bytes(4) * 50)
        assert wrong.last_words() == [Bye(reason="payload")]
        assert isinstance(hub.heard.next(LinkEnded).error, PayloadError)
        assert metrics.registry.get_sample_value("wire_rejected_frames_total", {"reason": "payload"}) == 1


@pytest.mark.parametrize(
    ("node", "kind"), [("ann", "client"), ("client/", "client"), (ANN, "peer"), (ANN, "join"), ("/ann", "client")]
)
def test_only_clients_have_ids_with_a_slash(node: str, kind: str) -> None:
    with sharing() as hub:
        hub.bob._is_known_peer = lambda _: True
        with dialing(hub.bob.address, node=node, kind=kind, is_two_way=kind != "peer") as (_, told):
            assert told.next(DialFailed).error.reason == "kind"


def test_links_are_bounded_in_all_and_for_each_host() -> None:
    with sharing(links_max=3, links_per_host_max=2) as hub, ExitStack() as stack:
        clients = [stack.enter_context(StrangeClient(hub.bob.address, f"client/{number}/1")) for number in range(2)]
        for client in clients:
            client.open()
            hub.heard.next(LinkAccepted)
        with StrangeClient(hub.bob.address, "client/3/1") as third:
            answer = third.greet(third.hello())
            assert isinstance(answer, Reject)
            assert (answer.code, answer.retryable) == ("full", True)
        with Stranger(hub.bob.address) as peer:
            peer.open()
        clients[0].sock.close()
        assert eventually(lambda: len(hub.shared) == 1)
        with StrangeClient(hub.bob.address, "client/3/1") as third:
            third.open()


def test_clients_are_one_series_of_the_meter() -> None:
    metrics = WireMetrics()
    value = metrics.registry.get_sample_value
    with shared_conversing(metrics=(None, metrics)) as link:
        assert value("wire_connections", {"direction": "in"}) == 1
        for number in range(20):
            assert link.hub.shared.send(*link.place, Note(number=number), replaces="latest")
        while link.told.next(MessageReceived).message != Note(number=19):
            pass
        coalesced = value("wire_outbox_coalesced_total", {"peer": SERIES, "kind": "note"}) or 0
        assert eventually(lambda: value("wire_outbox_sent_total", {"peer": SERIES}) == 20 - coalesced)
        assert not link.hub.shared.send(ANN, LinkNumber(9, 9), Note(number=0))
        assert value("wire_outbox_dropped_total", {"peer": SERIES, "kind": "note"}) == 1
        assert value("wire_outbox_depth", {"peer": SERIES}) == 0
        assert value("wire_outbox_depth", {"peer": ANN}) is None
    assert value("wire_connections", {"direction": "in"}) == 0
    assert value("wire_outbox_depth", {"peer": SERIES}) is None


def test_a_turn_is_given_when_it_is_asked_for_and_when_due() -> None:
    turns, waits = threading.Semaphore(0), [0.0, 0.01]

    def turn() -> float | None:
        assert threading.current_thread().name == "test-clients"
        turns.release()
        return waits.pop(0) if waits else None

    with sharing(turn=turn) as hub:
        assert not turns.acquire(timeout=0.1), "nobody asked"
        hub.shared.wake()
        for _ in range(3):
            assert turns.acquire(timeout=PATIENCE_S)
        assert not turns.acquire(timeout=0.1), "it asked for no more"
        for _ in range(10_000):
            hub.shared.wake()
        assert turns.acquire(timeout=PATIENCE_S)


def test_a_client_that_reads_too_slowly_is_cut_off() -> None:
    with sharing(Limits(outbox_messages_max=8)) as hub, StrangeClient(hub.bob.address) as deaf:
        deaf.open()
        number = hub.heard.next(LinkAccepted).number
        assert eventually(lambda: not hub.shared.send(ANN, number, Note(number=1, data=bytes(60_000))))
        ended = hub.heard.next(LinkEnded)
        assert isinstance(ended.error, UnreadError)


def test_stop_in_a_delivery_and_without_a_start() -> None:
    with sharing() as hub, StrangeClient(hub.bob.address) as client:
        stopped = list[bool]()
        deliver = hub.heard.deliver

        def stop(event: object) -> None:
            if isinstance(event, MessageReceived):
                stopped.append(hub.shared.stop(5))
            deliver(event)  # type: ignore[arg-type]

        hub.shared._deliver = stop
        client.open()
        client.sock.sendall(client.connection.send(Note(number=1)))
        assert eventually(lambda: not hub.shared.is_alive)
        assert stopped == [True]
        assert client.last_words() == [Bye(reason="stopping")]
        with StrangeClient(hub.bob.address, "client/late/1") as late:
            late.open()
            assert late.is_closed_by_other(), "after its end it takes no link"
        assert len(hub.shared) == 0


def test_opened_links_are_dialed_again_after_a_stop() -> None:
    with shared_conversing() as link:
        link.hub.shared.cut(*link.place, UnreadError("a test's"))
        assert link.told.next(LinkClosing).bye == "unread"
        assert link.told.next(LinkOpened).number > link.number


def test_what_was_never_started_is_stopped_and_takes_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    end = endpoint("bob", Inbox())
    idle = SharedLinks(end)
    assert idle.stop(1)
    assert idle.stop(1)
    assert not idle.is_alive
    idle.wake()
    failing = SharedLinks(end)
    monkeypatch.setattr("wire.links.shared_links.Bell", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing.start()
    assert failing.stop(1)


def test_a_second_start_is_refused_and_changes_nothing() -> None:
    metrics = WireMetrics(), WireMetrics()
    with shared_conversing(metrics=metrics) as link:
        for started in (link.hub.shared, link.hub.bob, link.ann):
            with pytest.raises(RuntimeError, match="was started or stopped before; make a new one"):
                started.start()
        assert link.hub.shared.send(*link.place, Note(number=1))
        assert link.told.next(MessageReceived).message == Note(number=1)
        assert metrics[0].registry.get_sample_value("wire_outbox_depth", {"peer": "bob"}) is not None
    assert not link.hub.bob.is_alive


def test_a_start_after_a_stop_is_refused_and_leaves_nothing() -> None:
    descriptors = open_descriptors()
    shared = SharedLinks(endpoint("bob", Inbox()))
    assert shared.stop(1)
    with pytest.raises(RuntimeError, match="make a new one"):
        shared.start()
    assert open_descriptors() == descriptors
