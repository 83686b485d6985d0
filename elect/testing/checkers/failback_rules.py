"""The check that an election is handed back only to a node that has headed its order for long enough.

Source: PROTOCOL.md, section 6, "Failback".
"""

from collections import Counter
from dataclasses import dataclass

from elect.core.events import Event, FailedBack
from elect.core.messages import Heartbeat, Number
from elect.core.rules import ranking
from elect.core.state.scale import FAILBACKS_MAX
from elect.testing.simulation.simulation_options import nanoseconds
from elect.testing.world.process import Process
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """The latest heartbeat of a peer: its priority, 0 if it is unwilling, and since when (ns) that is so."""

    link: Number
    sent: int
    priority: int
    since: int


def order_key(election: str, node_id: str, priority: int) -> tuple[int, bytes, str]:
    """Return the sort key of a node in the order of failback; the smallest should lead."""
    return (-priority, ranking.spread(election, node_id), node_id)


class FailbackRules(Observer):
    """Checks each failback against the heartbeats that the leader has heard."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._heard: dict[tuple[str, str], _Heard] = {}
        self._counts: Counter[tuple[str, int]] = Counter()

    def heard(self, process: Process, link: SimulatedLink, message: object, read_at: int) -> None:
        """Note since when a peer says what it says of itself."""
        if not isinstance(message, Heartbeat):
            return
        key = (str(process), link.path.source)
        before = self._heard.get(key)
        if before is not None and (link.number, message.sent) < (before.link, before.sent):
            return
        priority = message.standing.priority if message.standing.willing else 0
        since = before.since if before is not None and before.priority == priority else read_at
        self._heard[key] = _Heard(link=link.number, sent=message.sent, priority=priority, since=since)

    def told(self, process: Process, event: Event) -> None:
        """Check a failback."""
        if not isinstance(event, FailedBack):
            return
        state, options = process.elector.state, self._world.options
        heard = self._heard[str(process), event.successor]
        own = order_key(event.election, state.id, state.priority)
        is_first = order_key(event.election, event.successor, heard.priority) < own
        is_steady = process.now - heard.since >= nanoseconds(options.failback or 0.0)
        if not (heard.priority and is_first and is_steady):
            self._world.fail("the first in the order gets it", f"{process} is told {event}, and has heard {heard}")
        self._counts[str(process), event.at] += 1
        if self._counts[str(process), event.at] > FAILBACKS_MAX:
            self._world.fail("few at a time are handed back", f"{process} is told {event}")
