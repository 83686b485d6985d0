"""`/events` of a real node: a listener that was away, one too many, and the end."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from elect import Node
from elect.storage.store import MemoryStore
from elect.testing.real_processes import free_ports
from elect.web.events.event_source import LISTENERS_MAX
from tests.nodes import configs, eventually

TIMEOUT_S = 30.0


class Listener:
    """Reads the events of a node over a socket of its own."""

    def __init__(self, node: Node, last_event_id: str = "") -> None:
        self.socket = socket.create_connection((node.http_address.host, node.http_address.port), timeout=TIMEOUT_S)
        head = f"Last-Event-ID: {last_event_id}\r\n" if last_event_id else ""
        self.socket.sendall(f"GET /events HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        self._lines = self.socket.makefile("rb")
        self.status = int(self._lines.readline().split()[1])
        while self._lines.readline().strip():
            pass
        self.last_id = last_event_id

    def read(self, *kinds: str) -> dict[str, object]:
        """The next event of one of these kinds, with its kind."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                self.last_id = fields.get("id", self.last_id)
                if fields["event"] in kinds:
                    return {"kind": fields["event"], **json.loads(fields["data"])}
                fields = {}
        raise AssertionError(f"the stream ended before any of {kinds}")

    def read_loss(self) -> object:
        """The reason of the next loss; no state comes before it."""
        while (change := self.read("state", "change"))["kind"] == "change" and change["event"] != "lost":
            pass
        return change.get("reason")

    def is_at_end(self) -> bool:
        return self._lines.read(1) == b""

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


@contextmanager
def listening(node: Node, **options: object) -> Iterator[Listener]:
    listener = Listener(node, **options)
    try:
        yield listener
    finally:
        listener.close()


@pytest.fixture
def node(tmp_path):
    (port,) = free_ports(1)
    config = configs(tmp_path, "a", http_listen=f"127.0.0.1:{port}", metadata={"name": "<script>alert(1)</script>"})[
        "a"
    ]
    with Node(config, store=MemoryStore()) as node:
        eventually(lambda: node.is_leader)
        yield node


def resign(node: Node) -> None:
    """Have three changes: lost, elected again, known to lead."""
    token = node.leadership.token
    node.resign()
    eventually(lambda: node.is_leader and node.leadership.token > token)


def test_a_listener_sees_the_state_then_the_changes(node):
    with listening(node) as listener:
        state = listener.read("state")
        assert (state["node"], state["metadata"]) == ("a", {"name": "<script>alert(1)</script>"})
        assert [row["leader"] for row in state["elections"]["first"]] == ["a"]
        resign(node)
        assert listener.read_loss() == "resigned"
        while (change := listener.read("change"))["event"] != "elected":
            pass
        assert listener.read("report")["now"] >= change["boottime"]


def test_a_listener_that_was_away_goes_on_where_it_was(node):
    with listening(node) as listener:
        listener.read("state")
        last_id = listener.last_id
    resign(node)
    with listening(node, last_event_id=last_id) as listener:
        assert listener.read_loss() == "resigned"
    with listening(node, last_event_id="another-1") as listener:
        assert listener.read("state", "change")["kind"] == "state"


@pytest.mark.long
def test_listeners_are_limited_and_cost_no_connection_of_others(node):
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening(node)) for _ in range(LISTENERS_MAX)]
        with listening(node) as one_too_many:
            assert one_too_many.status == 503
        resign(node)
        for listener in listeners:
            assert listener.read("state")["node"] == "a"
            assert listener.read_loss() == "resigned"
        assert sum(name.startswith("elect-http-events") for name in threads()) == 1
        assert not [name for name in threads() if name.startswith("elect-http-peer")]
        listeners[0].close()

        def has_room() -> bool:
            with listening(node) as listener:
                return listener.status == 200

        assert eventually(has_room)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_the_last_event_says_that_the_node_stops(node):
    with listening(node) as listener:
        listener.read("state")
        assert node.stop()
        assert listener.read_loss() == "stopped"
        assert listener.read("stopped")["node"] == "a"
        assert listener.is_at_end()
