"""One machine: a clock, a disk, and at most one process of the node."""

from dataclasses import replace

from elect.bridge import commands
from elect.clock import NS_PER_S
from elect.core.configuration import Configuration, MemberKind
from elect.core.messages import Standing
from elect.core.options import ElectorOptions, OffsetRule, Timing
from elect.testing.simulation.simulation_options import Span, nanoseconds
from elect.testing.world.process import Process
from elect.testing.world.simulated_disk import SimulatedDisk
from elect.testing.world.virtual_clock import VirtualClock
from elect.testing.world.world import World

_PPM = 1_000_000
_CLOCK_SLACK_PPM = 1
"""Rates stay this much inside the bound, so that whole nanoseconds can't cross it."""

_RETRANSMISSION_MAX = 2.0
"""The longest time between two retransmissions of TCP, s."""

_BOOT_MAX_NS = 100_000 * NS_PER_S


class Host:
    """A machine.

    Attributes:
        is_up: the operating system answers.
        is_halted: suspended, or frozen by its hypervisor: nothing on it runs, and nothing reaches it.
        is_healthy: the answer of the application's health hook.
        is_retired: the machine is gone for good.
        stale_until: support counted up to this reading of the clock may be too long, because the clock had stopped.
        process: running or paused, or None.
        standing: the rank that the application gives at every start.
        listed: the ids of the voters in its settings, of which only the first start of a store takes notice.
        is_joining: without a configuration its node asks to join.
        kind: the part that its node takes then.
    """

    def __init__(self, world: World, node_id: str, *, kind: MemberKind | None = None) -> None:
        self.world = world
        self.node_id = node_id
        self.is_joining = kind is not None
        self.kind = kind or MemberKind.VOTER
        self.is_up = True
        self.is_halted = False
        self.is_healthy = True
        self.is_retired = False
        self.stale_until = 0
        self.process: Process | None = None
        self.standing = Standing()
        self.listed = self._first_list
        self._ways: list[tuple[str, str]] = []
        self._halted_at = 0
        self._stores = 1
        self.disk = SimulatedDisk(world, node_id, self._stores)
        self._rate_ppm = self._draw_rate()
        self.clock = self._boot_clock()

    @property
    def _first_list(self) -> tuple[str, ...]:
        """The voters in its settings at first; none if it joins a cluster."""
        options = self.world.options
        return () if self.is_joining else options.voters.get(self.node_id, options.node_ids)

    @property
    def is_wiped(self) -> bool:
        """Return whether its first store is lost."""
        return self._stores > 1

    def _draw_rate(self) -> int:
        bound = max(0, round(self.world.options.drift * _PPM) - _CLOCK_SLACK_PPM)
        return self.world.rng.choice((-bound, bound, self.world.rng.randint(-bound, bound)))

    def _boot_clock(self) -> VirtualClock:
        reading = self.world.rng.randrange(_BOOT_MAX_NS)
        return VirtualClock(now=self.world.now, reading=reading, rate_ppm=self._rate_ppm)

    def set_drift(self, share: float) -> None:
        """Make the clock run fast (above 0) or slow, within the error that nodes allow for.

        Raises:
            ValueError: the share is beyond clock_drift, where no promise holds.
        """
        if abs(share) > self.world.options.clock_drift:
            raise ValueError(f"drift is {share}; clock_drift is {self.world.options.clock_drift}")
        bound = round(self.world.options.clock_drift * _PPM) - _CLOCK_SLACK_PPM
        self._rate_ppm = max(-bound, min(bound, round(share * _PPM)))
        self.clock.set_rate(self.world.now, self._rate_ppm)
        self.world.note(self.node_id, f"clock runs {self._rate_ppm:+} ppm")

    def elector_options(self) -> ElectorOptions:
        """Return the options with which this node's Elector starts."""
        options = self.world.options
        timing = Timing(
            heartbeat_interval_ns=nanoseconds(options.heartbeat_interval),
            support_duration_ns=nanoseconds(options.support_duration),
            drift_ppm=round(options.clock_drift * _PPM),
        )
        return ElectorOptions(
            node_id=self.node_id,
            configuration=self.disk.configuration,
            timing=timing,
            rank=replace(self.standing, willing=False) if options.health is not None else self.standing,
            offset_rule=OffsetRule(options.offset_rule),
            grace_ns=nanoseconds(options.grace),
            learner_lag_max=options.learner_lag_max,
            failback_ns=None if options.failback is None else nanoseconds(options.failback),
        )

    def start(self) -> None:
        """Boot the machine if it is down, and start the program. With a failing disk it tries again later."""
        if self.process is not None or self.is_retired:
            return
        if self.disk.is_failing or self.world.now < self.disk.stalled_until:
            self.world.scheduler.after(NS_PER_S // 2, self.start)
            return
        if not self.is_up:
            self.is_up = True
            self.clock = self._boot_clock()
            self.stale_until = 0
        support_duration_ns = nanoseconds(self.world.options.support_duration)
        is_standby = self.world.options.is_standby and not self.is_joining
        given = Configuration.initial(self.listed, is_standby=is_standby)
        promise_ns = self.disk.open(support_duration_ns, given)
        self.process = Process(self, promise_ns)
        self.world.note(str(self.process), f"starts (store {self.disk.store_id})")
        self.process.start()

    def crash(self, *, closes: bool) -> None:
        """Kill the program; without `closes` the machine goes with it and closes nothing."""
        process = self.process
        if process is None:
            return
        closes = closes and not self.is_halted
        self.world.note(str(process), "crashes" if closes else "is gone with its machine")
        self.process = None
        process.die(closes=closes)
        self.is_up = closes
        self.disk.crash()
        for observer in self.world.observers:
            observer.died(process)
        self._end_halt()

    def halt(self, *, stops_clock: bool) -> None:
        """Suspend the machine, or stop it and its clock, as a hypervisor does.

        A stopped clock breaks an assumption of P3: after the promises of its peers are over, this node still counts
        their support, for as long as its clock had stopped. `stale_until` is the end of that support. Support that it
        asks for later, and its own promises, are not affected. Checkers excuse a lease only if it depends on support
        counted up to `stale_until`.

        Source: PROTOCOL.md, section 1, "A hypervisor that stops the clock of a machine breaks P3".
        """
        if self.process is None or self.is_halted:
            return
        self.is_halted = True
        self._halted_at = self.world.now
        self.world.note(self.node_id, "is frozen" if stops_clock else "is suspended")
        self.process.gate.set_stopped(is_halted=True)
        self.disk.halt()
        paths = self.world.network.paths
        self._ways = [way for way, path in paths.items() if self.node_id in way and not path.is_cut]
        for way in self._ways:
            self.world.network.cut(*way)
        if stops_clock:
            timing = self.elector_options().timing
            self.stale_until = self.clock.read(self.world.now) + timing.counted_ns(timing.support_duration_ns)
            self.clock.stop(self.world.now)

    def wake(self) -> None:
        """Continue a suspended or frozen machine; TCP sends unacknowledged frames again."""
        process = self.process
        if process is None or not self.is_halted:
            return
        self.world.note(self.node_id, "wakes")
        self._end_halt()
        self.disk.wake()
        process.reset_timer()
        process.gate.set_stopped(is_halted=False)

    def _end_halt(self) -> None:
        if self.is_halted:
            self.is_halted = False
            self.clock.start(self.world.now)
            gone = (self.world.now - self._halted_at) / NS_PER_S
            retransmission = Span(low=0.0, high=min(gone, _RETRANSMISSION_MAX))
            for way in self._ways:
                self.world.network.mend(*way, retransmission=retransmission)

    def is_stale(self, counted_until: int) -> bool:
        """Return whether support counted until then may be too long, because this machine's clock had stopped."""
        return counted_until <= self.stale_until

    def set_healthy(self, *, is_healthy: bool) -> None:
        """Set the answer of the application's health hook, for later processes as well."""
        self.is_healthy = is_healthy
        if self.process is not None:
            self.process.do(commands.tick())

    def retire(self) -> None:
        """Take the machine away for good."""
        self.crash(closes=True)
        self.is_retired = True
        self.is_up = False
        self.world.note(self.node_id, "is retired")

    def wipe(self, *, kind: MemberKind | None = None) -> None:
        """Lose the disk: the next start has a new store under the same name, and asks to join as a `kind`, if given."""
        self.crash(closes=True)
        if kind is not None:
            self.is_joining, self.kind, self.listed = True, kind, ()
        self._stores += 1
        self.disk = SimulatedDisk(self.world, self.node_id, self._stores)
        self.world.note(self.node_id, "is wiped")

    def list_voters(self, voters: tuple[str, ...]) -> None:
        """Change the list of voters in the settings; a store that has a configuration keeps it."""
        self.listed = voters
        self.world.note(self.node_id, f"lists {''.join(voters)}")

    def correct_voters(self) -> None:
        """Change the list of voters in the settings back to the first one, and start if the program does not run."""
        if self.listed != self._first_list:
            self.list_voters(self._first_list)
        self.start()

    def restore(self, *, is_willing: bool = True) -> None:
        """Repair the disk, the program and the application, which enters every election, willing to lead or not."""
        self.disk.repair()
        self.standing = Standing(priority=int(is_willing))
        self.is_healthy = True
        self.correct_voters()
        process = self.process
        if process is None:
            return
        self.wake()
        process.resume()
        process.end_stall()
        process.application.return_all()
        process.set_standing(priority=int(is_willing), offset=0)
        process.do(lambda elector, now: elector.set_paused(now, is_paused=False))
        process.do(lambda elector, now: elector.set_storing(now, is_storing=True))
        for election in self.world.options.elections:
            process.do(commands.enter(election))
        for dialer in process.links.dialers.values():
            dialer.nudge()


def add_host(world: World, node_id: str, *, kind: MemberKind) -> Host:
    """Add a machine to a world that runs; its node asks to join as a `kind`."""
    host = world.hosts[node_id] = Host(world, node_id, kind=kind)
    world.network.add(node_id)
    return host
