"""A lease that is valid rests on nodes that are bound to it: what makes two of them impossible, seen before there are.

Source: PROTOCOL.md, section 4, "Bound" and "Why P3 holds".
"""

from typing import TYPE_CHECKING

from elect.core.events import Event, LeaderChanged, Voted
from elect.core.messages import Batch, Grant
from elect.core.ready import Lease, Ready
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

if TYPE_CHECKING:
    from elect.testing.world.process import Process


class BoundSafety(Observer):
    """Looks at every follower that a valid lease counts, whenever the count changes and whenever a vote is given.

    And at every follower: who has given a vote helps nobody who was elected before.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._voted: dict[tuple[str, str], Voted] = {}

    def published(self, process: "Process", ready: Ready) -> None:
        """Check whom a leader counts."""
        claims = process.table.claims
        if claims and (ready.counted is not None or ready.leases):
            for election, lease in claims.items():
                self._check(process, election, lease)

    def told(self, process: "Process", event: Event) -> None:
        """Remember the latest vote given, and check whom its giver follows afterwards."""
        if type(event) is Voted and event.answer == "granted":
            self._voted[process.node_id, event.election] = event
        elif type(event) is LeaderChanged and event.leader is not None:
            voted = self._voted.get((process.node_id, event.election))
            if voted is not None and voted.term > event.term and voted.candidate != event.leader:
                self._check_following(process, event, voted)

    def _check_following(self, process: "Process", event: LeaderChanged, voted: Voted) -> None:
        """Who leads may be hearsay; whom it follows is not."""
        following = process.elector.state.elections[event.election].following
        if following is not None and (following.leader, following.term) == (event.leader, event.term):
            what = f"{event.leader} in {event.election} term {event.term} after a vote in {voted.term}"
            self._world.fail("nobody follows below its vote", f"{process} follows {what}")

    def died(self, process: "Process") -> None:
        """Forget what may not have got to its disk."""
        for key in [key for key in self._voted if key[0] == process.node_id]:
            del self._voted[key]

    def sent(self, process: "Process", peer: str, batch: Batch) -> None:  # noqa: ARG002 (the observer's signature)
        """Check whether anybody counts one that grants."""
        for entry in batch.entries:
            if type(entry) is Grant:
                self._check_others(process, entry.election)

    def _check_others(self, voter: "Process", election: str) -> None:
        for host in self._world.hosts.values():
            leader = host.process
            if leader is not None and leader is not voter:
                lease = leader.table.claims.get(election)
                if lease is not None:
                    self._check(leader, election, lease)

    def _check(self, leader: "Process", election: str, lease: Lease) -> None:
        """Fail if a valid lease counts a follower that is free to help somebody else."""
        table = leader.table
        counts_from = max(leader.now, leader.host.stale_until)  # a frozen machine's stale count is excused
        if table.until(election) <= counts_from:
            return
        for follower_id in lease.followers:
            if table.counted.get(follower_id, 0) > counts_from:
                follower = self._world.hosts[follower_id].process
                if follower is not None and not self._is_kept(leader, election, lease.term, follower):
                    self._world.fail(
                        "valid leases rest on the bound", f"{election} term {lease.term}: {leader} counts {follower}"
                    )

    @staticmethod
    def _is_kept(leader: "Process", election: str, term: int, follower: "Process") -> bool:
        """Whether a follower is bound to this lease, fenced since its restart, or refused since it lost its store."""
        state = follower.elector.state
        session = leader.elector.state.support.peers[follower.node_id].counted_session
        if leader.stores.get(follower.node_id) != follower.store_id:
            return True
        if session is not None and session.incarnation != follower.incarnation:
            return state.is_fenced
        found = state.elections.get(election)
        following = None if found is None else found.following
        return (
            following is not None
            and (following.leader, following.term) == (leader.node_id, term)
            and following.session == session
        )
