"""Links that stay open, and links whose end is noticed: after silence, a cut or a restart, within a bound."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.proxy import Proxy
from tests.integration.wire_ends import (
    BareAcceptor,
    Inbox,
    Note,
    Stranger,
    conversing,
    dialing,
    eventually,
    linked,
    listening,
)
from wire import Address, Limits, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.io.link_events import DialFailed
from wire.link_metrics import WireMetrics
from wire.protocol.handshake import MAGIC, Reject, Welcome
from wire.protocol.wire_errors import IdleTimeoutError, RestartedError, UnreadError, WriteTimeoutError
from wire.security.security import Keyed

pytestmark = pytest.mark.long

QUICK = Limits(keepalive_interval_s=0.3, idle_timeout_s=2.0, backoff_max_s=0.1)
NOTICED_S = 2 * QUICK.idle_timeout_s + 1.0
"""An end may have heard just before the cut; and its own notice of another's takes as long again at most."""


@contextlib.contextmanager
def proxied(*, is_two_way: bool) -> Iterator[tuple[Proxy, Inbox, Inbox]]:
    """A link of `ann`'s to `bob` through a proxy, and what each end is told after it is open."""
    with listening(QUICK, two_way=("client",)) as (bob, heard):
        proxy = Proxy(str(bob.address))
        try:
            kind = "client" if is_two_way else "peer"
            with dialing(Address.parse(proxy.address), QUICK, kind=kind, is_two_way=is_two_way) as (_, told):
                told.next(LinkOpened)
                heard.next(LinkAccepted)
                yield proxy, told, heard
                proxy.heal()
        finally:
            proxy.stop()


@pytest.mark.parametrize("direction", ["onward", "back"])
def test_both_ends_of_a_two_way_link_notice_a_cut(direction: str) -> None:
    with proxied(is_two_way=True) as (proxy, told, heard):
        proxy.cut(direction)
        closing = told.later(LinkClosing, timeout=NOTICED_S)
        ended = heard.later(LinkEnded, timeout=NOTICED_S)
        first = ended if direction == "onward" else closing
        assert isinstance(first.error, IdleTimeoutError | UnreadError)


def test_both_ends_of_a_one_way_link_notice_a_cut() -> None:
    with proxied(is_two_way=False) as (proxy, told, heard):
        proxy.cut("onward")
        assert isinstance(heard.later(LinkEnded, timeout=NOTICED_S).error, IdleTimeoutError)
        told.later(LinkClosing, timeout=NOTICED_S)


@pytest.mark.slow
def test_idle_links_outlive_ten_idle_timeouts() -> None:
    with linked(QUICK) as (_, told, _, _, heard), conversing(QUICK) as link:
        time.sleep(10 * QUICK.idle_timeout_s)
        assert told.is_empty()
        assert heard.is_empty()
        assert link.told.is_empty()
        assert link.heard.is_empty()


@pytest.mark.parametrize("is_two_way", [False, True])
def test_link_to_a_dead_process_is_replaced_at_once(is_two_way: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old host disappears without a packet and the link looks open; then its successor dials."""
    monkeypatch.setattr("wire.io.link_runner.LINGER_S", 60.0)
    limits = Limits(backoff_initial_s=60, backoff_max_s=60, idle_timeout_s=60)
    kind = "client" if is_two_way else "peer"
    with (
        BareAcceptor() as (address, accept),
        dialing(address, limits, kind=kind, is_two_way=is_two_way) as (ann, told),
    ):
        old = accept()
        first = told.next(LinkOpened).number
        ann.nudge(incarnation=1)
        with pytest.raises(TimeoutError):
            _read(old, for_s=0.3)
        ann.nudge(incarnation=2)
        closing = told.next(LinkClosing)
        assert isinstance(closing.error, RestartedError)
        new = accept()
        assert told.next(LinkOpened).number > first
        for sock in (old, new):
            sock.close()


@pytest.mark.parametrize("is_two_way", [False, True])
def test_a_write_that_nobody_takes_holds_up_no_successor(is_two_way: bool) -> None:
    limits = Limits(backoff_initial_s=60, backoff_max_s=60, idle_timeout_s=60, write_timeout_s=60)
    kind = "client" if is_two_way else "peer"
    with (
        BareAcceptor() as (address, accept),
        dialing(address, limits, kind=kind, is_two_way=is_two_way) as (ann, told),
    ):
        with accept():
            number = told.next(LinkOpened).number
            assert eventually(lambda: not ann.send(number, Note(number=1, data=bytes(60_000))))
            ann.nudge(incarnation=2)
            assert isinstance(told.next(LinkClosing).error, RestartedError)
        accept().close()
        told.next(LinkOpened)


def _read(sock: socket.socket, for_s: float) -> bytes:
    sock.settimeout(for_s)
    return sock.recv(4_096)


def test_successor_heard_of_during_the_dial_counts() -> None:
    """The successor is announced between the Welcome of the old process and the end of the dial."""
    with BareAcceptor() as (address, accept), dialing(address, Limits(backoff_initial_s=60)) as (ann, told):
        compare, compared = ann._end_if_outdated, threading.Event()

        def late(link: object) -> None:
            if not compared.is_set():
                compared.set()
                ann._link = None
                ann.nudge(incarnation=2)
                ann._link = link  # type: ignore[assignment]
            compare(link)  # type: ignore[arg-type]

        ann._end_if_outdated = late  # type: ignore[method-assign]
        old = accept()
        told.next(LinkOpened)
        assert isinstance(told.next(LinkClosing).error, RestartedError)
        accept().close()
        old.close()


def test_a_slow_reader_that_makes_progress_is_not_cut() -> None:
    """The socket's buffers are larger than what is read within a write timeout."""
    with BareAcceptor() as (address, accept), dialing(address, Limits(write_timeout_s=0.5)) as (ann, told):
        sock = accept()
        number = told.next(LinkOpened).number
        deadline, blocked = time.monotonic() + 4.0, 0
        while time.monotonic() < deadline:
            while ann.send(number, Note(number=1, data=bytes(60_000))):
                pass
            blocked += len(ann._outbox) == 256
            sock.recv(30_000)
            time.sleep(0.05)
        assert blocked > 10, "the outbox was never full: nothing was shown"
        assert told.is_empty()
        sock.settimeout(10)
        while told.is_empty():
            time.sleep(0.05)
        assert isinstance(told.next(LinkClosing).error, WriteTimeoutError), "without progress it is"
        sock.close()


def test_slow_welcome_does_not_extend_the_dialers_deadline() -> None:
    limits = Limits(handshake_timeout_s=0.5, backoff_initial_s=60)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        dialing(Address("127.0.0.1", server.getsockname()[1]), limits) as (_, told),
    ):
        sock, _ = server.accept()
        with sock, contextlib.suppress(OSError):
            for byte in MAGIC + b"\x00\x00\x10\x00" + bytes(1_000):
                sock.sendall(bytes([byte]))
                time.sleep(0.05)
                if not told.is_empty():
                    break
        assert told.next(DialFailed).error.reason == "handshake_timeout"


def test_stray_connections_never_disturb_a_live_link(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("61" * 32)
    path.chmod(0o600)
    metrics = WireMetrics()
    security = Keyed(path)
    with linked(metrics=metrics, securities=(security, security)) as (ann, told, number, bob, heard):
        ring = security.credentials.ring
        assert ring is not None
        for count in range(20):
            with Stranger(bob.address) as stray:
                # Without the key, with a Hello that is right in all else, it gets a Welcome and has nothing to prove.
                said = stray.hello(counter=1_000 + count)
                object.__setattr__(said, "keys", ring.ids)
                object.__setattr__(said, "nonce", bytes(32))
                stray.sock.sendall(stray.connection.greet(said)[: None if count % 2 else 40])
            assert ann.send(number, Note(number=count))
            assert heard.next(MessageReceived).message == Note(number=count)
        assert told.is_empty()
        assert metrics.registry.get_sample_value("wire_connections", {"direction": "in"}) == 1


def test_links_of_one_address_are_bounded() -> None:
    limits = Limits(links_per_host_max=1)
    with listening(limits, known=("ann", "cid")) as (bob, heard):
        with Stranger(bob.address) as first, Stranger(bob.address, "cid") as other:
            first.open(counter=1)
            heard.next(LinkAccepted)
            refused = other.greet(other.hello())
            assert isinstance(refused, Reject)
            assert (refused.code, refused.retryable) == ("full", True)
            with Stranger(bob.address) as second:
                second.open(counter=2)
                assert heard.later(LinkAccepted).number == (1, 2)
        assert eventually(lambda: not bob._registry.all())
        with Stranger(bob.address, "cid") as other:
            assert isinstance(other.greet(other.hello(counter=2)), Welcome)


def test_links_are_bounded_in_all() -> None:
    with listening(Limits(links_max=1), known=("ann", "cid")) as (bob, heard), Stranger(bob.address) as first:
        first.open(counter=1)
        heard.next(LinkAccepted)
        with Stranger(bob.address, "cid") as other:
            refused = other.greet(other.hello())
            assert isinstance(refused, Reject)
            assert refused.code == "full"


@pytest.mark.parametrize("pending_max", [8, 3], ids=["there is room", "all is full"])
def test_silent_connections_make_room_for_their_own_address(pending_max: int) -> None:
    limits = Limits(pending_max=pending_max, pending_per_host_max=2, handshake_timeout_s=5.0)
    with listening(limits) as (bob, _), contextlib.ExitStack() as stack:
        place = bob.address.host, bob.address.port
        elsewhere = stack.enter_context(socket.create_connection(place, source_address=("127.0.0.2", 0)))
        silent = [stack.enter_context(Stranger(bob.address)) for _ in range(3)]
        assert b"full" in silent[0].sock.recv(4_096)
        for sock in (elsewhere, silent[1].sock, silent[2].sock):
            with pytest.raises(TimeoutError):
                _read(sock, for_s=0.1)
