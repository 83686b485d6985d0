"""The thread that makes votes durable, so that nothing else ever waits for a disk.

What waits in the queue becomes one transaction. When it fails, each of its numbers is reported as failed and its
ballots are kept: the core has decided them and does not decide otherwise, so the next write that succeeds carries
them too, and disk and memory agree again. Until then the disk is tried once a second.

Source: PROTOCOL.md, section 4 ("One step", and "A disk that fails means no grant; nothing else stops").
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from elect.clock import Clock, now_ns
from elect.core.ready import Ballot, Meeting, Write
from elect.errors import StoreError, StoreGone
from elect.storage.store import Store
from wire.common.failure_log import FailureLog
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread

logger = Log(__name__)

QUEUE_MAX = 1024
"""Writes decided but not yet on disk; a disk that is this far behind refuses more, as one that fails."""

PROBE_INTERVAL_S = 1.0
"""Often enough to be back soon, seldom enough to leave a sick disk alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """These writes are on disk; `took_ns` is how long their transaction took."""

    numbers: tuple[int, ...]
    took_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFailed:
    """These are not; from now on the disk counts as failing."""

    numbers: tuple[int, ...]
    error: StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRecovered:
    """The disk takes writes again, and has all that failed before; it had failed so many times."""

    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalDied:
    """The thread ended by an error of ours: nothing will be written any more, and the node must go down."""

    error: BaseException


JournalEvent = Written | WriteFailed | StoreRecovered | JournalDied


class Journal:
    """Owns an opened store from `start` on, and closes it at its thread's end.

    Args:
        store: opened.
        deliver: takes each event; called on the journal's thread; must not block.
        name: of the thread.
        queue_max: how many writes may wait.
        probe_interval_s: between two tries while the disk fails.
        clock: for `Written.took_ns`.
    """

    def __init__(
        self,
        store: Store,
        deliver: Callable[[JournalEvent], None],
        *,
        name: str = "elect-journal",
        queue_max: int = QUEUE_MAX,
        probe_interval_s: float = PROBE_INTERVAL_S,
        clock: Clock = now_ns,
    ) -> None:
        self._store = store
        self._deliver = deliver
        self._probe_interval_s = probe_interval_s
        self._clock = clock
        self._queue: queue.Queue[Write | None] = queue.Queue(queue_max)
        self._is_stopping = threading.Event()
        self._failure_log = FailureLog(logger, "the store")
        self._owed: dict[str, Ballot] = {}
        self._owed_meetings: dict[str, Meeting] = {}
        self._owed_promise_ns = 0
        self._thread = ReportedThread(self._run, name=name)

    @property
    def backlog(self) -> int:
        """Writes that wait for the thread; those in its hands are not counted."""
        return self._queue.qsize()

    @property
    def is_alive(self) -> bool:
        """Whether writes are taken from the queue."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, write: Write) -> bool:
        """Take a write, without waiting; False: too many wait already, and this one was not taken."""
        try:
            self._queue.put_nowait(write)
        except queue.Full:
            return False
        return True

    def stop(self, timeout: float | None = None) -> bool:
        """Write what was taken, close the store and end; idempotent.

        Args:
            timeout: seconds to wait for that; None: for ever.

        Returns:
            Whether the thread has ended; a disk may hang longer than anyone wants to wait.
        """
        self._is_stopping.set()
        with suppress(queue.Full):  # a full queue wakes the thread as well
            self._queue.put_nowait(None)
        if self._thread.ident is None:  # never started
            self._store.close()
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not (self._is_stopping.is_set() and self._queue.empty()):
                self._step()
        except BaseException as error:  # the thread's edge: nobody above would hear of it
            self._deliver(JournalDied(error=error))
            logger.exception("the journal died")
        finally:
            self._store.close()

    def _step(self) -> None:
        """Wait for writes, or for the time to try a failing disk, and make one transaction."""
        writes = self._take()
        if not writes and not self._failure_log.failures:
            return
        for write in writes:
            self._owed.update(write.ballots)
            self._owed_meetings.update(write.meetings)
            self._owed_promise_ns = max(self._owed_promise_ns, write.promise_ns or 0)
        numbers = tuple(write.number for write in writes)
        begun = self._clock()
        try:
            self._store.write(self._owed, self._owed_promise_ns or None, self._owed_meetings)
        except StoreGone:
            raise  # votes written from now on would be lost: the node goes down
        except StoreError as error:
            self._failure_log.failed(str(error))
            if numbers:
                self._deliver(WriteFailed(numbers=numbers, error=error))
            return
        self._owed, self._owed_meetings, self._owed_promise_ns = {}, {}, 0
        if failures := self._failure_log.worked():
            self._deliver(StoreRecovered(failures=failures))
        if numbers:
            self._deliver(Written(numbers=numbers, took_ns=self._clock() - begun))

    def _take(self) -> list[Write]:
        """All that waits; empty when it is time to try again, or to stop."""
        taken: list[Write | None] = []
        with suppress(queue.Empty):
            taken.append(self._queue.get(timeout=self._probe_interval_s if self._failure_log.failures else None))
            while True:
                taken.append(self._queue.get_nowait())
        return [write for write in taken if write is not None]
