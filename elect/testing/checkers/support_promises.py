"""The check that all support which a node counts lies inside a live promise.

Source: PROTOCOL.md, sections 3 and 8.
"""

from collections.abc import Mapping

from elect.core.messages import Number
from elect.core.ready import Lease
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

_NOTHING: Mapping[str, int] = {}


class SupportPromises(Observer):
    """Compares the support that one node counts with the promise of the other, in true time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._counted: dict[str, Mapping[str, int]] = {}
        self._sessions: dict[str, list[Number | None]] = {}
        self._highest: dict[str, Number] = {}

    def published(
        self,
        process: Process,
        leases: Mapping[str, Lease | None],  # noqa: ARG002 (the observer's signature)
        counted: Mapping[str, int] | None,
    ) -> None:
        """Check support that is newly counted."""
        if counted is None:
            return
        before = self._counted.get(process.node_id, _NOTHING)
        for peer, until in counted.items():
            if until and before.get(peer) != until:
                self._check(process, peer)
        self._counted[process.node_id] = counted

    def stepped(self, process: Process) -> None:
        """Check support that rests on promises which changed."""
        peers = process.elector.state.support.peers
        sessions = [peer.session for peer in peers.values()]
        before = self._sessions.get(process.node_id)
        if before != sessions:
            self._check_numbers(process, [session for session in sessions if session not in (before or ())])
            self._sessions[process.node_id] = sessions
            for peer_id in peers:
                counter = self._world.hosts[peer_id].process
                if counter is not None:
                    self._check(counter, process.node_id)

    def _check_numbers(self, process: Process, opened: list[Number | None]) -> None:
        for session in sorted(filter(None, opened)):
            highest = self._highest.get(process.node_id)
            if highest is not None and session <= highest:
                self._world.fail("session numbers are new", f"{process} opens {session} after {highest}")
            self._highest[process.node_id] = session

    def _check(self, counter: Process, promiser_id: str) -> None:
        """Fail if `counter` counts longer on `promiser_id` than it is promised."""
        until = counter.table.counted.get(promiser_id, 0)
        promiser = self._world.hosts[promiser_id].process
        if promiser is None or until <= counter.now or self._has_other_store(counter, promiser):
            return
        if counter.host.is_stale(until):
            return
        state, known = promiser.elector.state, counter.elector.state.support.peers.get(promiser_id)
        if known is None:  # dismissed: no lease counts it
            return
        counted = known.counted_session
        if counted is not None and counted.incarnation != promiser.incarnation:
            promised_until = state.fence_until if state.is_fenced else 0
        else:
            given = state.support.peers.get(counter.node_id)
            promised_until = given.promised_until if given is not None and counted == given.session else 0
        if promiser.clock.when(promised_until) < counter.clock.when(until):
            late = counter.clock.when(until) - promiser.clock.when(promised_until)
            excess = f"{late} ns too long" if promised_until else "without a promise"
            self._world.fail("counted support is promised", f"{counter} counts {promiser} {excess}")

    @staticmethod
    def _has_other_store(counter: Process, promiser: Process) -> bool:
        """Return whether the promiser came back with another store, whose votes the counter refuses."""
        return counter.links.store_of(promiser.node_id) != promiser.store_id

    def started(self, process: Process) -> None:
        """Forget the session numbers of a store that is lost."""
        if process.incarnation == 1:
            self._highest.pop(process.node_id, None)

    def died(self, process: Process) -> None:
        """Forget what a process counted and promised."""
        self._counted.pop(process.node_id, None)
        self._sessions.pop(process.node_id, None)
