"""The worlds of the breaks of changing members.

Source: PROTOCOL.md, section 7.
"""

from unittest.mock import patch

from elect.config import rules
from elect.core.changes import DemoteMember, PromoteMember, RemoveMember
from elect.core.configuration import MemberKind
from elect.testing import Options, Simulation, changing
from tests.mutations.worlds import NODES, World, live


def _install_elsewhere(seed: int) -> None:
    """One voter has the leader's configuration and is cut off; the other one follows, and its disk stands still."""
    simulation = Simulation(Options(seed=seed))
    simulation.run(2)
    leader = simulation.leader()
    installed, following = {*"abc"} - {leader}
    simulation.disk(following, stall=10.0)
    simulation.change(DemoteMember(node_id=installed))
    elector = simulation.elector(installed)
    simulation.run_until(lambda: elector.state.membership.installed.term > 0, 1)
    simulation.run(0.05)
    simulation.cut(leader, installed)
    simulation.run(4)


def _come_back_below(seed: int) -> None:
    """A leader comes back when a later term has had a lease, and two newcomers have a vote that know nothing of it.

    The intervals are so long that its leadership outlives two changes without a lease. Each node acknowledges a moment
    after the one before it, so that the leases hold all the same.
    """
    starts = {"c": 0.0, "a": 1.0, "b": 2.0}
    elections = ("default", "jobs")
    with patch.object(rules, "HEARTBEATS_PER_SUPPORT_MIN", 1):  # of so few, one loss ends a leadership: no Config's
        options = Options(seed=seed, heartbeat_interval=5.0, support_duration=8.0, elections=elections, starts=starts)
    simulation = Simulation(options)
    simulation.set_standing("a", priority=2)
    for node_id, at in (("d", 2.5), ("e", 3.0)):
        simulation.run(at - simulation.now)
        simulation.add_node(node_id, kind=MemberKind.OBSERVER)
    simulation.run(20)
    simulation.tell(simulation.leader("jobs") or "", lambda elector, now: elector.resign(now, "jobs", to="c"))
    for node_id in "bde":
        simulation.tell(node_id, lambda elector, now: elector.leave(now, "jobs"))
    simulation.run(101.5 - simulation.now)
    for node_id in "abde":
        simulation.loss(1.0, "c", node_id)
    simulation.run(5.8)
    for newcomer in "de":
        for node_id in "ab":
            simulation.loss(1.0, node_id, newcomer, both=False)
    simulation.run_until(lambda: simulation.leader("jobs") == "a", 4)
    simulation.tell("a", lambda elector, now: elector.leave(now, "jobs"))
    simulation.run(0.1)
    for newcomer in "de":
        for node_id in "ab":
            simulation.loss(0.0, node_id, newcomer, both=False)
    simulation.change(PromoteMember(node_id="d"))
    simulation.run(8.3)
    simulation.change(PromoteMember(node_id="e"))
    simulation.loss(0.0)
    for node_id in "abde":
        simulation.redial("c", node_id)
    simulation.run(10)


def _lead_apart(seed: int) -> tuple[Simulation, str]:
    """One node leads `default` and has changed the members before; another one, which is returned, leads `jobs`."""
    simulation = Simulation(Options(seed=seed, nodes=5, elections=("default", "jobs")))
    simulation.run(3)
    root = simulation.leader() or ""
    other, removed = sorted({*"abcde"} - {root})[:2]
    if simulation.leader("jobs") != other:
        simulation.tell(simulation.leader("jobs") or "", lambda elector, now: elector.resign(now, "jobs", to=other))
    simulation.change(RemoveMember(node_id=removed))
    simulation.run(5)
    assert (simulation.leader(), simulation.leader("jobs")) == (root, other)
    return simulation, other


def _demote_a_leader(seed: int) -> None:
    """The leader of an election loses its vote."""
    simulation, leader = _lead_apart(seed)
    simulation.change(DemoteMember(node_id=leader))
    simulation.run(3)


def _remove_a_leader(seed: int) -> None:
    """The leader of an election is cut off and removed in one moment, within the promises to it."""
    simulation, leader = _lead_apart(seed)
    for node_id in "abcde":
        if node_id != leader:
            simulation.cut(leader, node_id)
    simulation.change(RemoveMember(node_id=leader))
    simulation.run(3)


CHANGING = World("changing", lambda seed: live(changing(seed, NODES[seed % 3]), 30.0))
INSTALLED_ELSEWHERE = World("installed elsewhere", _install_elsewhere)
BACK_BELOW = World("back below the floor", _come_back_below)
DEMOTED = World("a leader is demoted", _demote_a_leader)
REMOVED = World("a leader is removed", _remove_a_leader)
