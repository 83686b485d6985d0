"""The requests on a link of kind `join`, and the answers to them, as values.

The dialer sends one request: a node that is no member yet asks to join, and a member passes on a change to the leader.
The acceptor sends one answer.

Source: FORMAT.md, section 13.6.
"""

from dataclasses import dataclass

from elect.core.changes import Change
from elect.core.configuration import (
    ADDRESS_LENGTH_MAX,
    CLUSTER_ID_LENGTH,
    STORE_ID_LENGTH,
    Configuration,
    MemberKind,
)
from elect.core.messages import TERM_MAX, check_name, check_range

JOIN_KIND = "join"
"""The kind of the two-way links on which nodes ask to join, and members ask for changes."""

TEXT_LENGTH_MAX = 500
"""A sentence with two addresses and two ids."""

TOKEN_LENGTH_MAX = 500


def _check_length(field: str, value: str | bytes, maximum: int, minimum: int = 0) -> None:
    if not minimum <= len(value) <= maximum:
        raise ValueError(f"{field} has a length of {len(value)}; {minimum} to {maximum} is allowed")


def shortened(text: str) -> str:
    """Return a text that fits into an answer."""
    return text if len(text) <= TEXT_LENGTH_MAX else text[: TEXT_LENGTH_MAX - 1] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A node asks to become a member.

    Attributes:
        node_id: its id.
        store_id: the id of its store, 16 bytes.
        address: the address at which the members are to dial it.
        kind: the part that it is to take.
        cluster_id: the id of the cluster that it was in before, or None.
        token: a join token, or empty.
    """

    node_id: str
    store_id: bytes
    address: str
    kind: MemberKind = MemberKind.VOTER
    cluster_id: bytes | None = None
    token: str = ""

    def __post_init__(self) -> None:
        check_name("node_id", self.node_id)
        _check_length("store_id", self.store_id, STORE_ID_LENGTH, STORE_ID_LENGTH)
        _check_length("address", self.address, ADDRESS_LENGTH_MAX, 1)
        if self.cluster_id is not None:
            _check_length("cluster_id", self.cluster_id, CLUSTER_ID_LENGTH, CLUSTER_ID_LENGTH)
        _check_length("token", self.token, TOKEN_LENGTH_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """A member asks for a change of the members."""

    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The node is a member of this configuration, which a quorum has installed."""

    configuration: Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The change is made: a quorum has installed this configuration."""

    configuration: Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """The acceptor does not lead. It follows this leader.

    Attributes:
        leader_id: the id of the leader.
        address: the leader's address.
        term: the leader's term in the root election.
    """

    leader_id: str
    address: str
    term: int

    def __post_init__(self) -> None:
        check_name("leader_id", self.leader_id)
        _check_length("address", self.address, ADDRESS_LENGTH_MAX, 1)
        check_range("term", self.term, TERM_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNow:
    """The acceptor knows of a cluster, and a later request may succeed.

    Attributes:
        reason: a sentence for the log and the status of the dialer.
        code: of a ChangeRequest that was refused for now: a word for the refusal; empty: the change may still be made.
    """

    reason: str
    code: str = ""

    def __post_init__(self) -> None:
        _check_length("reason", self.reason, TEXT_LENGTH_MAX)
        if self.code:
            check_name("code", self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unformed:
    """The acceptor is in no cluster, and knows of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The request fails, and so does each later one until somebody changes something.

    Attributes:
        code: a word for the reason.
        text: a sentence with the facts.
    """

    code: str
    text: str

    def __post_init__(self) -> None:
        check_name("code", self.code)
        _check_length("text", self.text, TEXT_LENGTH_MAX)


Request = Join | ChangeRequest
Answer = Joined | Changed | Redirect | NotNow | Unformed | Rejected

JOIN_MESSAGES = (Join, ChangeRequest, Joined, Changed, Redirect, NotNow, Unformed, Rejected)
"""The messages that the codec of a listener carries for links of kind `join`."""
