import http.client
import socket
import threading
from contextlib import suppress

import pytest

from elect.errors import BindError
from elect.web import application
from elect.web.server import HttpServer
from tests.nodes import DEADLINE_S, eventually
from tests.unit.web.fake_node import FakeNode
from wire.protocol.address import Address

HERE = Address("127.0.0.1", 0)
GET = b"GET /leader HTTP/1.0\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def serve():
    servers = []

    def start(app=None, **options):
        server = HttpServer(HERE, app or application(FakeNode()), **options)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        assert server.stop(5.0)


def dial(server):
    return socket.create_connection((server.address.host, server.address.port), timeout=10)


def read_all(connection):
    with connection:
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def read_to_the_end_of(connection):
    """Return the received bytes, and whether the other end reset."""
    try:
        return read_all(connection)
    except ConnectionResetError:
        return b""


def test_it_answers_and_closes(serve):
    server = serve()
    client = http.client.HTTPConnection(server.address.host, server.address.port, timeout=10)
    client.request("GET", "/replica")
    answer = client.getresponse()
    assert answer.status == 200
    assert b'"is_leader": false' in answer.read()
    client.close()


def test_a_post_from_this_machine_works_with_and_without_a_body(serve):
    node = FakeNode()
    server = serve(application(node))
    for path, body, headers in (("/pause", None, {}), ("/resume", b"{}", {"Content-Type": "application/json"})):
        client = http.client.HTTPConnection(server.address.host, server.address.port, timeout=10)
        client.request("POST", path, body=body, headers=headers)
        assert client.getresponse().status == 200
        assert node.is_paused is (path == "/pause")
        client.close()


@pytest.mark.parametrize("half", [b"POST /pause HTTP/1.0", b"POST /pause HTTP/1.0\r\nHost: localhost\r\n"])
def test_half_a_request_is_not_run(serve, half):
    """A client that went away, or was closed for another one, may not have said all."""
    node = FakeNode()
    connection = dial(serve(application(node)))
    connection.sendall(half)
    connection.shutdown(socket.SHUT_WR)
    assert read_to_the_end_of(connection) == b""
    assert not node.is_paused


def test_a_taken_port_is_named(serve):
    server = serve()
    with pytest.raises(BindError, match=f"cannot listen on {server.address}: Address already in use"):
        HttpServer(server.address, application(FakeNode()))


def test_a_silent_client_is_let_go(serve):
    assert read_to_the_end_of(dial(serve(request_timeout_s=0.05))) == b""


def test_dribbled_bytes_do_not_extend_the_deadline(serve):
    connection = dial(serve(request_timeout_s=0.2))
    connection.settimeout(0.01)
    came = None
    for byte in GET[:-1] * 1000:
        try:
            connection.sendall(bytes([byte]))
            came = connection.recv(1)
        except TimeoutError:
            continue
        except OSError:
            came = b""
        break
    connection.close()
    assert came == b""


def test_silent_clients_do_not_keep_others_out(serve):
    server = serve(connections_max=2, request_timeout_s=30)
    silent = [dial(server) for _ in range(20)]
    connection = dial(server)
    connection.sendall(GET)
    assert b"503 Service Unavailable" in read_all(connection)
    assert [read_to_the_end_of(other) for other in silent[:-2]] == [b""] * 18
    for other in silent[-2:]:
        other.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /large HTTP/1.0\r\n\r\n",
        b"GET /leader HTTP/1.0\r\n\r\n",
        b"POST /resign HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n",
    ],
)
def test_clients_that_are_waited_for_keep_no_one_out(serve, request_bytes, monkeypatch):
    """They read no answer, do not close, or send half of a body."""
    monkeypatch.setattr("elect.web.server.DRAIN_S", 600.0)
    small = application(FakeNode())

    def answer(environ, start_response):
        if environ["PATH_INFO"] != "/large":
            return small(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b" " * 50_000_000]

    served = serve(answer, connections_max=2, request_timeout_s=600)
    waited_for = [dial(served), dial(served)]

    def is_answered():
        with dial(served) as connection, suppress(ConnectionError):  # both may be at work for a moment
            connection.sendall(GET)
            return connection.recv(65_536).startswith(b"HTTP/1.0 503")
        return False

    try:
        for connection in waited_for:
            connection.sendall(request_bytes)
        assert eventually(is_answered)
    finally:
        for connection in waited_for:
            connection.close()


def test_silent_clients_close_no_one_that_reads_a_long_answer(serve):
    piece, pieces = 8_000_000, 3  # each is more than the buffers of the system hold

    def answer(_, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b" " * (piece * pieces)]

    served, silent = serve(answer, connections_max=2, request_timeout_s=600), []
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        reader.settimeout(DEADLINE_S)
        reader.connect((served.address.host, served.address.port))
        reader.sendall(GET)
        with reader.makefile("rb") as received:
            for _ in range(pieces):
                assert len(received.read(piece)) == piece
                silent.append(dial(served))
                port = silent[-1].getsockname()[1]
                assert eventually(lambda: port in [each._remote.port for each in list(served.connections.values())])  # noqa: B023
            assert received.read()  # as long as the head
    for connection in silent:
        connection.close()


def test_more_than_the_bound_at_work_are_turned_away(serve):
    entered, leave = threading.Semaphore(0), threading.Event()

    def slow(_environ, start_response):
        entered.release()
        leave.wait(10)
        start_response("200 OK", [])
        return [b"done"]

    server = serve(slow, connections_max=2, request_timeout_s=30)
    working = [dial(server) for _ in range(2)]
    for connection in working:
        connection.sendall(GET)
        assert entered.acquire(timeout=10)
    assert read_to_the_end_of(dial(server)) == b""
    leave.set()
    assert all(read_all(connection).endswith(b"done") for connection in working)


def test_an_answer_is_sent_item_by_item(serve):
    is_received = threading.Event()

    def stream(_environ, start_response):
        start_response("200 OK", [])
        yield b"first"
        assert is_received.wait(10)
        yield b"second"

    connection = dial(serve(stream))
    connection.sendall(GET)
    received = b""
    while not received.endswith(b"first"):
        received += connection.recv(1000)
    is_received.set()
    assert read_all(connection) == b"second"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"G" * 70_000 + b"\r\n", 414),
        (b"GET / HTTP/1.0\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.0\r\n" + b"A: a\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.0\r\n" + (b"A: " + b"a" * 4_000 + b"\r\n") * 40 + b"\r\n", 431),
    ],
)
def test_a_head_is_bounded(serve, request_bytes, status):
    connection = dial(serve())
    connection.sendall(request_bytes)
    assert read_all(connection).split()[1] == b"%d" % status


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"G" * 70_000 + b"\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_garbage_is_answered_or_closed_and_hurts_nobody(serve, garbage):
    server = serve()
    connection = dial(server)
    connection.sendall(garbage)
    assert b"200 OK" not in read_to_the_end_of(connection)
    good = dial(server)
    good.sendall(GET.replace(b"/leader", b"/replica"))
    assert b"200 OK" in read_all(good)


def test_a_client_that_goes_away_leaves_no_trace(serve, capfd):
    server = serve()
    connection = dial(server)
    connection.sendall(GET)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    assert server.stop(5.0)
    assert capfd.readouterr() == ("", "")


def test_stop_ends_silent_connections_and_every_thread(serve):
    server = serve(request_timeout_s=30, name="elect-http-test")
    silent = [dial(server) for _ in range(3)]
    last = dial(server)
    last.sendall(GET)
    assert b"503" in read_all(last)  # so the ones before it have been accepted
    assert server.stop(5.0)
    assert server.stop(5.0)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("elect-http-test")]
    with pytest.raises(ConnectionRefusedError):
        dial(server)
    for connection in silent:
        connection.close()


def test_stop_before_start_lets_the_port_go():
    server = HttpServer(HERE, application(FakeNode()))
    assert server.stop(1.0)
    other = HttpServer(server.address, application(FakeNode()))
    assert other.stop(1.0)


def test_ipv6_is_served():
    server = HttpServer(Address("::1", 0), application(FakeNode()))
    server.start()
    try:
        connection = dial(server)
        connection.sendall(GET)
        assert b"503" in read_all(connection)
    finally:
        assert server.stop(5.0)


def test_the_ipv6_wildcard_takes_a_local_ipv4_operator():
    """A client that comes by IPv4 to [::] is served, and is this machine itself."""
    node = FakeNode()
    server = HttpServer(Address("::", 0), application(node))
    server.start()
    try:
        client = http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=10)
        client.request("POST", "/pause")
        assert client.getresponse().status == 200
        client.close()
    finally:
        assert server.stop(5.0)
    assert node.is_paused


def test_the_application_sees_an_ipv4_client_as_ipv4():
    """REMOTE_ADDR of a client that comes by IPv4 to [::] is its IPv4 address."""
    seen = []

    def note(environ, start_response):
        seen.append(environ["REMOTE_ADDR"])
        start_response("200 OK", [])
        return [b"done"]

    server = HttpServer(Address("::", 0), note)
    server.start()
    try:
        connection = socket.create_connection(("127.0.0.1", server.address.port), timeout=10)
        connection.sendall(GET)
        assert read_all(connection).endswith(b"done")
    finally:
        assert server.stop(5.0)
    assert seen == ["127.0.0.1"]
