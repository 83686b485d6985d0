"""Steps and messages in words."""

from elect.core.messages import Batch, Entry, Follow, Heartbeat, Message
from elect.testing.explore.explored_step import Step, Verb
from elect.testing.explore.explored_world import ExploredWorlds, World
from elect.testing.explore.frames import END, RESET
from elect.testing.explore.trace import move_of

_WORDS = {
    Verb.TICK: "{node} notices the time",
    Verb.WRITE: "{node}'s first write is on disk",
    Verb.FAIL: "{node}'s first write fails",
    Verb.CAMPAIGN: "{node} campaigns",
    Verb.RESIGN: "{node} resigns",
    Verb.ACKNOWLEDGE: "{node}'s application has heard of it",
    Verb.CRASH: "{node} dies with {count} of its writes on disk, and starts again",
    Verb.RESTART: "{node} dies with {count} of its writes on disk, starts again, and its links are dialed both ways",
    Verb.CLOSE: "{node} closes its link to {peer}",
    Verb.DIAL: "{node} dials {peer}",
    Verb.RESET: "{node}'s link to {peer} breaks",
    Verb.WAIT: "a heartbeat interval passes",
    Verb.DELIVER: "{peer} reads {node}'s {what}",
    Verb.COPY: "{peer} reads {node}'s {what}, and will again",
    Verb.OVERTAKE: "{peer} reads {node}'s {what}, before what was sent before it",
    Verb.LOSE: "{node}'s {what} for {peer} is lost",
}


def describe_step(worlds: ExploredWorlds, world: World, step: Step) -> str:
    """What a step does to a world."""
    what = _what(worlds, world, step) if "{what}" in _WORDS[step.verb] else ""
    return _WORDS[step.verb].format(node=step.node, peer=step.peer, count=step.count, what=what)


def _what(worlds: ExploredWorlds, world: World, step: Step) -> str:
    _, source, target, count = move_of(step)
    links = worlds.ways.held[world[worlds.way_of(source, target)]]
    position = int(step.verb is Verb.OVERTAKE)
    if count >= len(links) or position >= len(links[count][2]):
        return "nothing"
    frame = links[count][2][position]
    message = worlds.settings.frames.messages[frame]
    return {END: "end of stream", RESET: "reset"}[frame] if message is None else describe_message(message)


def describe_message(message: Message) -> str:
    """One message as text."""
    if isinstance(message, Heartbeat):
        acked = "" if message.ack is None else f", session {message.ack.session} on link {message.ack.link}"
        return f"heartbeat (supports {' and '.join(message.supports) or 'nobody'}{acked})"
    entries = message.entries if isinstance(message, Batch) else ()
    return " and ".join(map(_describe_entry, entries))


def _describe_entry(entry: Entry) -> str:
    session = f" in session {entry.session}" if isinstance(entry, Follow) else ""
    return f"{type(entry).__name__} of term {entry.term}{session}"
