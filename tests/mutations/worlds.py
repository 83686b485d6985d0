"""The worlds that find breaks: each follows from a seed and raises InvariantViolation when a checker notices.

Some rules matter only when several rare things meet. Their worlds know only those faults, and so meet them often.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from unittest.mock import patch

from elect.core.configuration import Configuration
from elect.core.events import Lost, Role, RoleChanged
from elect.core.ready import Ballot
from elect.core.rules import campaigning
from elect.testing import Faults, Observer, Options, Simulation, Span, hostile
from elect.testing.world.host import Host
from tests.simulation.healthy_cluster import QUICK_APPLICATION, HealthyCluster, healthy

NODES = (3, 4, 5)
MANY = tuple(f"e{number}" for number in range(12))


@dataclass(frozen=True, slots=True)
class World:
    """A kind of world.

    Attributes:
        name: what the table calls it.
        run: lives through one, by seed.
    """

    name: str
    run: Callable[[int], None]


def live(options: Options, seconds: float) -> None:
    """Live through a world, and let it settle."""
    simulation = Simulation(options)
    simulation.run(seconds)
    simulation.settle()


def harsh(
    name: str, *kinds: str, every: float, seconds: float = 20.0, triggered: float = 0.0, **options: object
) -> World:
    """Three nodes and a few kinds of faults."""
    base = Options(drift=0.01, faults=Faults(every=every, kinds=kinds, triggered=triggered))
    return World(name, lambda seed: live(replace(base, seed=seed, **options), seconds))


def disturbed(name: str, exercise: Callable[[HealthyCluster], None], **options: object) -> World:
    """A healthy cluster and one exercise."""
    return World(f"healthy cluster: {name}", lambda seed: exercise(HealthyCluster(replace(healthy(seed), **options))))


def _of_long_promises(seed: int) -> None:
    """One node asks for longer support than the others would."""
    options_of = Host.elector_options

    def longer(self):
        options = options_of(self)
        timing = replace(options.timing, support_duration_ns=2 * options.timing.support_duration_ns)
        return replace(options, timing=timing) if self.node_id == "a" else options

    with patch.object(Host, "elector_options", longer):
        RESTARTS.run(seed)


def _disagree(seed: int) -> None:
    """One node lists itself alone, the others list all; each starts at a random time."""
    rng = Random(seed)
    voters = {"a": ("a",), "b": ("a", "b", "c"), "c": ("a", "b", "c")}
    starts = {node_id: rng.choice((0.0, 0.5, 3.0)) for node_id in voters}
    Simulation(Options(seed=seed, voters=voters, starts=starts)).run(10)


def _list_two(seed: int) -> None:
    """Three nodes of five elect. Then the two others start for the first time, and list each other alone.

    Each node dials twice in a support duration, no oftener.
    """
    lists = {node_id: tuple("ad" if node_id in "ad" else "abcde") for node_id in "abcde"}
    starts = {"a": 3.0, "d": 3.0}
    Simulation(Options(nodes=5, seed=seed, voters=lists, starts=starts, backoff=Span(low=0.4, high=0.5))).run(10)


def _leave_behind(seed: int) -> None:
    """The hosts of both followers die, and come back within the lease with a configuration that lacks the leader."""
    simulation = Simulation(Options(seed=seed))
    simulation.run(2)
    leader = simulation.leader()
    followers = {*"abc"} - {leader}
    simulation.partition({leader}, followers)
    for node_id in sorted(followers):
        simulation.crash(node_id, closes=False)
        simulation._world.hosts[node_id].disk.configuration = Configuration.initial(followers)
        simulation.restart(node_id)
    simulation.run(2)


def _restart_a_promiser(simulation: Simulation, leader: str, promiser: str) -> None:
    """The host of a follower restarts within its promise to the leader, which hears nothing of that."""
    simulation.partition({leader}, {*"abc"} - {leader})
    simulation.crash(promiser, closes=False)
    simulation.disk(promiser)
    simulation.restart(promiser)
    simulation.run(2)


def _restart_a_follower(seed: int) -> None:
    """The leader is cut off, and a follower, whose host restarts within its promise, hears the third node alone."""
    simulation = Simulation(Options(seed=seed))
    simulation.run(2)
    leader = simulation.leader()
    _restart_a_promiser(simulation, leader, min({*"abc"} - {leader}))


def _acknowledge_again(seed: int) -> None:
    """A follower was away for so long that it waits for nobody. Its disk is slow when it acknowledges the leader."""
    simulation = Simulation(Options(seed=seed))
    simulation.run(2)
    leader = simulation.leader()
    promiser = min({*"abc"} - {leader})
    simulation.partition({promiser}, {*"abc"} - {promiser})
    simulation.run(4)
    simulation.disk(promiser, stall=0.3)
    simulation.heal()
    process = simulation._process(leader)
    simulation.run_until(lambda: process.table.counted[promiser] > process.now, 2)
    _restart_a_promiser(simulation, leader, promiser)


def _strike_off(seed: int) -> None:
    """A follower reads a reset of the leader's link, and restarts an interval later; the leader is cut off."""
    simulation = Simulation(Options(seed=seed))
    simulation.run(2)
    leader = simulation.leader()
    promiser = min({*"abc"} - {leader})
    links = simulation._links(leader, promiser)
    simulation.partition({leader}, {*"abc"} - {leader})
    for link in links:
        link.break_off()
        link.acceptor.links.receive_end(link, is_end_of_stream=False)
    simulation.run(0.15)
    _restart_a_promiser(simulation, leader, promiser)


def _wipe(seed: int) -> None:
    """The voter that elected the leader loses its votes, and hears only a node that knows nothing of that election."""
    simulation = Simulation(Options(seed=seed))
    simulation.run(1)
    rival = next(node_id for node_id in "abc" if node_id != simulation.leader())
    simulation.partition(rival, {*"abc"} - {rival})
    simulation.tell(simulation.leader(), lambda elector, now: elector.resign(now, "default"))
    simulation.run(3)
    wiped = next(node_id for node_id in "abc" if node_id not in (rival, simulation.leader()))
    leader = simulation.leader()
    simulation.heal()
    simulation.partition(leader, {wiped, rival})
    simulation.wipe(wiped)
    simulation.crash(rival)
    for node_id in (wiped, rival):
        simulation.restart(node_id)
    simulation.run(6)


def _pester(seed: int) -> None:
    """One node does not hear the leader and campaigns all the same (rule 3 is a hint): the leader stays."""
    simulation = Simulation(Options(seed=seed))
    simulation.run(2)
    leader = simulation.leader()
    pest = next(node_id for node_id in "abc" if node_id != leader)
    simulation.loss(1.0, leader, pest, both=False)
    with patch.object(campaigning, "is_free", lambda state, election: True):
        simulation.run(3)


def _witnesses(seed: int, nodes: int, witnesses: str) -> Simulation:
    """A world that has not begun, in which some nodes only vote."""
    simulation = Simulation(Options(seed=seed, nodes=nodes))
    for node_id in witnesses:
        simulation.set_standing(node_id, priority=0)
    return simulation


def _expect_leader(simulation: Simulation) -> None:
    if not simulation.run_until(lambda: simulation.leader() is not None, Options().settle_seconds):
        simulation.fail("a quorum that is connected elects", "no node leads")


def _elect_twice(seed: int) -> None:
    """The only candidate asks for votes while its disk stands still, and restarts before its own vote is written.

    It dies before it abandons that term: an abandoned vote is lowered, and not given again.
    """
    simulation = _witnesses(seed, 3, "bc")
    simulation.run(0.01)
    simulation.disk("a", stall=0.5)
    simulation.run_until(lambda: simulation.term("b") == simulation.term("c") == 1, 0.4)
    simulation.crash("a")
    simulation.restart("a")
    _expect_leader(simulation)


def _lag(seed: int) -> None:
    """The terms of the only candidate are far behind those of its voters."""
    simulation = _witnesses(seed, 3, "bc")
    for node_id in "bc":
        simulation._world.hosts[node_id].disk.ballots["default"] = Ballot(term=100, voted_for=None)
    _expect_leader(simulation)


def _bind_in_vain(seed: int) -> None:
    """All Grants of a candidate are lost. It gives up, and only a node that granted would lead."""
    simulation = _witnesses(seed, 3, "abc")
    simulation.run(1)
    for voter in "bc":
        simulation.loss(1.0, voter, "a", both=False)
    simulation.set_standing("a", priority=1)
    simulation.run(0.1)
    simulation.set_standing("a", priority=0)
    simulation.heal()
    simulation.set_standing("b", priority=1)
    _expect_leader(simulation)


def _follow_in_vain(seed: int) -> None:
    """A Lead is overtaken by the Resign of that term, and followed. The only other voter is dead."""
    simulation = _witnesses(seed, 3, "bc")
    simulation.loss(1.0, "a", "b", both=False)
    simulation.run(2)
    simulation.loss(0.0, "a", "b", both=False)
    simulation.reordering(1.0, "a", "b", both=False)
    simulation.run_until(lambda: simulation.elector("b").state.support.peers["a"].session is not None, 1)
    simulation.delay(0.3, 0.3, "a", "b", both=False)
    simulation.run(0.05)
    simulation.delay(0.001, 0.001, "a", "b", both=False)
    simulation.crash("c")
    simulation.set_standing("a", priority=0)
    simulation.run(0.5)
    simulation.set_standing("b", priority=1)
    _expect_leader(simulation)


class _Unheard(Observer):
    """Loses all that one node sends to `a`, from the election of `a` on."""

    def __init__(self, simulation: Simulation, node_id: str) -> None:
        self._simulation = simulation
        self._node_id = node_id

    def told(self, process, event) -> None:
        if isinstance(event, RoleChanged) and event.role is Role.LEADER and process.node_id == "a":
            self._simulation.loss(1.0, self._node_id, process.node_id, both=False)


def _elect_without_lease(seed: int) -> None:
    """The Grant that elects is given in no session, and its voter is not heard any more; all support the elected."""
    simulation = _witnesses(seed, 3, "abc")
    simulation.loss(1.0, "a", "c", both=False)
    simulation.run(2)
    simulation.watch(_Unheard(simulation, "c"))
    simulation.loss(1.0, "b", "a", both=False)
    simulation.set_standing("a", priority=1)
    elector = simulation.elector("a")
    election = elector.state.elections["default"]
    # Its first campaign times out. A later one begins before its next heartbeat, which would open a session.
    simulation.run_until(
        lambda: election.campaign is None and elector.state.now < election.retry_at < elector._heartbeat_at, 1
    )
    simulation.loss(0.0, "a", "c", both=False)
    simulation.run(0.2)
    for node_id in "bc":
        simulation.set_standing(node_id, priority=1)
    simulation.run(1)
    _expect_leader(simulation)


def _split(seed: int) -> None:
    """Two candidates that do not reach each other begin at once, each nearer to one of the two other voters."""
    simulation = _witnesses(seed, 4, "abcd")
    simulation.cut("a", "b")
    for candidate, near, far in (("a", "c", "d"), ("b", "d", "c")):
        simulation.delay(0.001, 0.001, candidate, near)
        simulation.delay(0.005, 0.005, candidate, far)
    simulation.run(2)
    for candidate in "ab":
        simulation.set_standing(candidate, priority=1)
    _expect_leader(simulation)


def _stall_the_leader(seed: int) -> None:
    """Its orchestrator thread stalls until just after its lease: an ack that was read before extends it."""
    simulation = Simulation(Options(seed=seed))
    simulation.run(2)
    process = simulation._process(simulation.leader())
    peers = process.elector.state.support.peers.values()
    simulation.run_until(lambda: process.now - min(peer.sent_latest for peer in peers) < 2_000_000, 1)
    seconds = (process.table.until("default") - process.now) / 1e9 + 0.01
    simulation.stall(process.node_id, seconds)
    simulation.run(seconds)
    lost = [record.event for record in simulation.events if isinstance(record.event, Lost)]
    if lost:
        simulation.fail("a lease extended in time is not lost", str(lost))


def _come_back(seed: int) -> None:
    """A node restarts, and comes first in more elections than are handed to it in one turn; `a` has the best offset."""
    simulation = Simulation(Options(seed=seed, elections=tuple(f"e{number}" for number in range(400)), failback=1.0))
    simulation.set_standing("a", offset=1)
    simulation.run(3)
    simulation.crash("b")
    simulation.run(2)
    simulation.restart("b")
    simulation.run(4)


def _stick_the_head(seed: int) -> None:
    """The votes of a node that comes back are above the terms of those that lead, and another one comes back, too."""
    simulation = Simulation(Options(seed=seed, nodes=5, elections=MANY, failback=1.0))
    simulation.run(1)
    for node_id in "bd":
        simulation.crash(node_id)
    for election in MANY:
        simulation._world.hosts["b"].disk.ballots[election] = Ballot(term=100, voted_for=None)
    simulation.run(2)
    for node_id in "bd":
        simulation.restart(node_id)
    simulation.settle()


HOSTILE = World("hostile", lambda seed: live(hostile(seed, NODES[seed % 3]), 60.0))

HUB = disturbed("hub", HealthyCluster.leave_a_hub)
MINORITY = disturbed("minority", HealthyCluster.trouble_a_minority)
RESTART = disturbed("restart", HealthyCluster.restart_the_leader)
SUCCESSION = disturbed("succession", HealthyCluster.replace_the_leader)
HAND_OVER = disturbed("hand over", HealthyCluster.hand_over, delay=Span(low=0.000_05, high=0.002))
HAND_OVER_AT_ONCE = disturbed("hand over at once", HealthyCluster.hand_over_at_once, **QUICK_APPLICATION)
LOSSY = disturbed("pass it round", HealthyCluster.pass_it_round, loss=0.15)

CONTEST = harsh("contests", "contest", every=2.0)
# The coalescer delays news by up to an interval, so these two rarely meet the moment that they are about with it.
CONTEST_OF_FIVE = harsh("contests of five", "contest", "cut both ways", every=0.5, nodes=5, coalescer=False)
REGAIN = harsh("regained", "regain", "cut both ways", every=0.5, coalescer=False)
LINKS = harsh("links", "redial", "clog", "cut both ways", "resign", every=0.1, delay=Span(low=0.000_5, high=0.05))
PROXIES = harsh("proxies", "close by proxy", "cut both ways", every=0.15, untrusted=1.0)
RESETS = harsh("resets", "reset", "hang up", "cut both ways", every=0.15)
RESTARTS = harsh("restarts", "restart at once", "cut both ways", every=0.3)
SUSPENDED = harsh("suspended", "suspend", every=0.3)
LONG_PROMISES = World("long promises", _of_long_promises)
DISKS = harsh("disks", "fail writes", "resign", every=0.2, disk_latency=Span(low=0.005, high=0.4))
OFFSETS = harsh("offsets", "restand", "resign", "crash", every=0.2, offset_rule="require")
LATE = harsh(
    "late",
    *("redial", "restart at once", "resign", "clog"),
    every=0.2,
    delay=Span(low=0.03, high=0.2),
    heartbeat_interval=0.04,
    support_duration=0.8,
)
SLOW_FOLLOWS = harsh(
    "slow follows",
    *("redial", "resign", "resign", "resign", "resign"),
    every=0.02,
    seconds=10.0,
    elections=MANY,
    loss=0.3,
    disk_latency=Span(low=0.05, high=0.4),
)
FAILBACKS = harsh("failbacks", "restand", "restart at once", "withhold", every=0.5, elections=MANY, failback=1.0)
MANY_FAILBACKS = World("many failbacks", _come_back)
STUCK_HEAD = World("stuck head", _stick_the_head)
STALLED = World("stalled", _stall_the_leader)
DISAGREEING = World("disagreeing", _disagree)
RELISTED = harsh("relisted", "relist", "crash", every=0.5)
TWO_LISTS = World("two lists", _list_two)
LEFT_BEHIND = World("left behind", _leave_behind)
FORGOTTEN_PROMISE = World("forgotten promise", _restart_a_follower)
ACKNOWLEDGED_AGAIN = World("acknowledged again", _acknowledge_again)
STRUCK_OFF = World("struck off", _strike_off)
WIPED = World("wiped", _wipe)
PESTERED = World("pestered", _pester)
OWN_VOTE = World("elected twice", _elect_twice)
BOUND_IN_VAIN = World("bound in vain", _bind_in_vain)
IN_VAIN = World("followed in vain", _follow_in_vain)
WITHOUT_LEASE = World("elected without a lease", _elect_without_lease)
BEHIND = World("behind", _lag)
SPLIT = World("split", _split)
