"""The thread that makes votes durable, so that no other thread waits for a disk.

All waiting writes become one transaction. When it fails, each of its numbers is reported as failed and its ballots are
kept: the core has decided them for good, so the next successful write includes them, and disk and memory agree again.
Until then the disk is tried once a second.

Source: PROTOCOL.md, section 4 ("One step", and "A disk that fails means no grant; nothing else stops").
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from elect.clock import Clock, now_ns
from elect.core.configuration import Configuration
from elect.core.ready import Ballot, Meeting, Write
from elect.errors import StoreError, StoreGone
from elect.storage.store import Store
from wire.common.failure_log import FailureLog
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread

logger = Log(__name__)

QUEUE_MAX = 1024
"""Writes that may wait; with more, the disk counts as failing."""

PROBE_INTERVAL_S = 1.0
"""The interval between two tries: recovery is soon, and a failing disk gets little load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Reports that these writes are on disk; their transaction took `took_ns`."""

    numbers: tuple[int, ...]
    took_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFailed:
    """Reports that these writes are not on disk; from now on the disk counts as failing."""

    numbers: tuple[int, ...]
    error: StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRecovered:
    """Reports that the disk accepts writes again, and has all earlier ones; it had failed `failures` times."""

    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalDied:
    """Reports that the thread died: nothing more is written, and the node must stop."""

    error: BaseException

    def raise_error(self) -> NoReturn:
        """Raise the exception that ends the node.

        Raises:
            StoreGone: the store is gone. That is no bug, and its text says what to do.
            RuntimeError: for another reason, which is its cause.
        """
        if isinstance(self.error, StoreGone):
            raise self.error
        raise RuntimeError("the journal thread died") from self.error


JournalEvent = Written | WriteFailed | StoreRecovered | JournalDied


class Journal:
    """The owner of an opened store from `start` on; closes it when its thread ends.

    Args:
        store: an opened store.
        deliver: called with each event, on the journal's thread; must not block.
        name: of the thread.
        queue_max: the number of writes that may wait.
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
        self._queue_max = queue_max
        # Its thread wakes once for a write: a SimpleQueue has no lock that the woken thread would have to wait for.
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._is_stopping = threading.Event()
        self._failure_log = FailureLog(logger, "the store")
        self._owed: dict[str, Ballot] = {}
        self._owed_meetings: dict[str, Meeting] = {}
        self._owed_configuration: Configuration | None = None
        self._owed_promise_ns = 0
        self._thread = ReportedThread(self._run, name=name)

    @property
    def backlog(self) -> int:
        """The number of writes that wait for the thread."""
        return self._queue.qsize()

    @property
    def is_alive(self) -> bool:
        """Return whether the journal's thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def put(self, write: Write) -> bool:
        """Queue a write, without waiting; return False if the queue is full."""
        if self._queue.qsize() >= self._queue_max:
            return False
        self._queue.put(write)
        return True

    def stop(self, timeout: float | None = None) -> bool:
        """Write all queued writes, close the store and end the thread; idempotent.

        Args:
            timeout: seconds to wait for that; None waits without limit.

        Returns:
            Whether the thread has ended; a disk may hang.
        """
        self._is_stopping.set()
        self._queue.put(None)
        if self._thread.ident is None:  # never started
            self._store.close()
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not (self._is_stopping.is_set() and self._queue.empty()):
                self._step()
        except BaseException as error:  # the thread's edge: no caller above would learn of it
            self._deliver(JournalDied(error=error))
            logger.exception("! the journal thread died")
        finally:
            self._store.close()

    def _step(self) -> None:
        """Wait for writes, or for the time to try a failing disk, then make one transaction."""
        writes = self._next_writes()
        if not writes and not self._failure_log.failures:
            return
        for write in writes:
            self._owed.update(write.ballots)
            self._owed_meetings.update(write.meetings)
            self._owed_configuration = _newer(self._owed_configuration, write.configuration)
            self._owed_promise_ns = max(self._owed_promise_ns, write.promise_ns or 0)
        numbers = tuple(write.number for write in writes)
        begun = self._clock()
        try:
            self._store.write(self._owed, self._owed_promise_ns or None, self._owed_meetings, self._owed_configuration)
        except StoreGone:
            raise  # votes written from now on would be lost: the node stops
        except StoreError as error:
            self._failure_log.failed(str(error))
            if numbers:
                self._deliver(WriteFailed(numbers=numbers, error=error))
            return
        self._owed, self._owed_meetings, self._owed_promise_ns = {}, {}, 0
        self._owed_configuration = None
        if failures := self._failure_log.worked():
            self._deliver(StoreRecovered(failures=failures))
        if numbers:
            self._deliver(Written(numbers=numbers, took_ns=self._clock() - begun))

    def _next_writes(self) -> list[Write]:
        """Return all waiting writes; none when it is time to try again, or to stop."""
        taken: list[Write | None] = []
        with suppress(queue.Empty):
            taken.append(self._queue.get(timeout=self._probe_interval_s if self._failure_log.failures else None))
            while True:
                taken.append(self._queue.get_nowait())
        return [write for write in taken if write is not None]


def _newer(owed: Configuration | None, later: Configuration | None) -> Configuration | None:
    """Return the newer of two configurations; of one term and version the later: it has the later addresses."""
    if later is None or (owed is not None and owed.is_newer_than(later)):
        return owed
    return later
