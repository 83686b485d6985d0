"""Events of the core in words, for transcripts."""

from typing import assert_never

from elect.core.events import (
    Campaigned,
    Elected,
    ElectionEvent,
    Event,
    FailedBack,
    Installed,
    LeaderChanged,
    Lost,
    PeerChanged,
    PeerDismissed,
    PeerEvent,
    PeerObjected,
    RoleChanged,
    Voted,
)


def describe(event: Event) -> str:
    """Return an event as text."""
    if isinstance(event, PeerEvent | Installed):
        return _describe_members(event)
    return f"{event.election}: {_describe_election(event)}"


def _describe_members(event: PeerEvent | Installed) -> str:
    match event:
        case PeerChanged():
            return f"is {'' if event.supported else 'no longer '}supported by {event.peer}"
        case Installed():
            own, voters = event.configuration.id, "".join(event.configuration.voters)
            return f"has configuration {own.term}.{own.version} of {voters or 'nobody'}"
        case PeerDismissed():
            return f"dismisses {event.peer}"
        case PeerObjected():
            return f"hears {event.peer} {f'object: {event.objection}' if event.objection else 'agree'}"
        case _:
            assert_never(event)


def _describe_election(event: ElectionEvent) -> str:
    match event:
        case Elected():
            text = f"holds the lease of term {event.term}"
        case Lost():
            text = f"loses the lease of term {event.term} ({event.reason})"
        case LeaderChanged():
            text = f"knows {event.leader or 'nobody'} to lead, term {event.term}"
        case RoleChanged():
            text = f"{event.role} in term {event.term} ({event.reason})"
        case Campaigned():
            text = f"campaign of term {event.term} ends: {event.outcome}"
        case FailedBack():
            text = f"hands term {event.term} back to {event.successor}"
        case Voted():
            text = f"answers {event.candidate}'s vote of term {event.term}: {event.answer}"
        case _:
            assert_never(event)
    return text
