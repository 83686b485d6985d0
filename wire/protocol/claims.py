"""Who dials in as one peer: one process after the other, as it should be, or two that both live.

A process never goes back: once a later start of a node was seen, the earlier one is gone, and the numbers of its links
rise. So a process that comes back after another one took its place, and a number that is not above the last one while
that link is still open, are signs that two processes use one id: a second start with the same configuration, or with a
copy of the data directory. One sign may be a Hello that was late; three in a minute are not.

Source: FORMAT.md, section 6.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from wire.protocol.handshake import Hello
from wire.protocol.identity import printable

SIGNS = 3
SIGNS_WITHIN_S = 60.0
"""Without a sign for so long there is one process again."""

VALUE_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """A process that says that it is a peer.

    Attributes:
        store: its store's random id.
        incarnation: its count of starts.
        attributes: its texts; the same as long as it lives.
        host: where it dials from, for the bounds.
        remote: the same with the port.
    """

    store: bytes
    incarnation: int
    attributes: Mapping[str, str]
    host: str
    remote: str

    @classmethod
    def of(cls, hello: Hello, host: str, remote: str) -> "Claimant":
        """Who says this Hello."""
        return cls(
            store=hello.store,
            incarnation=hello.incarnation,
            attributes=hello.attributes,
            host=host,
            remote=remote,
        )

    def is_like(self, other: "Claimant") -> bool:
        """Whether all that a process keeps for its life is the same; of two copies on one host it may be, too."""
        ours, theirs = ((each.store, each.incarnation, each.attributes, each.host) for each in (self, other))
        return ours == theirs

    def describe(self, other: "Claimant") -> str:
        """Its address, its store, and what else tells it from the other one."""
        theirs = other.attributes
        differing = [(name, text) for name, text in self.attributes.items() if theirs.get(name) != text]
        more = "".join(f", {printable(name)} {printable(text)[:VALUE_LENGTH_MAX]}" for name, text in differing)
        return f"{self.remote} (store {self.store.hex()}, start {self.incarnation}{more})"


class Claims:
    """Of one peer, from its first link until none is left. Time is given, in seconds of any clock that only rises.

    Attributes:
        latest: the process whose link was accepted last.
        rival: the other one, when there are two.
    """

    def __init__(self, first: Claimant) -> None:
        self.latest = first
        self.rival: Claimant | None = None
        self._earlier: Claimant | None = None
        self._signs: deque[float] = deque(maxlen=SIGNS)
        self._doubled_s: float | None = None

    def note_accepted(self, claimant: Claimant, now_s: float) -> None:
        """A link of this process took the place of one that was open."""
        if not claimant.is_like(self.latest):
            if self._earlier is not None and claimant.is_like(self._earlier):
                self._note_sign(self.latest, now_s)
            self._earlier = self.latest
        self.latest = claimant

    def note_refused(self, claimant: Claimant, now_s: float) -> None:
        """A process was refused for the sake of a link that is open."""
        self._note_sign(claimant, now_s)

    def is_doubled(self, now_s: float) -> bool:
        """Whether two processes use the id now."""
        return self._doubled_s is not None and now_s - self._doubled_s < SIGNS_WITHIN_S

    def describe(self, node: str) -> str:
        """Who they are."""
        rival = self.rival or self.latest
        return f"two processes use the id {node!r}: {self.latest.describe(rival)} and {rival.describe(self.latest)}"

    def _note_sign(self, rival: Claimant, now_s: float) -> None:
        self.rival = rival
        self._signs.append(now_s)
        if len(self._signs) == SIGNS and now_s - self._signs[0] < SIGNS_WITHIN_S:
            self._doubled_s = now_s
