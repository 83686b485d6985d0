import pytest
from prometheus_client import CollectorRegistry, generate_latest

from elect.core.configuration import Configuration, Member, MemberKind
from elect.core.events import (
    Campaigned,
    Elected,
    FailedBack,
    Installed,
    LeaderChanged,
    LossReason,
    Lost,
    PeerChanged,
    Role,
    RoleChanged,
    Voted,
)
from elect.monitoring.counters import ALL, ELECTIONS_MAX
from elect.monitoring.election_metrics import ElectionSample
from elect.monitoring.metrics import ELECTED, Metrics, PeerSample, Sample
from elect.monitoring.peer_health import PeerHealth

SECOND = 1_000_000_000

CONTRACT = {
    "elect_is_leader": {"election"},
    "elect_term": {"election"},
    "elect_lease_remaining_seconds": {"election"},
    "elect_role": {"election", "role"},
    "elect_role_changes_total": {"election", "role", "reason"},
    "elect_campaigns_total": {"election", "outcome"},
    "elect_votes_total": {"election", "answer"},
    "elect_leaderless": {"election"},
    "elect_leaderless_seconds_total": {"election"},
    "elect_failover_seconds_count": set(),
    "elect_peer_supported": {"peer"},
    "elect_peer_voter": {"peer"},
    "elect_peer_doubled": {"peer"},
    "elect_peer_suspect": {"peer"},
    "elect_peer_leaving": {"peer"},
    "elect_doubled": set(),
    "elect_peer_rtt_seconds_count": {"peer"},
    "elect_peer_last_heard_seconds": {"peer"},
    "elect_store_write_seconds_count": set(),
    "elect_loop_lag_seconds_count": set(),
    "elect_inbox_depth": set(),
    "elect_members": {"kind", "state"},
    "elect_voters_missing": set(),
    "elect_configuration_digest": set(),
    "elect_configuration_term": set(),
    "elect_configuration_version": set(),
    "elect_lifecycle": {"state"},
    "elect_membership_changes_total": {"change", "outcome"},
    "elect_failbacks_total": set(),
    "elect_clients": set(),
    "elect_client_messages_refused_total": {"kind"},
    "elect_bugs_total": set(),
}


class Time:
    now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def metrics(time) -> Metrics:
    return Metrics(clock=time, named=["named"])


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def leader(election: str, leader: str | None, at: float, term: int = 1) -> LeaderChanged:
    return LeaderChanged(election=election, term=term, leader=leader, at=round(at * SECOND))


def test_every_series_of_the_contract_is_there_with_its_labels(metrics):
    metrics.observe(RoleChanged(election="default", term=1, role=Role.LEADER, reason="elected", at=0))
    metrics.observe(Campaigned(election="default", term=1, outcome="elected", at=0))
    metrics.observe(Voted(election="default", term=1, candidate="a", answer="granted", at=0))
    metrics.observe(Elected(election="default", term=1, at=0))
    metrics.observe(Lost(election="default", term=1, at=0, reason=LossReason.RESIGNED))
    metrics.observe(FailedBack(election="default", term=1, successor="b", at=0))
    metrics.observe(PeerChanged(peer="b", supported=True, at=0))
    metrics.observe_round_trip("b", 300_000)
    metrics.observe_store_write(2_000_000)
    metrics.observe_loop_lag(100_000)
    metrics.observe_ignored(7)
    metrics.count_change("add", "installed")
    metrics.count_refused("vote")
    metrics.count_bug()
    election = ElectionSample(election="default", term=3, role=Role.LEADER, lease_remaining_ns=SECOND // 2)
    peer = PeerSample(peer="b", is_supported=True, health=PeerHealth(last_heard_ns=SECOND // 4, is_suspect=False))
    metrics.attach(
        lambda: Sample(elections=[election], peers=[peer], inbox_depth=2, clients=5, lifecycle_states=["ready"])
    )
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    labels = {sample.name: set(sample.labels) for sample in samples}
    assert {name: labels.get(name) for name in CONTRACT} == CONTRACT
    assert value(metrics, "elect_is_leader", election="default") == 1
    assert value(metrics, "elect_term", election="default") == 3
    assert value(metrics, "elect_lease_remaining_seconds", election="default") == 0.5
    assert value(metrics, "elect_role", election="default", role="leader") == 1
    assert value(metrics, "elect_role", election="default", role="follower") == 0
    assert value(metrics, "elect_role_changes_total", election="default", role="leader", reason="elected") == 1
    assert value(metrics, "elect_campaigns_total", election="default", outcome="elected") == 1
    assert value(metrics, "elect_votes_total", election="default", answer="granted") == 1
    assert value(metrics, "elect_ignored_entries_total") == 7
    assert value(metrics, "elect_peer_supported", peer="b") == 1
    assert value(metrics, "elect_peer_last_heard_seconds", peer="b") == 0.25
    assert value(metrics, "elect_peer_rtt_seconds_sum", peer="b") == 0.0003
    assert value(metrics, "elect_store_write_seconds_sum") == 0.002
    assert value(metrics, "elect_loop_lag_seconds_sum") == 0.0001
    assert value(metrics, "elect_inbox_depth") == 2
    assert value(metrics, "elect_clients") == 5
    assert value(metrics, "elect_client_messages_refused_total", kind="vote") == 1
    assert value(metrics, "elect_failbacks_total") == 1
    assert value(metrics, "elect_membership_changes_total", change="add", outcome="installed") == 1
    assert value(metrics, "elect_bugs_total") == 1
    assert b'elect_role{election="default",role="leader"} 1.0' in generate_latest(metrics.registry)


def test_members_are_counted_by_kind_and_part(metrics):
    learner = Member(node_id="c", is_voter=False)
    observer = Member(node_id="d", kind=MemberKind.OBSERVER, is_voter=False)
    members = (Member(node_id="a"), Member(node_id="b"), learner, observer)
    metrics.attach(lambda: Sample(configuration=Configuration(members=members, term=7, version=2)))
    counted = {("voter", "voter"): 2, ("voter", "learner"): 1, ("witness", "witness"): 0, ("observer", "observer"): 1}
    for (kind, state), count in counted.items():
        assert value(metrics, "elect_members", kind=kind, state=state) == count
    assert value(metrics, "elect_members", kind="observer", state="learner") is None
    assert value(metrics, "elect_configuration_term") == 7
    assert value(metrics, "elect_configuration_version") == 2


def test_voters_that_do_not_support_the_node_are_missing(metrics):
    members = (*(Member(node_id=node) for node in "abc"), Member(node_id="d", kind=MemberKind.OBSERVER, is_voter=False))
    peers = [PeerSample(peer=peer, is_supported=peer == "b") for peer in "bcd"]
    metrics.attach(lambda: Sample(configuration=Configuration(members=members), peers=peers))
    assert value(metrics, "elect_voters_missing") == 1
    assert [value(metrics, "elect_peer_voter", peer=peer) for peer in "bcd"] == [1, 1, 0]


def test_digest_is_that_of_the_configuration(metrics):
    """A number that a sample holds exactly; a node that is to join has none yet."""
    assert value(metrics, "elect_configuration_digest") == 0
    digests = []
    for voters in ("abc", "abc", "abd"):
        metrics.attach(lambda voters=voters: Sample(configuration=Configuration.initial(voters)))
        digests.append(value(metrics, "elect_configuration_digest"))
    assert digests[0] == digests[1] != digests[2]
    assert digests[0] == int(digests[0]) < 2**53


def test_changes_are_counted_as_they_are_installed(metrics):
    former = Configuration.initial("ab")
    metrics.observe(Installed(configuration=Configuration.initial("bcd"), at=0, former=former))
    assert value(metrics, "elect_membership_changes_total", change="add", outcome="installed") == 2
    assert value(metrics, "elect_membership_changes_total", change="remove", outcome="installed") == 1


def test_one_state_of_the_lifecycle_is_hot(metrics):
    metrics.attach(lambda: Sample(lifecycle="ready", lifecycle_states=["joining", "ready"]))
    assert value(metrics, "elect_lifecycle", state="ready") == 1
    assert value(metrics, "elect_lifecycle", state="joining") == 0


def test_lapsed_lease_is_not_leading(metrics):
    samples = [ElectionSample(election="default", term=3, role=Role.LEADER, lease_remaining_ns=0)]
    metrics.attach(lambda: Sample(elections=samples))
    assert value(metrics, "elect_is_leader", election="default") == 0
    assert value(metrics, "elect_lease_remaining_seconds", election="default") == 0


def test_leadership_is_counted_from_zero(metrics):
    """A series that began at 1 would hide its first leadership from `increase()`."""
    labels = {"election": "default", "role": "leader", "reason": ELECTED}
    metrics.attach(lambda: Sample(elections=[ElectionSample(election="default", term=0, role=Role.FOLLOWER)]))
    assert value(metrics, "elect_role_changes_total", **labels) == 0
    metrics.observe(RoleChanged(election="default", term=1, role=Role.LEADER, reason=ELECTED, at=0))
    assert value(metrics, "elect_role_changes_total", **labels) == 1


def test_elections_without_a_leader_are_counted(metrics):
    samples = [
        ElectionSample(election=name, term=1, role=Role.FOLLOWER, is_leaderless=name != "e0")
        for name in ("named", *(f"e{number}" for number in range(ELECTIONS_MAX)))
    ]
    metrics.attach(lambda: Sample(elections=samples))
    assert value(metrics, "elect_leaderless", election="named") == 1
    assert value(metrics, "elect_leaderless", election=ALL) == ELECTIONS_MAX - 1


def test_peer_never_heard_has_no_age(metrics):
    metrics.attach(lambda: Sample(peers=[PeerSample(peer="b", is_supported=False)]))
    assert value(metrics, "elect_peer_supported", peer="b") == 0
    assert value(metrics, "elect_peer_last_heard_seconds", peer="b") is None


def test_leaderless_time_runs_until_a_leader_is_known(metrics, time):
    metrics.observe(RoleChanged(election="default", term=1, role=Role.CANDIDATE, reason="stands", at=SECOND))
    time.now = 3 * SECOND
    assert value(metrics, "elect_leaderless_seconds_total", election="default") == 2
    metrics.observe(leader("default", "a", 4))
    time.now = 10 * SECOND
    assert value(metrics, "elect_leaderless_seconds_total", election="default") == 3
    metrics.observe(leader("default", None, 11))
    metrics.observe(leader("default", None, 12))
    time.now = 13 * SECOND
    assert value(metrics, "elect_leaderless_seconds_total", election="default") == 5


def test_failover_is_from_a_leader_lost_to_the_next_known(metrics):
    metrics.observe(leader("default", None, 0))
    metrics.observe(leader("default", "a", 5))  # the first leader is no failover
    assert value(metrics, "elect_failover_seconds_count") == 0
    metrics.observe(leader("default", "b", 6))  # nor is a change without a gap
    metrics.observe(leader("default", None, 7))
    metrics.observe(leader("default", "c", 7.25))
    assert value(metrics, "elect_failover_seconds_count") == 1
    assert value(metrics, "elect_failover_seconds_sum") == 0.25


def many(count: int) -> Sample:
    names = ["named", *(f"election-{number}" for number in range(count - 1))]
    return Sample(
        elections=[
            ElectionSample(election=name, term=number, role=Role.LEADER, lease_remaining_ns=(number + 1) * SECOND)
            for number, name in enumerate(names)
        ]
    )


def test_up_to_the_bound_each_election_has_its_series(metrics):
    metrics.attach(lambda: many(ELECTIONS_MAX))
    assert value(metrics, "elect_is_leader", election="election-98") == 1
    assert value(metrics, "elect_is_leader", election=ALL) is None


def test_above_the_bound_unnamed_elections_are_summed(metrics):
    metrics.attach(lambda: many(ELECTIONS_MAX + 1))
    assert value(metrics, "elect_is_leader", election="election-98") is None
    assert value(metrics, "elect_is_leader", election=ALL) == ELECTIONS_MAX
    assert value(metrics, "elect_is_leader", election="named") == 1
    assert value(metrics, "elect_role", election=ALL, role="leader") == ELECTIONS_MAX
    assert value(metrics, "elect_term", election=ALL) == ELECTIONS_MAX
    assert value(metrics, "elect_lease_remaining_seconds", election=ALL) == 2


def test_counts_before_the_bound_was_passed_are_in_the_sum(metrics):
    for number in range(ELECTIONS_MAX + 50):
        metrics.observe(Voted(election=f"e{number}", term=1, candidate="a", answer="granted", at=0))
        metrics.observe(Voted(election="named", term=1, candidate="a", answer="bound", at=0))
    assert value(metrics, "elect_votes_total", election=ALL, answer="granted") == ELECTIONS_MAX + 50
    assert value(metrics, "elect_votes_total", election="named", answer="bound") == ELECTIONS_MAX + 50


def test_series_leave_the_registry_for_another_node():
    registry = CollectorRegistry()
    first = Metrics(registry)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Metrics(registry)
    first.close()
    first.close()
    assert Metrics(registry).registry is registry


@pytest.mark.parametrize("accept", ["text/plain; version=x", "application/openmetrics-text; version=", "\xff;;=,", ""])
def test_a_scraper_with_a_bad_header_gets_text(metrics, accept):
    body, content_type = metrics.exposition(accept)
    assert b"elect_bugs_total 0.0" in body
    assert content_type.startswith(("text/plain", "application/openmetrics-text; version=1.0.0"))


@pytest.mark.parametrize("named", ["orders", 5, ["orders", None], [b"orders"]])
def test_named_elections_are_a_collection_of_texts(named):
    with pytest.raises(TypeError, match=r"^named is "):
        Metrics(named=named)
