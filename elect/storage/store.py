"""Where votes are kept: what a store must do, and one that forgets when its object does.

Source: PROTOCOL.md, section 4 (what is durable) and the boot fence.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from elect.core.ready import Ballot, Meeting
from elect.errors import ConfigError

STORE_ID_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a store held when it was opened.

    Attributes:
        incarnation: of this start: already counted up, durable.
        store_id: random, made with the store; another store of the same name has another.
        promise_ns: the longest support that may have been acknowledged before this start. Of a new store it is the
            support asked for: the votes of a lost store before it may have promised as much.
        ballots: by election.
        meetings: by peer.
        former_voters: the list that this start replaced; empty: it replaced none.
    """

    incarnation: int
    store_id: bytes
    promise_ns: int = 0
    ballots: Mapping[str, Ballot] = field(default_factory=dict)
    meetings: Mapping[str, Meeting] = field(default_factory=dict)
    former_voters: tuple[str, ...] = ()


class Store(Protocol):
    """Keeps what a node must not forget. Opened by one thread, then used by one other; never by two at once."""

    def open(
        self,
        *,
        cluster: str,
        node_id: str,
        promise_ns: int,
        voters: Collection[str] = (),
        is_replacing_voters: bool = False,
    ) -> Opened:
        """Lock the store, check that it is this node's and whole, and count one more start.

        Args:
            cluster: whose store it must be; a new one is made for it.
            node_id: the same.
            promise_ns: the support that this node will acknowledge from now on; kept for its next start.
            voters: ids of the voters that the node's configuration lists, this node among them; kept with the votes.
            is_replacing_voters: the list may differ from the one that was kept, and replaces it.

        Raises:
            ConfigError: the voters are not those that were kept.
            IdentityError: it is another node's, another cluster's or another program's.
            StoreError: it is in use, damaged, lost, or can't be read or written.
        """

    def write(
        self,
        ballots: Mapping[str, Ballot],
        promise_ns: int | None = None,
        meetings: Mapping[str, Meeting] | None = None,
    ) -> None:
        """Make these changes durable, all or none; with nothing to change, prove that the disk takes a write.

        Raises:
            StoreError: nothing is known to be durable; a later write may succeed.
            StoreGone: the store was removed or replaced; no later write can succeed.
            RuntimeError: a term would fall or a vote change: a bug, and nothing was written.
        """

    def close(self) -> None:
        """Let go of it; idempotent, never raises."""


def check_ballot(election: str, old: Ballot | None, new: Ballot) -> None:
    """Raise RuntimeError when a term would fall, or a vote in it change: whatever the caller was told, it is a bug."""
    if old is None or new.term > old.term or (new.term == old.term and old.voted_for in (None, new.voted_for)):
        return
    raise RuntimeError(f"a term never falls and a vote never changes: {election!r} has {old}, asked for {new}")


def check_voters(kept: Collection[str], voters: Collection[str], place: str) -> None:
    """Raise ConfigError when a start lists other voters than those with whom the votes were given."""
    if kept and set(kept) != set(voters):
        raise ConfigError(
            "peers",
            sorted(voters),
            f"the votes in {place} were given among the voters {sorted(kept)} (this node included). Two lists can elect"
            " two leaders. To change the list: stop all nodes, edit every file, start every node once with"
            " `elect run --new-peers` or Config(replace_peers=True)",
        )


def kept_meetings(meetings: Mapping[str, Meeting]) -> dict[str, Meeting]:
    """The meetings after a list was replaced: an objection to the former list is over."""
    return {peer: Meeting(store_id=each.store_id) for peer, each in meetings.items()}


class MemoryStore:
    """A store for tests: it lives as long as its object, which outlives a node's restarts."""

    def __init__(self) -> None:
        self.store_id = secrets.token_bytes(STORE_ID_LENGTH)
        self.incarnation = 0
        self.promise_ns = 0
        self.ballots: dict[str, Ballot] = {}
        self.voters: tuple[str, ...] = ()
        self.meetings: dict[str, Meeting] = {}

    def open(
        self,
        *,
        cluster: str,
        node_id: str,
        promise_ns: int,
        voters: Collection[str] = (),
        is_replacing_voters: bool = False,
    ) -> Opened:
        """Count one more start; whose store it is, is not kept."""
        del cluster, node_id
        if is_replacing_voters:
            self.meetings = kept_meetings(self.meetings)
        else:
            check_voters(self.voters, voters, "memory")
        kept, self.voters = self.voters, tuple(sorted(voters))
        before = self.promise_ns or promise_ns
        self.incarnation += 1
        self.promise_ns = max(before, promise_ns)
        return Opened(
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
        """Keep the changes."""
        for election, ballot in ballots.items():
            check_ballot(election, self.ballots.get(election), ballot)
        self.ballots.update(ballots)
        self.meetings.update(meetings or {})
        self.promise_ns = max(self.promise_ns, promise_ns or 0)

    def close(self) -> None:
        """Nothing to let go of."""
