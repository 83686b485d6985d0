"""Messages, events and moments as the words of a play."""

from elect.config.durations import format_ns
from elect.core.events import Elected, Event, LeaderChanged, Lost, PeerChanged, RoleChanged
from elect.core.messages import (
    Batch,
    Entry,
    Follow,
    Heartbeat,
    Knowledge,
    Known,
    Message,
    Refuse,
    Resign,
    Vote,
)
from elect.core.ready import Ballot
from elect.testing.manual.manual_cluster import ELECTION, START_NS


def moment(at: int) -> str:
    """A reading of a clock, since the play began."""
    return format_ns(at - START_NS)


def named(election: str, text: str) -> str:
    """The election goes without saying where it is the usual one."""
    return text if election == ELECTION else f"{text} of {election}"


def ballot(value: Ballot) -> str:
    return f"term {value.term}, vote for {value.voted_for or 'nobody'}"


def message(value: Message | None) -> str:
    match value:
        case None:
            return "end of stream"
        case Heartbeat():
            return _heartbeat(value)
        case Knowledge():
            known = ", ".join(map(_known, value.entries)) or "nothing"
            return f"Knowledge{' (all of it)' if value.whole else ''}: {known}"
        case Batch():
            return "; ".join(map(entry, value.entries))


def _known(known: Known) -> str:
    leader = "nobody leads" if known.leader is None else f"{known.leader} leads in term {known.term}"
    return named(known.election, leader)


def _heartbeat(heartbeat: Heartbeat) -> str:
    words = [f"Heartbeat of {moment(heartbeat.sent)}"]
    if heartbeat.ack is not None:
        ack = heartbeat.ack
        words.append(f"acks {moment(ack.sent)} on link {ack.link} in session {ack.session}")
    words.append(f"supports {' '.join(heartbeat.supports) or 'nobody'}")
    if heartbeat.standing.willing:
        words.append("willing")
    return ", ".join(words)


def entry(value: Entry) -> str:
    text = f"{type(value).__name__} {value.term}"
    match value:
        case Vote(offset=offset) if offset:
            text += f" at offset {offset}"
        case Follow():
            text += f" in session {value.session}"
        case Resign(successor=successor) if successor:
            text += f" for {successor}"
        case Refuse():
            asked = "Lead" if value.is_to_lead else "Vote"
            leader = f", {value.leader} leads" if value.leader else ""
            text = f"Refuse {asked} {value.term}: {value.reason} (own term {value.own_term}{leader})"
    return named(value.election, text)


def event(value: Event, now: int) -> str | None:
    """What a node does or its application is told; None for what only metrics are told."""
    match value:
        case PeerChanged():
            return f"counts on {value.peer}{'' if value.supported else ' no longer'}"
        case RoleChanged():
            text = f"{value.role} in term {value.term} ({value.reason})"
        case Elected():
            text = f"tells: elected in term {value.term}"
        case Lost():
            since = "" if value.at == now else f" since {moment(value.at)}"
            text = f"tells: lost term {value.term} ({value.reason}){since}"
        case LeaderChanged():
            text = f"tells: {value.leader or 'nobody'} leads" + (f" in term {value.term}" if value.leader else "")
        case _:
            return None
    return named(value.election, text)
