"""The store of a node's votes and of its configuration: its protocol, and one in memory.

Source: PROTOCOL.md, section 4 (what is durable), the boot fence, and section 7 (the configuration).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from elect.core.configuration import STORE_ID_LENGTH, Configuration
from elect.core.ready import Ballot, Meeting

NO_CLUSTER = Configuration()
"""The configuration of a node that belongs to no cluster yet."""


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
        configuration: the stored one; the one that was given, if none with members was stored.
        is_given_overruled: the one that was given has members, and others than the stored one.
    """

    incarnation: int
    store_id: bytes
    promise_ns: int = 0
    ballots: Mapping[str, Ballot] = field(default_factory=dict)
    meetings: Mapping[str, Meeting] = field(default_factory=dict)
    configuration: Configuration = NO_CLUSTER
    is_given_overruled: bool = False


class Store(Protocol):
    """The durable state of a node. One thread opens it, then another one uses it; never two at once."""

    def open(
        self, *, cluster: str, node_id: str, promise_ns: int, configuration: Configuration = NO_CLUSTER
    ) -> StoreContent:
        """Lock the store, check that it is whole and belongs to this node, and count one more start.

        Args:
            cluster: the cluster that the store must belong to; a new store is made for it.
            node_id: the node that the store must belong to.
            promise_ns: the support that this node acknowledges from now on (ns), stored for its next start.
            configuration: the one in the node's settings. It is stored if no configuration with members is.

        Raises:
            IdentityError: the store belongs to another node, cluster or program.
            StoreError: the store is in use, damaged, lost, or cannot be read or written.
        """

    def write(
        self,
        ballots: Mapping[str, Ballot],
        promise_ns: int | None = None,
        meetings: Mapping[str, Meeting] | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        """Make these changes durable, all or none. Without changes, test that the disk accepts a write.

        Args:
            ballots: new ones by election.
            promise_ns: the support that this node acknowledges from now on, ns; None: unchanged.
            meetings: new ones by peer; None: unchanged.
            configuration: the new one; None: unchanged.

        Raises:
            StoreError: the changes may not be durable; a later write may succeed.
            StoreGone: the store was removed or replaced; no later write can succeed.
            RuntimeError: a term would fall, a vote change or a configuration be older, which is a bug; nothing was
                written.
        """

    def close(self) -> None:
        """Close and unlock the store; idempotent, never raises."""


def check_ballot(election: str, old: Ballot | None, new: Ballot) -> None:
    """Raise RuntimeError if a term would fall, or the vote in a term change: that is a bug."""
    if old is None or new.term > old.term or (new.term == old.term and old.voted_for in (None, new.voted_for)):
        return
    raise RuntimeError(f"a term never falls and a vote never changes: {election!r} has {old}, asked for {new}")


def check_configuration(old: Configuration, new: Configuration) -> None:
    """Raise RuntimeError if a configuration would be older, or another one of the same term and version: a bug."""
    # One of the same id may differ in addresses, which are hints. The first one of a cluster has the term and the
    # version of none at all.
    if new.is_newer_than(old) or new.id == old.id or old == NO_CLUSTER:
        return
    raise RuntimeError(f"a configuration is never replaced by an older one: {old.id} is stored, asked for {new.id}")


def effective(stored: Configuration, given: Configuration) -> Configuration:
    """Return the configuration with which a node starts: the stored one, if there is one."""
    return given if stored == NO_CLUSTER else stored


def is_overruled(given: Configuration, used: Configuration) -> bool:
    """Return whether a configuration in the settings has members, and others than the one that is used."""
    return bool(given.members) and given.node_ids != used.node_ids


class MemoryStore:
    """A store for tests. It keeps its content as long as the object lives, also across starts of a node."""

    def __init__(self) -> None:
        self.store_id = secrets.token_bytes(STORE_ID_LENGTH)
        self.incarnation = 0
        self.promise_ns = 0
        self.ballots: dict[str, Ballot] = {}
        self.meetings: dict[str, Meeting] = {}
        self.configuration = NO_CLUSTER

    def open(self, *, promise_ns: int, configuration: Configuration = NO_CLUSTER, **_owner: str) -> StoreContent:
        """Count one more start; the owner is not stored."""
        self.configuration = effective(self.configuration, configuration)
        before = self.promise_ns or promise_ns
        self.incarnation += 1
        self.promise_ns = max(before, promise_ns)
        return StoreContent(
            incarnation=self.incarnation,
            store_id=self.store_id,
            promise_ns=before,
            ballots=dict(self.ballots),
            meetings=dict(self.meetings),
            configuration=self.configuration,
            is_given_overruled=is_overruled(configuration, self.configuration),
        )

    def write(
        self,
        ballots: Mapping[str, Ballot],
        promise_ns: int | None = None,
        meetings: Mapping[str, Meeting] | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        """Keep the changes in memory."""
        for election, ballot in ballots.items():
            check_ballot(election, self.ballots.get(election), ballot)
        if configuration is not None:
            check_configuration(self.configuration, configuration)
            self.configuration = configuration
        self.ballots.update(ballots)
        self.meetings.update(meetings or {})
        self.promise_ns = max(self.promise_ns, promise_ns or 0)

    def close(self) -> None:
        """Do nothing: there is no file."""
