"""An HTTP server for a few clients: the standard library's wsgiref, with bounds.

One thread accepts. Each connection has a thread of its own for one request. At most `connections_max` are served at a
time: when all are in use, the one whose client has been waited for longest is closed, so that clients that send no
request, read no answer or do not close keep no health check out. A client that reads a long answer slowly is waited for
anew with each piece. When all connections are at work, the new one is closed. A listener of `/events` costs none of
them: its socket is handed over to one thread that sends to all listeners.
"""

import io
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from operator import itemgetter
from socketserver import BaseServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from elect.errors import BindError, ThreadError
from elect.web.events.event_sender import EventSender
from elect.web.events.event_source import EventSource
from elect.web.events.event_stream import EventStream
from wire.common import arguments
from wire.common.deadline import Deadline, now_s
from wire.common.failure_log import FailureLog
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread
from wire.io.sockets import listen, own_socket, wake
from wire.protocol.address import Address

LOG = Log(__name__)

CONNECTIONS_MAX = 16
"""A scraper, a load balancer and a few people; each costs the stack of a thread."""

REQUEST_TIMEOUT_S = 5.0
"""Limits the request as a whole, so that a client cannot extend it by sending slowly."""

REQUEST_BYTES_MAX = 131_072
"""Limits a request's head and body together: twice the longest line that http.server reads."""

CONNECTION = "elect.connection"
"""The key of a request's socket in its WSGI environment."""

ACCEPT_PAUSE_S = 0.1
"""Limits the retries while the system has no free descriptor or thread."""

DRAIN_S = 0.5
DRAIN_BYTES_MAX = 65_536
"""Closing a socket with unread bytes resets the connection, which can overtake the answer: a few are read first."""


class HttpServer(ThreadingMixIn, WSGIServer):
    """Serves one WSGI application on one address; it listens at once and answers after `start`.

    Args:
        address: where to listen; port 0 lets the system choose.
        application: gives the answers; an answer of several items is sent item by item.
        name: of the threads.
        connections_max: limits the connections served at a time.
        request_timeout_s: limits the reading of a request, and each write of its answer.

    Attributes:
        address: with the port that the system chose.
        connections: the thread of each open connection, the oldest first.

    Raises:
        BindError: the address is in use, or not this machine's.
    """

    def __init__(
        self,
        address: Address,
        application: WSGIApplication,
        *,
        name: str = "elect-http",
        connections_max: int = CONNECTIONS_MAX,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        # The constructors between would look up this machine's name, and bind to one family of addresses only.
        BaseServer.__init__(self, (address.host, address.port), _Handler)
        try:
            self.socket = listen(address)
        except OSError as error:
            raise BindError(error.errno, error.strerror or str(error), str(address)) from None
        self.address = Address(address.host, self.socket.getsockname()[1])
        self.server_name, self.server_port = self.address.host, self.address.port
        self.setup_environ()
        self.set_app(self._run)
        self._application = application
        self.connections: dict[socket.socket, _Connection] = {}
        self.request_timeout_s = request_timeout_s
        self._name = name
        self._connections_max = connections_max
        self._thread = ReportedThread(self._accept, name=name)
        self._stopping = threading.Event()
        self._sender: EventSender | None = None
        self._sender_lock = threading.Lock()
        self._failure_log = FailureLog(LOG, "accepting HTTP connections")

    def start(self) -> None:
        """Accept connections from now on.

        Raises:
            ThreadError: the system has no thread to give.
        """
        try:
            self._thread.start()
        except RuntimeError as error:
            raise ThreadError(self._name, str(error)) from error

    def stop(self, timeout: float | None = 2.0) -> bool:
        """Close everything and wait for the threads; any thread may call it, any number of times.

        Args:
            timeout: seconds; None waits without limit.

        Returns:
            Whether all threads have ended.
        """
        deadline = Deadline(arguments.bounded_seconds("timeout", timeout))
        self._stopping.set()
        wake(self.socket)
        is_done = _join(self._thread, deadline)  # only this thread adds connections
        connections = list(self.connections.values())
        for connection in connections:
            connection.abort()
        is_done = all([is_done, *(_join(connection, deadline) for connection in connections)])
        with self._sender_lock:
            sender = self._sender
        if sender is not None:
            is_done = sender.stop(deadline.remaining_s) and is_done
        self.socket.close()
        return is_done

    def shutdown_request(self, request: object) -> None:
        """End a connection, unless it was handed over."""
        if isinstance(request, socket.socket) and not self.connections[request].is_handed_over:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class's
        """Log the error that ended a connection."""
        LOG.debug("HTTP client %s: %r", client_address, sys.exception())

    def _run(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run the application; the connection of one that answers with a stream of events is handed over."""
        answer = self._application(environ, start_response)
        return self._hand_over(answer, environ[CONNECTION]) if isinstance(answer, EventStream) else answer

    def _hand_over(self, stream: EventStream, connection: socket.socket) -> Iterator[bytes]:
        try:
            yield b""  # the head of the answer
            sender = self._start_sender(stream.source)
        except BaseException:
            stream.close()
            raise
        self.connections[connection].is_handed_over = True
        sender.add(connection, stream)

    def _start_sender(self, source: EventSource) -> EventSender:
        """Return what sends to the listeners; its thread starts with the first of them, and not while this stops."""
        with self._sender_lock:
            if self._sender is None:
                if self._stopping.is_set():
                    raise ConnectionAbortedError("the server stops")
                sender = EventSender(source, f"{self._name}-events")
                sender.start()
                self._sender = sender
            return self._sender

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                accepted, remote = self.socket.accept()
                self._serve(own_socket(accepted), Address.of_socket(remote))
                self._failure_log.worked()
            except (OSError, RuntimeError, MemoryError) as error:
                if not self._stopping.is_set():
                    self._failure_log.failed(str(error))
                self._stopping.wait(ACCEPT_PAUSE_S)

    def _serve(self, accepted: socket.socket, remote: Address) -> None:
        if self._stopping.is_set() or not self._make_room():
            accepted.close()
            return
        connection = _Connection(self, accepted, remote, f"{self._name}-peer")
        self.connections[accepted] = connection
        try:
            connection.start()
        except BaseException:  # no thread runs that would close it
            connection.close()
            raise

    def _make_room(self) -> bool:
        """Return whether one more connection may be served, after closing one that waits if need be."""
        every = list(self.connections.values())
        current = [each for each in every if not (each.is_aborted or each.is_handed_over)]
        if len(current) < self._connections_max:
            return True
        waiting = [(since_s, each) for each in current if (since_s := each.waits_since_s) is not None]
        if waiting:
            min(waiting, key=itemgetter(0))[1].abort()
        return bool(waiting)


class _Connection(ReportedThread):
    """The thread of one connection.

    Attributes:
        waits_since_s: the time from which on it waits for its client, which has not sent all of the request, not read a
            piece of the answer, or not closed; None: it does not wait.
        is_aborted: it was told to end.
        is_handed_over: its socket is no longer this thread's.
    """

    def __init__(self, server: HttpServer, accepted: socket.socket, remote: Address, name: str) -> None:
        super().__init__(self._serve, name=name)
        self.waits_since_s: float | None = now_s()
        self.is_aborted = self.is_handed_over = False
        self._server, self._socket, self._remote = server, accepted, remote

    @contextmanager
    def waiting(self, deadline: Deadline) -> Iterator[None]:
        """Let a read or write wait for the client until a deadline."""
        if deadline.is_over:
            raise TimeoutError("the client took too long")
        timeout_s = self._socket.gettimeout()
        self._socket.settimeout(deadline.remaining_s)
        self.waits_since_s = now_s()
        try:
            yield
        finally:
            self.waits_since_s = None
            self._socket.settimeout(timeout_s)

    def abort(self) -> None:
        self.is_aborted = True
        if not self.is_handed_over:
            wake(self._socket)

    def close(self) -> None:
        self._server.connections.pop(self._socket, None)
        if not self.is_handed_over:
            self._socket.close()

    def _serve(self) -> None:
        try:
            self._server.process_request_thread(self._socket, (self._remote.host, self._remote.port))
        finally:
            self.close()


class _Handler(WSGIRequestHandler):
    server: HttpServer

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.request_timeout_s)
        self.rfile.close()
        self.rfile = io.BufferedReader(self._make_reader(self.server.request_timeout_s, REQUEST_BYTES_MAX))
        self.wfile.close()
        self.wfile = _Writer(self.connection, self.server.connections[self.connection])

    def _make_reader(self, timeout_s: float, bytes_max: int) -> "_Reader":
        return _Reader(self.connection, self.server.connections[self.connection], timeout_s, bytes_max)

    def handle(self) -> None:
        super().handle()
        if self.server.connections[self.connection].is_handed_over:
            return
        self.connection.shutdown(socket.SHUT_WR)
        rest = self._make_reader(DRAIN_S, DRAIN_BYTES_MAX)
        with suppress(ConnectionError):
            while True:
                rest.read(DRAIN_BYTES_MAX)

    def get_environ(self) -> WSGIEnvironment:
        content_type = self.headers.get("Content-Type", "")  # the base class guesses
        return super().get_environ() | {"CONTENT_TYPE": content_type, CONNECTION: self.connection}

    def get_stderr(self) -> io.StringIO:
        return io.StringIO()  # the application logs its own errors; the rest are clients that went away

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        LOG.debug("HTTP client %s: %s", self.client_address[0], format % args)


class _Reader(io.RawIOBase):
    """Reads a socket until a deadline, and up to a number of bytes; bytes that come slowly do not extend it.

    The end of the stream is an error: http.server would take it for the end of the head, and run half a request.
    """

    def __init__(self, source: socket.socket, connection: _Connection, timeout_s: float, bytes_max: int) -> None:
        self._source = source
        self._connection = connection
        self._deadline = Deadline(timeout_s)
        self._bytes_left = bytes_max

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed has any buffer
        if self._bytes_left <= 0:
            raise HTTPException("the request is too long")  # http.server answers 431 to this
        with self._connection.waiting(self._deadline):
            count = self._source.recv_into(buffer)
        if not count:
            raise ConnectionAbortedError("the client has closed the connection")
        self._bytes_left -= count
        return count


class _Writer(io.BufferedIOBase):
    """Writes to a socket; all of one piece within the timeout of the socket."""

    def __init__(self, target: socket.socket, connection: _Connection) -> None:
        self._target = target
        self._connection = connection

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # typeshed has any buffer
        deadline, rest = Deadline(self._target.gettimeout() or 0.0), memoryview(data)
        while rest:
            with self._connection.waiting(deadline):
                rest = rest[self._target.send(rest) :]
        return len(data)


def _join(thread: threading.Thread, deadline: Deadline) -> bool:
    """Return whether a thread has ended by the deadline, or is the caller's own."""
    if thread.ident is not None and thread is not threading.current_thread():
        thread.join(deadline.remaining_s)
        return not thread.is_alive()
    return True
