"""The recovery of a cluster that has lost a majority of its voters for good: new members, by an operator's word.

Nothing here can know that the lost voters are dead. If they are not, they go on as a cluster of their own.

Source: PROTOCOL.md, section 7, "Recovery".
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from elect.core.configuration import MEMBERS_MAX, ClusterState, Configuration, Member, MemberKind
from elect.core.messages import TERM_MAX
from elect.core.ready import Ballot
from elect.errors import ConfigError, StoreError
from elect.storage.sqlite import NAME

TERM_JUMP = 1_000_000
"""More terms than the lost voters can have used that no survivor has heard of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOwner:
    """The names of a store: of its node, and of the cluster."""

    node_id: str
    cluster: str


def read_owner(directory: Path) -> StoreOwner:
    """Return the owner of the store in a data directory. Nothing is checked or changed.

    Raises:
        StoreError: there is no store, or its owner cannot be read.
    """
    path = directory / NAME
    try:
        is_there = path.is_file()
    except OSError as error:
        raise StoreError(error.errno, f"this directory cannot be read: {error.strerror}", str(directory)) from error
    if not is_there:
        raise StoreError(None, f"there is no {NAME} here; give the data_dir of a node", str(directory))
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT node_id, cluster FROM meta").fetchone()
    except sqlite3.Error as error:
        raise StoreError(None, f"its owner cannot be read: {error}", str(path)) from error
    match row:
        case (str(node_id), str(cluster)):
            return StoreOwner(node_id=node_id, cluster=cluster)
    raise StoreError(None, "it has no owner; the first start of its node was not finished", str(path))


def highest_term(configuration: Configuration, ballots: Iterable[Ballot]) -> int:
    """Return the highest term that a node knows of, in any election."""
    return max([configuration.term, configuration.floor, *(ballot.term for ballot in ballots)])


def recovered(
    configuration: Configuration,
    *,
    node_id: str,
    store_id: bytes,
    voters: Sequence[str],
    addresses: Mapping[str, str],
    term: int,
) -> Configuration:
    """Return the configuration in which only some of the members vote, newer than any that the cluster has made.

    It is that of an active cluster, also if the stored one is sealed, or that of a standby cluster.

    Args:
        configuration: the stored one.
        node_id: the node that makes it.
        store_id: of its store.
        voters: the ids of the voters.
        addresses: new addresses, by id.
        term: the highest term that this node knows of, in any election.

    Raises:
        ConfigError: these cannot be the voters.
    """
    _check_voters(configuration, node_id, voters, addresses)
    # Survivors that each run this must not make two configurations of one term, so each has terms of its own: of those
    # of a block, the one at its place in the list. The newest of all wins, and is handed on to the others.
    place = sorted(voters).index(node_id)
    raised = -(-(term + TERM_JUMP) // MEMBERS_MAX) * MEMBERS_MAX + place
    if raised >= TERM_MAX:
        raise ConfigError(
            "--voters", list(voters), f"term {term} cannot be raised by {TERM_JUMP:,}: {TERM_MAX} is the end"
        )
    kept = (member for member in configuration.members if member.node_id in voters or not member.is_voter)
    moved = [replace(member, address=addresses.get(member.node_id, member.address)) for member in kept]
    # Another survivor may have a later store than the one that this node knows of. Votes under a former store are not
    # above the floor.
    stores = {voter: store_id if voter == node_id else None for voter in voters}
    members = [_voting(member, stores[member.node_id]) if member.node_id in voters else member for member in moved]
    return replace(
        configuration,
        members=tuple(members),
        term=raised,
        version=configuration.version + 1,
        floor=raised,
        state=ClusterState.ACTIVE,
        successor="",
    )


def _voting(member: Member, store_id: bytes | None) -> Member:
    kind = MemberKind.VOTER if member.kind is MemberKind.OBSERVER else member.kind
    return replace(member, kind=kind, is_voter=True, store_id=store_id)


def _check_voters(
    configuration: Configuration, node_id: str, voters: Sequence[str], addresses: Mapping[str, str]
) -> None:
    def refuse(rule: str) -> ConfigError:
        return ConfigError("--voters", list(voters), rule)

    if not configuration.members:
        raise refuse("this node belongs to no cluster yet, so there is nothing to recover")
    known: dict[str, Member] = {member.node_id: member for member in configuration.members}
    for each in voters:
        if each not in known:
            raise refuse(f"{each!r} is no member here; the members are {' '.join(known)}. A new node joins afterwards")
    kept = [each for each in known if each in voters or not known[each].is_voter]
    for each, address in addresses.items():
        if each not in kept:
            why = "will be no member any more" if each in known else "is no member here"
            rule = f"{each!r} {why}; give the address of one of {' '.join(kept)}"
            raise ConfigError("--address", f"{each}={address}", rule)
    if len(set(voters)) < len(voters):
        raise refuse("an id occurs twice")
    if node_id not in voters:
        raise refuse(f"{node_id!r}, the node of this data_dir, is not among them; run this on a node that is")
    if all(known[each].kind is MemberKind.WITNESS for each in voters):
        raise refuse("all of them are witnesses, and a witness never leads; add a voter")
