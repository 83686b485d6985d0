"""Ready: everything that the shell has to do after one input to the Elector, as one immutable value.

The order of the fields is the contract: start the write, publish the leases, send, hold back what waits for the write,
tell the application, come back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from elect.core.configuration import Configuration
from elect.core.events import Event, Objection
from elect.core.membership_messages import Message
from elect.core.messages import Number
from elect.core.quorum import nth_largest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """One election's durable line: the term, and the node that got its vote in it.

    Attributes:
        lowered_to: the lowest term that may be followed after a restart, if it is below `term`; None: it is `term`.
    """

    term: int
    voted_for: str | None
    lowered_to: int | None = None

    @property
    def follow_term_min(self) -> int:
        """The lowest term that may be followed after a restart."""
        return self.term if self.lowered_to is None else self.lowered_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """The durable line of one peer.

    Attributes:
        store_id: of the store under which it was met first, or None: not met yet.
        objection: its objection to this node, as of the last contact, or None.
        is_acknowledged: it may count on a promise of this node. No ack leaves before that is on disk.
    """

    store_id: bytes | None = None
    objection: Objection | None = None
    is_acknowledged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One durable change; its messages wait until `Elector.written(number)`.

    Attributes:
        number: 1, 2, … in the order in which the core decided.
        ballots: by election.
        promise_ns: the longest support this node is about to acknowledge, or None: unchanged.
        meetings: by peer.
        configuration: the members, or None: unchanged. It is on disk no later than the ballots of this and of every
            later write, also when a write fails: votes are given in it.
    """

    number: int
    ballots: Mapping[str, Ballot]
    promise_ns: int | None = None
    meetings: Mapping[str, Meeting] = field(default_factory=dict)
    configuration: Configuration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message for the link that this node dialed to `peer`; if another link is open by then it is dropped."""

    peer: str
    link: Number
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A leader's claim in one election: valid while a quorum of followers supports it.

    Attributes:
        term: the token.
        followers: peers that follow this term in the session that is counted now.
        quorum: the number of voters that must support it. This node is one of them: only voters are elected.
    """

    term: int
    followers: frozenset[str]
    quorum: int

    def until(self, counted: Mapping[str, int]) -> int:
        """Return the end of the lease (ns): until then a quorum supports this node and follows it; 0 without one.

        Args:
            counted: by peer, until when its support counts (ns).

        Source: PROTOCOL.md, section 4, "The lease".
        """
        ends = [counted.get(follower, 0) for follower in self.followers]
        return nth_largest(ends, self.quorum - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """All that follows from one input.

    Attributes:
        write: to be made durable, or None.
        leases: changed claims by election (None: given up); to be published before anything is sent.
        counted: until when each peer's support counts (ns), if changed; published together with `leases`.
        send: at once.
        send_when_written: once `write` is on disk; never, if it fails.
        events: for the application, logs and metrics, in order.
        wake_at: when `tick` is due at the latest (ns).
    """

    write: Write | None = None
    leases: Mapping[str, Lease | None] = field(default_factory=dict)
    counted: Mapping[str, int] | None = None
    send: tuple[Send, ...] = ()
    send_when_written: tuple[Send, ...] = ()
    events: tuple[Event, ...] = ()
    wake_at: int
