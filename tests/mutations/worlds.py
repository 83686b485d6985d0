"""Where breaks are looked for: each world follows from a seed and raises InvariantViolation when a checker notices.

Some rules matter only when several rare things meet. Their worlds know only those faults, and so meet them often.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from unittest.mock import patch

from elect.core.ready import Lost
from elect.testing import Faults, Observer, Options, Simulation, Span, hostile
from elect.testing.faults.drills import Drill, healthy
from elect.testing.world.host import Host

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


def _live(options: Options, seconds: float) -> None:
    simulation = Simulation(options)
    simulation.run(seconds)
    simulation.settle()


def harsh(
    name: str, *kinds: str, every: float, seconds: float = 20.0, triggered: float = 0.0, **options: object
) -> World:
    """Three nodes and a few kinds of faults."""
    base = Options(drift=0.01, faults=Faults(every=every, kinds=kinds, triggered=triggered))
    return World(name, lambda seed: _live(replace(base, seed=seed, **options), seconds))


def drilled(name: str, exercise: Callable[[Drill], None], **options: object) -> World:
    """A healthy cluster and one exercise."""
    return World(f"drill: {name}", lambda seed: exercise(Drill(replace(healthy(seed), **options))))


def _of_long_promises(seed: int) -> None:
    """One node asks for longer support than the others would."""
    options_of = Host.elector_options

    def longer(self):
        options = options_of(self)
        timing = replace(options.timing, support_duration_ns=2 * options.timing.support_duration_ns)
        return replace(options, timing=timing) if self.node_id == "a" else options

    with patch.object(Host, "elector_options", longer):
        RESTARTS.run(seed)


class _Overtaken(Observer):
    """Three nodes: the heir is elected in silence, by a voter whose word to the rival takes its time.

    The rival hears of nobody who leads, and campaigns in a later term.
    """

    def __init__(self, seed: int, delay: float = 0.0) -> None:
        self.simulation = simulation = Simulation(Options(seed=seed))
        simulation.run(2)
        self.voter = simulation.leader()
        self.heir, self.rival = [node_id for node_id in "abc" if node_id != self.voter]
        self._delay = delay
        simulation.watch(self)
        simulation.tell(self.voter, lambda elector, now: elector.resign(now, "default", to=self.heir))
        simulation.set_standing(self.voter, priority=0)

    def stored(self, node_id, store_id, ballots) -> None:
        if node_id == self.heir:
            self.lose(1.0)
            if self._delay:
                self.simulation.delay(self._delay, self._delay, self.voter, self.rival, both=False)

    def lose(self, share: float) -> None:
        for way in ((self.heir, self.voter), (self.heir, self.rival), (self.rival, self.heir)):
            self.simulation.loss(share, *way, both=False)


def _give_up(seed: int) -> None:
    """The rival is elected, holds the lease and resigns; then the heir is heard."""
    play = _Overtaken(seed)
    play.simulation.run_until(lambda: play.simulation.leader() == play.rival, 0.5)
    play.simulation.tell(play.rival, lambda elector, now: elector.resign(now, "default"))
    play.simulation.run(0.02)
    play.lose(0.0)
    play.simulation.run(2)


def _restart_the_voter(seed: int) -> None:
    """The rival is elected, and who voted for both restarts and hears the heir first."""
    play = _Overtaken(seed)
    play.simulation.run_until(lambda: play.simulation.leader() == play.rival, 0.5)
    play.simulation.crash(play.voter)
    play.simulation.loss(1.0, play.rival, play.voter, both=False)
    play.simulation.restart(play.voter)
    play.simulation.loss(0.0, play.heir, play.voter, both=False)
    play.simulation.run(2)


def _abandon(seed: int) -> None:
    """The rival abandons its term and follows the heir; then the vote that it waited for comes."""
    play = _Overtaken(seed, delay=0.6)
    play.simulation.run(0.25)
    play.simulation.set_standing(play.rival, priority=0)
    play.lose(0.0)
    play.simulation.run(2)


def _disagree(seed: int) -> None:
    """One node lists itself alone, the others list all; each starts when it likes."""
    rng = Random(seed)
    voters = {"a": ("a",), "b": ("a", "b", "c"), "c": ("a", "b", "c")}
    starts = {node_id: rng.choice((0.0, 0.5, 3.0)) for node_id in voters}
    Simulation(Options(seed=seed, voters=voters, starts=starts)).run(10)


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


HOSTILE = World("hostile", lambda seed: _live(hostile(seed, NODES[seed % 3]), 60.0))

HUB = drilled("hub", Drill.leave_a_hub)
NEWLY_ELECTED = drilled("newly elected", Drill.cut_the_newly_elected)
MINORITY = drilled("minority", Drill.trouble_a_minority)
RESTART = drilled("restart", Drill.restart_the_leader)
SUCCESSION = drilled("succession", Drill.replace_the_leader)
HAND_OVER = drilled("hand over", Drill.hand_over, delay=Span(low=0.000_05, high=0.002))
DOUBLED = drilled("pass it round", Drill.pass_it_round, duplication=1.0, reordering=0.2)
LOSSY = drilled("pass it round", Drill.pass_it_round, loss=0.15)

CONTEST = harsh("contests", "contest", every=2.0)
REGAIN = harsh("regained", "regain", "cut both ways", every=0.5, coalescer=False)
LINKS = harsh("links", "redial", "clog", "cut both ways", "resign", every=0.1, delay=Span(low=0.000_5, high=0.05))
PROXIES = harsh("proxies", "close by proxy", "cut both ways", every=0.15, untrusted=1.0)
RESETS = harsh("resets", "reset", "hang up", "cut both ways", every=0.15)
RESTARTS = harsh("restarts", "restart at once", "cut both ways", every=0.3)
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
STALLED = World("stalled", _stall_the_leader)
DISAGREEING = World("disagreeing", _disagree)
RELISTED = harsh("relisted", "relist", "crash", every=0.5)
WIPED = World("wiped", _wipe)
GIVEN_UP = World("overtaken, given up", _give_up)
RESTARTED = World("overtaken, restarted", _restart_the_voter)
ABANDONED = World("overtaken, abandoned", _abandon)
