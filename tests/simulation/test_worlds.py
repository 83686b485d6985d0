"""The faults of machines, threads, applications and disks: each has its effect, and a missing protection is noticed."""

from unittest.mock import patch

import pytest

from elect.core.events import LossReason, Lost
from elect.runtime.heartbeat_coalescer import HeartbeatCoalescer
from elect.testing import InvariantViolation, Observer, Options, Simulation, Span
from elect.testing.world.host import Host
from elect.testing.world.lease_record import LeaseRecord
from tests.simulation.clusters import steady


def holds(simulation: Simulation, node_id: str, election: str = "default") -> bool:
    """Return whether a thread of a node is told now that it leads."""
    process = simulation._process(node_id)
    return process.table.until(election) > process.now


def losses(simulation: Simulation) -> list[Lost]:
    return [record.event for record in simulation.events if isinstance(record.event, Lost)]


def clock(simulation: Simulation, node_id: str) -> int:
    return simulation._process(node_id).now


# Machines.


def test_a_suspended_leader_wakes_without_a_lease():
    simulation, leader, others = steady()
    before = clock(simulation, leader)
    simulation.suspend(leader, 5.0)
    simulation.run(4.9)
    assert simulation.leader() in others
    simulation.run(0.2)
    assert clock(simulation, leader) - before > 5.0 * 10**9
    assert not holds(simulation, leader)
    simulation.settle()


def test_a_short_suspend_costs_nobody_the_lease():
    simulation, leader, _ = steady()
    simulation.suspend(leader, 0.3)
    simulation.run(4)
    assert simulation.leader() == leader
    assert losses(simulation) == []


def test_a_thawed_leader_holds_its_old_lease_until_its_end():
    simulation, leader, others = steady()
    before = clock(simulation, leader)
    simulation.freeze(leader)
    simulation.run(3)
    assert clock(simulation, leader) == before
    (successor,) = [node_id for node_id in others if holds(simulation, node_id)]
    simulation.thaw(leader)
    assert holds(simulation, leader)
    assert holds(simulation, successor)
    simulation.run(1.1)
    assert not holds(simulation, leader)
    assert holds(simulation, successor)
    simulation.settle()


def test_a_frozen_follower_hurts_nobody():
    simulation, leader, (follower, _) = steady()
    simulation.freeze(follower)
    simulation.run(5)
    simulation.thaw(follower)
    simulation.run(5)
    assert simulation.leader() == leader
    assert losses(simulation) == []


def test_checkers_excuse_the_stale_lease_alone():
    simulation, leader, _ = steady()
    host = simulation._process(leader).host
    simulation.freeze(leader)
    stale = host.stale_until
    simulation.thaw(leader)
    simulation.run(0.5)
    assert simulation.leader() == leader
    assert stale < simulation._process(leader).table.until("default")
    with patch.object(Host, "is_stale", lambda host, until: False), pytest.raises(InvariantViolation):
        simulation.freeze(leader)
        simulation.run(3)
        simulation.thaw(leader)
        simulation.run(1)


def test_a_machine_that_dies_frozen_boots_with_a_clock_that_runs():
    simulation, leader, _ = steady()
    simulation.freeze(leader)
    simulation.crash(leader)
    simulation.restart(leader)
    before = clock(simulation, leader)
    simulation.run(1)
    assert clock(simulation, leader) - before > 0.9 * 10**9
    simulation.settle()


def test_a_signal_does_not_wake_a_suspended_machine():
    simulation, leader, _ = steady()
    simulation.pause(leader)
    simulation.suspend(leader, 3.0)
    simulation.resume(leader)
    simulation.run(2)
    assert not simulation._process(leader).gate.is_running
    simulation.run(1.1)
    assert simulation._process(leader).gate.is_running


# Threads.


def test_a_long_stall_ends_the_lease_before_another_begins():
    simulation, leader, others = steady()
    simulation.stall(leader, 0.5)
    simulation.run(1)
    assert losses(simulation) == []
    simulation.stall(leader, 3.0)
    simulation.run(2.5)
    assert not holds(simulation, leader)
    assert simulation.leader() in others
    simulation.run(1)
    simulation.settle()


def test_a_stalled_node_handles_its_input_in_order_later():
    simulation, leader, (other, _) = steady()
    simulation.stall(leader, 0.4)
    simulation.redial(other, leader)
    simulation.run(0.3)
    dialer = simulation._process(other).links.dialers[leader]
    assert dialer.is_open
    peer = simulation.elector(leader).state.support.peers[other]
    assert peer.accepted != dialer.link.number
    simulation.run(0.2)
    assert peer.accepted == dialer.link.number
    assert peer.session is not None


def test_a_lease_without_an_end_is_noticed_in_a_stall():
    simulation, leader, _ = steady()
    until, own = LeaseRecord.until, simulation._process(leader).table

    def endless(table: LeaseRecord, election: str) -> int:
        found = until(table, election)
        return 2**63 if found and table is own else found

    with (
        patch.object(LeaseRecord, "until", endless),
        pytest.raises(InvariantViolation, match=r"one lease|elected over a lease"),
    ):
        simulation.stall(leader, 5.0)
        simulation.run(5)


def test_heartbeats_without_news_wait_for_a_tick():
    simulation, leader, _ = steady()
    waited = []
    take = HeartbeatCoalescer.take_waiting

    def counting(coalescer: HeartbeatCoalescer) -> list:
        waited.extend(waiting := take(coalescer))
        return waiting

    with patch.object(HeartbeatCoalescer, "take_waiting", counting):
        simulation.run(3)
    assert len(waited) > 50
    simulation.crash(leader)
    simulation.run(1)
    assert simulation.leader() not in (leader, None)
    simulation.settle()


def test_a_stamp_older_than_its_heartbeat_is_noticed():
    take = HeartbeatCoalescer.take_waiting

    def backdating(coalescer: HeartbeatCoalescer) -> list:
        return [(read_at - 500_000_000, heartbeat) for read_at, heartbeat in take(coalescer)]

    with (
        patch.object(HeartbeatCoalescer, "take_waiting", backdating),
        pytest.raises(InvariantViolation, match="support is promised"),
    ):
        steady()[0].run(5)


# Applications.


def test_an_application_that_raises_gives_up_and_others_lead():
    simulation, leader, others = steady()
    simulation.raising(1.0)
    simulation.crash(leader)
    simulation.run(1)
    assert any(lost.reason is LossReason.WORK_FAILED for lost in losses(simulation))
    simulation.raising(0.0)
    assert simulation.run_until(lambda: simulation.leader() in others, 3)


def test_work_that_raises_ends_at_once_even_in_a_stall():
    simulation, leader, _ = steady()
    process = simulation._process(leader)
    simulation.stall(leader, 0.3)
    process.application._raise(next(r.event for r in simulation.events if type(r.event).__name__ == "Elected"))
    assert not holds(simulation, leader)
    assert simulation.elector(leader).state.elections["default"].leadership is not None
    simulation.run(0.5)
    assert losses(simulation)[0].reason is LossReason.WORK_FAILED


def test_a_slow_application_hears_one_thing_after_the_other():
    elections = ("default", "jobs", "reports")
    simulation, _, _ = steady(elections=elections, acknowledgement=Span(low=0.4, high=0.4))
    leader = simulation.leader("default") or ""
    led = [election for election in elections if simulation.leader(election) == leader]
    for election in elections:
        if election not in led:
            simulation.tell(simulation.leader(election) or "", lambda e, now, n=election: e.resign(now, n, to=leader))
    simulation.run(3)
    led = [election for election in elections if simulation.leader(election) == leader]
    assert len(led) > 1
    resigned_at = simulation.now
    for election in led:
        simulation.tell(leader, lambda elector, now, name=election: elector.resign(now, name))
    for count, election in enumerate(led, 1):
        state = simulation.elector(leader).state.elections[election]
        simulation.run(resigned_at + 0.4 * count - 0.01 - simulation.now)
        assert state.leadership is not None
        simulation.run(0.02)
        assert state.leadership is None


def test_an_unhealthy_node_is_no_candidate():
    simulation = Simulation(Options(nodes=3, seed=1, health=Span(low=1.0, high=1.0)))
    simulation.run(0.9)
    assert simulation.leader() is None
    simulation.health("a", is_healthy=False)
    simulation.run(0.5)
    leader = simulation.leader()
    assert leader not in ("a", None)
    simulation.restart("a")
    simulation.crash("a")
    simulation.restart("a")
    simulation.crash(leader)
    simulation.run(5)
    assert simulation.leader() not in ("a", leader, None)
    simulation.crash(simulation.leader())
    simulation.restart(leader)
    simulation.run(5)
    assert simulation.leader() == leader


# Disks.


def test_a_failed_write_keeps_a_node_out_for_a_second():
    simulation, leader, others = steady(disk_latency=Span(low=0.01, high=0.01))
    for node_id in others:
        simulation.disk(node_id, failures=1)
    simulation.crash(leader)
    simulation.run(0.3)
    assert not all(simulation.elector(node_id).state.is_storing for node_id in others)
    assert simulation.leader() is None
    assert simulation.run_until(lambda: simulation.leader() in others, 3)


class Stored(Observer):
    def __init__(self) -> None:
        self.count = 0

    def stored(self, *_: object) -> None:
        self.count += 1


def test_what_failed_is_on_the_disk_all_the_same_now_and_then():
    kept = 0
    for seed in range(20):
        simulation, leader, (node_id, _) = steady(seed=seed)
        simulation.disk(node_id, is_failing=True)
        simulation.crash(leader)
        stored = Stored()
        before = dict(simulation._process(node_id).host.disk.ballots)
        simulation.watch(stored)
        simulation.run(0.3)
        kept += simulation._process(node_id).host.disk.ballots != before
    assert 0 < kept < 20
