"""The fields of each event that users see, as JSON types: for `--events`, HTTP listeners and records in the log."""

from collections.abc import Iterator

from elect.clock import NS_PER_S
from elect.core.events import (
    Elected,
    Event,
    FailedBack,
    Installed,
    LeaderChanged,
    Lost,
    PeerChanged,
    PeerDismissed,
    PeerObjected,
    RoleChanged,
)
from elect.monitoring.member_phase import MemberLifecycle
from elect.monitoring.member_status import state_of
from elect.monitoring.membership_changes import changes_between

SHOWN = (Elected, Lost, LeaderChanged, PeerChanged, FailedBack, Installed)
"""The events that have fields; users do not see the others."""

Fields = dict[str, object]


def fields_of(name: str, node_id: str, at: int, **more: object) -> Fields:
    """Return the fields of one event; `boottime` is its moment, in seconds of the node's clock.

    Args:
        name: of the event.
        node_id: of the node that saw it.
        at: ns of the node's clock.
        more: the fields that this event has, besides those that each has.
    """
    base: Fields = {"event": name, "election": None, "node": node_id, "term": None, "leader": None}
    return base | {"boottime": at / NS_PER_S} | more


def event_fields(event: Event, node_id: str) -> Iterator[Fields]:
    """Return the fields of an event of the core: once, for each member that it changes, or not at all."""
    match event:
        case Elected():
            yield fields_of("elected", node_id, event.at, election=event.election, term=event.term, leader=node_id)
        case Lost():
            reason = event.reason.value
            yield fields_of("lost", node_id, event.at, election=event.election, term=event.term, reason=reason)
        case LeaderChanged():
            about = {"election": event.election, "term": event.term, "leader": event.leader}
            end = None if event.end is None else event.end.value
            yield fields_of("leader", node_id, event.at, **about, end=end)
        case PeerChanged():
            yield fields_of("peer", node_id, event.at, peer=event.peer, supported=event.supported)
        case FailedBack():
            about = {"election": event.election, "term": event.term, "successor": event.successor}
            yield fields_of("failback", node_id, event.at, **about)
        case Installed():
            yield from _member_fields(event, node_id)
        case _:
            pass


def _member_fields(event: Installed, node_id: str) -> Iterator[Fields]:
    """Return the fields of each member that has changed."""
    order = {"term": event.configuration.term, "version": event.configuration.version}
    for each in changes_between(event.former, event.configuration):
        member = each.member
        kind, state = (None, None) if member is None else (member.kind.value, state_of(member).value)
        about: Fields = {"member": each.node_id, "change": each.change.value, "kind": kind, "state": state}
        yield fields_of("member", node_id, event.at, **about, configuration=order)


def log_fields(event: Event, node_id: str) -> Fields:
    """Return the fields of the line in the log about an event, also of one that only the log has."""
    match event:
        case RoleChanged():
            about = {"election": event.election, "term": event.term, "role": event.role.value}
            return fields_of("role", node_id, event.at, **about, reason=event.reason)
        case PeerObjected():
            objection = None if event.objection is None else event.objection.value
            return fields_of("objection", node_id, event.at, peer=event.peer, objection=objection)
        case PeerDismissed():
            return fields_of("dismissed", node_id, event.at, peer=event.peer)
        case Installed():  # one line for all members
            order = {"term": event.configuration.term, "version": event.configuration.version}
            names = ("member", "change", "kind", "state")
            changes = [{name: each[name] for name in names} for each in _member_fields(event, node_id)]
            return fields_of("members", node_id, event.at, changes=changes, configuration=order)
        case _:
            return next(event_fields(event, node_id), {})


def lifecycle_fields(value: MemberLifecycle) -> Fields:
    """Return the fields of the line in the log about a phase of the node; its time is the record's."""
    return {"event": "lifecycle", "phase": value.phase.value, "attempt": value.attempt, "reason": value.reason}
