"""The end of a dialed link: it is announced, waiting messages are sent, and a stop is bounded."""

import itertools
import threading
import time

import pytest

from tests.integration.wire_ends import (
    CODEC,
    PATIENCE_S,
    BareAcceptor,
    Inbox,
    Note,
    dialing,
    eventually,
    identity,
    linked,
    listening,
)
from wire import Dialer, Endpoint, Limits, LinkAccepted, LinkClosing, LinkEnded, LinkNumber, LinkOpened, MessageReceived
from wire.protocol.wire_errors import OrderError, WriteTimeoutError


def test_nothing_is_closed_before_the_owner_has_answered() -> None:
    """Seen from the other end: the acceptor speaks, which is a fault, and still no end of stream comes."""
    told = Inbox(is_acknowledging=False)
    with BareAcceptor() as (address, accept), dialing(address, inbox=told):
        sock = accept()
        told.next(LinkOpened)
        sock.sendall(b"\0")
        closing = told.next(LinkClosing)
        assert isinstance(closing.error, OrderError)
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(100)
        closing.done.set()
        sock.settimeout(5)
        assert sock.recv(100) == b""
        sock.close()


def test_an_owner_that_breaks_leaves_the_socket_open() -> None:
    """The owner could not be told, and may still count the link: the socket stays open."""
    opened = threading.Event()

    def deliver(event: object) -> None:
        if isinstance(event, LinkClosing):
            raise RuntimeError("broken")
        opened.set()

    with BareAcceptor() as (address, accept):
        counter = itertools.count(1)
        end = Endpoint(identity=identity("ann"), codec=CODEC, deliver=deliver)
        dialer = Dialer("bob", lambda: address, end, next_counter=counter.__next__)
        with _no_excepthook():
            dialer.start()
            sock = accept()
            assert opened.wait(5)
            sock.sendall(b"\0")
            assert eventually(lambda: not dialer._thread.is_alive())
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(100)
        assert dialer.stop(1)
        assert dialer._socket is not None
        dialer._socket.close()
        sock.close()


class _no_excepthook:  # noqa: N801
    """A thread's death is expected."""

    def __enter__(self) -> None:
        self._hook, threading.excepthook = threading.excepthook, lambda _: None

    def __exit__(self, *_: object) -> None:
        threading.excepthook = self._hook


def _fill(dialer: Dialer, number: LinkNumber) -> None:
    """Send until the outbox stays full: the socket's buffers are full, too."""
    full_since = None
    while full_since is None or time.monotonic() - full_since < 0.3:
        is_taken = dialer.send(number, Note(number=1, data=bytes(60_000)))
        full_since = None if is_taken else full_since or time.monotonic()
        time.sleep(0.001)


def test_peer_that_never_reads_costs_bounded_memory() -> None:
    with BareAcceptor() as (address, accept), dialing(address, Limits(write_timeout_s=1.0)) as (dialer, told):
        sock = accept()
        number = told.next(LinkOpened).number
        _fill(dialer, number)
        assert isinstance(told.next(LinkClosing).error, WriteTimeoutError)
        sock.close()


def test_stop_does_not_wait_for_a_peer_that_never_reads() -> None:
    endless = Limits(write_timeout_s=10 * PATIENCE_S, idle_timeout_s=10 * PATIENCE_S)
    with BareAcceptor() as (address, accept), dialing(address, endless) as (dialer, told):
        sock = accept()
        _fill(dialer, told.next(LinkOpened).number)
        dialer.stop(0.5)
        assert eventually(lambda: not dialer._thread.is_alive())
        sock.close()


def test_queued_messages_are_sent_at_a_stop() -> None:
    with linked() as (dialer, _, number, _, heard):
        for index in range(200):
            dialer.send(number, Note(number=index, data=bytes(1_000)))
        assert dialer.stop(5)
        assert [heard.next(MessageReceived).message for _ in range(200)][-1] == Note(number=199, data=bytes(1_000))
        assert heard.next(LinkEnded).bye == "stopping"


def test_stop_does_not_wait_for_an_owner_that_is_gone() -> None:
    told = Inbox(is_acknowledging=False)
    with listening() as (listener, heard), dialing(listener.address, inbox=told) as (dialer, _):
        told.next(LinkOpened)
        assert dialer.stop(5)
        heard.next(LinkAccepted)
        assert heard.next(LinkEnded).is_end_of_stream


def test_a_hundred_starts_and_stops() -> None:
    for _ in range(100):
        with linked():
            pass


def test_many_dialers_close_at_the_same_time() -> None:
    with (
        listening(known=("ann", "cid")) as (listener, heard),
        dialing(listener.address) as (ann, told_ann),
        dialing(listener.address, node="cid") as (cid, told_cid),
    ):
        told_ann.next(LinkOpened)
        told_cid.next(LinkOpened)
        assert [ann.is_alive, cid.is_alive, listener.is_alive] == [True, True, True]
        for dialer in (ann, cid):
            dialer.ask_stop("going home")
        assert {heard.later(LinkEnded).bye, heard.later(LinkEnded).bye} == {"going home"}
        assert ann.stop(5)
        assert cid.stop(5)
        assert listener.stop(5)
        assert [ann.is_alive, cid.is_alive, listener.is_alive] == [False, False, False]
