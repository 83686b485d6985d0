"""A small store that checks tokens: it refuses a write with a lower token than it has seen. It is at a third place."""

import json
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from wire.common.deadline import now_s


@dataclass(frozen=True)
class Write:
    """A write of a leader, as the store got it."""

    site: str
    node: str
    token: int
    at: float


class FencedStore(ThreadingHTTPServer):
    """Listens on loopback, and keeps all writes, in order.

    Attributes:
        token: the highest one that it has seen.
        accepted: the writes that it took.
        refused: those of deposed leaders.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), WriteHandler)
        self.token = 0
        self.accepted: list[Write] = []
        self.refused: list[Write] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="store")

    @property
    def address(self) -> str:
        """The address that programs write to."""
        return f"127.0.0.1:{self.server_address[1]}"

    def write(self, site: str, node: str, token: int) -> bool:
        """Take a write, unless a later leader has written; return whether it is taken. This is all of the fencing."""
        with self._lock:
            write = Write(site, node, token, now_s())
            is_current = token >= self.token
            self.token = max(self.token, token)
            (self.accepted if is_current else self.refused).append(write)
            return is_current

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class WriteHandler(BaseHTTPRequestHandler):
    """Answers `POST /`, with the site, the node and its token."""

    server: FencedStore

    def do_POST(self) -> None:
        """Take the write, or refuse it with 409."""
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_taken = self.server.write(fields["site"], fields["node"], fields["token"])
        self.send_response(HTTPStatus.OK if is_taken else HTTPStatus.CONFLICT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, form: str, *values: object) -> None:
        """Log nothing."""
