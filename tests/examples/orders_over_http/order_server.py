"""A server of orders: three processes run it, the one that leads writes, and the others say who leads.

A write at a follower is answered with 421 (Misdirected Request) and the leader as far as it is known. A write is made
once, whatever happens: an order has an id, and the database refuses a token below its highest.

Usage: python order_server.py CONFIG DATABASE
"""

import json
import sqlite3
import sys
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from elect import Config, Node

BUSY_S = 30.0
"""The longest wait for another process that writes."""

SCHEMA = "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, text TEXT, token INTEGER, node TEXT)"
INSERT = (
    "INSERT OR IGNORE INTO orders SELECT ?, ?, ?, ?"
    " WHERE NOT EXISTS (SELECT 1 FROM orders WHERE token > ?)"  # of a later leader
)


class OrderBook:
    """The orders, in a database that all servers share.

    Args:
        path: of the database.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with closing(self._connect()) as database, database:
            database.execute(SCHEMA)

    def write(self, order: str, text: str, token: int, node: str) -> bool:
        """Write an order unless it is there; return whether it is there now."""
        with closing(self._connect()) as database, database:
            database.execute(INSERT, (order, text, token, node, token))
            return database.execute("SELECT 1 FROM orders WHERE id = ?", (order,)).fetchone() is not None

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=BUSY_S)


class OrderServer(ThreadingHTTPServer):
    """Listens at the address that the node shows as `http`.

    Args:
        node: a node that runs.
        book: the orders.
    """

    def __init__(self, node: Node, book: OrderBook) -> None:
        host, _, port = node.config.metadata["http"].rpartition(":")
        super().__init__((host, int(port)), OrderHandler)
        self.node = node
        self.book = book


class OrderHandler(BaseHTTPRequestHandler):
    """Answers `POST /orders/ID`."""

    server: OrderServer

    def do_POST(self) -> None:
        """Write an order, if this node leads."""
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        leadership, me = self.server.node.leadership, self.server.node.config.node
        if leadership is None or not leadership.valid():
            self._refuse()
        elif self.server.book.write(self.path.rpartition("/")[2], text, leadership.token, me):
            self._answer(HTTPStatus.OK, {"node": me, "token": leadership.token})
        else:
            self._refuse()  # a later leader has written

    def _refuse(self) -> None:
        leader = self.server.node.leader
        hint = None if leader is None else {"node": leader.node_id, "term": leader.term, "address": leader.address}
        self._answer(HTTPStatus.MISDIRECTED_REQUEST, {"leader": hint})

    def _answer(self, status: HTTPStatus, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form: str, *values: object) -> None:
        """Log nothing."""


def main() -> None:
    """Run the node and the server until the process is killed."""
    config, database = sys.argv[1:]
    with Node(Config.load(config)) as node:
        node.resume()  # it stands in the election `default`, without a thread that works for it
        server = OrderServer(node, OrderBook(database))
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
