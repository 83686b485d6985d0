import http.client
import socket
import threading
from collections import deque

import pytest

from elect.core.events import Elected
from elect.monitoring.event_history import EVENTS_MAX
from elect.web import application
from elect.web.elections import ElectionList
from elect.web.events import EventSource, event_sender, event_source
from elect.web.events.event_sender import EventSender
from elect.web.server import HttpServer
from tests.unit.web.fake_node import FakeNode
from wire.protocol.address import Address

TIMEOUT_S = 30.0
BUFFER_BYTES = 4096


def elected(term):
    return Elected(election="default", term=term, at=0)


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def server(node, monkeypatch):
    monkeypatch.setattr(event_source, "REPORT_INTERVAL_S", 0.02)
    server = HttpServer(Address("127.0.0.1", 0), application(node), name="elect-http-sender")
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    server.start()
    yield server
    node.stop()
    assert server.stop(5.0)


class Reader:
    def __init__(self, server, receive_bytes=None):
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect((server.address.host, server.address.port))
        self.socket.sendall(b"GET /events HTTP/1.0\r\n\r\n")
        self.lines = self.socket.makefile("rb")

    def read_until(self, part):
        """Read lines up to one with this part; return those before it."""
        before = []
        for line in self.lines:
            if part in line:
                return before
            before.append(line)
        raise AssertionError(f"{part!r} did not come")

    def close(self):
        self.lines.close()
        self.socket.close()


def listening(server):
    """Return a reader that costs no connection of the server any more: so more than these can follow each other."""
    reader = Reader(server)
    reader.read_until(b"event: state")
    return reader


def test_a_slow_reader_gets_a_fresh_state_and_nobody_waits(node, server):
    slow, quick = Reader(server, BUFFER_BYTES), Reader(server)
    for reader in (slow, quick):
        reader.read_until(b"event: state")
    for number in range(6):
        node.note(*(elected(EVENTS_MAX // 2 * number + each) for each in range(EVENTS_MAX // 2)))
        quick.read_until(b'"term":%d,' % (EVENTS_MAX // 2 * (number + 1) - 1))
    between = slow.read_until(b"event: state")
    assert not [line for line in between if b'"term":%d,' % (EVENTS_MAX * 3 - 1) in line]
    node.note(elected(123_456))
    slow.read_until(b'"term":123456,')
    slow.close()
    quick.close()


def test_a_reader_that_reads_nothing_is_closed(node, monkeypatch):
    monkeypatch.setattr(event_source, "REPORT_INTERVAL_S", 0.02)
    monkeypatch.setattr(event_sender, "STALL_S", 0.2)
    source = EventSource(node, ElectionList(node))
    sender = EventSender(source, "elect-http-sender-events")
    sender.start()
    quick, silent = socket.socketpair(), socket.socketpair()
    for ours, _ in (quick, silent):
        sender.add(ours, source.open(""))
    node.note(*(elected(each) for each in range(EVENTS_MAX)))
    quick[1].settimeout(TIMEOUT_S)
    while len(source) > 1:
        assert quick[1].recv(1 << 20)
    assert silent[0].fileno() == -1
    node.stop()
    assert sender.stop(5.0)
    quick[1].close()
    silent[1].close()


def test_two_threads_may_end_the_same_listeners(node):
    """A server that stops, and a connection that was handed over just then."""
    source = EventSource(node, ElectionList(node))
    sender = EventSender(source, "elect-http-sender-events")
    ours, other = socket.socketpair()
    sender.add(ours, source.open(""))

    class Meeting(deque):
        def __bool__(self):
            is_filled = len(self) > 0
            while len(self):  # the other thread takes them between the test and the next step
                self.popleft().end()
            return is_filled

    sender._arrived = Meeting(sender._arrived)
    sender._end_all([])
    sender._end_all([])
    assert len(source) == 0
    other.close()


def test_one_thread_sends_to_all_and_the_last_event_ends_it(node, server):
    readers = [listening(server) for _ in range(40)]
    for reader in readers:
        reader.read_until(b"event: report")
    for thread in list(threading.enumerate()):
        if thread.name == "elect-http-sender-peer":
            thread.join(TIMEOUT_S)
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("elect-http-sender-")]
    assert names == ["elect-http-sender-events"]
    node.stop()
    assert server.stop(5.0)
    for reader in readers:
        reader.read_until(b"event: stopped")
        reader.lines.readline()
        assert reader.lines.read() == b"\n"
        reader.close()


def test_listeners_do_not_keep_requests_out(node, server):
    readers = [listening(server) for _ in range(20)]
    client = http.client.HTTPConnection(server.address.host, server.address.port, timeout=TIMEOUT_S)
    client.request("GET", "/healthz")
    assert client.getresponse().status == 200
    client.close()
    for reader in readers:
        reader.close()
