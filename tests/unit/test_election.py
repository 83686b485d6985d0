"""What a program reads of one election, at any moment between two steps of the orchestrator thread."""

import pytest

from elect import Config
from elect.api.candidacy import Candidacy
from elect.api.election import Election
from elect.bridge.node_context import NodeContext
from elect.bridge.publisher import Publisher
from elect.core.events import Elected, LeaderChanged, LossReason, Lost
from elect.core.ready import Lease
from elect.leader import Profile

SECOND = 10**9


class Desk:
    """An election, and the two that publish its state: the lease comes first, the events follow."""

    def __init__(self) -> None:
        self.now = 0
        config = Config(node="a", cluster="t", listen="127.0.0.1:0", data_dir="x")
        self.context = NodeContext(config, lambda: self.now)
        self.publisher = Publisher(self.context, lambda _: None, lambda node_id: Profile(address=f"{node_id}:1"))
        self.election = Election(Candidacy("e", print), self.context, None, None)

    def lease(self, term: int) -> None:
        lease = Lease(term=term, followers=frozenset("b"), quorum=2)
        self.context.leases.publish({"e": lease}, {"b": self.now + SECOND})

    def tell(self, event: Elected | LeaderChanged | Lost) -> None:
        self.publisher.publish((event,))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_node_that_leads_has_its_leadership_and_knows_itself(desk):
    election = desk.election
    desk.lease(1)
    assert (election.is_leader, election.leadership, election.leader) == (False, None, None)
    desk.tell(Elected(election="e", term=1, at=0))
    assert election.is_leader
    assert election.leadership.token == election.leader.term == 1
    assert (election.leader.node_id, election.leader.address) == ("a", "a:1")


def test_the_leader_is_there_as_soon_as_the_leadership(desk, monkeypatch):
    published, seen = desk.election.published, []
    monkeypatch.setattr("elect.bridge.publisher.Leadership", lambda **_: seen.append(published.leader.node_id))
    desk.tell(Elected(election="e", term=1, at=0))
    assert seen == ["a"]


def test_a_watcher_sees_an_own_leadership_once(desk):
    before = desk.election.published.leader_change[0]
    desk.tell(Elected(election="e", term=1, at=0))
    desk.tell(LeaderChanged(election="e", term=1, leader="a", at=0))
    assert desk.election.published.leader_change[0] == before + 1


def test_a_node_whose_lease_has_ended_is_not_the_leader(desk):
    """Its loss is published a moment later, and that nobody leads after that: NotLeader named the node itself."""
    desk.lease(1)
    desk.tell(Elected(election="e", term=1, at=0))
    desk.now = SECOND
    assert (desk.election.is_leader, desk.election.leader) == (False, None)
    desk.tell(Lost(election="e", term=1, at=SECOND, reason=LossReason.LEASE_LAPSED))
    desk.now = 0
    assert (desk.election.is_leader, desk.election.leader) == (False, None)
    desk.tell(LeaderChanged(election="e", term=2, leader="b", at=SECOND))
    assert desk.election.leader.node_id == "b"
