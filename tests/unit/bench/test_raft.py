"""The baseline of bench/figure16.py: Raft's rules, by the paper's section 5."""

from random import Random

import pytest

from bench.peers.raft import Ballot, Cluster, Role, Timing
from elect.testing import Options, Span

MS = 1_000_000
FIXED_WORLD = {"delay": Span(low=0.005, high=0.005), "lateness": Span(low=0, high=0)}
"""All frames take the same time, and timers are exact."""


def make(
    timeout_ms: tuple[int, int] = (150, 300), log_lengths: tuple[int, ...] = (1, 1, 1, 1, 1), **options
) -> Cluster:
    low, high = timeout_ms
    timing = Timing(timeout_low_ns=low * MS, timeout_high_ns=high * MS, heartbeat_interval_ns=low * MS // 2)
    return Cluster(Options(nodes=len(log_lengths), **options), timing, log_lengths)


def run(cluster: Cluster, ms: float) -> None:
    cluster.scheduler.run_until(cluster.scheduler.now + round(ms * MS))


def replace_leader(cluster: Cluster) -> None:
    """Make the first server lead, crash it, and wait for the next leader."""
    cluster.install(cluster.servers[0])
    run(cluster, 500)
    cluster.servers[0].crash()
    run(cluster, 5000)


def test_a_cold_cluster_elects_and_the_leader_stays():
    cluster = make(seed=1)
    run(cluster, 2000)
    before = list(cluster.wins)
    run(cluster, 5000)
    assert len(before) > 0
    assert cluster.wins == before
    leader = before[-1].server
    assert all(server.role is Role.FOLLOWER for server in cluster.servers if server is not leader)
    assert {server.ballot.term for server in cluster.servers} == {before[-1].term}


@pytest.mark.parametrize("seed", range(20))
def test_no_term_has_two_leaders_despite_crashes(seed):
    cluster = make((20, 40), seed=seed, disk_latency=Span(low=0.001, high=0.03))
    rng = Random(seed)
    for _ in range(300):
        run(cluster, rng.uniform(0, 30))
        server = rng.choice(cluster.servers)
        if server.is_alive:
            server.crash()
        if rng.random() < 0.8:
            server.restart()
    terms = [win.term for win in cluster.wins]
    assert len(terms) > 5
    assert len(set(terms)) == len(terms)


def test_a_vote_that_is_not_on_disk_is_lost_in_a_crash():
    cluster = make(log_lengths=(1, 1), seed=2, disk_latency=Span(low=0.05, high=0.05), **FIXED_WORLD)
    candidate, voter = cluster.servers
    candidate._campaign()
    run(cluster, 20)
    assert voter.ballot == Ballot(term=1, voted_for=candidate.number)
    voter.crash()
    run(cluster, 100)
    voter.restart()
    assert voter.ballot == Ballot()
    assert cluster.wins == []


def test_a_late_vote_of_an_older_term_does_not_count():
    cluster = make((5000, 5000), log_lengths=(1, 1, 1), disk_latency=Span(low=0.2, high=0.2), **FIXED_WORLD)
    candidate = cluster.servers[0]
    candidate._campaign()
    run(cluster, 10)
    candidate._campaign()
    run(cluster, 1000)
    # Both voters' disks are busy with term 1 until 205 ms, and with term 2 until 405 ms.
    assert [(win.term, win.at) for win in cluster.wins] == [(2, 410 * MS)]


def test_only_a_log_as_long_as_a_majority_wins():
    winners = set()
    for seed in range(30):
        cluster = make((150, 300), log_lengths=(5, 4, 3, 2, 1), seed=seed)
        replace_leader(cluster)
        winners.add(cluster.wins[1].server.log_length)
    assert winners == {4, 3}


def test_a_higher_term_deposes_the_leader():
    cluster = make(seed=3)
    old, new = cluster.servers[:2]
    cluster.install(old)
    run(cluster, 300)
    new._campaign()
    run(cluster, 100)
    assert [(win.server, win.term) for win in cluster.wins] == [(old, 1), (new, 2)]
    assert (old.role, old.ballot.term) == (Role.FOLLOWER, 2)


def test_new_timeouts_resolve_a_split_vote():
    cluster = make((150, 300), seed=5, **FIXED_WORLD)
    for server in cluster.servers:
        server._campaign()
    run(cluster, 140)
    assert cluster.wins == []
    assert {server.ballot.term for server in cluster.servers} == {1}
    run(cluster, 2000)
    assert cluster.wins[0].term > 1


def test_equal_timeouts_split_the_vote_for_ever():
    cluster = make((150, 150), seed=6, **FIXED_WORLD)
    cluster.install(cluster.servers[0])
    run(cluster, 10)
    cluster.servers[0].crash()
    run(cluster, 60_000)
    assert len(cluster.wins) == 1
    assert cluster.servers[1].ballot.term > 300
