"""The accepted links: the unfinished handshakes, and one live link per peer and kind.

Source: FORMAT.md, section 6.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection

from wire.common.deadline import now_s
from wire.links.accepted_link import AcceptedLink
from wire.protocol.duplicate_ids import DuplicateIdDetector, PeerProcess
from wire.protocol.handshake import Hello, stale_link
from wire.protocol.identity import LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import Refusal, RejectCode, SupersededError

NUMBERS_MAX = 4_096
"""Peers without a live link whose highest number is kept: more than any cluster has, and about 1 MB."""

ENDING_MAX = 8
"""Overtaken links of one peer and kind that may still be ending: each holds one or two threads."""


class Registry:
    """The links of a Listener; any thread may call it.

    Its lock is never held while a socket blocks.

    Args:
        limits: the bounds.
        clock: seconds that only rise.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = now_s) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: dict[AcceptedLink, None] = {}
        self._admitted: dict[AcceptedLink, tuple[str, str]] = {}
        """Those that are being told that they are welcome, by peer and kind: each has a place among the open ones."""
        self._open: dict[AcceptedLink, tuple[str, str]] = {}
        self._places: defaultdict[tuple[str, str], list[AcceptedLink]] = defaultdict(list)
        self._hosts: Counter[str] = Counter()
        """The open links again, by peer and kind, and their number by host: there may be thousands of them."""
        self._live: dict[tuple[str, str], AcceptedLink] = {}
        self._named: dict[tuple[str, LinkNumber], AcceptedLink] = {}
        self._highest: dict[tuple[str, str], tuple[LinkNumber, bytes]] = {}
        """With the store of the node that dialed: one that lost its store counts its starts from the first again."""
        self._detectors: dict[tuple[str, str], DuplicateIdDetector] = {}
        """Of the peers that have a live link, or had one while there were two of them."""

    def add(self, link: AcceptedLink) -> None:
        """Add a connection whose handshake begins."""
        with self._lock:
            self._pending[link] = None

    def oldest_pending(self, host: str | None = None) -> AcceptedLink | None:
        """Return the connection to give up for a new one: the oldest silent one, else the oldest, or None.

        Args:
            host: the host of the new connection: only its connections count, and only once they are too many.
        """
        with self._lock:
            found = [link for link in self._pending if not link.is_cut and host in (None, link.host)]
        if host is not None and len(found) < self._limits.pending_per_host_max:
            return None
        silent = (link for link in found if link.is_silent)
        return next(silent, next(iter(found), None))

    def check(self, hello: Hello, link: AcceptedLink, *, is_proven: bool = True) -> None:
        """Check a link before its Welcome.

        Its number must be above those of all links of this peer and kind, and not that of a live link of another kind.

        Args:
            hello: the Hello that came.
            link: the connection that it came on.
            is_proven: the other end proved its id, or needs no proof; then a place is kept for it until `release`.

        Raises:
            Refusal: the number is too low, another process uses the id, or there are too many links.
        """
        with self._lock:
            self._check(hello, link, is_proven=is_proven)
            if is_proven:
                self._admitted[link] = hello.node, hello.kind

    def claim(self, hello: Hello, link: AcceptedLink) -> None:
        """Make this the peer's live link after its handshake, and cut the older one; Refusal: see `check`."""
        with self._lock:
            self._check(hello, link, is_proven=True)
            self._admitted.pop(link, None)
            place = hello.node, hello.kind
            older = self._live.get(place)
            self._highest.pop(place, None)  # so that the latest comes last
            self._highest[place] = hello.number, hello.store
            self._note_process(place, PeerProcess.of(hello, link.host, link.remote), is_live=older is not None)
            self._live[place] = link
            self._open[link] = place
            self._places[place].append(link)
            self._hosts[link.host] += 1
            self._named[hello.node, hello.number] = link
            self._forget_numbers()
        if older is not None:
            older.cut(SupersededError(f"link {hello.number} took over"))

    def release(self, link: AcceptedLink) -> None:
        """Keep no place for a link whose handshake failed."""
        with self._lock:
            self._admitted.pop(link, None)

    def live(self, peer: str, number: LinkNumber) -> AcceptedLink | None:
        """Return the peer's link with this number, if it is live."""
        with self._lock:
            return self._named.get((peer, number))

    def finish_handshake(self, link: AcceptedLink) -> None:
        """Remove a pending handshake, which ended with or without a link."""
        with self._lock:
            self._pending.pop(link, None)

    def remove(self, hello: Hello, link: AcceptedLink) -> None:
        """Remove a link that has ended."""
        with self._lock:
            place = hello.node, hello.kind
            if self._open.pop(link, None) is not None:
                self._remove_open(place, link)
            if self._live.get(place) is link:
                del self._live[place]
                if not self._detectors[place].is_doubled(self._clock()):
                    del self._detectors[place]
            if self._named.get((hello.node, hello.number)) is link:
                del self._named[hello.node, hello.number]

    def forget(self, peer: str, kind: str | None = None) -> None:
        """Accept the peer's next link of this kind, or of any, whatever its number, and cut its open ones."""
        with self._lock:
            places = [*self._highest, *self._open.values()]
            forgotten = {place for place in places if place[0] == peer and kind in (None, place[1])}
            for place in forgotten:
                self._highest.pop(place, None)
            links = [link for link, place in self._open.items() if place in forgotten]
        for link in links:
            link.cut(SupersededError("this end forgot the other one"))

    def doubled(self) -> dict[str, str]:
        """Return the ids with which two processes dial in now; for each a sentence that names the two.

        This takes no lock: a signal handler may call it while the thread that it interrupts holds the lock.
        """
        now_s = self._clock()
        return {
            node: each.describe(node) for (node, _), each in list(self._detectors.items()) if each.is_doubled(now_s)
        }

    def forget_claims(self) -> None:
        """Forget the claims of peers without a link, once only one process uses their id."""
        with self._lock:
            now_s = self._clock()
            for place in [each for each in self._detectors if each not in self._live]:
                if not self._detectors[place].is_doubled(now_s):
                    del self._detectors[place]

    def all(self) -> Collection[AcceptedLink]:
        """Return every connection, before and after its handshake."""
        with self._lock:
            return [*self._pending, *self._open]

    def _check(self, hello: Hello, link: AcceptedLink, *, is_proven: bool) -> None:
        place = hello.node, hello.kind
        self._check_process(hello, link, is_proven=is_proven)
        highest = self._highest_of(hello)
        if highest is not None and hello.number <= highest:
            raise stale_link(hello, highest)
        if (hello.node, hello.number) in self._named:  # of another kind; by peer and number messages are put
            raise stale_link(hello, hello.number)
        own = self._places.get(place, ())
        if len(own) > ENDING_MAX:
            raise Refusal(RejectCode.FULL, "too many overtaken links have not ended yet", is_retryable=True)
        admitted = [each for each, other in self._admitted.items() if other != place]
        others = len(self._open) - len(own) + len(admitted)
        same_host = self._hosts[link.host] - sum(each.host == link.host for each in own)
        same_host += sum(each.host == link.host for each in admitted)
        if others >= self._limits.links_max or same_host >= self._limits.links_per_host_max:
            raise Refusal(RejectCode.FULL, "too many links", is_retryable=True)

    def _remove_open(self, place: tuple[str, str], link: AcceptedLink) -> None:
        self._places[place].remove(link)
        if not self._places[place]:
            del self._places[place]
        self._hosts[link.host] -= 1
        if not self._hosts[link.host]:
            del self._hosts[link.host]

    def _highest_of(self, hello: Hello) -> LinkNumber | None:
        """Return the highest number of links of this peer, kind and store, or None."""
        number, store = self._highest.get((hello.node, hello.kind), (None, b""))
        return number if store == hello.store else None

    def _check_process(self, hello: Hello, link: AcceptedLink, *, is_proven: bool) -> None:
        """Refuse the second of two processes with one id while the first has a link.

        A stranger without a key cannot cause this, nor learn which process has the link.
        """
        place = hello.node, hello.kind
        detector = self._detectors.get(place)
        if detector is None or place not in self._live:
            return
        process, now_s = PeerProcess.of(hello, link.host, link.remote), self._clock()
        is_rival = detector.is_doubled(now_s) and not process.is_like(detector.latest)
        highest = self._highest_of(hello)  # None: the peer was forgotten, and its link has not ended yet
        if is_rival or (is_proven and highest is not None and hello.number <= highest):
            detector.note_refused(process, now_s)
        if is_rival:
            both = f": {detector.latest.describe(process)}" if is_proven else ""
            raise Refusal(RejectCode.ID_IN_USE, f"another process uses the id {hello.node!r}{both}", is_retryable=True)

    def _note_process(self, place: tuple[str, str], process: PeerProcess, *, is_live: bool) -> None:
        detector = self._detectors.get(place)
        if detector is None or not is_live:
            detector = self._detectors[place] = detector or DuplicateIdDetector(process)
            detector.latest = process
        else:
            detector.note_accepted(process, self._clock())

    def _forget_numbers(self) -> None:
        """Forget the numbers of peers without a live link, those of the oldest links first."""
        while len(self._highest) > NUMBERS_MAX + len(self._live):
            del self._highest[next(place for place in self._highest if place not in self._live)]
