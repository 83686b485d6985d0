"""Perform a trace with real Electors, and say in words what each step does: nothing is merged, renamed or looked up."""

from elect.core.membership_messages import Install, InstallReport, Message
from elect.core.messages import Batch, Entry, Follow, Heartbeat
from elect.testing.checkers.membership_rules import words
from elect.testing.explore.bounds import Bounds
from elect.testing.explore.explored_world import ExploredWorlds, World
from elect.testing.explore.in_flight import END, RESET
from elect.testing.explore.steps import Broken, Step, Trace, Verb, move_of
from elect.testing.simulation.transcript import describe
from elect.testing.simulation.violation import InvariantViolation

_WORDS = {
    Verb.TICK: "{node} reads its clock",
    Verb.WRITE: "{node}'s first write is on disk",
    Verb.FAIL: "{node}'s first write fails",
    Verb.CAMPAIGN: "{node} campaigns",
    Verb.ABANDON: "{node}'s campaign ends without success",
    Verb.LOWER: "{node} begins to write what a restart may follow",
    Verb.RESIGN: "{node} resigns",
    Verb.DEMOTE: "{node} is asked to make {peer} an observer",
    Verb.REMOVE: "{node} is asked to remove {peer}",
    Verb.PROMOTE: "{node} is asked to make {peer} a voter",
    Verb.ACKNOWLEDGE: "{node}'s application acknowledges it",
    Verb.CRASH: "{node} dies with {count} of its writes on disk, and starts again",
    Verb.RESTART: "{node} dies with {count} of its writes on disk, starts again, and its links are dialed both ways",
    Verb.CLOSE: "{node} closes its link to {peer}",
    Verb.DIAL: "{node} dials {peer}",
    Verb.RESET: "{node}'s link to {peer} breaks",
    Verb.WAIT: "a heartbeat interval passes",
    Verb.CALM: "all clocks, messages and writes are done with",
    Verb.DELIVER: "{peer} reads {node}'s {what}",
    Verb.COPY: "{peer} reads {node}'s {what}, and will again",
    Verb.OVERTAKE: "{peer} reads {node}'s {what}, before what was sent before it",
    Verb.LOSE: "{node}'s {what} for {peer} is lost",
}


def describe_step(worlds: ExploredWorlds, world: World, step: Step) -> str:
    """Return the effect of a step in words."""
    what = _what(worlds, world, step) if "{what}" in _WORDS[step.verb] else ""
    return _WORDS[step.verb].format(node=step.node, peer=step.peer, count=step.count, what=what)


def _what(worlds: ExploredWorlds, world: World, step: Step) -> str:
    _, source, target, count = move_of(step)
    links = worlds.in_flight.held[world[worlds.way_of(source, target)]]
    position = int(step.verb is Verb.OVERTAKE)
    if count >= len(links) or position >= len(links[count][2]):
        return "nothing"
    frame = links[count][2][position]
    message = worlds.cache.frames.messages[frame]
    return {END: "end of stream", RESET: "reset"}[frame] if message is None else describe_message(message)


def describe_message(message: Message) -> str:
    """Return a message in words."""
    if isinstance(message, Heartbeat):
        acked = "" if message.ack is None else f", session {message.ack.session} on link {message.ack.link}"
        return f"heartbeat (supports {' and '.join(message.supports) or 'nobody'}{acked})"
    if isinstance(message, Install):
        return f"configuration ({words(message.configuration)})"
    if isinstance(message, InstallReport):
        return f"report of configuration {message.configuration.term}.{message.configuration.version}"
    entries = message.entries if isinstance(message, Batch) else ()
    return " and ".join(map(_describe_entry, entries))


def _describe_entry(entry: Entry) -> str:
    session = f" in session {entry.session}" if isinstance(entry, Follow) else ""
    return f"{type(entry).__name__} of term {entry.term}{session}"


_PLENTY = 1_000_000
"""More than a trace has steps."""


def replay(trace: Trace | str) -> list[str]:
    """Perform a trace with real Electors.

    >>> replay("2 nodes; campaign a")
    ['  1 a campaigns; a default: candidate in term 1 (campaign)']

    Args:
        trace: a Trace, its text, or the `replay` of a violation.

    Returns:
        One line a step: the step in words, and the events of the nodes.

    Raises:
        InvariantViolation: a promise is broken.
        ValueError: a step is not possible at its place.
    """
    if isinstance(trace, str):
        trace = Trace.parse(trace)
    worlds = ExploredWorlds(trace.nodes, Bounds(**dict.fromkeys(Bounds.names(), _PLENTY)), is_merging=False)
    world, lines = worlds.first(), list[str]()
    for number, step in enumerate(trace.steps, start=1):
        line = f"{number:3} {describe_step(worlds, world, step)}"
        worlds.cache.events.clear()
        broken = None
        try:
            after = worlds.apply(world, move_of(step))
        except Broken as error:
            after, broken = world, error
        lines.append("; ".join([line, *[f"{node_id} {describe(event)}" for node_id, event in worlds.cache.events]]))
        if broken is not None:
            played = Trace(trace.nodes, trace.steps[:number])
            command = f'python -m elect.testing.explore --replay "{played}"'
            raise InvariantViolation(broken.invariant, broken.detail, lines, command)
        if after is None:
            raise ValueError(f"step {number}, {step}: not possible there")
        world = after
    return lines
