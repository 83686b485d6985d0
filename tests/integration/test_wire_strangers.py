"""Strangers on the port of a running listener: typed, counted, bounded, and no peer is disturbed."""

import errno
import logging
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.conftest import open_descriptors
from tests.integration.wire_ends import PATIENCE_S, Note, Stranger, dialing, eventually, linked, listening
from wire import Address, Limits, LinkAccepted, LinkEnded, LinkOpened, MessageReceived
from wire.link_metrics import WireMetrics
from wire.protocol.handshake import MAGIC, Reject
from wire.protocol.wire_errors import IdleTimeoutError

BOMB = b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff" * 100
HOSTILE = {
    "http": (b"GET / HTTP/1.1\r\nHost: bob\r\n\r\n", "magic"),
    "zeros": (bytes(100), "magic"),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "magic"),
    "four gibibytes": (MAGIC + b"\xff\xff\xff\xff", "frame_too_long"),
    "longer than a hello": (MAGIC + b"\x00\x00\x20\x01", "frame_too_long"),
    "not CBOR": (MAGIC + b"\x00\x00\x00\x01\xff", "payload"),
    "a bomb": (MAGIC + len(BOMB).to_bytes(4, "big") + BOMB, "payload"),
    "deep": (MAGIC + b"\x00\x00\x1f\x00" + b"\x81" * 0x1F00, "payload"),
    "a keepalive": (MAGIC + bytes(4), "payload"),
    "another kind": (MAGIC + b"\x00\x00\x00\x06\x81\x64vote", "unknown_kind"),
    "an answer": (MAGIC + b"\x00\x00\x00\x11\x84\x66reject\x64full\x60\xf5" + bytes(4), "payload"),
}


def outcomes(metrics: WireMetrics, outcome: str) -> float:
    labels = {"direction": "in", "outcome": outcome}
    return metrics.registry.get_sample_value("wire_handshakes_total", labels) or 0


@pytest.mark.parametrize(("said", "outcome"), HOSTILE.values(), ids=HOSTILE)
def test_garbage_instead_of_a_hello(said: bytes, outcome: str) -> None:
    metrics = WireMetrics()
    with listening(metrics=metrics) as (listener, heard), Stranger(listener.address) as stranger:
        stranger.sock.sendall(said)
        while stranger.sock.recv(4_096):
            pass
        assert eventually(lambda: outcomes(metrics, outcome) == 1)
        assert heard.is_empty()


def test_connection_reset_before_its_greeting_is_counted() -> None:
    metrics = WireMetrics()
    with listening(metrics=metrics) as (listener, _):
        listener._accept(Gone())
        assert outcomes(metrics, "reset") == 1


class Gone:
    """A listening socket whose next connection is over already."""

    def accept(self) -> tuple[socket.socket, None]:
        return socket.socket(), None


@pytest.mark.parametrize(
    ("changed", "node", "code"),
    [
        ({"cluster": "d"}, "ann", "cluster"),
        ({"to": "cid"}, "ann", "wrong_node"),
        ({"kind": "client"}, "ann", "kind"),
        ({}, "bob", "own_store"),
        ({}, "eve", "unknown_peer"),
    ],
)
def test_a_hello_that_is_not_for_here_is_answered_why(changed: dict[str, str], node: str, code: str) -> None:
    metrics = WireMetrics()
    with listening(metrics=metrics) as (listener, heard), Stranger(listener.address, node) as stranger:
        answer = stranger.greet(stranger.hello(**changed))  # type: ignore[arg-type]
        assert isinstance(answer, Reject)
        assert answer.code == code
        assert stranger.is_closed_by_other()
        assert eventually(lambda: outcomes(metrics, code) == 1)
        assert heard.is_empty()


@pytest.mark.parametrize("more", [b"\0", bytes(4), b"\0\0\0\x08\x83\x64note\x01\x40"])
def test_dialer_that_does_not_wait_for_the_answer_is_refused(more: bytes) -> None:
    metrics = WireMetrics()
    with listening(metrics=metrics) as (listener, heard), Stranger(listener.address) as hasty:
        hasty.sock.sendall(hasty.connection.greet(hasty.hello()) + more)
        answer = hasty.answer()
        assert isinstance(answer, Reject)
        assert answer.code == "malformed"
        assert eventually(lambda: sum(outcomes(metrics, why) for why in ("order", "payload", "unknown_kind")) == 1)
        assert heard.is_empty()


def test_a_node_that_dials_itself_is_told() -> None:
    with listening() as (listener, _), dialing(listener.address, node="bob") as (_, told):
        assert getattr(told.next(object), "error").reason == "own_store"  # noqa: B009


def test_slow_bytes_do_not_extend_the_handshakes_deadline() -> None:
    limits = Limits(handshake_timeout_s=0.5)
    with listening(limits) as (listener, _), Stranger(listener.address) as slow, pytest.raises(ConnectionError):
        for byte in slow.connection.greet(slow.hello()):
            slow.sock.sendall(bytes([byte]))
            time.sleep(0.1)


def handshake_threads() -> int:
    return sum(thread.name == "test-handshake" for thread in threading.enumerate())


def resident_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * resource.getpagesize() // 1024


def test_a_thousand_silent_connections_cost_few_threads() -> None:
    limits = Limits(pending_max=16)
    with linked(limits) as (dialer, _, number, listener, heard), ExitStack() as stack:
        before, most = resident_kib(), 0
        for count in range(1_000):
            silent = socket.create_connection((listener.address.host, listener.address.port), timeout=10)
            stack.callback(silent.close)
            most = max(most, handshake_threads())
            if count % 100 == 0:
                assert dialer.send(number, Note(number=count))
                assert heard.next(MessageReceived).message == Note(number=count)
        assert most <= 16 + 2, "a thread that has given its slot back may still be ending"
        assert resident_kib() - before < 20_000
        with Stranger(listener.address) as late:
            late.open(counter=5)
            assert heard.later(LinkAccepted).number == (1, 5)


def test_oldest_silent_connection_makes_room() -> None:
    with listening(Limits(pending_max=2, handshake_timeout_s=5.0)) as (listener, _), ExitStack() as stack:
        speaking = stack.enter_context(Stranger(listener.address))
        speaking.sock.sendall(MAGIC)
        assert eventually(lambda: any(not link.is_silent for link in listener._registry.all()))
        silent, late = (stack.enter_context(Stranger(listener.address)) for _ in range(2))
        assert b"full" in silent.sock.recv(4_096)
        assert silent.is_closed_by_other()
        late.open()
        speaking.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            speaking.sock.recv(1)


@contextmanager
def few_descriptors() -> Iterator[None]:
    """Leave this process no free descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.dup(0)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_accepting_survives_a_lack_of_descriptors() -> None:
    with linked() as (dialer, _, number, listener, heard):
        sock = socket.socket()
        with few_descriptors():
            with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
                os.dup(0)
            sock.connect((listener.address.host, listener.address.port))
            started = time.process_time()
            time.sleep(0.3)
            assert time.process_time() - started < 0.1, "it spins"
            assert dialer.send(number, Note(number=1))
            assert heard.next(MessageReceived).message == Note(number=1)
        with sock, Stranger(listener.address) as late:
            late.open(counter=5)


def test_taken_port_is_reported_at_once() -> None:
    with listening() as (listener, _), pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
        listening(port=listener.address.port).__enter__()


def test_a_dialer_survives_garbage_from_what_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for said in (b"HTTP/1.1 400 Bad Request\r\n\r\n", MAGIC + b"\xff\xff\xff\xff", b""):
                sock, _ = server.accept()
                with sock:
                    sock.sendall(said)
                    sock.recv(4_096)

        thread = threading.Thread(target=answer)
        thread.start()
        with dialing(Address("127.0.0.1", server.getsockname()[1])) as (_, told):
            reasons = [getattr(told.next(object), "error").reason for _ in range(3)]  # noqa: B009
            thread.join()
        assert reasons == ["magic", "frame_too_long", "truncated"]


def test_a_forked_childs_copies_keep_no_link_open() -> None:
    with linked() as (_, told, _, _, heard):
        child = os.fork()
        if child == 0:
            os._exit(any(name.startswith("socket:") for name in open_descriptors()))
        assert os.waitpid(child, 0)[1] == 0
        assert told.is_empty()
        assert heard.is_empty()


def test_a_dialer_opens_again_after_its_link_was_taken_over() -> None:
    with linked() as (_, told, number, listener, heard), Stranger(listener.address) as other:
        other.open(counter=2)
        assert heard.later(LinkAccepted).number == (1, 2)
        assert told.later(LinkOpened).number > number


KILLED = """
import sys
from tests.conftest import open_descriptors
from tests.integration.wire_ends import Note, dialing
from wire import Address, LinkOpened
with dialing(Address("127.0.0.1", int(sys.argv[1]))) as (dialer, told):
    number = told.next(LinkOpened).number
    count = 0
    while True:
        count += dialer.send(number, Note(number=count, data=bytes(1_000)))
"""


def test_killed_process_ends_in_an_end_of_stream() -> None:
    with listening() as (listener, heard):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(listener.address.port)])
        heard.next(LinkAccepted)
        for number in range(1_000):
            assert heard.next(MessageReceived).message == Note(number=number, data=bytes(1_000))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        ended = heard.later(LinkEnded)
        assert ended.is_end_of_stream
        assert ended.bye is None


def test_a_stopped_process_is_silent_and_nothing_more() -> None:
    with listening(Limits(idle_timeout_s=2.0)) as (listener, heard):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(listener.address.port)])
        try:
            heard.next(LinkAccepted)
            process.send_signal(signal.SIGSTOP)
            ended = heard.later(LinkEnded)
            assert isinstance(ended.error, IdleTimeoutError)
            assert not ended.is_end_of_stream
            process.send_signal(signal.SIGCONT)
            assert heard.next(LinkAccepted).number > ended.number
        finally:
            process.kill()
            process.wait(10)


def test_a_lack_of_threads_is_counted_each_time_and_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spawn(_: object) -> None:
        raise RuntimeError("can't start new thread")

    metrics = WireMetrics()
    with listening(metrics=metrics) as (listener, _):
        with monkeypatch.context() as lacking:
            lacking.setattr(listener, "_spawn", spawn)
            for _ in range(3):
                with Stranger(listener.address) as stranger:
                    assert stranger.is_closed_by_other()
        assert outcomes(metrics, "local") == 3
        assert len([record for record in caplog.records if "no thread" in record.getMessage()]) == 1
        with dialing(listener.address) as (_, told):
            told.next(LinkOpened)


def test_connection_without_room_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wire.links.listener.EVICTION_TIMEOUT_S", 0.01)
    metrics = WireMetrics()
    with listening(Limits(pending_max=1, pending_per_host_max=1), metrics=metrics) as (listener, _):
        listener._slots.acquire()
        with Stranger(listener.address) as stranger:
            assert stranger.is_closed_by_other()
        assert outcomes(metrics, "full") == 1


def test_a_probe_of_the_port_is_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A load balancer connects and closes, or resets, every few seconds; DEBUG says so."""
    metrics = WireMetrics()
    limits = Limits(handshake_timeout_s=0.2)
    with caplog.at_level(logging.DEBUG, "wire"), listening(limits, metrics=metrics) as (listener, _):
        for _ in range(5):
            Stranger(listener.address).sock.close()
        with Stranger(listener.address) as stranger:
            stranger.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with Stranger(listener.address) as silent:
            assert eventually(lambda: silent.sock.recv(4_096) == b"")
        assert eventually(lambda: sum(outcomes(metrics, each) for each in ("truncated", "reset")) == 6)
        assert eventually(lambda: outcomes(metrics, "handshake_timeout") == 1)
    told = [record for record in caplog.records if record.getMessage().startswith("x ")]
    assert len(told) >= 5
    assert {record.levelno for record in told} == {logging.DEBUG}


def test_strangers_of_many_addresses_are_one_line_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    """Refusals are warned of by their reason, whatever their address."""
    metrics = WireMetrics()
    with caplog.at_level(logging.INFO, "wire"), listening(metrics=metrics, host="::") as (listener, _):
        for host in ("127.0.0.1", "127.0.0.2", "::1"):
            with socket.create_connection((host, listener.address.port), timeout=PATIENCE_S) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert sock.recv(100) == b""
        assert eventually(lambda: outcomes(metrics, "magic") == 3)
        told = [record.levelno for record in caplog.records if record.name == "wire.links.listener"]
        assert told == [logging.WARNING]


def test_strangers_who_come_again_and_again_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    metrics = WireMetrics()
    with caplog.at_level(logging.INFO, "wire"), listening(metrics=metrics) as (listener, _):
        for _ in range(50):
            with Stranger(listener.address) as stranger:
                stranger.sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert stranger.is_closed_by_other()
        assert eventually(lambda: outcomes(metrics, "magic") == 50)
        told = [record.getMessage() for record in caplog.records if record.name == "wire.links.listener"]
        assert len(told) == 1
        assert "the first bytes are not those of this protocol" in told[0]
