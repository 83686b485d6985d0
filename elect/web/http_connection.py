"""One HTTP connection: one request, read under one deadline, and one answer."""

import contextlib
import io
import socket
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.types import WSGIApplication, WSGIEnvironment

from wire.common.deadline import now_s
from wire.common.log import Log
from wire.protocol.address import Address

LOG = Log(__name__)

DRAIN_S = 0.5
DRAIN_BYTES = 65_536
"""A close on top of unread bytes is a reset, which can overtake the answer: so a little is read first."""


class HttpConnection:
    """A client's connection; one thread serves it, any may abort it.

    Args:
        accepted: the socket; this object closes it.
        remote: the client's IP address.
        local: where the server listens.
        timeout_s: for the request as a whole, and for writing the answer.

    Attributes:
        is_waiting: the request's head is not complete yet.
        is_aborted: it was told to end.
    """

    def __init__(self, accepted: socket.socket, remote: str, local: Address, timeout_s: float) -> None:
        self.socket = accepted
        self.remote = remote
        self.local = local
        self.timeout_s = timeout_s
        self.is_waiting = True
        self.is_aborted = False

    def serve(self, application: WSGIApplication) -> None:
        """Read a request, let the application answer it; a client that goes away or dawdles is only noted."""
        try:
            _Handler(self, application)
            self._drain()
        except OSError as error:
            LOG.debug("HTTP client %s: %s", self.remote, error)

    def abort(self) -> None:
        """Wake whoever reads or writes, with an error."""
        self.is_aborted = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.close()

    def _drain(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)
        reader = _Reader(self.socket, DRAIN_S)
        buffer, left = bytearray(DRAIN_BYTES), DRAIN_BYTES
        while left > 0 and (count := reader.readinto(buffer)):
            left -= count


class _Reader(io.RawIOBase):
    """Reads a socket until a deadline; bytes that trickle in don't extend it."""

    def __init__(self, source: socket.socket, timeout_s: float) -> None:
        self._source = source
        self._timeout_s = timeout_s
        self._deadline = now_s() + timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed has any buffer
        left = self._deadline - now_s()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._source.settimeout(left)
        try:
            return self._source.recv_into(buffer)
        finally:
            self._source.settimeout(self._timeout_s)


class _Site:
    """What the request handler wants to know of its server."""

    def __init__(self, application: WSGIApplication, local: Address) -> None:
        self._application = application
        self.base_environ: WSGIEnvironment = {
            "SERVER_NAME": local.host,
            "SERVER_PORT": str(local.port),
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SCRIPT_NAME": "",
        }

    def get_app(self) -> WSGIApplication:
        return self._application


class _Handler(WSGIRequestHandler):
    def __init__(self, connection: HttpConnection, application: WSGIApplication) -> None:
        self._peer = connection
        site = _Site(application, connection.local)
        super().__init__(connection.socket, (connection.remote, 0), site)  # type: ignore[arg-type]  # it asks for no more

    def setup(self) -> None:
        super().setup()
        self._peer.socket.settimeout(self._peer.timeout_s)
        self.rfile.close()
        self.rfile = io.BufferedReader(_Reader(self._peer.socket, self._peer.timeout_s))

    def parse_request(self) -> bool:
        is_good = super().parse_request()
        self._peer.is_waiting = False
        return is_good

    def get_environ(self) -> WSGIEnvironment:
        environ = super().get_environ()
        environ["CONTENT_TYPE"] = self.headers.get("Content-Type", "")  # the base class makes one up
        return environ

    def get_stderr(self) -> io.StringIO:
        return io.StringIO()  # the application logs its own mistakes; what is left are clients that went away

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        LOG.debug("HTTP client %s: %s", self._peer.remote, format % args)
