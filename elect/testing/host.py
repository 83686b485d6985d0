"""One machine: a clock, a disk, and at most one process of ours."""

from functools import partial

from elect.core.elector import Elector
from elect.core.membership import Configuration
from elect.core.messages import Standing
from elect.core.options import OffsetRule, Options, Timing
from elect.core.ready import Ready
from elect.testing.clock import VirtualClock
from elect.testing.disk import Disk
from elect.testing.options import NANOSECONDS, nanoseconds
from elect.testing.process import Process
from elect.testing.world import World

_PPM = 1_000_000
_CLOCK_SLACK_PPM = 1
"""Rates stay this much inside the bound, so that whole nanoseconds can't cross it."""

_BOOT_MAX_NS = 100_000 * NANOSECONDS


class Host:
    """A machine.

    Attributes:
        is_up: the operating system answers.
        process: running or paused, or None.
        standing: what the application says of itself at every start.
    """

    def __init__(self, world: World, node_id: str) -> None:
        self.world = world
        self.node_id = node_id
        self.is_up = True
        self.process: Process | None = None
        self.standing = Standing()
        self._stores = 1
        self.disk = Disk(world, node_id, self._stores)
        self._rate_ppm = self._draw_rate()
        self.clock = self._boot_clock()

    def _draw_rate(self) -> int:
        bound = self._rate_max
        return self.world.rng.choice((-bound, bound, self.world.rng.randint(-bound, bound)))

    @property
    def _rate_max(self) -> int:
        return max(0, round(self.world.options.drift * _PPM) - _CLOCK_SLACK_PPM)

    def _boot_clock(self) -> VirtualClock:
        reading = self.world.rng.randrange(_BOOT_MAX_NS)
        return VirtualClock(now=self.world.now, reading=reading, rate_ppm=self._rate_ppm)

    def set_drift(self, share: float) -> None:
        """Let the clock run fast (above 0) or slow, as far as the options allow nodes to believe.

        Raises:
            ValueError: beyond clock_drift no promise holds.
        """
        if abs(share) > self.world.options.clock_drift:
            raise ValueError(f"drift is {share}; clock_drift is {self.world.options.clock_drift}")
        bound = round(self.world.options.clock_drift * _PPM) - _CLOCK_SLACK_PPM
        self._rate_ppm = max(-bound, min(bound, round(share * _PPM)))
        self.clock.set_rate(self.world.now, self._rate_ppm)
        self.world.note(self.node_id, f"clock runs {self._rate_ppm:+} ppm")

    def elector_options(self) -> Options:
        """What this node's Elector is told at its start."""
        options = self.world.options
        timing = Timing(
            heartbeat_interval_ns=nanoseconds(options.heartbeat_interval),
            support_duration_ns=nanoseconds(options.support_duration),
            drift_ppm=round(options.clock_drift * _PPM),
        )
        return Options(
            node_id=self.node_id,
            configuration=Configuration.initial(options.node_ids),
            timing=timing,
            standing=self.standing,
            offset_rule=OffsetRule(options.offset_rule),
            grace_ns=nanoseconds(options.grace),
        )

    def start(self) -> None:
        """Boot the machine if it is down, and start the program; a failing disk keeps it from starting."""
        if self.process is not None:
            return
        if self.disk.is_failing or self.world.now < self.disk.stalled_until:
            self.world.scheduler.after(NANOSECONDS // 2, self.start)
            return
        if not self.is_up:
            self.is_up = True
            self.clock = self._boot_clock()
        promise_ns = self.disk.open(nanoseconds(self.world.options.support_duration))
        self.process = Process(self, promise_ns)
        self.world.note(str(self.process), f"starts (store {self.disk.store_id})")
        self.process.start()

    def crash(self, *, closes: bool) -> None:
        """Kill the program; without `closes` the machine goes with it and closes nothing."""
        process = self.process
        if process is None:
            return
        self.world.note(str(process), "crashes" if closes else "is gone with its machine")
        self.process = None
        process.die(closes=closes)
        self.is_up = closes
        self.disk.crash()
        for observer in self.world.observers:
            observer.died(process)

    def wipe(self) -> None:
        """Lose the disk: what starts next is another store under the same name."""
        self.crash(closes=True)
        self._stores += 1
        self.disk = Disk(self.world, self.node_id, self._stores)
        self.world.note(self.node_id, "is wiped")

    def restore(self) -> None:
        """Let everything work: disk, program, and an application that stands in every election."""
        self.disk.repair()
        self.standing = Standing()
        if self.process is None:
            self.start()
            return
        process = self.process
        process.resume()
        process.do(lambda elector, now: elector.set_standing(now, priority=1, offset=0))
        process.do(lambda elector, now: elector.set_paused(now, is_paused=False))
        process.do(lambda elector, now: elector.set_healthy(now, is_healthy=True))
        process.do(lambda elector, now: elector.set_storing(now, is_storing=True))
        for election in self.world.options.elections:
            process.do(partial(_enter, election=election))
        for dialer in process.dialers.values():
            dialer.nudge()


def _enter(elector: Elector, now: int, election: str) -> Ready:
    return elector.enter(now, election)
