"""Who may ask for votes.

Source: PROTOCOL.md, section 6, rules 1 and 2.
"""

from typing import TYPE_CHECKING

from elect.core.events import Event, Role, RoleChanged
from elect.core.quorum import is_quorum
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

if TYPE_CHECKING:
    from elect.testing.world.process import Process


class CandidacySafety(Observer):
    """Watches campaigns begin."""

    def __init__(self, world: World) -> None:
        self._world = world

    def told(self, process: "Process", event: Event) -> None:
        """Check a new candidate: it may lead, nothing binds it, and a quorum supports it."""
        if not isinstance(event, RoleChanged) or event.role is not Role.CANDIDATE:
            return
        state = process.elector.state
        election = state.elections[event.election]
        hindrances = {
            "stands aside": not election.is_entered,
            "is a witness": state.priority == 0,
            "is paused": state.is_paused,
            "is unhealthy": not state.is_healthy,
            "can't store": not state.is_storing,
            "is fenced": state.now < state.fence_until,
            "disputes who votes": state.is_disputed,
            "follows another": election.following is not None,
        }
        found = [text for text, is_hindered in hindrances.items() if is_hindered]
        if found:
            self._world.fail("candidates are fit", f"{process} campaigns in {event.election} and {', '.join(found)}")
        supporters = [peer for peer, until in process.table.counted.items() if until > state.now]
        if not is_quorum(1 + len(supporters), len(state.voters)):
            self._world.fail("candidates are supported", f"{process} campaigns in {event.election} by {supporters}")
