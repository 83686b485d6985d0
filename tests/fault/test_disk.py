"""A disk that stalls, fills up or fails: no vote leaves that is not on it, and nothing else stops."""

import threading
import time

import pytest

from elect import Node, Stopped
from elect.bridge.node_context import Lifecycle
from elect.cli.exit_codes import Failure, failure_of
from elect.core.events import Elected, Lost
from elect.errors import StoreError
from elect.storage.sqlite import SqliteStore
from elect.storage.store import MemoryStore
from tests.nodes import IN_TURN, cluster, eventually, single, status

ENOSPC = 28
STALL_S = 5.0


class Disk(MemoryStore):
    """Holds or refuses writes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.works = threading.Event()
        self.works.set()
        self.is_full = False
        self.held = 0

    def write(self, *changes) -> None:
        if self.is_full:
            raise StoreError(ENOSPC, "no space left on device", "data_dir")
        if not self.works.is_set():
            self.held += 1
        self.works.wait(30)
        super().write(*changes)


def sample(node: Node, name: str) -> float:
    return node.metrics.registry.get_sample_value(name)


def follow_events(node: Node, kinds: type) -> list:
    events = []
    node.observe(lambda event: events.append(event) if isinstance(event, kinds) else None)
    return events


@pytest.mark.long
def test_a_leader_keeps_its_lease_while_its_disk_stalls(tmp_path):
    disks = {node_id: Disk() for node_id in "abc"}
    with cluster(tmp_path, stores=disks, **IN_TURN) as nodes:  # the lease ends in the stall unless it is extended
        leader = nodes.leader()
        disk = disks[leader.config.node]
        events = follow_events(leader, Elected | Lost)
        token = leader.leadership.token
        disk.works.clear()
        leader.election("second")
        eventually(lambda: disk.held == 1)
        ends_at = time.monotonic() + STALL_S
        while time.monotonic() < ends_at:
            assert leader.is_leader
            time.sleep(0.01)
        disk.works.set()
        assert (leader.is_leader, leader.leadership.token) == (True, token)
        # The Elected of before may come late; another one can only follow a Lost.
        assert [event for event in events if event.election == "default" and isinstance(event, Lost)] == []
        eventually(lambda: any(node.election("second").is_leader for node in nodes.nodes.values()))


@pytest.mark.long
def test_full_disk_grants_nothing_and_recovers_by_itself(tmp_path, caplog):
    disks = {node_id: Disk() for node_id in "abc"}
    with cluster(tmp_path, stores=disks) as nodes:
        leader = nodes.leader()
        first, second = nodes.followers()
        for follower in (first, second):
            disks[follower.config.node].is_full = True
        caplog.clear()
        leader.resign(timeout=5)
        eventually(lambda: sample(first, "elect_store_failing") == sample(second, "elect_store_failing") == 1)
        for follower in (first, second):
            assert not status(follower).to_dict()["is_storing"]
            assert not follower.is_leader
        eventually(lambda: sum("no space left" in record.getMessage() for record in caplog.records) >= 2)
        assert not any(node.is_leader for node in nodes.nodes.values()), "one vote is not a majority"
        for disk in disks.values():
            disk.is_full = False
        eventually(lambda: any(node.is_leader for node in nodes.nodes.values()))
        eventually(lambda: sample(first, "elect_store_failing") == sample(second, "elect_store_failing") == 0)


def test_a_moved_data_directory_is_named_as_the_cause(tmp_path):
    """Moving it is the deed of a person, who is told what to do; it is no bug of elect."""
    with single(tmp_path, store=SqliteStore(tmp_path / "here")) as node:
        (tmp_path / "here").rename(tmp_path / "there")
        with pytest.raises(Stopped, match=r"elect.sqlite3: the file was removed or replaced .*put it back"):
            node.members.add("b", timeout=30)
        eventually(lambda: "put it back" in node.lifecycle.reason)
        text = str(failure_of(node.failure))
        assert text.startswith(f"the node has failed: {tmp_path / 'here' / 'elect.sqlite3'}: the file was removed")
        assert not sample(node, "elect_bugs_total")


def test_a_node_that_has_failed_shows_why(tmp_path, monkeypatch):
    """The reason is there before the state: a command that sees the state exits with the code of the reason."""
    seen, enter = [], Node._enter

    def noting(node, state):
        is_entered = enter(node, state)
        if state is Lifecycle.FAILED:
            seen.append((node.state, node.failure))
        return is_entered

    monkeypatch.setattr(Node, "_enter", noting)
    with single(tmp_path) as node:
        error = ValueError("x")
        node._die("elect-events", error)
        assert seen == [("failed", error)]


def test_a_command_says_why_its_node_has_failed():
    assert str(failure_of(None)) == "the node has failed; see its log"
    assert isinstance(failure_of(ValueError("x")), Failure)
    assert "ValueError('x')" in str(failure_of(ValueError("x")))
