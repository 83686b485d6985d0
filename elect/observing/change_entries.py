"""From logged changes to the entries that mirrors get."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from elect.core.configuration import Configuration
from elect.observing.change_log import LoggedChange
from elect.observing.mirror_messages import MESSAGE_ENTRIES_MAX, LeaderEntry, MembersEntry, MirrorEntry
from elect.observing.node_reports import short_address

MESSAGE_BYTES = 16_384
"""A message ends with the entry that exceeds this. One entry has at most 27 kB, and a frame 65."""

AddressOf = Callable[[str], str | None]
"""Returns the address of a node, if it is known."""


def entries_of(changes: Iterable[LoggedChange], address_of: AddressOf) -> tuple[tuple[MirrorEntry, ...], int]:
    """Return the first changes as entries, until there are enough for a message, and about the bytes of all of them."""
    entries, size = list[MirrorEntry](), 0
    for change in changes:
        entries.append(_entry(change, address_of))
        size += entries[-1].size
        if size >= MESSAGE_BYTES or len(entries) >= MESSAGE_ENTRIES_MAX:
            break
    return tuple(entries), size


def _entry(change: LoggedChange, address_of: AddressOf) -> MirrorEntry:
    if change.configuration is not None:
        return MembersEntry(configuration=_addressed(change.configuration, address_of))
    leader = change.leader
    if leader is None:
        return LeaderEntry(election=change.topic, term=change.term)
    return LeaderEntry(
        election=change.topic,
        term=change.term,
        leader_id=leader.node_id,
        address=short_address(leader.address),
        metadata=dict(leader.metadata),
    )


def _addressed(configuration: Configuration, address_of: AddressOf) -> Configuration:
    """Return a configuration with the addresses of its members that are known now."""
    members = tuple(
        replace(member, address=short_address(address_of(member.node_id)) or member.address)
        for member in configuration.members
    )
    return replace(configuration, members=members)
