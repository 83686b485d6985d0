"""MirrorFollower: the thread of a mirror. It dials the source, follows it, and waits before it dials again.

What is applied becomes durable first, then it is published, then the program is told, then the source. Each write has
a turn of its own, so that a promotion falls between two of them, and nothing is written after it. No call of the
program waits for a turn without end: a disk may hang. So the store of a mirror that is stopped is closed by the last
one that had a turn.
"""

import errno
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from elect.clock import NS_PER_S, Clock
from elect.core.promotion import floor_above
from elect.errors import StoreError
from elect.mirror.change_callbacks import ChangeCallbacks
from elect.mirror.mirror_content import MirrorContent
from elect.mirror.mirror_errors import MirrorBootstrapping, MirrorStopped, SourceRefused
from elect.mirror.mirror_machine import MirrorMachine, SourceProblem
from elect.mirror.mirror_store import MirrorStore
from elect.mirror.mirror_values import MirrorPhase, MirrorState, Promotion
from elect.mirror.source_backoff import SourceBackoff
from elect.mirror.source_link import SourceLink
from elect.monitoring import audit
from wire.common import arguments
from wire.common.deadline import Deadline, now_s
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.common.reported_thread import ReportedThread
from wire.common.signal_safe_condition import SignalSafeCondition
from wire.common.turns import Turns
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.protocol.wire_errors import StoppedError, WireError

logger = Log(__name__)

BUSY_S = 0.02
"""The wait for bytes while an Applied is owed, or the program has changes to take."""

IDLE_S = 0.5

TURN_S = 10.0
"""The wait of a promotion for a write before it: that takes some milliseconds, and of 100,000 elections a second."""


class MirrorFollower:
    """One run of a mirror. Its thread calls the methods of LinkUser; any thread may call the others.

    Args:
        machine: with the content of the store.
        store: open; this closes it.
        callbacks: of the program.
        name: of the mirror.
        addresses: of nodes of the source.
        make_dialing: returns the parameters of a dial.
        clock: in nanoseconds.
        rng: for the waits.

    Attributes:
        error: the refusal that ended it; None: none.
        last_error: why the last link ended, or the last dial failed.
        source_node: the id of the node of the open link; empty: there is none.
        source: the address that was dialed last.
        links: the number of links on which the source welcomed this mirror.
    """

    def __init__(
        self,
        machine: MirrorMachine,
        store: MirrorStore,
        callbacks: ChangeCallbacks,
        *,
        name: str,
        addresses: Sequence[Address],
        make_dialing: Callable[[], Dialing],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.machine = machine
        self.callbacks = callbacks
        self.error: SourceRefused | None = None
        self.last_error = ""
        self.source_node = ""
        self.source = ""
        self.links = 0
        self._store = store
        self._name = name
        self._make_dialing = make_dialing
        self._clock = clock
        self._backoff = SourceBackoff(addresses, rng)
        self._turns = Turns()
        self._is_stopped = False
        self._lock = threading.RLock()  # `with` of a Condition is no single step, and Ctrl-C may come in it
        self._changed = SignalSafeCondition(self._lock)
        self._is_over = threading.Event()
        self._link: SourceLink | None = None
        self._thread = ReportedThread(self._run, name="elect-mirror")
        self._log_throttle = LogThrottle()

    @property
    def content(self) -> MirrorContent:
        """The state of the source, as far as it was applied."""
        return self.machine.content

    @property
    def attempts(self) -> int:
        """Dials since the last link that held."""
        return self._backoff.attempts

    @property
    def state(self) -> MirrorState:
        """The state now."""
        machine = self.machine
        return machine.state(machine.as_of, self._clock())

    def start(self) -> None:
        """Begin to follow; a mirror that was promoted does not.

        Raises:
            RuntimeError: there is no thread.
        """
        self.callbacks.start()
        self.callbacks.put(self.content.stored_changes())
        if self.content.promotion is None:
            self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End; return whether the threads have ended in time (seconds)."""
        deadline = Deadline(timeout)
        self._is_stopped = True
        self._end("this mirror is stopped")
        if self._thread.ident is not None and not self.callbacks.is_current:
            link = self._link
            self._thread.join(deadline.remaining_s if link is None or not link.is_in_lookup else min(1.0, timeout))
        is_done = self.callbacks.stop(deadline.remaining_s) and not self._thread.is_alive()
        # It closes the store, also under a thread that is left behind in a lookup.
        with self._store_turn(deadline.remaining_s) as is_free:
            return is_done and is_free

    def wait(self, is_met: Callable[[], bool], timeout: float) -> bool:
        """Wait until a condition is true, this is over, or the time is (seconds); return whether it is true."""
        with self._lock:
            self._changed.wait_for(lambda: is_met() or self._is_over.is_set(), timeout)
        return is_met()

    def promote(self, *, is_forced: bool, highest_term: int) -> Promotion:
        """Make a promotion durable, and follow nothing any more; return the record, an earlier one if there is one.

        Args:
            is_forced: also without a whole snapshot.
            highest_term: a term that the caller knows of.

        Raises:
            MirrorBootstrapping: no whole snapshot was applied, and it is not forced.
            StoreError: it may not be durable; repeat it.
            MirrorStopped: it was stopped meanwhile.
        """
        with self._store_turn(TURN_S) as is_free:
            if self._is_stopped:
                raise MirrorStopped(self._name)
            if not is_free:
                text = f"a write before this has not ended within {TURN_S:g} s; mend the disk, or repeat it"
                raise StoreError(errno.ETIMEDOUT, text, str(self._store.path))
            content = self.content
            self._store.settle(content)
            if content.promotion is None:
                if not (content.is_bootstrapped or is_forced):
                    raise MirrorBootstrapping
                highest = max(content.highest_term, highest_term)
                floor = floor_above(highest)
                self._note_promotion(highest, floor)  # before it is made: a kill after that leaves no time for it
                try:
                    self._store.promote(floor, highest)
                finally:  # Ctrl-C may come when it is durable
                    self._store.settle(content)
            made = content.promotion
            assert made is not None
        self._end("this mirror was promoted")
        return made

    def _note_promotion(self, highest_term: int, floor: int) -> None:
        content = self.content
        how = "" if content.is_bootstrapped else ", forced without a whole snapshot of the source"
        audit.record(
            self._store.directory,
            f"the mirror of cluster {content.source_cluster_id.hex() or '(unknown)'} is to be promoted{how}: the"
            f" highest term that is known is {highest_term}, terms begin above {floor}",
        )

    @contextmanager
    def _store_turn(self, timeout_s: float) -> Iterator[bool]:
        """Wait until nothing else uses the store (seconds); yield whether that was in time."""
        try:
            with self._turns.take(timeout_s) as is_free:
                yield is_free
        finally:
            if self._is_stopped:
                with self._turns.take(0) as is_last:
                    if is_last:
                        self._store.close()

    @property
    def _is_done(self) -> bool:
        return self._is_over.is_set() or self.content.promotion is not None

    def _check_going(self) -> None:
        if self._is_done:
            raise StoppedError("this mirror is over")

    # The thread.

    def _end(self, text: str) -> None:
        with self._lock:
            self._is_over.set()
            self._changed.notify_all()
        link = self._link
        if link is not None:
            link.end(StoppedError(text))

    def _run(self) -> None:
        try:
            while not self._is_done:
                self.machine.note_time(self._clock())
                error = self._follow(self._backoff.next_address())
                if isinstance(error, SourceProblem) and error.is_hard:
                    self.error = SourceRefused(error.code, self.source, error.text)
                    logger.warning("! %s; this mirror follows nothing until it is started anew", self.error)
                    return
                self._is_over.wait(self._backoff.wait_ns(self._clock()) / NS_PER_S)
        finally:
            self._end("this mirror is over")

    def _follow(self, address: Address) -> Exception:
        """Follow one node until the link ends; return why."""
        self.source = str(address)
        self._link = link = SourceLink(address, self._make_dialing(), self)
        if self._is_over.is_set():
            return StoppedError("this mirror is stopped")
        error: Exception = StoppedError("this mirror is stopped")
        try:
            link.run()
        except (WireError, SourceProblem, StoreError) as raised:
            error = raised
        except Exception as raised:
            logger.exception("! following %s failed", address)  # it dials again: a mirror that is gone helps nobody
            error = raised
        was_following = self.machine.is_welcome
        self.machine.disconnected()
        self.source_node = ""  # then: a mirror that follows has a link
        self.last_error = str(error) if str(error).startswith(str(address)) else f"{address}: {error}"
        self._notify()
        held = self._log_throttle.admit_line(str(error), now_s())
        if held is not None and not self._is_over.is_set():
            what = "no longer follows" if was_following else "does not follow"
            logger.warning("- this mirror %s %s%s", what, self.last_error, suppressed_suffix(held))
        return error

    def begin(self, node_id: str) -> object:
        """See LinkUser."""
        self.source_node = node_id
        return self.machine.connected(self._clock())

    def receive(self, message: object) -> None:
        """See LinkUser."""
        now, was_welcome = self._clock(), self.machine.is_welcome
        self.machine.receive(message, now)
        if self.machine.is_welcome and not was_welcome:
            self.links += 1
            self._backoff.note_opened(now)
            logger.info("* this mirror follows node %s at %s", self.source_node, self.source)
        self._notify()

    def work(self) -> tuple[object | None, float]:
        """See LinkUser."""
        machine = self.machine
        self._check_going()
        machine.check(self._clock())
        if machine.has_waiting and self.callbacks.has_room:
            self._apply()
        answer = machine.applied_message(self._clock())
        return answer, BUSY_S if machine.is_busy else IDLE_S

    def _apply(self) -> None:
        batch = self.machine.next_batch()
        if batch is None:
            return
        with self._store_turn(arguments.SECONDS_MAX):
            self._check_going()
            self._store.settle(self.content)
            self._check_going()
            self._store.write(batch, self.content)
            changes = self.machine.applied(batch)
        self.callbacks.put(changes)
        self._notify()

    def _notify(self) -> None:
        with self._lock:
            self._changed.notify_all()


def is_following(follower: MirrorFollower) -> bool:
    """Return whether a mirror has applied all that its source knew a moment ago."""
    return follower.state.phase is MirrorPhase.FOLLOWING
