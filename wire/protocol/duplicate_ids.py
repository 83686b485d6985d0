"""Detects two processes with the id of one peer: a second start with the same configuration, or a copied data_dir.

A process of a node that starts later replaces the earlier one for good, and the numbers of a process's links rise.
Two observations contradict this, and are called conflicts: a process returns after another one replaced it, or a
process dials with a number that is not above the last one while that link is still open. One conflict may be a Hello
that was delayed in the network. Three within a minute are not.

Source: FORMAT.md, section 6.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from wire.protocol.handshake import Hello
from wire.protocol.identity import printable

CONFLICTS = 3
CONFLICTS_WITHIN_S = 60.0
"""Without a conflict for this long, only one process is left. Two that replace each other redial in seconds."""

VALUE_LENGTH_MAX = 64
"""Characters of an attribute that a line of a log shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerProcess:
    """A process that dials in under the id of a peer.

    Attributes:
        store: random id of its store.
        incarnation: its count of starts.
        attributes: its texts. If some change in its life, none of its earlier sets comes back.
        host: the host that it dials from, as limits count it.
        remote: the host and port that it dials from.
    """

    store: bytes
    incarnation: int
    attributes: Mapping[str, str]
    host: str
    remote: str

    @classmethod
    def of(cls, hello: Hello, host: str, remote: str) -> "PeerProcess":
        """Return the process that sent this Hello."""
        return cls(
            store=hello.store,
            incarnation=hello.incarnation,
            attributes=hello.attributes,
            host=host,
            remote=remote,
        )

    def is_like(self, other: "PeerProcess") -> bool:
        """Return whether the two look like one process. Two copies of a data_dir on one host look so, too."""
        own, theirs = ((each.store, each.incarnation, each.attributes, each.host) for each in (self, other))
        return own == theirs

    def describe(self, other: "PeerProcess") -> str:
        """Return its address, its store, and the attributes that differ from those of the other one."""
        theirs = other.attributes
        differing = [(name, text) for name, text in self.attributes.items() if theirs.get(name) != text]
        more = "".join(f", {printable(name)} {printable(text)[:VALUE_LENGTH_MAX]}" for name, text in differing)
        return f"{self.remote} (store {self.store.hex()}, start {self.incarnation}{more})"


class DuplicateIdDetector:
    """The detector for one peer, from its first link until none is left.

    Time is given, in seconds of any clock that only rises.

    Attributes:
        latest: the process whose link was accepted last.
        rival: the other process of the last conflict.
    """

    def __init__(self, first: PeerProcess) -> None:
        self.latest = first
        self.rival: PeerProcess | None = None
        self._earlier: PeerProcess | None = None
        self._conflicts_s: deque[float] = deque(maxlen=CONFLICTS)
        self._doubled_s: float | None = None

    def note_accepted(self, process: PeerProcess, now_s: float) -> None:
        """Note that a link of this process replaced one that was open."""
        if not process.is_like(self.latest):
            # A restart replaces a process once. Only a process that still runs can come back.
            if self._earlier is not None and process.is_like(self._earlier):
                self._note_conflict(self.latest, now_s)
            self._earlier = self.latest
        self.latest = process

    def note_refused(self, process: PeerProcess, now_s: float) -> None:
        """Note that this process was refused because of a link that is open."""
        self._note_conflict(process, now_s)

    def is_doubled(self, now_s: float) -> bool:
        """Return whether two processes use the id now."""
        return self._doubled_s is not None and now_s - self._doubled_s < CONFLICTS_WITHIN_S

    def describe(self, node: str) -> str:
        """Return a sentence that names both processes."""
        rival = self.rival or self.latest
        return f"two processes use the id {node!r}: {self.latest.describe(rival)} and {rival.describe(self.latest)}"

    def _note_conflict(self, rival: PeerProcess, now_s: float) -> None:
        self.rival = rival
        self._conflicts_s.append(now_s)
        # The deque holds the last three: the first of them tells whether all are recent.
        if len(self._conflicts_s) == CONFLICTS and now_s - self._conflicts_s[0] < CONFLICTS_WITHIN_S:
            self._doubled_s = now_s
