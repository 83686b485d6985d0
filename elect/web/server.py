"""A small HTTP server around the application: few threads, each for a short time.

One thread accepts, and each connection has a thread of its own for one request. There are never more than
`connections_max`: when they are all taken, the oldest connection that has not finished its request gives way, so
that silent connections don't keep a health check out.
"""

import contextlib
import socket
import threading
from functools import partial
from wsgiref.types import WSGIApplication

from elect.errors import BindError, ThreadError
from elect.web.application import application
from elect.web.http_connection import HttpConnection
from elect.web.node_protocol import NodeProtocol
from wire.common import arguments
from wire.common.deadline import now_s
from wire.common.failure_log import FailureLog
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread
from wire.io.sockets import listen, own_socket
from wire.protocol.address import Address

LOG = Log(__name__)

CONNECTIONS_MAX = 16
"""A scraper, a load balancer, a few people: a handful; each costs a thread's stack."""

REQUEST_TIMEOUT_S = 5.0
"""For a request as a whole, so that dribbled bytes don't extend it."""

ACCEPT_PAUSE_S = 0.1
"""After an accept that failed, for want of descriptors or threads say: no busy loop."""


class HttpServer:
    """Serves one WSGI application on one address.

    Args:
        address: where to listen; port 0 lets the system choose.
        application: what answers.
        name: of the threads.
        connections_max: how many at once.
        request_timeout_s: for reading a request, and for each write of its answer.
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
        self.address = address
        self._application = application
        self._name = name
        self._connections_max = connections_max
        self._request_timeout_s = request_timeout_s
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._failure_log = FailureLog(LOG, "accepting HTTP connections")
        self._connections: dict[HttpConnection, threading.Thread] = {}

    def open(self) -> Address:
        """Bind and listen.

        Returns:
            The address, with the port that it got.

        Raises:
            BindError: it is taken, or not this machine's.
        """
        try:
            self._socket = listen(self.address)
        except OSError as error:
            raise BindError(error.errno, error.strerror or str(error), str(self.address)) from None
        self.address = Address(self.address.host, self._socket.getsockname()[1])
        return self.address

    def start(self) -> None:
        """Take connections from now on; opens first, if nobody has.

        Raises:
            BindError: see `open`.
            ThreadError: the system has no thread to give.
        """
        if self._socket is None:
            self.open()
        self._thread = ReportedThread(self._accept, name=self._name)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise ThreadError(self._name, str(error)) from error

    def stop(self, timeout: float | None = 2.0) -> bool:
        """Close everything and wait for the threads; any thread may call it, any number of times.

        Args:
            timeout: seconds; None for ever.

        Returns:
            Whether all threads have ended.
        """
        deadline = now_s() + arguments.bounded_seconds("timeout", timeout)
        self._stopping.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept
        with self._lock:
            for connection in self._connections:
                connection.abort()
            threads = [*self._connections.values(), *filter(None, [self._thread])]
        threads = [
            thread for thread in threads if thread.ident is not None and thread is not threading.current_thread()
        ]
        for thread in threads:
            thread.join(max(0.0, deadline - now_s()))
        if self._socket is not None:
            self._socket.close()
        return not any(thread.is_alive() for thread in threads)

    def _accept(self) -> None:
        assert self._socket is not None
        while not self._stopping.is_set():
            try:
                accepted, remote = self._socket.accept()
                accepted = own_socket(accepted)
                host = Address.of_socket(remote).host
                self._admit(HttpConnection(accepted, host, self.address, self._request_timeout_s))
                self._failure_log.worked()
            except (OSError, RuntimeError, MemoryError) as error:
                if not self._stopping.is_set():
                    self._failure_log.failed(str(error))
                self._stopping.wait(ACCEPT_PAUSE_S)

    def _admit(self, connection: HttpConnection) -> None:
        with self._lock:
            if self._stopping.is_set() or not self._make_room():
                connection.close()
                return
            thread = ReportedThread(partial(self._serve, connection), name=f"{self._name}-peer")
            self._connections[connection] = thread
            try:
                thread.start()
            except BaseException:  # there is none to be had for now, and nobody else closes the connection
                del self._connections[connection]
                connection.close()
                raise

    def _make_room(self) -> bool:
        """Whether one more connection may be; the oldest that has not said what it wants gives way."""
        current = [connection for connection in self._connections if not connection.is_aborted]
        if len(current) < self._connections_max:
            return True
        silent = next((connection for connection in current if connection.is_waiting), None)
        if silent is not None:
            silent.abort()
        return silent is not None

    def _serve(self, connection: HttpConnection) -> None:
        try:
            connection.serve(self._application)
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()


def serve(node: NodeProtocol, address: Address) -> HttpServer:
    """Make a server of a node's pages that listens, and answers once it is started.

    Raises:
        BindError: the address can't be had.
    """
    server = HttpServer(address, application(node))
    server.open()
    return server
