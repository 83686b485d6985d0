"""The reports that a node makes from its published state."""

import pytest

from elect import Config
from elect.bridge.node_context import NodeContext
from elect.core.configuration import ClusterState, Configuration, Member
from elect.core.messages import DURATION_NS_MAX
from elect.core.quorum import FOREVER
from elect.core.ready import Lease
from elect.leader import Leader, Profile
from elect.observing.node_reports import NEVER_NS, UNCERTAIN_NS, NodeReports
from elect.observing.observer_messages import LeaderReport, MembersReport

SECOND = 1_000_000_000


class Bench:
    """A node's context at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 100 * SECOND
        config = Config(node="a", cluster="t", listen="127.0.0.1:7101", peers={"b": "127.0.0.1:7102"}, data_dir="x")
        self.context = NodeContext(config, lambda: self.now)
        self.addresses: dict[str, str | None] = {"a": "a:1", "b": None}
        self.reports = NodeReports(self.context, self.profile)

    def profile(self, node_id: str) -> Profile:
        return Profile(address=self.addresses[node_id], metadata={"name": node_id})

    def lead(self, leader: Leader | None, election: str = "default") -> None:
        self.context.published(election).leader = leader

    def lease(self, until: int, term: int = 7) -> None:
        """Hold a lease, as the orchestrator thread publishes it."""
        lease = Lease(term=term, followers=frozenset("b"), quorum=2)
        self.context.leases.publish({"default": lease}, {"b": until})

    def report(self, election: str = "default") -> LeaderReport:
        return self.reports.leader_report(election)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def leader(node_id: str, *, term: int = 7, at_s: float = 90, **more: object) -> Leader:
    return Leader(node_id=node_id, term=term, as_of=at_s, **more)  # type: ignore[arg-type]


def test_an_unknown_election_has_no_leader_and_is_not_made(bench):
    assert bench.report("other") == LeaderReport(election="other", term=0, age_ns=UNCERTAIN_NS)
    assert bench.context.published_elections == {}


def test_without_a_leader_the_highest_term_is_reported(bench):
    for found in (leader("a", term=5), leader("b", term=4), None):
        bench.lead(found)
    assert bench.report() == LeaderReport(election="default", term=5, age_ns=UNCERTAIN_NS)


def test_another_leader_comes_with_its_profile_and_its_age(bench):
    bench.lead(leader("b", address="b:1", metadata={"http": "x"}))
    expected = LeaderReport(
        election="default", term=7, leader_id="b", address="b:1", metadata={"http": "x"}, age_ns=10 * SECOND
    )
    assert bench.report() == expected


def test_a_leader_that_was_heard_later_is_known_since_then(bench):
    bench.lead(leader("b"))
    bench.context.peer_health.note_heard("b", bench.now)
    bench.now += SECOND // 2
    assert bench.report().age_ns == SECOND // 2


def test_what_was_just_learned_is_not_as_sure_as_a_lease(bench):
    bench.lead(leader("b", at_s=100))
    assert (bench.report().age_ns, bench.report().lease_ns) == (UNCERTAIN_NS, 0)


def test_an_own_lease_is_reported_with_its_rest_and_no_age(bench):
    bench.lead(leader("a"))
    bench.lease(bench.now + SECOND)
    assert (bench.report().age_ns, bench.report().lease_ns) == (0, SECOND)
    bench.now += SECOND
    assert (bench.report().age_ns, bench.report().lease_ns) == (11 * SECOND, 0)


def test_the_lease_of_another_term_is_not_that_of_this_one(bench):
    bench.lead(leader("a", term=8))
    bench.lease(bench.now + SECOND, term=7)
    assert bench.report().lease_ns == 0


def test_a_lease_without_an_end_is_reported_with_one(bench):
    bench.lead(leader("a"))
    bench.lease(FOREVER)
    assert bench.report().lease_ns <= DURATION_NS_MAX


def test_a_closed_node_holds_no_lease(bench):
    bench.lead(leader("a"))
    bench.lease(bench.now + SECOND)
    bench.context.leases.close()
    assert bench.report().lease_ns == 0


def test_members_come_with_known_addresses_and_those_heard(bench):
    bench.context.configuration = configuration = Configuration.initial("ab")
    assert bench.reports.members_report() == MembersReport(
        configuration=configuration, addresses={"a": "a:1"}, heard=("a",)
    )
    bench.context.peer_health.note_heard("b", bench.now)
    bench.addresses["b"] = "b:1"
    assert bench.reports.members_report() == MembersReport(
        configuration=configuration, addresses={"a": "a:1", "b": "b:1"}, heard=("a", "b")
    )
    bench.now += 2 * SECOND
    assert bench.reports.members_report().heard == ("a",)


def test_an_address_that_is_no_address_is_left_out(bench):
    """A member may show any text of 2,048 characters."""
    bench.context.configuration = Configuration(members=(Member(node_id="b"),))
    bench.addresses["b"] = "b" * 301
    bench.lead(leader("b", address="b" * 301))
    assert bench.reports.members_report().addresses == {}
    assert bench.report().address == ""


def test_a_standby_cluster_says_so(bench: Bench):
    assert not bench.reports.is_standby()
    bench.context.configuration = Configuration(state=ClusterState.STANDBY)
    assert bench.reports.is_standby()


def test_the_age_of_a_quorum(bench: Bench):
    """The second-last voter of three that was heard; its own vote counts."""
    bench.context.configuration = Configuration.initial("abc")
    assert bench.reports.quorum_age_ns() == NEVER_NS
    for peer, at_s in (("b", 97), ("c", 99), ("d", 100)):
        bench.context.peer_health.note_heard(peer, at_s * SECOND)
    assert bench.reports.quorum_age_ns() == SECOND
    bench.context.configuration = Configuration.initial("bcd")  # this node has no vote
    assert bench.reports.quorum_age_ns() == SECOND
    bench.context.configuration = Configuration.initial("a")
    assert bench.reports.quorum_age_ns() == 0
    bench.context.configuration = Configuration()
    assert bench.reports.quorum_age_ns() == NEVER_NS
