"""The messages between nodes, as values.

Three messages travel between peers while the members stay the same: a Heartbeat (periodic, whatever the number of
elections), a Batch of election entries, and Knowledge (leaders that the sender follows). `membership_messages` has the
others. Every value checks its own ranges, so the core can rely on it.

Source: PROTOCOL.md, sections 3 and 4; on the wire: FORMAT.md, section 13.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

TERM_MAX = 2**53 - 1
"""Terms stay exact in JSON and in floating point; one campaign a millisecond reaches this in 285,000 years."""

DURATION_NS_MIN = 1_000_000
"""The shortest: each support that ends or begins is sent to every peer at once."""

DURATION_NS_MAX = 600_000_000_000
"""The longest support that can be asked for: a promise of ten minutes already leaves a cluster without a leader."""

NAME_LENGTH_MAX = 64
"""Node ids and election names."""

ENTRIES_MAX = 256
"""Entries in a Batch or a Knowledge: with names of 64 characters that is 45 KiB, below a frame's 64."""

SUPPORTS_MAX = 64
"""Nodes in the longest Heartbeat: the largest cluster there can be."""

OFFSET_MAX = 2**63 - 1
PRIORITY_MAX = 1_000_000
INTEGER_MAX = 2**63 - 1


def check_name(field: str, value: str) -> None:
    """Check a node's or an election's name.

    Raises:
        TypeError: it is no text.
        ValueError: it is too long, empty, or not printable ASCII.
    """
    if type(value) is not str:
        raise TypeError(f"{field} is {value!r}; text is needed")
    if not 1 <= len(value) <= NAME_LENGTH_MAX:
        raise ValueError(f"{field} has {len(value)} characters; 1 to {NAME_LENGTH_MAX} are allowed")
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"{field} is {value!r}; only printable ASCII is allowed")


@lru_cache(maxsize=64)  # heartbeats carry the same few names again and again
def _check_names(field: str, values: tuple[str, ...]) -> None:
    for value in values:
        check_name(field, value)


def _check_count(field: str, values: tuple[object, ...], maximum: int) -> None:
    # A longer message would keep its reader from all other peers.
    if len(values) > maximum:
        raise ValueError(f"{field} has {len(values)} elements; {maximum} are allowed")


def check_range(field: str, value: int, maximum: int, minimum: int = 0) -> None:
    """Raise TypeError if a value is no whole number, ValueError if it is out of range."""
    if type(value) is not int:  # a float, a bool or an enum's member would be refused when it is encoded, each time
        raise TypeError(f"{field} is {value!r}; a whole number is needed")
    if not minimum <= value <= maximum:
        raise ValueError(f"{field} is {value}; {minimum} to {maximum} is allowed")


@dataclass(frozen=True, slots=True, order=True)
class Number:
    """A number never used again: of a link (its dialer's) or of a session (its promiser's).

    Attributes:
        incarnation: durable count of the numbering node's starts, from 1.
        counter: counts up within one incarnation, from 1.
    """

    incarnation: int
    counter: int

    def __post_init__(self) -> None:
        check_range("incarnation", self.incarnation, INTEGER_MAX)
        check_range("counter", self.counter, INTEGER_MAX)

    def __str__(self) -> str:
        return f"{self.incarnation}.{self.counter}"


@dataclass(frozen=True, slots=True)
class ConfigurationId:
    """Names one configuration: ordered by (term, version); the digest tells two files edited differently apart."""

    term: int
    version: int
    digest: bytes

    def __post_init__(self) -> None:
        check_range("term", self.term, TERM_MAX)
        check_range("version", self.version, INTEGER_MAX)
        if type(self.digest) is not bytes:
            raise TypeError(f"digest is {self.digest!r}; bytes are needed")
        if len(self.digest) != 8:
            raise ValueError(f"digest has {len(self.digest)} bytes; 8 are needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The support that the sender gives the receiver; its end follows from the receiver's own heartbeat.

    Attributes:
        link: the receiver's link on which that heartbeat came.
        session: the sender's number for this stretch of support.
        sent: the heartbeat's own stamp (receiver's clock, ns), handed back unread.
        duration: the support that the heartbeat asked for, ns.
    """

    link: Number
    session: Number
    sent: int
    duration: int

    def __post_init__(self) -> None:
        check_range("sent", self.sent, INTEGER_MAX)
        check_range("duration", self.duration, DURATION_NS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The rank of the sender as a leader: priority (0: never), replication offset, and whether it is willing."""

    priority: int = 1
    offset: int = 0
    willing: bool = True

    def __post_init__(self) -> None:
        check_range("priority", self.priority, PRIORITY_MAX)
        check_range("offset", self.offset, OFFSET_MAX)
        if type(self.willing) is not bool:
            raise TypeError(f"willing is {self.willing!r}; True or False is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The only periodic message: it asks for support, and says which support is given.

    Attributes:
        sent: the sender's clock, ns, read before encoding.
        duration: support asked for, ns.
        ack: the support that the sender gives the receiver, if any.
        supports: ids of the nodes that the sender supports now.
        standing: the sender's standing.
        configuration: id of the membership that the sender has installed.
        said: number of the latest Knowledge sent on this link (0: none).
        heard: number of the latest Knowledge read from the receiver, in order, on its current link.
        busy: the sender is in its boot fence or campaigns: no leader hands an election over meanwhile.
    """

    sent: int
    duration: int
    ack: Ack | None
    supports: tuple[str, ...]
    standing: Standing
    configuration: ConfigurationId
    said: int = 0
    heard: int = 0
    busy: bool = False

    def __post_init__(self) -> None:
        check_range("sent", self.sent, INTEGER_MAX)
        check_range("duration", self.duration, DURATION_NS_MAX, DURATION_NS_MIN)
        check_range("said", self.said, INTEGER_MAX)
        check_range("heard", self.heard, INTEGER_MAX)
        _check_count("supports", self.supports, SUPPORTS_MAX)
        _check_names("supports", self.supports)


class RefusalReason(StrEnum):
    """The reason why a Vote or a Lead was refused."""

    BOOT_FENCE = "boot_fence"
    BOUND = "bound"
    LEADING = "leading"
    CANDIDATE = "candidate"
    YIELDS = "yields"
    TERM = "term"
    OFFSET = "offset"
    CONFIGURATION = "configuration"
    NOT_VOTER = "not_voter"
    NOT_ACTIVE = "not_active"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    election: str
    term: int

    def __post_init__(self) -> None:
        check_name("election", self.election)
        check_range("term", self.term, TERM_MAX, minimum=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote(_Entry):
    """A candidate requests this vote, in its batch's configuration; `offset` is its replication offset."""

    offset: int

    def __post_init__(self) -> None:
        _Entry.__post_init__(self)
        check_range("offset", self.offset, OFFSET_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(_Entry):
    """The vote is given, and is on disk; the sender follows the receiver from now on, should it be elected.

    Attributes:
        session: of the sender's support in which it follows; None: it supports the receiver in none, and only votes.
        link: the receiver's link on which the Vote came, and on which the session rests.
    """

    session: Number | None
    link: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandon(_Entry):
    """The sender stood in this term, was not elected, and never will be; repeated until it is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned(_Entry):
    """The Abandon was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(_Entry):
    """A Vote or a Lead is refused, with the reason, so that its sender does not wait for a timeout.

    Attributes:
        term: the term that was asked for.
        own_term: the refusing node's term.
        reason: of the refusal.
        leader: the leader that the refusing node follows, or itself if it leads, or None.
        is_to_lead: a Lead was refused, not a Vote.
    """

    own_term: int
    reason: RefusalReason
    leader: str | None = None
    is_to_lead: bool = False

    def __post_init__(self) -> None:
        _Entry.__post_init__(self)
        check_range("own_term", self.own_term, TERM_MAX)
        if self.leader is not None:
            check_name("leader", self.leader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead(_Entry):
    """The sender was elected in this term; repeated until it is answered in the receiver's current session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow(_Entry):
    """The sender follows the receiver while that session of its support lives."""

    session: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Resign(_Entry):
    """The sender no longer leads in this term; `successor` is asked to campaign first."""

    successor: str | None = None

    def __post_init__(self) -> None:
        _Entry.__post_init__(self)
        if self.successor is not None:
            check_name("successor", self.successor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resigned(_Entry):
    """The sender has read the Resign, which is repeated until then."""


Entry = Vote | Grant | Abandon | Abandoned | Refuse | Lead | Follow | Resign | Resigned


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Entries of any elections, and the configuration that the sender has installed (a Vote is asked for in it)."""

    configuration: ConfigurationId
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        _check_count("entries", self.entries, ENTRIES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The leader that the sender itself follows, or that it leads itself; it never passes on what others reported.

    Attributes:
        leader: node id, or None without a leader.
        incarnation: the leader's, or 0 without one.
        stands: the sender is a candidate in this election, so it may be handed over to it.
    """

    election: str
    term: int
    leader: str | None
    incarnation: int = 0
    stands: bool = False

    def __post_init__(self) -> None:
        check_name("election", self.election)
        check_range("term", self.term, TERM_MAX)
        if self.leader is not None:
            check_name("leader", self.leader)
        check_range("incarnation", self.incarnation, INTEGER_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """A numbered run of Known, read in order only; `whole` replaces everything reported before.

    Attributes:
        number: 1 for the first on a link, then one more each.
        whole: this message replaces all earlier ones.
    """

    number: int
    whole: bool
    entries: tuple[Known, ...]

    def __post_init__(self) -> None:
        check_range("number", self.number, INTEGER_MAX, minimum=1)
        _check_count("entries", self.entries, ENTRIES_MAX)
