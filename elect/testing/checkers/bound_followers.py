"""The check that every follower which a valid lease counts is bound to it. It fails before two leases are valid.

Source: PROTOCOL.md, section 4, "Bound" and "Why P3 holds".
"""

from collections.abc import Mapping

from elect.core.events import Event, LeaderChanged, Voted
from elect.core.messages import Abandon, Batch, Grant
from elect.core.ready import Lease
from elect.testing.world.process import Process
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer


class BoundFollowers(Observer):
    """Checks each counted follower when the count changes and when a vote is granted.

    It also checks that a node follows no leader of a lower term than its latest vote for another node.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._voted: dict[tuple[str, str], Voted] = {}

    def published(
        self, process: Process, leases: Mapping[str, Lease | None], counted: Mapping[str, int] | None
    ) -> None:
        """Check the followers that a leader counts."""
        claims = process.table.claims
        if claims and (counted is not None or leases):
            for election, lease in claims.items():
                self._check(process, election, lease)

    def told(self, process: Process, event: Event) -> None:
        """Keep the latest vote of a node, and check the leader that it follows afterwards."""
        if type(event) is Voted and event.answer == "granted":
            self._voted[process.node_id, event.election] = event
        elif type(event) is LeaderChanged and event.leader is not None:
            voted = self._voted.get((process.node_id, event.election))
            if voted is not None and voted.term > event.term and voted.candidate != event.leader:
                self._check_following(process, event, voted)

    def _check_following(self, process: Process, event: LeaderChanged, voted: Voted) -> None:
        """Fail if a node follows this leader itself; it may know a leader from its peers without a bond."""
        following = process.elector.state.elections[event.election].following
        if following is not None and (following.leader, following.term) == (event.leader, event.term):
            what = f"{event.leader} in {event.election} term {event.term} after a vote in {voted.term}"
            self._world.fail("nobody follows below its vote", f"{process} follows {what}")

    def died(self, process: Process) -> None:
        """Forget the votes of a process, since its disk may lack them."""
        for key in [key for key in self._voted if key[0] == process.node_id]:
            del self._voted[key]

    def sent(self, process: Process, peer: str, batch: Batch) -> None:  # noqa: ARG002 (the observer's signature)
        """Check the leaders that count a node which grants a vote."""
        for entry in batch.entries:
            if type(entry) is Grant:
                self._check_others(process, entry.election)

    def heard(self, process: Process, link: SimulatedLink, message: object, read_at: int) -> None:
        """Forget the vote for a candidate that abandoned the term, whether or not Abandoned can be sent."""
        del read_at
        entries = message.entries if isinstance(message, Batch) else ()
        for entry in (each for each in entries if isinstance(each, Abandon)):
            voted = self._voted.get((process.node_id, entry.election))
            if voted is not None and (voted.candidate, voted.term) == (link.path.source, entry.term):
                del self._voted[process.node_id, entry.election]

    def _check_others(self, voter: Process, election: str) -> None:
        for host in self._world.hosts.values():
            leader = host.process
            if leader is not None and leader is not voter:
                lease = leader.table.claims.get(election)
                if lease is not None:
                    self._check(leader, election, lease)

    def _check(self, leader: Process, election: str, lease: Lease) -> None:
        """Fail if a valid lease counts a follower that may vote for another candidate."""
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
    def _is_kept(leader: Process, election: str, term: int, follower: Process) -> bool:
        """Return whether a follower is bound to this lease, fenced after a restart, or refused for another store."""
        state = follower.elector.state
        session = leader.elector.state.support.peers[follower.node_id].counted_session
        if leader.links.store_of(follower.node_id) != follower.store_id:
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
