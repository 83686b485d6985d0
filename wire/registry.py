"""Which accepted links there are: the unfinished handshakes, and one live link per peer and kind."""

import threading
from collections.abc import Collection

from wire.errors import SupersededError
from wire.handshake import Hello, stale
from wire.identity import LinkNumber
from wire.link import AcceptedLink


class Registry:
    """Shared by the accepting thread and the links' own; its lock is never held over a socket's doings."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[AcceptedLink, None] = {}
        self._live: dict[tuple[str, str], AcceptedLink] = {}
        self._highest: dict[tuple[str, str], LinkNumber] = {}

    def add(self, link: AcceptedLink) -> None:
        """A connection whose handshake begins."""
        with self._lock:
            self._pending[link] = None

    def oldest_pending(self) -> AcceptedLink | None:
        """The unfinished handshake to give up for a new one: the oldest silent one, else the oldest."""
        with self._lock:
            silent = (link for link in self._pending if link.is_silent)
            return next(silent, next(iter(self._pending), None))

    def check(self, hello: Hello) -> None:
        """Refusal when the link's number isn't above all that were accepted from this peer."""
        with self._lock:
            self._check(hello)

    def claim(self, hello: Hello, link: AcceptedLink) -> None:
        """The handshake is finished: this is now the peer's link, and the older one is cut."""
        with self._lock:
            self._check(hello)
            place = hello.node, hello.kind
            older = self._live.get(place)
            self._highest[place] = hello.number
            self._live[place] = link
        if older is not None:
            older.cut(SupersededError(f"link {hello.number} took over"))

    def settle(self, link: AcceptedLink) -> None:
        """The handshake is over, one way or the other."""
        with self._lock:
            self._pending.pop(link, None)

    def remove(self, hello: Hello, link: AcceptedLink) -> None:
        """The link has ended."""
        with self._lock:
            place = hello.node, hello.kind
            if self._live.get(place) is link:
                del self._live[place]

    def all(self) -> Collection[AcceptedLink]:
        """Every link that is known, finished or not."""
        with self._lock:
            return [*self._pending, *self._live.values()]

    def abandon(self) -> None:
        """In a forked child: give back the copies of the sockets. Without the lock: its holder may not exist here."""
        for link in [*self._pending, *self._live.values()]:
            link.abandon()

    def _check(self, hello: Hello) -> None:
        highest = self._highest.get((hello.node, hello.kind))
        if highest is not None and hello.number <= highest:
            raise stale(hello, highest)
