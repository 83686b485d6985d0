"""The messages on a link of kind `client`, as values.

The dialer names the elections that it wants to hear of. The acceptor reports their leaders and the members: once at the
start, and then each time one of them changes.

Source: FORMAT.md, section 13.7.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from elect.core.configuration import ADDRESS_LENGTH_MAX, Configuration
from elect.core.messages import DURATION_NS_MAX, INTEGER_MAX, TERM_MAX, check_name, check_range

CLIENT_KIND = "client"
"""The kind of the two-way links on which clients are told who leads."""

WATCHED_MAX = 64
"""Elections of one link: a program that needs more of them runs a node."""

METADATA_KEYS_MAX = 16
METADATA_CHARACTERS_MAX = 2_048
"""A profile travels in a handshake, which allows this much."""


def check_text(name: str, value: str, maximum: int) -> None:
    """Raise ValueError if a text is too long."""
    if len(value) > maximum:
        raise ValueError(f"{name} has {len(value)} characters; {maximum} are allowed")


def check_leader_id(value: str) -> None:
    """Raise ValueError unless a text is the id of a node, or empty: it is shown to people, and in lines of a log."""
    if value:
        check_name("leader_id", value)


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raise ValueError if the metadata of a leader is larger than that of any node."""
    characters = sum(len(key) + len(value) for key, value in metadata.items())
    if len(metadata) > METADATA_KEYS_MAX or characters > METADATA_CHARACTERS_MAX:
        raise ValueError(
            f"metadata has {len(metadata)} entries and {characters} characters;"
            f" {METADATA_KEYS_MAX} and {METADATA_CHARACTERS_MAX} are allowed"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The client wants to hear of these elections and the members, from now on.

    A later Watch replaces this one. Each is answered: by the members, and by one report for each election.

    Attributes:
        elections: their names, each once.
    """

    elections: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.elections:
            check_name("elections", name)
        if not len({*self.elections}) == len(self.elections) <= WATCHED_MAX:
            raise ValueError(f"elections has {len(self.elections)} names; {WATCHED_MAX} different ones are allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderReport:
    """The leader of an election, as the acceptor knows it.

    Attributes:
        election: its name.
        term: the leader's term; without a leader, the highest one in which the acceptor knew one, or 0.
        leader_id: the id of the leader; empty: the acceptor knows none.
        address: the address that the leader advertises; empty: not known.
        metadata: that of the leader.
        age_ns: the time since the acceptor last knew it for certain. It is 0 only at a leader with a valid lease.
        lease_ns: the rest of that lease; 0 where the acceptor does not lead.
    """

    election: str
    term: int
    leader_id: str = ""
    address: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    age_ns: int = 0
    lease_ns: int = 0

    def __post_init__(self) -> None:
        check_name("election", self.election)
        check_range("term", self.term, TERM_MAX)
        check_leader_id(self.leader_id)
        check_text("address", self.address, ADDRESS_LENGTH_MAX)
        check_metadata(self.metadata)
        check_range("age_ns", self.age_ns, INTEGER_MAX)
        check_range("lease_ns", self.lease_ns, DURATION_NS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersReport:
    """The members of the cluster, as the acceptor has installed them.

    Attributes:
        configuration: the members.
        addresses: the address of each member that is known, by its id: that of a list in the settings has none.
        heard: the ids of the members that the acceptor hears now, its own included.
    """

    configuration: Configuration
    addresses: Mapping[str, str] = field(default_factory=dict)
    heard: tuple[str, ...] = ()


ObserverReport = LeaderReport | MembersReport

CLIENT_MESSAGES = (Watch, LeaderReport, MembersReport)
"""The messages that the codec of a listener carries for links of kind `client`."""
