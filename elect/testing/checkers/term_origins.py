"""The check that each term on a disk, each Follow and each Grant has a reason.

Source: PROTOCOL.md, section 4: "A refusal changes nothing", "A term above its own is written first", `offset_rule`.
"""

from collections.abc import Mapping

from elect.core.events import Event, Voted
from elect.core.messages import Batch, Follow, Vote
from elect.core.options import OffsetRule
from elect.core.ready import Ballot
from elect.testing.checkers.safety import Safety
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer


class TermOrigins(Observer):
    """Checks terms when they are stored, Follows when they are sent, and votes when they are granted."""

    def __init__(self, world: World, safety: Safety) -> None:
        self._world = world
        self._safety = safety
        self._offers: dict[tuple[str, str, int], int] = {}

    def stored(self, node_id: str, store_id: int, ballots: Mapping[str, Ballot]) -> None:
        """Check that a term which is stored without a vote is one in which a node was elected."""
        for election, ballot in ballots.items():
            if ballot.voted_for is None and (election, ballot.term) not in self._safety.elected:
                text = f"{node_id} (store {store_id}) stores {ballot} in {election}; nobody was elected in it"
                self._world.fail("terms have a reason", text)

    def sent(self, process: Process, peer: str, batch: Batch) -> None:
        """Check that the term of a Follow is on disk, and note the offset of each Vote."""
        for entry in batch.entries:
            if isinstance(entry, Follow):
                ballot = process.host.disk.ballots.get(entry.election)
                if ballot is None or ballot.term < entry.term:
                    self._world.fail("follows are durable", f"{process} sends {peer} {entry} and has {ballot} on disk")
            elif isinstance(entry, Vote):
                self._offers[process.node_id, entry.election, entry.term] = entry.offset

    def told(self, process: Process, event: Event) -> None:
        """Check that a voter is not ahead of the candidate that it votes for."""
        if isinstance(event, Voted) and event.answer == "granted":
            state = process.elector.state
            offered = self._offers[event.candidate, event.election, event.term]
            if state.offset_rule is OffsetRule.REQUIRE and offered < state.offset:
                text = f"{process} (offset {state.offset}) votes for {event.candidate} (offset {offered})"
                self._world.fail("voters are not ahead", text)
