"""A cluster of processes whose members change: the steps of join.py and members.py."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress

from elect.testing.real_processes import NodeProcess, ProcessCluster
from wire.common.deadline import Deadline

CHANGE_S = 10.0
"""For one change: it waits for the one before, and for the disks of a quorum."""

PATIENCE_S = 60.0
"""For a change to find a leader that makes it, while leaders are killed."""

RETRY_S = 0.1


def wait_for_phase(running: ProcessCluster, node_id: str, phase: str, since: int = 0) -> float:
    """Wait until a node enters a phase; return the moment at which that was, in seconds."""
    return running.wait_for(
        lambda event: event.node == node_id and event.event == "lifecycle" and event.phase == phase,
        since=since,
        timeout=PATIENCE_S,
    ).boottime


def leader_of(running: ProcessCluster) -> str:
    """Return the node that was elected last and still runs; wait for the first."""
    running.wait_for_leader()
    elected = [event for event in running.events if event.event == "elected" and running.nodes[event.node].is_running]
    return max(elected, key=lambda event: event.boottime).node if elected else ""


def post(running: ProcessCluster, node_id: str, path: str, fields: Mapping[str, object]) -> Mapping[str, object]:
    """Send a request to a node; return the answer, or the refusal.

    Raises:
        OSError: there is no answer.
    """
    url, body = f"http://{running.http[node_id]}{path}", json.dumps(fields).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=2 * CHANGE_S) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as refused:
        with refused:
            return dict(json.load(refused))


def start_joining(running: ProcessCluster, node_id: str, seeds: list[str]) -> NodeProcess:
    """Start a new node that joins the cluster of these nodes."""
    node = running.add(node_id, seeds)
    node.start()
    return node


def remove(running: ProcessCluster, node_id: str, members: Sequence[str]) -> None:
    """Remove a member, whoever leads meanwhile: any other member that runs is asked. A leader hands over first.

    Raises:
        TimeoutError: no leader made the change in time.
    """
    deadline, answer = Deadline(PATIENCE_S), {}
    fields = {"change": "remove", "member": node_id, "timeout": CHANGE_S}
    while not deadline.is_over:
        known = len(running.events)
        for asked in members:
            if asked == node_id or not running.nodes[asked].is_running:
                continue
            with suppress(OSError, ValueError):  # it was killed meanwhile
                answer = post(running, asked, "/members", fields)
                if answer.get("refusal") == "not_member" or "error" not in answer:
                    return
        running.wait_for_news(known, RETRY_S)
    raise TimeoutError(f"{node_id} was not removed: {answer}")
