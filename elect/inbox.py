"""Where everything meets that the protocol's thread has to do."""

import queue
import threading
from collections.abc import Callable

from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.journal import JournalEvent
from wire.events import Event as WireEvent
from wire.events import LinkClosing, MessageReceived

INPUTS_MAX = 4096
"""Inputs that may wait: two seconds of a cluster of 100 nodes. Above it whoever reads a socket waits, and so the
sender, by TCP's own means."""

MESSAGES_MAX = 2
"""Messages of one peer that may wait: however much one says, the others' heartbeats are not far behind."""

ROOM_CHECK_S = 0.05
"""Who waits for room looks this often whether anybody still reads."""

Act = Callable[[Elector, int], Ready]
"""What a thread of the application wants done by the protocol's: given the elector and the time, its Ready."""


class Command:
    """An act, and word of its end.

    Attributes:
        error: what the act raised: a caller's mistake.
        is_done: it was carried out (or raised), and its Ready too.
    """

    __slots__ = ("_settled", "act", "error", "is_done")

    def __init__(self, act: Act) -> None:
        self.act = act
        self.error: ValueError | None = None
        self.is_done = False
        self._settled = threading.Event()

    def settle(self, *, is_done: bool) -> None:
        """Let who waits go on."""
        self.is_done = is_done
        self._settled.set()

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is done, or never will be; whether either is the case."""
        return self._settled.wait(timeout)


Input = WireEvent | JournalEvent | Command


class _ReentrantQueue(queue.Queue[Input]):
    """A queue into which a signal handler may put while the thread it interrupts does."""

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self.mutex = threading.RLock()  # type: ignore[assignment]
        self.not_empty = threading.Condition(self.mutex)
        self.not_full = threading.Condition(self.mutex)


class Inbox:
    """A bounded queue with one reader, in which nobody takes the others' place."""

    def __init__(self, inputs_max: int = INPUTS_MAX) -> None:
        self._queue = _ReentrantQueue(inputs_max)
        self._is_closed = threading.Event()
        self._free: dict[str, queue.SimpleQueue[None]] = {}

    def __len__(self) -> int:
        return self._queue.qsize()

    def put(self, item: Input) -> None:
        """Add an input; waits while there is no room for it. After `close` it is settled on the spot."""
        if type(item) is MessageReceived:
            self._occupy(item.peer)
        while not self._is_closed.is_set():
            try:
                self._queue.put(item, timeout=ROOM_CHECK_S)
                break
            except queue.Full:
                continue
        else:
            _settle(item)
        if self._is_closed.is_set():
            self._drain()

    def get(self, timeout_s: float) -> Input | None:
        """The next input, or None when none comes in time."""
        try:
            item = self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
        if type(item) is MessageReceived:
            self._free[item.peer].put(None)
        return item

    def close(self) -> None:
        """Nobody reads any more: what waits, and what still comes, is settled without being done."""
        self._is_closed.set()
        self._drain()

    def _occupy(self, peer: str) -> None:
        """Take one of the peer's places; wait while it has none left."""
        free = self._free.get(peer)
        if free is None:
            free = self._free.setdefault(peer, _places())
        while not self._is_closed.is_set():
            try:
                free.get(timeout=ROOM_CHECK_S)
                break
            except queue.Empty:
                continue

    def _drain(self) -> None:
        while (item := self.get(0)) is not None:
            _settle(item)


def _places() -> "queue.SimpleQueue[None]":
    places: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(MESSAGES_MAX):
        places.put(None)
    return places


def _settle(item: Input) -> None:
    """Let nobody wait for what is not done."""
    if isinstance(item, Command):
        item.settle(is_done=False)
    elif isinstance(item, LinkClosing):
        item.done.set()  # the published table was closed before: nothing is counted any more
