"""What waits to be sent on one link, bounded."""

import queue
import threading
from contextlib import suppress
from typing import NamedTuple

from wire.identity import LinkNumber


class _Slot:
    """A place in the queue, whose message may be replaced while it waits."""

    __slots__ = ("message", "replaces")

    def __init__(self, message: object, replaces: str | None) -> None:
        self.message = message
        self.replaces = replaces


class Taken(NamedTuple):
    """A message taken out, in a tuple because any object may be one."""

    message: object


class Outbox:
    """Messages for the link that is open now; those of any other link are turned away.

    Any thread puts, one takes. Putting never blocks: when it is full, or the link is not the open one, the answer is
    False.
    """

    def __init__(self, messages_max: int) -> None:
        self._queue: queue.Queue[_Slot | None] = queue.Queue(messages_max)
        self._lock = threading.Lock()
        self._number: LinkNumber | None = None
        self._replaceable: dict[str, _Slot] = {}

    def __len__(self) -> int:
        return self._queue.qsize()

    def open(self, number: LinkNumber) -> None:
        """Take messages for this link, from nothing."""
        with self._lock:
            self._empty()
            self._number = number

    def close(self) -> None:
        """Take no messages, and forget those that wait."""
        with self._lock:
            self._empty()
            self._number = None

    def put(self, number: LinkNumber | tuple[int, int], message: object, *, replaces: str | None = None) -> bool:
        """Add a message; with `replaces`, in the place of a waiting one that was put with the same word."""
        with self._lock:
            if number != self._number:
                return False
            waiting = self._replaceable.get(replaces) if replaces is not None else None
            if waiting is not None:
                waiting.message = message
                return True
            return self._add(_Slot(message, replaces))

    def ring(self) -> None:
        """Wake the taker without a message; a full outbox wakes it anyway."""
        with suppress(queue.Full):
            self._queue.put_nowait(None)

    def take(self, timeout_s: float = 0.0) -> Taken | None:
        """The oldest message; None when none comes in so many seconds, or on a ring."""
        try:
            slot = self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
        if slot is None:
            return None
        with self._lock:
            if slot.replaces is not None:
                self._replaceable.pop(slot.replaces, None)
            return Taken(slot.message)

    def _add(self, slot: _Slot) -> bool:
        try:
            self._queue.put_nowait(slot)
        except queue.Full:
            return False
        if slot.replaces is not None:
            self._replaceable[slot.replaces] = slot
        return True

    def _empty(self) -> None:
        self._replaceable.clear()
        with suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
