"""Links under TLS, over loopback: messages, ends, and certificates that are replaced."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.integration.tls_ends import relay
from tests.integration.wire_ends import Inbox, Note, dialing, eventually, linked, listening
from wire import Address, Limits, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.link_metrics import WireMetrics
from wire.protocol.frame import KEEPALIVE
from wire.protocol.wire_errors import TlsError
from wire.security import reload
from wire.security.tls import Tls


def test_messages_and_a_goodbye_under_tls(ann: Tls, bob: Tls) -> None:
    with linked(securities=(ann, bob)) as (dialer, told, number, _, heard):
        for count in range(300):
            note = Note(number=count, data=bytes(count * 200))
            assert dialer.send(number, note)
            assert heard.next(MessageReceived).message == note
        assert dialer.stop(5, bye="done")
        assert told.next(LinkClosing).number == number
        ended = heard.next(LinkEnded)
    assert (ended.bye, ended.is_end_of_stream, ended.error) == ("done", True, None)


def test_a_link_that_is_trusted_in_the_clear_is_so_under_tls(ann: Tls, bob: Tls) -> None:
    inbox = Inbox()
    with (
        listening(security=bob) as (listener, heard),
        dialing(listener.address, inbox=inbox, security=ann) as (dialer, _),
    ):
        assert inbox.next(LinkOpened).is_trusted
        assert heard.next(LinkAccepted).is_trusted
        assert dialer._socket is not None
        with pytest.raises(BlockingIOError):  # no session ticket: a killed dialer with something unread ends in a reset
            dialer._socket.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)


def test_keepalives_and_closes_are_noticed_under_tls(ann: Tls, bob: Tls) -> None:
    limits = Limits(keepalive_interval_s=0.05, idle_timeout_s=2.0)
    metrics = WireMetrics()
    with (
        listening(limits, metrics, security=bob) as (listener, _),
        dialing(listener.address, limits, metrics, security=ann) as (_, told),
    ):
        told.next(LinkOpened)
        out = {"direction": "out"}
        ten_keepalives = 10 * len(KEEPALIVE)
        assert eventually(lambda: (metrics.registry.get_sample_value("wire_bytes_total", out) or 0) > ten_keepalives)
        assert listener.stop(5)
        assert told.next(LinkClosing).error.reason == "closed"


KILLED = """
import itertools, pathlib, sys, threading
from tests.integration.wire_ends import Inbox, Note, endpoint
from wire import Address, Dialer, LinkOpened
from wire.security.credentials import TlsFiles
from wire.security.tls import Tls
told = Inbox()
files = TlsFiles(**dict(zip(("certificate", "key", "ca"), map(pathlib.Path, sys.argv[2:]))))
end = endpoint("ann", told, security=Tls(files, node="ann", cluster="c"))
dialer = Dialer("bob", lambda: Address("127.0.0.1", int(sys.argv[1])), end, next_counter=itertools.count(1).__next__)
dialer.start()
number = told.next(LinkOpened).number
for count in range(1000):
    while not dialer.send(number, Note(number=count, data=bytes(1000))):
        pass
threading.Event().wait()
"""


def test_killed_process_ends_in_a_trusted_end_of_stream(authority: Authority, bob: Tls) -> None:
    files = authority.files("ann")
    with listening(security=bob) as (listener, heard):
        arguments = [str(listener.address.port), *map(str, files.all)]
        process = subprocess.Popen([sys.executable, "-c", KILLED, *arguments])
        try:
            assert heard.next(LinkAccepted).is_trusted
            for count in range(1_000):
                assert heard.next(MessageReceived).message == Note(number=count, data=bytes(1_000))
            process.send_signal(signal.SIGKILL)
            ended = heard.next(LinkEnded)
        finally:
            process.kill()
            process.wait(10)
        assert (ended.is_end_of_stream, ended.error, ended.bye) == (True, None, None)


def test_a_bit_that_is_flipped_under_way_ends_the_link(ann: Tls, bob: Tls) -> None:
    is_flipping = threading.Event()

    def change(data: bytes) -> bytes:
        return data[:-1] + bytes([data[-1] ^ is_flipping.is_set()])

    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        listening(security=bob) as (listener, heard),
    ):
        thread = threading.Thread(target=relay, args=(listener.address, server, change))
        thread.start()
        with dialing(Address("127.0.0.1", server.getsockname()[1]), security=ann) as (dialer, told):
            number = told.next(LinkOpened).number
            assert not heard.next(LinkAccepted).is_trusted
            assert dialer.send(number, Note(number=1))
            assert heard.next(MessageReceived).message == Note(number=1)
            is_flipping.set()
            assert dialer.send(number, Note(number=2))
            ended = heard.next(LinkEnded)
            assert isinstance(ended.error, TlsError)
            assert not ended.is_end_of_stream
        thread.join()


def test_idle_listener_watches_the_end_of_its_certificate(bob: Tls) -> None:
    metrics = WireMetrics()
    with listening(metrics=metrics, security=bob):
        end = "wire_certificate_not_after_timestamp_seconds"
        assert eventually(lambda: (metrics.registry.get_sample_value(end, {"certificate": "own"}) or 0) > 1e9)


def test_certificates_are_replaced_while_links_are_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the manual: every node trusts the new authority before any node uses its certificates."""
    monkeypatch.setattr(reload, "RETRY_INTERVAL_S", 0.0)
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    files = {node: replace(old.files(node, name=node), ca=tmp_path / f"{node}.ca") for node in ("ann", "bob")}
    for each in files.values():
        each.ca.write_bytes(old.ca.read_bytes())
    tls = {node: Tls(each, node=node, cluster="c") for node, each in files.items()}

    def swap(node: str) -> None:
        fresh = new.files(node)
        fresh.certificate.replace(files[node].certificate)
        assert tls[node].credentials.tls is not None, "half of a pair leaves the old one in use"
        fresh.key.replace(files[node].key)

    def believe(node: str, *authorities: Authority) -> None:
        files[node].ca.write_bytes(b"".join(each.ca.read_bytes() for each in authorities))

    steps: list[Callable[[], None]] = [
        *(lambda node=node: believe(node, old, new) for node in files),  # type: ignore[misc]
        *(lambda node=node: swap(node) for node in files),  # type: ignore[misc]
        *(lambda node=node: believe(node, new) for node in files),  # type: ignore[misc]
    ]
    with linked(securities=(tls["ann"], tls["bob"])) as (dialer, _, number, _, heard):
        for step in steps:
            step()
            with (
                listening(security=tls["bob"]) as (second, _),
                dialing(second.address, security=tls["ann"]) as (_, told),
            ):
                assert told.next(LinkOpened)
            assert dialer.send(number, Note(number=1))
            assert heard.next(MessageReceived).message == Note(number=1)


def test_one_thread_reads_while_another_writes_at_both_ends(ann: Tls, bob: Tls) -> None:
    """For connections that carry messages both ways: two saturated ends don't wait for each other."""
    from wire.common.deadline import Deadline

    near, far = socket.socketpair()
    ends = ann.credentials.channel(near, is_dialer=True), bob.credentials.channel(far, is_dialer=False)
    greeting = threading.Thread(target=ends[1].shake_hands, args=(Deadline(5),))
    greeting.start()
    ends[0].shake_hands(Deadline(5))
    ends[0].write(b"x")
    greeting.join()
    assert ends[1]._outgoing.pending == 0, "a session ticket, which a dialer would have unread"
    assert ends[1].read_before(Deadline(5)) == b"x"
    for sock in (near, far):
        sock.settimeout(20)
    total, received = 3_000_000, [bytearray(), bytearray()]
    said = [bytes([index]) * total for index in range(2)]

    def write(index: int) -> None:
        for start in range(0, total, 30_000):
            ends[index].write(said[index][start : start + 30_000])

    def read(index: int) -> None:
        while len(received[index]) < total:
            received[index] += ends[index].read()

    threads = [threading.Thread(target=each, args=(index,)) for each in (write, read) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    near.close()
    far.close()
    assert received[0] == said[1]
    assert received[1] == said[0]
