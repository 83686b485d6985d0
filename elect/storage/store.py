"""The store of a node's votes: its protocol, and one in memory.

Source: PROTOCOL.md, section 4 (what is durable) and the boot fence.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from elect.core.ready import Ballot, Meeting
from elect.errors import ConfigError

STORE_ID_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreContent:
    """The content of a store when it was opened.

    Attributes:
        incarnation: the number of this start, already durable.
        store_id: random bytes, made with the store; another store of the same node has others.
        promise_ns: the longest support that may have been acknowledged before this start. For a new store it is the
            support asked for: the votes of a lost store before it may have promised as much.
        ballots: by election.
        meetings: by peer.
        former_voters: the list of voters that this start replaced; empty: it replaced none.
    """

    incarnation: int
    store_id: bytes
    promise_ns: int = 0
    ballots: Mapping[str, Ballot] = field(default_factory=dict)
    meetings: Mapping[str, Meeting] = field(default_factory=dict)
    former_voters: tuple[str, ...] = ()


class Store(Protocol):
    """The durable state of a node. One thread opens it, then another one uses it; never two at once."""

    def open(
        self,
        *,
        cluster: str,
        node_id: str,
        promise_ns: int,
        voters: Collection[str] = (),
        is_replacing_voters: bool = False,
    ) -> StoreContent:
        """Lock the store, check that it is whole and belongs to this node, and count one more start.

        Args:
            cluster: the cluster that the store must belong to; a new store is made for it.
            node_id: the node that the store must belong to.
            promise_ns: the support that this node acknowledges from now on (ns), stored for its next start.
            voters: the ids of all voters in the node's configuration, this node included; stored with the votes.
            is_replacing_voters: store `voters` even if another list is stored.

        Raises:
            ConfigError: `voters` differs from the stored list.
            IdentityError: the store belongs to another node, cluster or program.
            StoreError: the store is in use, damaged, lost, or cannot be read or written.
        """

    def write(
        self,
        ballots: Mapping[str, Ballot],
        promise_ns: int | None = None,
        meetings: Mapping[str, Meeting] | None = None,
    ) -> None:
        """Make these changes durable, all or none. Without changes, test that the disk accepts a write.

        Args:
            ballots: new ones by election.
            promise_ns: the support that this node acknowledges from now on, ns; None: unchanged.
            meetings: new ones by peer; None: unchanged.

        Raises:
            StoreError: the changes may not be durable; a later write may succeed.
            StoreGone: the store was removed or replaced; no later write can succeed.
            RuntimeError: a term would fall or a vote change, which is a bug; nothing was written.
        """

    def close(self) -> None:
        """Close and unlock the store; idempotent, never raises."""


def check_ballot(election: str, old: Ballot | None, new: Ballot) -> None:
    """Raise RuntimeError if a term would fall, or the vote in a term change: that is a bug."""
    if old is None or new.term > old.term or (new.term == old.term and old.voted_for in (None, new.voted_for)):
        return
    raise RuntimeError(f"a term never falls and a vote never changes: {election!r} has {old}, asked for {new}")


def check_voters(kept: Collection[str], voters: Collection[str], place: str) -> None:
    """Raise ConfigError if a start lists other voters than the stored ones."""
    if kept and set(kept) != set(voters):
        raise ConfigError(
            "peers",
            sorted(voters),
            f"the votes in {place} belong to the voters {sorted(kept)} (this node included). Two lists can elect two"
            " leaders. To change the list: stop all nodes, edit every file, start every node once with"
            " `elect run --new-peers` or Config(replace_peers=True)",
        )


def kept_meetings(meetings: Mapping[str, Meeting]) -> dict[str, Meeting]:
    """Return the meetings after the list of voters was replaced: objections to the former list end."""
    return {peer: replace(each, objection=None) for peer, each in meetings.items()}


class MemoryStore:
    """A store for tests. It keeps its content as long as the object lives, also across starts of a node."""

    def __init__(self) -> None:
        self.store_id = secrets.token_bytes(STORE_ID_LENGTH)
        self.incarnation = 0
        self.promise_ns = 0
        self.ballots: dict[str, Ballot] = {}
        self.voters: tuple[str, ...] = ()
        self.meetings: dict[str, Meeting] = {}

    def open(
        self, *, promise_ns: int, voters: Collection[str] = (), is_replacing_voters: bool = False, **_owner: str
    ) -> StoreContent:
        """Count one more start; the owner is not stored."""
        if is_replacing_voters:
            self.meetings = kept_meetings(self.meetings)
        else:
            check_voters(self.voters, voters, "memory")
        kept, self.voters = self.voters, tuple(sorted(voters))
        before = self.promise_ns or promise_ns
        self.incarnation += 1
        self.promise_ns = max(before, promise_ns)
        return StoreContent(
            incarnation=self.incarnation,
            store_id=self.store_id,
            promise_ns=before,
            ballots=dict(self.ballots),
            meetings=dict(self.meetings),
            former_voters=kept if kept != self.voters else (),
        )

    def write(
        self,
        ballots: Mapping[str, Ballot],
        promise_ns: int | None = None,
        meetings: Mapping[str, Meeting] | None = None,
    ) -> None:
        """Keep the changes in memory."""
        for election, ballot in ballots.items():
            check_ballot(election, self.ballots.get(election), ballot)
        self.ballots.update(ballots)
        self.meetings.update(meetings or {})
        self.promise_ns = max(self.promise_ns, promise_ns or 0)

    def close(self) -> None:
        """Do nothing: there is no file."""
