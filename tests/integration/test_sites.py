"""Real nodes of a cluster that is sealed, and of one that stands by and is promoted."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from elect import Client, LeaderUnavailable, Node
from elect.cli.reachability import faults_in
from elect.core.changes import ChangeRefusal, ChangeRefused
from elect.core.configuration import ClusterState, Configuration
from elect.core.events import LossReason
from elect.core.snapshot import WhyNoLeader
from elect.storage.store import MemoryStore
from tests.nodes import DEADLINE_S, configs, eventually, running, status
from tests.unit.web.client import ask

SUCCESSOR = "b.example:7000"
FLOOR = 3_000_000


class StandbyStore(MemoryStore):
    """A new store of a node whose cluster stands by."""

    def __init__(self) -> None:
        super().__init__()
        self.configuration = Configuration.initial("abc", is_standby=True)


def why(node: Node) -> tuple[WhyNoLeader | None, str | None]:
    election = status(node).elections["default"]
    return election.why_no_leader, election.why_text


def test_a_cluster_is_sealed_from_any_member(tmp_path: Path):
    losses: list[LossReason] = []
    with running({each: Node(config) for each, config in configs(tmp_path).items()}) as nodes:
        leader = nodes.leader()
        leadership = leader.leadership
        leader.subscribe(on_lost=lambda lost: losses.append(lost.reason))
        follower = next(node for node in nodes.nodes.values() if node is not leader)
        sealed = follower.members.seal(SUCCESSOR, timeout=DEADLINE_S)
        assert (sealed.state, sealed.successor) == (ClusterState.SEALED, SUCCESSOR)
        assert not any(node.is_leader for node in nodes.nodes.values())
        assert leadership.reason is LossReason.SEALED
        # Each member answers a repeated seal, without a leader.
        for node in nodes.nodes.values():
            assert node.members.seal("elsewhere", timeout=DEADLINE_S) == sealed
            assert status(node).membership.leases_over_in == 0
            _, text = eventually(lambda node=node: (found := why(node))[0] is WhyNoLeader.SEALED and found)
            assert text.endswith(f"it has no leader any more; go to {SUCCESSOR}")
        with Client([str(leader.address)], cluster="test") as client, pytest.raises(LeaderUnavailable, match=SUCCESSOR):
            client.leader(timeout=1)
        with pytest.raises(ChangeRefused, match=SUCCESSOR) as caught:
            follower.members.remove("a", timeout=DEADLINE_S)
        assert caught.value.refusal is ChangeRefusal.SEALED
        eventually(lambda: not status(follower).has_quorum)
        others = [peer.node_id for peer in status(follower).view.peers]
        assert set(faults_in(follower.config, status(follower).to_dict(), others).values()) == {None}
    assert losses == [LossReason.SEALED]


def test_a_sealed_cluster_stays_sealed_over_a_restart(tmp_path: Path):
    every = configs(tmp_path)
    with running({each: Node(config) for each, config in every.items()}) as nodes:
        sealed = nodes.leader().members.seal(timeout=DEADLINE_S)
    with ExitStack() as stack:
        nodes = [stack.enter_context(Node(config)) for config in every.values()]
        for node in nodes:
            assert node.members.seal(timeout=DEADLINE_S) == sealed
            assert node.leader is None


def test_a_standby_cluster_elects_nobody_until_it_is_promoted(tmp_path: Path):
    nodes = {each: Node(config, store=StandbyStore()) for each, config in configs(tmp_path).items()}
    with running(nodes):
        for node in nodes.values():
            eventually(lambda node=node: status(node).has_quorum)
            assert why(node)[0] is WhyNoLeader.STANDBY
            eventually(lambda node=node: ask(node, "GET", "/readyz").status == 200)
        made = nodes["b"]._changer.promote(FLOOR, timeout=DEADLINE_S)
        assert (made.state, made.promotion_floor) == (ClusterState.ACTIVE, FLOOR)
        leader = eventually(lambda: next((node for node in nodes.values() if node.is_leader), None))
        assert leader.leadership.token > FLOOR
        # Again, at another node: it is promoted already.
        eventually(lambda: nodes["a"]._context.configuration.promotion_floor == FLOOR)
        assert nodes["a"]._changer.promote(2 * FLOOR, timeout=DEADLINE_S).promotion_floor == FLOOR
