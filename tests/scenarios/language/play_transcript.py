"""The transcript of a play: messages, events and times in words, one line each.

`b: …` is what node b does, `b -> a: …` is what it sends, `> a to b: …` is what arrives. `=> …` names the holder of the
lease after a command, if that changed.
"""

from collections import Counter

from elect.config.durations import format_ns
from elect.core.configuration import Configuration, MemberKind
from elect.core.events import (
    Elected,
    Event,
    FailedBack,
    Installed,
    LeaderChanged,
    Lost,
    PeerChanged,
    PeerDismissed,
    RoleChanged,
)
from elect.core.membership_messages import Install, InstallReport, Message
from elect.core.messages import Batch, Entry, Follow, Grant, Heartbeat, Knowledge, Known, Refuse, Resign, Vote
from elect.core.ready import Ballot, Ready, Send
from elect.testing.manual.cluster_settings import ELECTION
from elect.testing.manual.manual_cluster import START_NS
from elect.testing.manual.manual_node import HeldFrame, ManualNode, StepListener


def describe_time(at: int) -> str:
    """Return a reading of a clock as the time since the play began."""
    return format_ns(at - START_NS)


def with_election(election: str, text: str) -> str:
    """Return the text with the name of the election, unless it is the default one."""
    return text if election == ELECTION else f"{text} of {election}"


def describe_ballot(value: Ballot) -> str:
    lowered = "" if value.lowered_to is None else f", follows from term {value.lowered_to}"
    return f"term {value.term}, vote for {value.voted_for or 'nobody'}{lowered}"


def describe_message(value: Message | None) -> str:
    match value:
        case None:
            return "end of stream"
        case Heartbeat():
            return _heartbeat(value)
        case Knowledge():
            known = ", ".join(map(_known, value.entries)) or "nothing"
            return f"Knowledge{' (all of it)' if value.whole else ''}: {known}"
        case Batch():
            return "; ".join(map(describe_entry, value.entries))
        case Install():
            return f"Install {describe_configuration(value.configuration)}"
        case InstallReport():
            shown = value.configuration
            return f"InstallReport {shown.term}.{shown.version}, term {value.term}"


def describe_configuration(value: Configuration) -> str:
    parts = [" ".join(value.voters)]
    parts += [
        f"{each.node_id} learns" if each.is_learner else f"{each.node_id} observes"
        for each in value.members
        if not each.is_voter
    ]
    parts += [
        f"{each.node_id} never leads" for each in value.members if each.is_voter and each.kind is MemberKind.WITNESS
    ]
    return f"{value.term}.{value.version}: {', '.join(parts)}, floor {value.floor}"


def _known(known: Known) -> str:
    leader = "nobody leads" if known.leader is None else f"{known.leader} leads in term {known.term}"
    if known.leader is not None and not known.stands:
        leader = f"stands aside; {leader}"
    return with_election(known.election, leader)


def _heartbeat(heartbeat: Heartbeat) -> str:
    words = [f"Heartbeat of {describe_time(heartbeat.sent)}"]
    if heartbeat.ack is not None:
        ack = heartbeat.ack
        words.append(f"acks {describe_time(ack.sent)} on link {ack.link} in session {ack.session}")
    words.append(f"supports {' '.join(heartbeat.supports) or 'nobody'}")
    if heartbeat.standing.willing:
        words.append("willing")
    shown = heartbeat.configuration
    if (shown.term, shown.version) > (0, 0):
        words.append(f"has {shown.term}.{shown.version}")
    return ", ".join(words)


def describe_entry(value: Entry) -> str:
    text = f"{type(value).__name__} {value.term}"
    match value:
        case Vote(offset=offset) if offset:
            text += f" at offset {offset}"
        case Grant(session=session, link=link):
            text += f" on link {link}" + (f", following in session {session}" if session else "")
        case Follow():
            text += f" in session {value.session}"
        case Resign(successor=successor) if successor:
            text += f" for {successor}"
        case Refuse():
            asked = "Lead" if value.is_to_lead else "Vote"
            leader = f", {value.leader} leads" if value.leader else ""
            text = f"Refuse {asked} {value.term}: {value.reason} (own term {value.own_term}{leader})"
    return with_election(value.election, text)


def describe_event(value: Event, now: int) -> str | None:
    """Return an event as text, or None if only metrics use it."""
    match value:
        case PeerChanged():
            return f"counts on {value.peer}{'' if value.supported else ' no longer'}"
        case RoleChanged():
            text = f"{value.role} in term {value.term} ({value.reason})"
        case Elected():
            text = f"tells: elected in term {value.term}"
        case Lost():
            since = "" if value.at == now else f" since {describe_time(value.at)}"
            text = f"tells: lost term {value.term} ({value.reason}){since}"
        case Installed():
            return f"has configuration {value.configuration.term}.{value.configuration.version}"
        case PeerDismissed():
            return f"dismisses {value.peer}"
        case FailedBack():
            text = f"hands term {value.term} back to {value.successor}"
        case LeaderChanged():
            text = f"tells: {value.leader or 'nobody'} leads" + (f" in term {value.term}" if value.leader else "")
        case _:
            return None
    return with_election(value.election, text)


TOLD_MAX = 16
"""Elections whose followers are written down; with more, a play counts."""


class PlayTranscript(StepListener):
    """Attributes:
    lines: since the last `take`.
    is_brief: heartbeats are left out, and an arrival is written only where it has an effect.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.is_brief = False
        self.counters = Tally()
        self._cause = ""
        self._next_cause = ""
        self._sends: dict[tuple[str, str], list[str]] = {}
        self._parts: dict[str, dict[str, str]] = {}

    def take(self) -> list[str]:
        """Return the lines since the last call."""
        self._end_sends()
        lines, self.lines, self._cause = self.lines, [], ""
        return lines

    def _say(self, line: str) -> None:
        self._end_sends()
        if self._cause:
            self.lines.append(self._cause)
            self._cause = ""
        self.lines.append(line)

    def _end_sends(self) -> None:
        """Write one line for the same message to several peers."""
        sends, self._sends = self._sends, {}
        for (node_id, text), peers in sends.items():
            self._say(f"{node_id} -> {' '.join(peers)}: {text}")

    def arriving(self, source: str, target: str, frame: HeldFrame) -> None:
        self._end_sends()
        line = f"> {source} to {target}: {describe_message(frame.message)}"
        if not self.is_brief:
            return
        if frame.message is None or isinstance(frame.message, Batch):
            self.lines.append(line)
        else:
            self._next_cause = line

    def stepped(self, node: ManualNode, ready: Ready) -> None:
        self._end_sends()
        self._cause, self._next_cause = self._next_cause, ""
        node_id = node.node_id
        self.counters.count_step(node_id, ready)
        for change in self._changes(node):
            self._say(f"{node_id}: {change}")
        now = node.elector.state.now
        for text in (describe_event(event, now) for event in ready.events):
            if text is not None:
                self._say(f"{node_id}: {text}")
        for election, ballot in (ready.write.ballots if ready.write else {}).items():
            self._say(f"{node_id}: writes {with_election(election, describe_ballot(ballot))}")
        if ready.write is not None and ready.write.configuration is not None:
            self._say(f"{node_id}: writes {describe_configuration(ready.write.configuration)}")

    def _changes(self, node: ManualNode) -> list[str]:
        """Return the changes of the peers that a node supports and the leader that it follows."""
        state = node.elector.state
        parts = {
            f"supports {peer.id}": f"session {peer.session}" for peer in state.support.peers.values() if peer.session
        }
        for name, election in state.elections.items() if len(state.elections) <= TOLD_MAX else ():
            if election.following is not None:
                text = with_election(name, f"follows {election.following.leader}")
                parts[text] = f"term {election.following.term}"
        before = self._parts.get(node.node_id, {})
        self._parts[node.node_id] = parts
        ended = [f"{part} no longer" for part in before if part not in parts]
        return ended + [f"{part}, {value}" for part, value in parts.items() if before.get(part) != value]

    def sent(self, node_id: str, send: Send, *, is_lost: bool) -> None:
        self.counters.count_sent(node_id, send)
        if self.is_brief and isinstance(send.message, Heartbeat):
            return
        text = describe_message(send.message) + (" (lost)" if is_lost else "")
        self._sends.setdefault((node_id, text), []).append(send.peer)


class Tally:
    """Counts in place of lines, for plays with many elections."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count_step(self, node_id: str, ready: Ready) -> None:
        if ready.write is not None:
            self.counts[f"{node_id}: writes"] += 1
            self.counts[f"{node_id}: ballots written"] += len(ready.write.ballots)
        for event in ready.events:
            self.counts[f"{node_id}: {type(event).__name__}"] += 1

    def count_sent(self, node_id: str, send: Send) -> None:
        way, message = f"{node_id} -> {send.peer}:", send.message
        if isinstance(message, Batch | Knowledge):
            self.counts[f"{way} frames of {type(message).__name__}"] += 1
        for entry in message.entries if isinstance(message, Batch) else ():
            self.counts[f"{way} {type(entry).__name__}"] += 1

    def take(self) -> list[str]:
        """Return the counts since the last call, sorted."""
        counts, self.counts = self.counts, Counter()
        return [f"{what} {number}" for what, number in sorted(counts.items())]
