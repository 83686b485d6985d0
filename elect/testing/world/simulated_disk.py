"""A node's disk: it may be slow, stall or fail, and a crash loses unsynced writes."""

from typing import TYPE_CHECKING

from elect.clock import NS_PER_S
from elect.core.configuration import STORE_ID_LENGTH, Configuration
from elect.core.ready import Ballot, Meeting, Write
from elect.errors import StoreError
from elect.storage.journal import JournalEvent, StoreRecovered, WriteFailed, Written
from elect.storage.store import NO_CLUSTER, check_configuration, effective
from elect.testing.world.world import World

if TYPE_CHECKING:
    from elect.testing.world.process import Process

_PROBE_NS = NS_PER_S
"""The product writes to a failing disk again once a second."""

_KEPT_SHARE = 0.3
"""The share of failed transactions that reach the disk nevertheless."""


class SimulatedDisk:
    """Durable state, and the transaction under way.

    Attributes:
        store_id: of this store; a wiped disk gets another.
        incarnation: number of starts of a process on it.
        promise_ns: the longest support that was, or may have been, acknowledged.
        ballots: by election.
        meetings: by peer.
        configuration: the stored one.
        stalled_until: nothing completes before this time.
        is_failing: every write fails.
        fails_left: number of next writes that fail.
    """

    def __init__(self, world: World, node_id: str, store_id: int) -> None:
        self._world = world
        self._node_id = node_id
        self.store_id = store_id
        self.incarnation = 0
        self.promise_ns = 0
        self.ballots: dict[str, Ballot] = {}
        self.meetings: dict[str, Meeting] = {}
        self.configuration = NO_CLUSTER
        self.stalled_until = 0
        self.is_failing = False
        self.fails_left = 0
        self._is_halted = False
        self._is_out = False
        self._is_busy = False
        self._unkept: list[Write] = []
        self._waiting: list[Write] = []
        self._under_way: list[Write] = []
        self._transaction = 0
        self._writer: Process | None = None

    @property
    def store(self) -> bytes:
        """Return the id of this store, as handshakes show it."""
        return self.store_id.to_bytes(STORE_ID_LENGTH)

    def attach(self, process: "Process") -> None:
        """Write for this process from now on, and put the results into its inbox."""
        self._writer = process

    def put(self, write: Write) -> bool:
        """Queue a write; always True: the disk accepts it."""
        self._waiting.append(write)
        world = self._world
        if write.configuration is not None:
            assert self._writer is not None
            for observer in world.observers:
                observer.decided(self._writer, write.configuration)
        if write.ballots and world.crash_at_write and world.rng.random() < world.crash_at_write:
            assert self._writer is not None
            world.scheduler.after(world.disk_latency.draw(world.rng) // 2, self._writer.kill_around_write)
        if not self._is_busy:
            self._begin()
        return True

    def _begin(self) -> None:
        """Begin one transaction with all queued writes and those that failed before."""
        self._under_way, self._waiting = self._waiting, []
        self._unkept += self._under_way
        self._is_busy = True
        self._transaction += 1
        latency = self._world.disk_latency.draw(self._world.rng)
        self._world.scheduler.after(latency, self._end, self._transaction)

    def _end(self, transaction: int) -> None:
        if transaction != self._transaction or not self._is_busy or self._is_halted:
            return
        if self._world.now < self.stalled_until:
            self._world.scheduler.at(self.stalled_until, self._end, transaction)
            return
        self._is_busy = False
        numbers = tuple(write.number for write in self._under_way)
        if self.is_failing or self.fails_left:
            self._fail(numbers)
        else:
            self._keep()
            if self._is_out:
                self._is_out = False
                self._answer(StoreRecovered(failures=1))
            if numbers:
                self._answer(Written(numbers=numbers, took_ns=0))
        if self._waiting and not self._is_busy:
            self._begin()

    def _fail(self, numbers: tuple[int, ...]) -> None:
        """Report a failure. The writes may be on the disk nevertheless; if not, the next transaction repeats them."""
        self.fails_left = max(0, self.fails_left - 1)
        self._is_out = True
        if self._world.rng.random() < _KEPT_SHARE:
            self._keep()
        self._world.scheduler.after(_PROBE_NS, self._probe, self._transaction)
        if numbers:
            self._answer(WriteFailed(numbers=numbers, error=StoreError(None, "it fails", "simulated")))

    def _answer(self, event: JournalEvent) -> None:
        assert self._writer is not None
        self._writer.note_written(self, event)

    def _probe(self, transaction: int) -> None:
        """Try again, unless a later transaction began."""
        if transaction == self._transaction and self._writer is not None:
            self._begin()

    def _keep(self) -> None:
        """Put all writes that are not on the disk yet onto it."""
        unkept, self._unkept = self._unkept, []
        for write in unkept:
            self.ballots.update(write.ballots)
            self.promise_ns = max(self.promise_ns, write.promise_ns or 0)
            self.meetings.update(write.meetings)
            if write.configuration is not None:
                check_configuration(self.configuration, write.configuration)
                self._configure(write.configuration)
            for observer in self._world.observers:
                observer.stored(self._node_id, self.store_id, write.ballots)

    def _configure(self, configuration: Configuration) -> None:
        self.configuration = configuration
        for observer in self._world.observers:
            observer.configured(self._node_id, self.store_id, configuration)

    def halt(self) -> None:
        """Stop with the machine: no write ends."""
        self._is_halted = True

    def wake(self) -> None:
        """Continue with the machine; the transaction under way ends now."""
        self._is_halted = False
        self._end(self._transaction)

    def repair(self) -> None:
        """Undo all faults; the transaction under way ends now."""
        self.is_failing = False
        self.fails_left = 0
        self.stalled_until = 0
        if self._is_out and not self._is_busy and self._writer is not None:
            self._probe(self._transaction)
        self._end(self._transaction)

    def crash(self) -> None:
        """Lose the queued writes; the transaction under way is kept whole or lost whole."""
        if self._is_busy and not self.is_failing and self._world.rng.random() < 0.5:
            self._keep()
        self._unkept.clear()
        self._under_way, self._waiting = [], []
        self._is_busy = self._is_out = self._is_halted = False
        self._transaction += 1
        self._writer = None

    def open(self, support_duration_ns: int, given: Configuration) -> int:
        """Begin an incarnation, durably; return the longest support that may have been acknowledged before it.

        Args:
            support_duration_ns: the support that is acknowledged from now on.
            given: the configuration in the node's file, which is stored if there is none.
        """
        self._configure(effective(self.configuration, given))
        self.incarnation += 1
        is_first_of_world = self.store_id == 1 and bool(given.members) and not self._world.options.voters
        before = self.promise_ns or (0 if is_first_of_world else support_duration_ns)
        self.promise_ns = max(before, support_duration_ns)
        return before
