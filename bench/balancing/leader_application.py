"""An application whose leader alone answers requests: the process behind the load balancer of load_balancer.py.

It prints the lines of `elect run --events`. Each answer names the node, and the fencing token and the boot clock (ns)
before and after the check of its lease. `--careless` leaves the check out, to show that load_balancer.py notices.

Usage: python leader_application.py [--careless] --ports a=8001,b=8002,c=8003 CONFIG
"""

import argparse
import json
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from elect import Config, Node
from elect.cli.json_events import JsonEvents
from elect.clock import now_ns
from elect.testing.real_processes import wait_for_signal


class Application(ThreadingHTTPServer):
    """Listens on loopback."""

    daemon_threads = True

    def __init__(self, node: Node, port: int, *, is_careless: bool) -> None:
        super().__init__(("127.0.0.1", port), Answer)
        self.node = node
        self.is_careless = is_careless


class Answer(BaseHTTPRequestHandler):
    """Answers POST on the leader alone, and GET on every node."""

    protocol_version = "HTTP/1.1"
    server: Application

    def do_POST(self) -> None:
        """Do the work of a leader: check the lease, then answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        before, leadership = now_ns(), self.server.node.leadership
        if self.server.is_careless or (leadership is not None and leadership.valid()):
            token = 0 if leadership is None else leadership.token
            self._answer(HTTPStatus.OK, token=token, before=before, after=now_ns())
        else:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE)

    def do_GET(self) -> None:
        """Answer on any node."""
        self._answer(HTTPStatus.OK)

    def _answer(self, status: HTTPStatus, **content: int) -> None:
        body = json.dumps({"node": self.server.node.config.node, **content}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form: str, *values: object) -> None:
        """Log nothing."""


def main() -> None:
    """Run the node and its application until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--careless", action="store_true", help="answer without a check of the lease")
    parser.add_argument("--ports", required=True, help="of the applications, by node")
    parser.add_argument("config")
    arguments = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    config = Config.load(arguments.config)
    ports = dict(pair.split("=") for pair in arguments.ports.split(","))
    events, node = JsonEvents(config.node, sys.stdout), Node(config)
    node.observe(events.write_event)
    with Application(node, int(ports[config.node]), is_careless=arguments.careless) as application, node:
        threading.Thread(target=application.serve_forever, daemon=True).start()
        wait_for_signal({signal.SIGTERM})
        application.shutdown()


if __name__ == "__main__":
    main()
