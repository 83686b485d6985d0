"""The check that a healed cluster elects in bounded time, and that nothing changes after that.

Source: PROTOCOL.md, section 9.
"""

from elect.clock import NS_PER_S
from elect.core.configuration import ClusterState
from elect.core.events import Elected, Event, FailedBack, Lost
from elect.core.options import OffsetRule
from elect.core.rules import sites
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.testing.checkers.failback_rules import order_key
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer


class Liveness(Observer):
    """Checks a world whose faults are undone.

    Attributes:
        is_settled: no leader may change.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._handed: set[str] = set()
        self.is_settled = False

    def check_leaders(self) -> None:
        """Check that every election has exactly one leader, or is handed back to another just now.

        In a cluster that is not active none has a leader, and every node knows that a seal is complete.

        Raises:
            InvariantViolation: an election has no leader, or several.
        """
        if not self._is_active:
            self._check_nobody_leads()
            return
        for election in self._world.options.elections:
            holders = [str(process) for process in self._world.holders(election)]
            if len(holders) != 1 and election not in self._handed:
                self._world.fail("healed clusters elect", f"{election}: {holders or 'nobody'} leads{self._views()}")

    @property
    def _is_active(self) -> bool:
        return self._world.newest.state is ClusterState.ACTIVE

    def _check_nobody_leads(self) -> None:
        for election in self._world.options.elections:
            if holders := [str(process) for process in self._world.holders(election)]:
                self._world.fail("only an active cluster elects", f"{election}: {holders} leads{self._views()}")
        newest = self._world.newest
        voters = [self._world.hosts[voter] for voter in newest.voters]
        # A voter that has lost its disk may have been elected in a later term: section 8, "It may stay open".
        if newest.state is ClusterState.SEALED and all(host.disk.configuration == newest for host in voters):
            running = (host.process for host in voters if host.process is not None)
            unknowing = [str(process) for process in running if not sites.leases_over_at(process.elector.state)]
            if unknowing:
                self._world.fail("healed seals are complete", f"{unknowing} do not know that{self._views()}")

    @property
    def rest_seconds(self) -> float:
        """Return the time until no node rests any more because it gave leadership up again and again, s."""
        processes = [host.process for host in self._world.hosts.values() if host.process is not None]
        rests = [
            election.rests_until - process.now
            for process in processes
            for election in process.elector.state.elections.values()
        ]
        return max([0, *rests]) / NS_PER_S

    # Members.

    @property
    def members_changed(self) -> bool:
        """Return whether the members are not those of the start, or will not be."""
        return self._world.newest.version > 0 or any(host.is_joining for host in self._world.hosts.values())

    def are_members_settled(self) -> bool:
        """Return whether every node that asked to join has its part, and all have the newest configuration."""
        return not self._unsettled()

    def check_members(self) -> None:
        """Check that no change of the members is left to do.

        Raises:
            InvariantViolation: a node has not joined, has no vote that it should have, or does not know the members.
        """
        unsettled = self._unsettled()
        if unsettled:
            self._world.fail("members settle", f"{'; '.join(unsettled)}{self._views()}")

    def _unsettled(self) -> list[str]:
        newest, is_active = self._world.newest, self._is_active
        found = [f"{member.node_id} has no vote" for member in newest.members if member.is_learner and is_active]
        for host in self._world.hosts.values():
            stored = host.disk.configuration
            if host.process is None or (
                stored.id == newest.id and host.process.elector.state.configuration.id == newest.id
            ):
                continue
            is_known = newest.member(host.node_id) is not None
            is_due = is_known or not stored.members if is_active else is_known and stored.members
            if is_due:  # nobody joins without a leader
                found.append(f"{host.process} has {stored.id}, not {newest.id}")
        return found

    def settle(self) -> None:
        """Check that every election is led by the node that should lead it, which must not change from now on.

        Raises:
            InvariantViolation: an election has no leader, several, or one that should have handed it over.
        """
        self._handed.clear()
        self.check_leaders()
        for election in self._world.options.elections if self._is_active else ():
            if self._world.options.failback is not None and election != DEFAULT_ELECTION:
                self._check_head(election)
        self.is_settled = True

    def _check_head(self, election: str) -> None:
        """Fail if a node that comes before the leader follows it: PROTOCOL.md, section 6, "Failback"."""
        (leader,) = self._world.holders(election)
        if self._world.options.offset_rule == OffsetRule.REQUIRE:
            return
        voters = leader.elector.state.voters
        for host in self._world.hosts.values():
            if host.process is None or not host.process.elector.state.is_willing or host.node_id not in voters:
                continue
            following = host.process.elector.state.elections[election].following
            is_follower = following is not None and following.leader == leader.node_id
            own, other = (
                order_key(election, each.node_id, each.elector.state.priority) for each in (leader, host.process)
            )
            if is_follower and other < own:
                self._world.fail("leaders fail back", f"{election}: {leader} leads, and {host.process} comes first")

    def check_followers(self) -> None:
        """Check that every node follows the leader, except one with a higher `follow_term_min`.

        Raises:
            InvariantViolation: a node does not follow.
        """
        for election in self._world.options.elections:
            for leader in self._world.holders(election):
                voters = leader.elector.state.voters
                for host in self._world.hosts.values():
                    is_known = host.node_id in voters and (host.is_joining or not host.is_wiped)
                    if host.process is not None and host.process is not leader and is_known:
                        self._check_follower(election, leader, host.process)

    def _check_follower(self, election: str, leader: Process, follower: Process) -> None:
        """Fail if a node could follow the leader and does not: PROTOCOL.md, section 4, "Following"."""
        term = leader.table.claims[election].term
        found = follower.elector.state.elections[election]
        is_excused = term < found.follow_term_min
        following = found.following
        is_following = following is not None and (following.leader, following.term) == (leader.node_id, term)
        if not is_following and not is_excused:
            self._world.fail("healed clusters follow", f"{election} term {term}: {follower} does not follow {leader}")

    def _views(self) -> str:
        lines = []
        for host in self._world.hosts.values():
            if host.process is not None:
                view = host.process.elector.snapshot(host.process.now)
                waits = ", ".join(f"{election.name} {election.waiting}" for election in view.elections)
                lines.append(f"; {host.process}: {waits}")
        return "".join(lines)

    def unsettle(self) -> None:
        """Allow leaders to change again, for the faults that follow."""
        self.is_settled = False

    def told(self, process: Process, event: Event) -> None:
        """Fail if a settled leader changes; note what is handed back."""
        if isinstance(event, FailedBack):
            self._handed.add(event.election)
        elif isinstance(event, Elected):
            self._handed.discard(event.election)
        if self.is_settled and isinstance(event, Elected | Lost):
            self._world.fail("settled leaders stay", f"{process} is told {event}")
