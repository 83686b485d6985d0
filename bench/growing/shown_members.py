"""The members of a cluster of processes, as each process shows them over HTTP; and the loss of a data directory."""

import json
import shutil
import signal
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass

from elect.core.state.node_state import DEFAULT_ELECTION
from elect.testing.real_processes import ProcessCluster, ProcessEvent
from wire.common.deadline import Deadline

PATIENCE_S = 60.0
"""Five nodes that start together all vote after about 7 s; a busy machine may take much longer."""

POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMembers:
    """The members, as one node has them.

    Attributes:
        phase: of the node, as a member.
        cluster_id: in hex; None: the cluster has none yet.
        order: term and version of the configuration.
        digest: of the configuration.
        voters: their ids.
        stores: the store of each voter, or None.
        learners: the ids of the members that do not vote yet.
        leader: the id of the leader of the root election, or None.
    """

    phase: str
    cluster_id: str | None
    order: tuple[int, int]
    digest: str
    voters: tuple[str, ...]
    stores: tuple[str | None, ...]
    learners: tuple[str, ...]
    leader: str | None

    @property
    def agreed(self) -> tuple[object, ...]:
        """The part that is the same on all nodes once nothing changes."""
        return self.cluster_id, self.order, self.digest, self.leader


def shown_by(running: ProcessCluster, node_id: str) -> ShownMembers | None:
    """Return the members as this node shows them; None: it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{running.http[node_id]}/status", timeout=10) as answer:
            status = json.load(answer)
    except OSError:
        return None
    membership = status.get("membership")
    if membership is None:
        return None
    voters = [each for each in membership["members"] if each["state"] == "voter"]
    leaders = [each["leader"] for each in status["elections"] if each["name"] == DEFAULT_ELECTION]
    return ShownMembers(
        phase=status["lifecycle"],
        cluster_id=membership["cluster_id"],
        order=(membership["term"], membership["version"]),
        digest=membership["configuration"],
        voters=tuple(each["node"] for each in voters),
        stores=tuple(each["store"] for each in voters),
        learners=tuple(each["node"] for each in membership["members"] if each["state"] == "learner"),
        leader=leaders[0] if leaders else None,
    )


def wait_for_voters(running: ProcessCluster, voters: Collection[str], timeout: float = PATIENCE_S) -> ShownMembers:
    """Wait until exactly these nodes vote, each of them is ready, and all show the same; return that.

    Raises:
        TimeoutError: it was not so in time (seconds).
    """
    deadline = Deadline(timeout)
    while True:
        shown = {node_id: shown_by(running, node_id) for node_id in voters}
        found = [each for each in shown.values() if each is not None]
        is_same = len({each.agreed for each in found}) == 1 and len(found) == len(voters)
        if is_same and all(each.phase == "ready" for each in found):
            first = found[0]
            if sorted(first.voters) == sorted(voters) and not first.learners and first.leader is not None:
                return first
        if deadline.is_over:
            raise TimeoutError(f"{timeout:g} s passed; the nodes show {shown}")
        running.wait_for_news(len(running.events), POLL_S)


def kill(running: ProcessCluster, node_id: str) -> None:
    """End a process with SIGKILL."""
    node = running.nodes[node_id]
    if node.is_running:
        node.signal(signal.SIGKILL)
    node.wait()


def wipe(running: ProcessCluster, node_id: str) -> None:
    """End a process with SIGKILL, and remove its data directory."""
    kill(running, node_id)
    shutil.rmtree(running.plan.directory / node_id, ignore_errors=True)


def shared_terms(events: Collection[ProcessEvent]) -> list[tuple[int, list[str]]]:
    """Return each term of the root election in which two nodes were elected, with the two; there must be none."""
    elected: dict[int, set[str]] = {}
    for event in events:
        if event.event == "elected" and event.election == DEFAULT_ELECTION:
            elected.setdefault(event.term or 0, set()).add(event.node)
    return [(term, sorted(nodes)) for term, nodes in sorted(elected.items()) if len(nodes) > 1]
