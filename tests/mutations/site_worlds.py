"""The worlds of the breaks of two sites.

Source: PROTOCOL.md, section 8.
"""

from elect.core.changes import NameCluster, RemoveMember
from elect.core.configuration import MemberKind
from elect.testing import Options, Simulation
from elect.testing.membership.site_operator import SEAL, promote
from elect.testing.simulation.two_sites import TwoSites
from tests.mutations.worlds import NODES, World, harsh


def _promote_late(seed: int) -> None:
    """A node is cut off, and promoted when the others have long changed the voters. Then it meets a former voter."""
    simulation = Simulation(Options(seed=seed, is_standby=True))
    simulation.run(1)
    for node_id in "ab":
        simulation.cut("c", node_id)
    promote(simulation._process("a"), 1_000_000)
    for node_id in "de":
        simulation.add_node(node_id, kind=MemberKind.VOTER)
        simulation.cut("c", node_id)
    simulation.run_until(lambda: len(simulation.members().voters) == 5, 40)
    simulation.set_standing("d", priority=5)
    simulation.tell(simulation.leader() or "", lambda elector, now: elector.resign(now, "default", to="d"))
    simulation.run_until(lambda: simulation.leader() == "d", 5)
    simulation.change(RemoveMember(node_id="b"))
    simulation.run_until(lambda: "b" not in simulation.members().voters, 10)
    simulation.run(2)
    promote(simulation._process("c"), 3_000_000)
    for node_id in "ade":
        simulation.cut("b", node_id)
    simulation.mend("b", "c")
    simulation.run(5)


def seal_apart(seed: int) -> tuple[Simulation, str, str, str]:
    """A leader seals, and is heard by nobody. A later leader is elected; it and its follower are returned last."""
    simulation = Simulation(Options(seed=seed))
    simulation.run(2)
    sealed = simulation.leader() or ""
    others = {*"abc"} - {sealed}
    for other in others:
        simulation.loss(1.0, sealed, other)
    simulation.change(SEAL)
    simulation.run_until(lambda: simulation.leader() in others, 5)
    (follower,) = others - {simulation.leader()}
    return simulation, sealed, simulation.leader() or "", follower


def _seal_alone(seed: int) -> None:
    """The later leader changes the members before it hears of the seal."""
    simulation, *_ = seal_apart(seed)
    simulation.change(NameCluster(cluster_id=bytes(16)))
    simulation.loss(0.0)
    simulation.run(5)


def _seal_below(seed: int) -> None:
    """The follower of the later leader has the seal, and does not reach that leader, which changes the members."""
    simulation, sealed, leader, follower = seal_apart(seed)
    simulation.loss(1.0, follower, leader, both=False)
    simulation.loss(0.0, sealed, follower)
    simulation.run_until(lambda: simulation.elector(follower).state.is_sealed, 0.9)
    simulation.change(NameCluster(cluster_id=bytes(16)))
    simulation.run(1)
    simulation.loss(0.0)
    simulation.run(5)


def _live_twice(seed: int) -> None:
    """The source is sealed, and the standby is promoted after that."""
    TwoSites(seed, NODES[seed % 3], is_sealed_first=True).run(12.0)


LATE = World("a late promotion", _promote_late)
SEALED = harsh(
    "seals",
    *("isolate", "cut one way", "cut both ways", "leave a hub", "partition", "restart at once"),
    every=0.4,
    seconds=8.0,
    seals=0.5,
    elections=("default", "jobs"),
)
ALONE = World("a seal that is lost", _seal_alone)
BELOW = World("a seal below a later term", _seal_below)
BOTH = World("two sites", _live_twice)
STALLED = harsh(
    "seals, and disks that stall",
    "stall disk",
    every=0.3,
    seconds=8.0,
    seals=0.5,
    elections=("default", "jobs"),
)
STANDING_BY = harsh(
    "promotions",
    *("isolate", "partition", "restart at once"),
    every=0.5,
    seconds=6.0,
    is_standby=True,
    promotions=1.0,
)
