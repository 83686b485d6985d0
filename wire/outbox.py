"""What waits to be sent on one link, bounded."""

import threading
from collections import deque
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
        self._messages_max = messages_max
        self._lock = threading.Lock()
        self._number: LinkNumber | None = None
        self._slots: deque[_Slot] = deque()
        self._replaceable: dict[str, _Slot] = {}

    def __len__(self) -> int:
        return len(self._slots)

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
            if len(self._slots) >= self._messages_max:
                return False
            self._add(_Slot(message, replaces))
            return True

    def take(self) -> Taken | None:
        """The oldest message, or None."""
        with self._lock:
            if not self._slots:
                return None
            slot = self._slots.popleft()
            if slot.replaces is not None:
                del self._replaceable[slot.replaces]
            return Taken(slot.message)

    def _add(self, slot: _Slot) -> None:
        self._slots.append(slot)
        if slot.replaces is not None:
            self._replaceable[slot.replaces] = slot

    def _empty(self) -> None:
        self._slots.clear()
        self._replaceable.clear()
