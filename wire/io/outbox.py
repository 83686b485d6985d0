"""Outbox: the messages that wait to be sent on one link, at most a given number."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from wire.io.meter import Meter
from wire.protocol.identity import LinkNumber
from wire.protocol.schema import kind_of


class _Slot:
    """A place in the queue, whose message may be replaced while it waits."""

    __slots__ = ("message", "replaces")

    def __init__(self, message: object, replaces: str | None) -> None:
        self.message = message
        self.replaces = replaces


class Outbox:
    """The messages for the open link; a message for another link is dropped.

    Any thread puts, one thread takes. Putting never blocks, and wakes that thread once: a SimpleQueue has no lock that
    the woken thread would have to wait for.

    Args:
        messages_max: the number of messages that may wait.
        peer: the id of the node that they are for.
        meter: counts the messages that are replaced or dropped.
    """

    def __init__(self, messages_max: int, peer: str = "", meter: Meter | None = None) -> None:
        self._peer = peer
        self._meter = meter or Meter()
        self._messages_max = messages_max
        self._queue: queue.SimpleQueue[_Slot | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._number: LinkNumber | None = None
        self._replaceable: dict[str, _Slot] = {}

    def __len__(self) -> int:
        return self._queue.qsize()

    def open(self, number: LinkNumber) -> None:
        """Accept messages for the link with this number, and drop those that wait for another one."""
        self._turn_to(number)

    def close(self) -> None:
        """Accept no messages, and drop those that wait."""
        self._turn_to(None)

    def put(self, number: LinkNumber | tuple[int, int], message: object, *, replaces: str | None = None) -> bool:
        """Add a message; return False if it was dropped, because the outbox is full or the link is not the open one.

        Args:
            number: the link's.
            message: anything but None.
            replaces: a text; the message replaces a waiting one that was put with the same text.
        """
        older: object = None
        with self._lock:
            is_open = number == self._number
            waiting = self._replaceable.get(replaces) if is_open and replaces is not None else None
            if waiting is not None:
                older, waiting.message = waiting.message, message
            elif is_open and self._add(_Slot(message, replaces)):
                return True
        if older is None:
            self.drop(message)
            return False
        self._meter.add_coalesced(self._peer, kind_of(type(older)))
        return True

    def drop(self, message: object) -> None:
        """Count a message as not sent."""
        self._meter.add_dropped(self._peer, kind_of(type(message)))

    def ring(self) -> None:
        """Wake the thread that waits for a message, without one; a full outbox wakes it anyway."""
        if self._queue.qsize() < self._messages_max:
            self._queue.put(None)

    def take_message(self, timeout_s: float = 0.0) -> object | None:
        """Remove and return the oldest message; None after `ring`, or when none comes within `timeout_s`."""
        try:
            slot = self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
        if slot is None:
            return None
        with self._lock:
            if slot.replaces is not None:
                self._replaceable.pop(slot.replaces, None)
            return slot.message

    def _add(self, slot: _Slot) -> bool:
        if self._queue.qsize() >= self._messages_max:
            return False
        self._queue.put(slot)
        if slot.replaces is not None:
            self._replaceable[slot.replaces] = slot
        return True

    def _turn_to(self, number: LinkNumber | None) -> None:
        left: list[_Slot | None] = []
        with self._lock:
            self._replaceable.clear()
            with suppress(queue.Empty):
                while True:
                    left.append(self._queue.get_nowait())
            self._number = number
        for slot in left:
            if slot is not None:
                self.drop(slot.message)


class RingingOutbox(Outbox):
    """An Outbox whose messages are taken by a thread that does not wait for them; it is told that some wait.

    Args:
        messages_max: the number of messages that may wait.
        peer: the name under which they are counted.
        meter: counts the messages that are replaced or dropped.
        on_ring: called with this outbox when a message or a ring waits, once until `hear` is called; must not block.
    """

    def __init__(
        self, messages_max: int, peer: str, meter: Meter, on_ring: Callable[["RingingOutbox"], object]
    ) -> None:
        super().__init__(messages_max, peer, meter)
        self._on_ring = on_ring
        self._is_rung = False

    def put(self, number: LinkNumber | tuple[int, int], message: object, *, replaces: str | None = None) -> bool:
        """See Outbox."""
        is_put = super().put(number, message, replaces=replaces)
        if is_put:
            self.ring()
        return is_put

    def ring(self) -> None:
        """Tell the thread to look at this link."""
        if not self._is_rung:
            self._is_rung = True
            self._on_ring(self)

    def hear(self) -> None:
        """Note that the thread looks now; it must look after this call, or it would miss what was put before it."""
        self._is_rung = False
