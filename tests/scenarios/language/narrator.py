"""Writes down what happens on a cluster, one line each.

`b: …` is what b does, `b -> a: …` what it sends, `> a to b: …` what arrives; `=> …` says who holds the lease after a
command, if that changed.
"""

from collections import Counter

from elect.core.messages import Batch, Heartbeat, Knowledge
from elect.core.ready import Ready, Send
from elect.testing.manual.manual_node import HeldFrame, ManualNode, StepListener
from tests.scenarios.language import words

TOLD_MAX = 16
"""Elections of which it is told who follows whom; more are for counting."""


class Narrator(StepListener):
    """Attributes:
    lines: since the last `take`.
    is_brief: heartbeats are left out, and what arrives is said only where something follows.
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
        """What happened since the last time."""
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
        """What was sent alike to several is one line."""
        sends, self._sends = self._sends, {}
        for (node_id, text), peers in sends.items():
            self._say(f"{node_id} -> {' '.join(peers)}: {text}")

    # What a Stage tells.

    def arriving(self, source: str, target: str, frame: HeldFrame) -> None:
        self._end_sends()
        line = f"> {source} to {target}: {words.message(frame.message)}"
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
        for text in (words.event(event, now) for event in ready.events):
            if text is not None:
                self._say(f"{node_id}: {text}")
        for election, ballot in (ready.write.ballots if ready.write else {}).items():
            self._say(f"{node_id}: writes {words.named(election, words.ballot(ballot))}")

    def _changes(self, node: ManualNode) -> list[str]:
        """How whom a node supports and follows differs from before."""
        state = node.elector.state
        parts = {
            f"supports {peer.id}": f"session {peer.session}" for peer in state.support.peers.values() if peer.session
        }
        for name, election in state.elections.items() if len(state.elections) <= TOLD_MAX else ():
            if election.following is not None:
                text = words.named(name, f"follows {election.following.leader}")
                parts[text] = f"term {election.following.term}"
        before = self._parts.get(node.node_id, {})
        self._parts[node.node_id] = parts
        ended = [f"{part} no longer" for part in before if part not in parts]
        return ended + [f"{part}, {value}" for part, value in parts.items() if before.get(part) != value]

    def sent(self, node_id: str, send: Send, *, is_lost: bool) -> None:
        self.counters.count_sent(node_id, send)
        if self.is_brief and isinstance(send.message, Heartbeat):
            return
        text = words.message(send.message) + (" (lost)" if is_lost else "")
        self._sends.setdefault((node_id, text), []).append(send.peer)


class Tally:
    """Counts instead of lines, for a play with too many."""

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
        """The counts since the last time, sorted."""
        counts, self.counts = self.counts, Counter()
        return [f"{what} {number}" for what, number in sorted(counts.items())]
