"""The check of the rules by which a campaign may begin and end.

Source: PROTOCOL.md, section 4, "Following"; section 6, rules 1 and 2.
"""

from elect.core.configuration import MemberKind
from elect.core.events import Campaigned, Event, Role, RoleChanged
from elect.core.quorum import is_quorum
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer


class CandidacyRules(Observer):
    """Checks each campaign when it begins, and when its candidate follows another leader."""

    def __init__(self, world: World) -> None:
        self._world = world

    def told(self, process: Process, event: Event) -> None:
        """Check a campaign that begins, and that none ends for a leader of a lower term."""
        if isinstance(event, RoleChanged) and event.role is Role.CANDIDATE:
            self._check_begin(process, event.election)
        elif isinstance(event, Campaigned) and event.outcome == "superseded":
            following = process.elector.state.elections[event.election].following
            if following is not None and following.term < event.term:
                self._world.fail("live candidates follow no lower term", f"{process} follows {following}, not {event}")

    def _check_begin(self, process: Process, name: str) -> None:
        """Fail if a new candidate may not lead, is bound, or has no quorum that supports it."""
        state = process.elector.state
        election, own = state.elections[name], state.configuration.member(state.id)
        hindrances = {
            "has left": not election.is_entered,
            "is a witness": state.priority == 0,
            "is paused": state.is_paused,
            "is unhealthy": not state.is_healthy,
            "can't store": not state.is_storing,
            "is fenced": state.now < state.fence_until,
            "disputes who votes": state.is_disputed,
            "follows another": election.following is not None,
            "has no vote": state.id not in state.voters,
            "is a witness by configuration": own is not None and own.kind is MemberKind.WITNESS,
            "is at or below the floor": election.term <= state.configuration.floor,
        }
        found = [text for text, is_hindered in hindrances.items() if is_hindered]
        if found:
            self._world.fail("candidates are fit", f"{process} campaigns in {name} and {', '.join(found)}")
        counted = process.table.counted
        supporters = [voter for voter in state.voters if counted.get(voter, 0) > state.now]
        if not is_quorum(1 + len(supporters), len(state.voters)):
            self._world.fail("candidates are supported", f"{process} campaigns in {name} by {supporters}")
