"""Changes that an application, a log or a metric may use; every `at` is the time on the node's clock (ns)."""

from dataclasses import dataclass
from enum import StrEnum

from elect.core.configuration import NO_MEMBERS, Configuration


class LossReason(StrEnum):
    """The reason why a leadership ended.

    Attributes:
        LEASE_LAPSED: too few voters supported this node.
        RESIGNED: the application or an operator gave it up.
        TRANSFERRED: it was handed to another node.
        SUPERSEDED: this node follows or votes for another one.
        UNHEALTHY: the health hook found the program unwell, or work ran on after a loss.
        PAUSED: this node, or its part in the election, was paused.
        WITHDRAWN: this node is no candidate any more.
        STOPPED: the node was stopped, one of its threads died, or this process was forked from the one that runs it.
        WORK_FAILED: work or `on_elected` raised.
        NO_LEASE: no lease came, or came back, in time.
        CONFIGURATION: the members were changed, or other nodes have another list of them.
        SEALED: the cluster was sealed.
    """

    LEASE_LAPSED = "lease_lapsed"
    RESIGNED = "resigned"
    TRANSFERRED = "transferred"
    SUPERSEDED = "superseded"
    UNHEALTHY = "unhealthy"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    WORK_FAILED = "work_failed"
    NO_LEASE = "no_lease"
    CONFIGURATION = "configuration"
    SEALED = "sealed"


class Role(StrEnum):
    """A node's part in one election."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


class Objection(StrEnum):
    """The reason why a peer keeps this node from every election.

    Attributes:
        UNKNOWN_NODE: the peer's list of voters lacks this node.
        OTHER_VOTERS: the peer shows another list.
        OTHER_STORE: the peer met this node under another store.
        STRANGER: a node that this node's list lacks counts this node as a voter, and this node has never voted.
    """

    UNKNOWN_NODE = "unknown_node"
    OTHER_VOTERS = "other_voters"
    OTHER_STORE = "other_store"
    STRANGER = "stranger"


class LeaderEnd(StrEnum):
    """The sign by which this node noticed that another node no longer leads.

    Attributes:
        RESIGNED: the leader said so.
        CLOSED: the leader closed its connection: its process has ended.
        SUPERSEDED: another node was elected.
        SILENT: nothing came from the leader until the promise to it was over.
    """

    RESIGNED = "resigned"
    CLOSED = "closed"
    SUPERSEDED = "superseded"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elected:
    """This node's lease is valid from `at` (ns, this node's clock)."""

    election: str
    term: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The lease is over since `at`: for a lapse that is when it ended, not when that was noticed."""

    election: str
    term: int
    at: int
    reason: LossReason


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderChanged:
    """The leader that this node now knows, or None.

    Attributes:
        end: how the leadership before it ended; None: there was none, or it was this node's own (see Lost).
    """

    election: str
    term: int
    leader: str | None
    at: int
    end: LeaderEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanged:
    """A change of role, with the rule that caused it."""

    election: str
    term: int
    role: Role
    reason: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerChanged:
    """A peer's support for this node began or ended, as counted here."""

    peer: str
    supported: bool
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerObjected:
    """A peer keeps this node from every election, or no longer does (None).

    Attributes:
        detail: the text of the peer's refusal, or the digest of its configuration.
        digest: of this node's configuration.
    """

    peer: str
    objection: Objection | None
    detail: str
    digest: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaigned:
    """The end of a campaign: "elected", or why not."""

    election: str
    term: int
    outcome: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """This node answered a Vote: "granted", or the refusal's reason.

    `was_held`: not at once, since it was bound.
    """

    election: str
    term: int
    candidate: str
    answer: str
    at: int
    was_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedBack:
    """This node hands an election that it leads in `term` to the node that heads its order."""

    election: str
    term: int
    successor: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """This configuration is on disk, and heartbeats show it from now on; `former` is the one before it."""

    configuration: Configuration
    at: int
    former: Configuration = NO_MEMBERS


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDismissed:
    """A former member knows that it was removed, or has had the time to: its links may be closed."""

    peer: str
    at: int


ElectionEvent = Elected | Lost | LeaderChanged | RoleChanged | Campaigned | Voted | FailedBack
"""A change in one election."""

PeerEvent = PeerChanged | PeerObjected | PeerDismissed
"""A change of one peer."""

Event = ElectionEvent | PeerEvent | Installed
