"""The life of a link over real sockets: the events of each end, in order."""

import itertools
import logging
import queue
import socket
import struct

import pytest

from tests.integration.wire_ends import (
    PATIENCE_S,
    Inbox,
    Note,
    Stranger,
    dialing,
    endpoint,
    eventually,
    identity,
    linked,
    listening,
)
from wire import Address, Dialer, Limits, LinkAccepted, LinkEnded, LinkNumber, LinkOpened, MessageReceived
from wire.io.link_events import DialFailed, LinkClosing
from wire.link_metrics import WireMetrics
from wire.protocol.wire_errors import (
    ClosedError,
    IdleTimeoutError,
    PayloadError,
    Refusal,
    RejectCode,
    ResetError,
    StoppedError,
    SupersededError,
    TruncatedError,
)


def test_messages_come_in_order_and_the_link_ends_with_a_bye() -> None:
    metrics = WireMetrics()
    with linked(metrics=metrics) as (dialer, told, number, _, heard):
        for index in range(100):
            assert dialer.send(number, Note(number=index))
        assert [heard.next(MessageReceived).message for _ in range(100)] == [Note(number=n) for n in range(100)]
        value = metrics.registry.get_sample_value
        assert value("wire_connections", {"direction": "in"}) == value("wire_connections", {"direction": "out"}) == 1
        assert dialer.stop(5, bye="going home")
        ended = heard.next(LinkEnded)
        assert (ended.number, ended.is_end_of_stream, ended.error, ended.bye) == (number, True, None, "going home")
        assert isinstance(told.next(LinkClosing).error, StoppedError)
        assert eventually(lambda: value("wire_connections", {"direction": "in"}) == 0)
        assert (
            value("wire_frames_total", {"direction": "in"}) == value("wire_frames_total", {"direction": "out"}) == 101
        )


def test_a_one_way_link_has_a_high_descriptor() -> None:
    """So Linux closes it first when the process is killed."""
    with linked() as (dialer, *_), socket.socket() as later:
        assert dialer._socket is not None
        assert dialer._socket.fileno() > later.fileno()


def test_both_ends_see_the_same_addresses_on_loopback() -> None:
    with listening() as (listener, heard), dialing(listener.address) as (_, told):
        opened, accepted = told.next(LinkOpened), heard.next(LinkAccepted)
        assert opened.is_trusted
        assert accepted.is_trusted
        assert (opened.local, opened.remote) == (accepted.remote, accepted.local)
        assert opened.identity.node == "bob"
        assert accepted.identity.store == identity("ann").store


def test_an_ipv4_link_to_the_ipv6_wildcard_is_trusted() -> None:
    """Both ends write the same two addresses, although one of them sees IPv4 within IPv6."""
    with listening(host="::") as (listener, heard), dialing(Address("127.0.0.1", listener.address.port)) as (_, told):
        opened, accepted = told.next(LinkOpened), heard.next(LinkAccepted)
        assert opened.is_trusted
        assert accepted.is_trusted
        assert accepted.remote == opened.local
        assert accepted.remote.startswith("127.0.0.1:")


def test_each_address_of_a_name_is_dialed(monkeypatch: pytest.MonkeyPatch) -> None:
    """localhost may be ::1 first, although the node listens on 127.0.0.1."""
    with listening() as (listener, heard):
        port = listener.address.port
        both = [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]
        found = [(family, socket.SOCK_STREAM, 0, "", place) for family, place in both]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with dialing(Address("localhost", port)) as (_, told):
            assert told.next(LinkOpened).is_trusted
            assert heard.next(LinkAccepted).is_trusted


def test_a_wildcard_is_dialed_as_this_machine() -> None:
    """A dial of [::] or 0.0.0.0 reaches the listener on this machine, on every system."""
    for host in ("::", "0.0.0.0"):
        with listening(host=host) as (listener, heard), dialing(listener.address) as (_, told):
            assert told.next(LinkOpened).remote == f"127.0.0.1:{listener.address.port}"
            assert heard.next(LinkAccepted).is_trusted


def test_a_hello_with_other_views_is_not_trusted() -> None:
    with listening() as (listener, heard), Stranger(listener.address) as stranger:
        said = stranger.hello()
        object.__setattr__(said, "local", "10.1.2.3:4")
        stranger.greet(said)
        assert not heard.next(LinkAccepted).is_trusted


def test_dialer_closes_and_dials_after_its_owner_answers() -> None:
    told = Inbox(is_acknowledging=False)
    with listening() as (listener, heard), dialing(listener.address, inbox=told):
        told.next(LinkOpened)
        first = heard.next(LinkAccepted).number
        next(iter(listener._registry._live.values())).cut(SupersededError("a test's"))
        assert heard.next(LinkEnded).number == first
        closing = told.next(LinkClosing)
        with pytest.raises(queue.Empty):
            heard.next(LinkAccepted, timeout=0.5)
        closing.done.set()
        assert heard.next(LinkAccepted).number > first
        told.next(LinkOpened)


@pytest.mark.parametrize("leftover", [b"", b"\x00\x00", b"\x00\x00\x00\x05ab"])
def test_end_of_stream_inside_a_frame_comes_after_all_messages(leftover: bytes) -> None:
    with listening() as (listener, heard), Stranger(listener.address) as stranger:
        stranger.open()
        data = b"".join(stranger.connection.send(Note(number=n, data=bytes(10_000))) for n in range(50))
        stranger.sock.sendall(data + leftover)
        stranger.sock.close()
        heard.next(LinkAccepted)
        assert [heard.next(MessageReceived).message for _ in range(50)][-1] == Note(number=49, data=bytes(10_000))
        ended = heard.next(LinkEnded)
        assert ended.is_end_of_stream
        assert isinstance(ended.error, TruncatedError) == bool(leftover)


def test_a_reset_proves_nothing() -> None:
    with listening() as (listener, heard), Stranger(listener.address) as stranger:
        stranger.open()
        heard.next(LinkAccepted)
        stranger.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stranger.sock.close()
        ended = heard.next(LinkEnded)
        assert not ended.is_end_of_stream
        assert isinstance(ended.error, ResetError)


def test_garbage_after_the_handshake_ends_the_link() -> None:
    metrics = WireMetrics()
    with listening(metrics=metrics) as (listener, heard), Stranger(listener.address) as stranger:
        stranger.open()
        heard.next(LinkAccepted)
        stranger.sock.sendall(b"\x00\x00\x00\x01\xff")
        ended = heard.next(LinkEnded)
        assert not ended.is_end_of_stream
        assert isinstance(ended.error, PayloadError)
        assert stranger.is_closed_by_other()
        assert metrics.registry.get_sample_value("wire_rejected_frames_total", {"reason": "payload"}) == 1


def test_a_kind_of_a_later_version_is_counted_and_skipped() -> None:
    metrics = WireMetrics()
    with listening(metrics=metrics) as (listener, heard), Stranger(listener.address) as stranger:
        stranger.open()
        heard.next(LinkAccepted)
        stranger.sock.sendall(b"\x00\x00\x00\x07\x81\x65later" + stranger.connection.send(Note(number=1)))
        assert heard.next(MessageReceived).message == Note(number=1)
        assert metrics.registry.get_sample_value("wire_rejected_frames_total", {"reason": "unknown_kind"}) == 1


def test_higher_link_replaces_the_older_one() -> None:
    with listening() as (listener, heard), Stranger(listener.address) as old, Stranger(listener.address) as new:
        old.open(counter=3)
        assert heard.next(LinkAccepted).number == (1, 3)
        new.open(counter=4)
        events = [heard.next(object), heard.next(object)]
        [accepted] = [event for event in events if isinstance(event, LinkAccepted)]
        [ended] = [event for event in events if isinstance(event, LinkEnded)]
        assert accepted.number == (1, 4)
        assert (ended.number, ended.is_end_of_stream) == ((1, 3), False)
        assert isinstance(ended.error, SupersededError)
        assert old.is_closed_by_other()


@pytest.mark.parametrize("counter", [2, 3])
def test_link_that_is_not_higher_is_refused(counter: int) -> None:
    with listening() as (listener, heard), Stranger(listener.address) as live, Stranger(listener.address) as stale:
        live.open(counter=3)
        heard.next(LinkAccepted)
        refused = stale.greet(stale.hello(counter))
        assert getattr(refused, "code", None) == "stale_link"
        live.sock.sendall(live.connection.send(Note(number=1)))
        assert heard.next(MessageReceived).message == Note(number=1)


def test_the_listeners_stop_is_no_end_of_stream() -> None:
    with linked() as (_, told, number, listener, heard):
        assert listener.stop(5)
        ended = heard.next(LinkEnded)
        assert (ended.number, ended.is_end_of_stream) == (number, False)
        assert isinstance(ended.error, StoppedError)
        assert isinstance(told.next(LinkClosing).error, ClosedError)


def test_dialer_finds_a_listener_that_starts_later() -> None:
    with listening() as (first, _):
        address = first.address
    with dialing(address) as (dialer, told):
        assert told.next(DialFailed).error.reason == "connect"
        with listening(port=address.port):
            told.later(LinkOpened)
        told.later(LinkClosing)
        with listening(port=address.port):
            dialer.nudge()
            assert told.later(LinkOpened).number.counter > 1


def test_a_nudge_dials_without_waiting() -> None:
    limits = Limits(backoff_initial_s=10 * PATIENCE_S, backoff_max_s=10 * PATIENCE_S)
    with listening() as (first, _):
        address = first.address
    with dialing(address, limits) as (dialer, told):
        told.next(DialFailed)
        with listening(port=address.port):
            dialer.nudge()
            told.next(LinkOpened)


def test_name_is_resolved_at_every_dial() -> None:
    asked: list[int] = []
    with listening() as (listener, _):

        def resolve() -> Address:
            asked.append(1)
            if len(asked) == 1:
                raise OSError("no such name")
            return Address("no..name" if len(asked) == 2 else "127.0.0.1", listener.address.port)

        told, counter = Inbox(), itertools.count(1)
        dialer = Dialer("bob", resolve, endpoint("ann", told), next_counter=counter.__next__)
        dialer.start()
        try:
            assert told.next(DialFailed).error.reason == "resolve"
            assert told.next(DialFailed).error.reason == "resolve"
            assert told.next(LinkOpened).number == (1, 1)
        finally:
            assert dialer.stop(5)


def test_a_refusal_is_told_with_its_code() -> None:
    with listening(known=()) as (listener, _), dialing(listener.address) as (_, told):
        error = told.next(DialFailed).error
        assert isinstance(error, Refusal)
        assert error.code is RejectCode.UNKNOWN_PEER
        assert error.is_retryable


def test_a_wrong_node_at_the_address_is_refused() -> None:
    with listening() as (listener, _):
        told, counter = Inbox(), itertools.count(1)
        dialer = Dialer("cid", lambda: listener.address, endpoint("ann", told), next_counter=counter.__next__)
        dialer.start()
        try:
            assert told.next(DialFailed).error.reason == "wrong_node"
        finally:
            assert dialer.stop(5)


def test_listener_that_never_answers_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address("127.0.0.1", server.getsockname()[1])
        with dialing(address, Limits(handshake_timeout_s=0.2)) as (_, told):
            assert told.next(DialFailed).error.reason == "handshake_timeout"


@pytest.mark.long
def test_keepalives_hold_an_idle_link_and_silence_ends_it() -> None:
    limits = Limits(keepalive_interval_s=0.2, idle_timeout_s=2.0)
    with listening(limits) as (listener, heard), dialing(listener.address, limits):
        heard.next(LinkAccepted)
        with pytest.raises(queue.Empty):
            heard.next(LinkEnded, timeout=3.0)
    with listening(limits) as (listener, heard), Stranger(listener.address) as silent:
        silent.open()
        heard.next(LinkAccepted)
        ended = heard.next(LinkEnded)
        assert isinstance(ended.error, IdleTimeoutError)
        assert not ended.is_end_of_stream


def test_a_message_for_another_link_is_dropped_and_counted() -> None:
    metrics = WireMetrics()
    with linked(metrics=metrics) as (dialer, _, number, _, _):
        assert not dialer.send(LinkNumber(1, number.counter + 1), Note(number=1))
        labels = {"peer": "bob", "kind": "note"}
        assert metrics.registry.get_sample_value("wire_outbox_dropped_total", labels) == 1


def test_message_that_cannot_be_sent_is_counted() -> None:
    metrics = WireMetrics()
    with linked(metrics=metrics) as (dialer, _, number, _, heard):
        dialer.send(number, Note(number=2**63))
        dialer.send(number, Note(number=1, data=bytes(70_000)))
        dialer.send(number, Note(number=2))
        assert heard.next(MessageReceived).message == Note(number=2)
        labels = {"peer": "bob", "kind": "note"}
        assert metrics.registry.get_sample_value("wire_outbox_dropped_total", labels) == 2


def test_a_peer_that_is_away_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = Address("127.0.0.1", free.getsockname()[1])
    limits = Limits(backoff_initial_s=0.001, backoff_max_s=0.001)
    with caplog.at_level(logging.INFO, "wire"), dialing(away, limits) as (_, told):
        for _ in range(20):
            assert told.next(DialFailed).error.reason == "connect"
        assert [record.name for record in caplog.records] == ["wire.links.dialer"]
