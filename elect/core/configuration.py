"""The configuration: the members of the cluster, and which of them vote.

It is one small durable value. Each change makes a new one, ordered by (term, version).

Source: PROTOCOL.md, section 7; Schultz, Dardik, Tripakis, OPODIS 2021 (a logless dynamic reconfiguration protocol).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b

from elect.core.messages import INTEGER_MAX, TERM_MAX, ConfigurationId, check_name, check_range
from elect.core.quorum import majority

MEMBERS_MAX = 64
"""As many as one heartbeat can name."""

ADDRESS_LENGTH_MAX = 300
"""A host name of 255 characters, a port, and brackets."""

SUCCESSOR_LENGTH_MAX = 1_000
"""Three addresses and some words."""

STORE_ID_LENGTH = 16
CLUSTER_ID_LENGTH = 16


class ClusterState(StrEnum):
    """The state of a cluster, which its configuration says.

    An active cluster elects leaders. A standby cluster, at a second site, elects none until it is promoted. A sealed
    cluster elects none any more: another site has taken over.
    """

    ACTIVE = "active"
    STANDBY = "standby"
    SEALED = "sealed"


class MemberKind(StrEnum):
    """The part that a member takes once it is ready.

    A voter votes and leads. A witness votes and never leads. An observer does neither.
    """

    VOTER = "voter"
    WITNESS = "witness"
    OBSERVER = "observer"


def check_successor(value: str) -> None:
    """Check where a sealed cluster refers people.

    Raises:
        TypeError: it is no text.
        ValueError: it is too long, or not printable ASCII.
    """
    if type(value) is not str:
        raise TypeError(f"successor is {value!r}; text is needed")
    if len(value) > SUCCESSOR_LENGTH_MAX:
        raise ValueError(f"successor has {len(value)} characters; {SUCCESSOR_LENGTH_MAX:,} are allowed")
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"successor is {value!r}; only printable ASCII is allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of the cluster.

    Attributes:
        node_id: its id.
        kind: the part that it takes once it is ready.
        is_voter: its votes count. A voter or witness whose votes do not count yet is a learner.
        store_id: the only store under which it may vote, 16 bytes; None: the one that each peer met first.
        address: the address at which others dial it, or None. A hint: two nodes may hold different ones.
    """

    node_id: str
    kind: MemberKind = MemberKind.VOTER
    is_voter: bool = True
    store_id: bytes | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        check_name("node_id", self.node_id)
        if self.is_voter and self.kind is MemberKind.OBSERVER:
            raise ValueError(f"member {self.node_id!r} is an observer; an observer has no vote")
        if self.store_id is not None and len(self.store_id) != STORE_ID_LENGTH:
            raise ValueError(f"store_id has {len(self.store_id)} bytes; {STORE_ID_LENGTH} are needed")
        if self.address is not None and not 1 <= len(self.address) <= ADDRESS_LENGTH_MAX:
            raise ValueError(f"address has {len(self.address)} characters; 1 to {ADDRESS_LENGTH_MAX} are allowed")

    @property
    def is_learner(self) -> bool:
        """Return whether this member is to vote, and does not yet."""
        return not self.is_voter and self.kind is not MemberKind.OBSERVER


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The members of the cluster, at one point of their history.

    Attributes:
        members: sorted by id; without any this node belongs to no cluster yet.
        term: of the leader that made it; 0: the configuration that the cluster began with.
        version: counts the changes.
        floor: nobody campaigns or grants a vote in this term or below.
        cluster_id: random, 16 bytes, the same in all later configurations; None: not chosen yet.
        proposed_cluster_id: the choice of a leader. It becomes the id when a quorum has it: two leaders may choose.
        state: of the cluster.
        successor: the addresses to which a sealed cluster refers people, or empty.
        promotion_floor: the floor with which a standby cluster was made active; 0: this cluster was not promoted.
    """

    members: tuple[Member, ...] = ()
    term: int = 0
    version: int = 0
    floor: int = 0
    cluster_id: bytes | None = None
    proposed_cluster_id: bytes | None = None
    state: ClusterState = ClusterState.ACTIVE
    successor: str = ""
    promotion_floor: int = 0

    def __post_init__(self) -> None:
        ids = [member.node_id for member in self.members]
        if ids != sorted(set(ids)):
            raise ValueError(f"members {ids!r} are not sorted, or one occurs twice")
        if len(ids) > MEMBERS_MAX:
            raise ValueError(f"members has {len(ids)} elements; {MEMBERS_MAX} are allowed")
        check_range("term", self.term, TERM_MAX)
        check_range("version", self.version, INTEGER_MAX)
        check_range("floor", self.floor, TERM_MAX)
        for name, value in (("cluster_id", self.cluster_id), ("proposed_cluster_id", self.proposed_cluster_id)):
            if value is not None and len(value) != CLUSTER_ID_LENGTH:
                raise ValueError(f"{name} has {len(value)} bytes; {CLUSTER_ID_LENGTH} are needed")
        check_successor(self.successor)
        check_range("promotion_floor", self.promotion_floor, TERM_MAX)

    @classmethod
    def initial(
        cls, voters: Iterable[str], *, addresses: Mapping[str, str] | None = None, is_standby: bool = False
    ) -> "Configuration":
        """Return the first configuration of a cluster of these voters, in any order.

        Args:
            voters: their ids.
            addresses: those that are known, by id.
            is_standby: it elects nobody before it is promoted.
        """
        state = ClusterState.STANDBY if is_standby else ClusterState.ACTIVE
        known = addresses or {}
        members = (Member(node_id=voter, address=known.get(voter)) for voter in sorted(set(voters)))
        return cls(members=tuple(members), state=state)

    @cached_property
    def id(self) -> ConfigurationId:
        """Its name on the wire. Two configurations that differ in more than addresses never share one."""
        digest = blake2b(self._text().encode(), digest_size=8).digest()
        return ConfigurationId(self.term, self.version, digest)

    @cached_property
    def voters(self) -> tuple[str, ...]:
        """The ids of the members whose votes count, sorted."""
        return tuple(member.node_id for member in self.members if member.is_voter)

    @cached_property
    def node_ids(self) -> tuple[str, ...]:
        """The ids of all members, sorted."""
        return tuple(member.node_id for member in self.members)

    @property
    def quorum(self) -> int:
        """The number of voters that decide."""
        return majority(len(self.voters))

    def member(self, node_id: str) -> Member | None:
        """Return the member of that id, or None."""
        return next((member for member in self.members if member.node_id == node_id), None)

    def is_newer_than(self, other: "Configuration") -> bool:
        """Return whether this one comes after another one."""
        return (self.term, self.version) > (other.term, other.version)

    def _text(self) -> str:
        # On the wire: see FORMAT.md, section 13.1.
        members = tuple(map(_text_of, self.members))
        cluster = () if self.cluster_id is None else (self.cluster_id.hex(),)
        proposed = () if self.proposed_cluster_id is None else ("proposed", self.proposed_cluster_id.hex())
        # What is as in a cluster that never was a part of two sites adds nothing.
        state = () if self.state is ClusterState.ACTIVE else ("state", self.state.value)
        successor = ("successor", self.successor) if self.successor else ()
        promoted = ("promoted", self.promotion_floor) if self.promotion_floor else ()
        site = (*state, *successor, *promoted)
        return repr((self.term, self.version, members, self.floor, *cluster, *proposed, *site))


NO_MEMBERS = Configuration()
"""The configuration of a node that belongs to no cluster yet."""


def _text_of(member: Member) -> str | tuple[str, str, bool, str | None]:
    """Return a member's part of the text that is hashed; addresses are hints and have none."""
    if member == Member(node_id=member.node_id, address=member.address):
        return member.node_id
    store = None if member.store_id is None else member.store_id.hex()
    return member.node_id, member.kind.value, member.is_voter, store
