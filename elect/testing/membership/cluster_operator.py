"""An operator who asks for changes of the members at random times, and repeats what was refused."""

from collections.abc import Callable
from string import ascii_lowercase

from elect.core.changes import AddMember, Change, ChangeRefusal, DemoteMember, NameCluster, PromoteMember, RemoveMember
from elect.core.configuration import CLUSTER_ID_LENGTH, Configuration, MemberKind
from elect.core.events import Event, Installed
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.testing.faults.fault_context import FaultContext
from elect.testing.faults.network_faults import SHORT, split
from elect.testing.membership.change_request import ask
from elect.testing.simulation.simulation_options import MEMBERS_JOINING_MAX, Span, nanoseconds
from elect.testing.world.host import Host, add_host
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

_KINDS = (MemberKind.VOTER, MemberKind.VOTER, MemberKind.VOTER, MemberKind.WITNESS, MemberKind.OBSERVER)
_AGAIN = Span(low=0.1, high=2.0)
_TRIES = 6
_LATER = Span(low=0.5, high=6.0)
_SOON = Span(low=0.0, high=0.05)
_STRANDED = Span(low=1.5, high=4.0)
"""Longer than a promise: the other nodes elect another leader."""

_CALM_NS = 20_000_000_000
"""The time after a change that takes a vote away in which no machine is wiped: of two voters one would be lost."""

_AGAIN_REFUSALS = (ChangeRefusal.IN_PROGRESS, ChangeRefusal.NOT_LEADER, ChangeRefusal.NOT_READY, ChangeRefusal.LEADER)
_TROUBLE_SHARE = 0.2


class ClusterOperator(FaultContext):
    """Asks for changes until it is stopped.

    A wiped voter is never given back by its disk. So at most one member at a time is on a wiped machine, of three
    voters at least, and no vote is taken away meanwhile.

    Args:
        world: in which the members change.
        every: mean time between two changes, s.
    """

    def __init__(self, world: World, every: float) -> None:
        super().__init__(world)
        self._every = every
        self._shrunk_at = -_CALM_NS
        self._is_forcing = self.rng.random() < 0.3
        self._acts: tuple[Callable[[], None], ...] = (
            *(self._grow, self._grow, self._remove, self._remove, self._demote, self._promote, self._promote),
            *(self._replace, self._replace, self._name, self._come_back),
        )
        world.watch(_Troubles(world, self))
        self._wait()

    def _wait(self) -> None:
        wait = nanoseconds(self.rng.expovariate(1 / self._every))
        self._world.scheduler.after(wait, self._act)

    def _act(self) -> None:
        if self.is_active:
            self.rng.choice(self._acts)()
            self._wait()

    def stop(self) -> None:
        """Ask for no more changes."""
        self.is_active = False

    # The members, as the operator sees them.

    def _member(self) -> str:
        """Return a random member, often the leader."""
        leader = self.leader(DEFAULT_ELECTION)
        return (
            leader if leader is not None and self.rng.random() < 0.3 else self.rng.choice(self._world.newest.node_ids)
        )

    def _is_lost(self, host: Host) -> bool:
        """Return whether the machine lost a disk that a member had, and has not joined again."""
        member = self._world.newest.member(host.node_id)
        return host.is_joining and member is not None and not host.disk.configuration.members

    def _is_gone(self, node_id: str) -> bool:
        """Return whether this node is no member, and no other node counts on it any more."""
        others = [host for host in self.hosts.values() if host.node_id != node_id and not host.is_retired]
        known = (self._world.newest, *(host.disk.configuration for host in others))
        return all(configuration.member(node_id) is None for configuration in known)

    # Changes.

    def _ask(self, change: Change, tries: int = _TRIES) -> None:
        """Ask a leader, seldom another node or every node; ask again later if that helps."""
        leader = self.leader(DEFAULT_ELECTION)
        asked = [self.node_id() if leader is None or self.rng.random() < 0.1 else leader]
        if self.rng.random() < 0.1:
            asked = list(self.ids)
        for node_id in asked:
            process = self.hosts[node_id].process
            if process is None:
                continue
            refused = ask(process, change)
            if refused is None:
                continue
            if refused.refusal is ChangeRefusal.LEADER and self._has_heir(process) and self.rng.random() < 0.8:
                self.tell(node_id, "hands over", lambda elector, now: elector.resign(now, DEFAULT_ELECTION))
            if refused.refusal in _AGAIN_REFUSALS and tries > 1 and len(asked) == 1:
                self.later(_AGAIN, self._ask, change, tries - 1)

    def _has_heir(self, leader: Process) -> bool:
        """Return whether another voter may lead. Without one a leader that hands over rests, and leads again."""
        members = leader.elector.state.configuration.members
        others = [each for each in members if each.is_voter and each.node_id != leader.node_id]
        return any(each.kind is MemberKind.VOTER for each in others)

    def _shrink(self, change: Change) -> None:
        """Take a vote away, unless one is lost already."""
        if not any(map(self._is_lost, self.hosts.values())):
            self._shrunk_at = self.now
            self._ask(change)

    def _grow(self) -> None:
        """Start a new node, which joins."""
        if len(self.ids) < MEMBERS_JOINING_MAX and len(self.hosts) < len(ascii_lowercase):
            node_id = ascii_lowercase[len(self.hosts)]
            self.note(f"{node_id} is new")
            add_host(self._world, node_id, kind=self.rng.choice(_KINDS)).start()

    def _remove(self) -> None:
        """Remove a member; its machine is retired, or joins again with an empty disk, or runs on."""
        node_id = self._member()
        self._shrink(RemoveMember(node_id=node_id, is_forced=self._is_forcing and self.rng.random() < 0.5))

    def _come_back(self) -> None:
        """Retire a machine whose node was removed, or let it join again with an empty disk."""
        for node_id in self.ids:
            host = self.hosts[node_id]
            if host.disk.configuration.members and self._is_gone(node_id):
                if self.rng.random() < 0.5:
                    host.retire()
                else:
                    host.wipe(kind=self.rng.choice(_KINDS))
                    self.later(SHORT, host.start)

    def _demote(self) -> None:
        """Make a member an observer."""
        self._shrink(DemoteMember(node_id=self._member()))

    def _promote(self) -> None:
        """Give a member a vote, perhaps before it is ready, or another kind."""
        self._ask(PromoteMember(node_id=self._member(), kind=self.rng.choice((None, *_KINDS[2:4]))))

    def _replace(self) -> None:
        """Lose the disk of a member, which joins again.

        A node that has met a voter refuses it with another store; one that has not would accept it.
        """
        host = self.hosts[self._member()]
        voters = [each.disk.configuration.voters for each in self.hosts.values() if not each.is_retired]
        is_calm = not self._is_forcing and self.now - self._shrunk_at >= _CALM_NS
        is_missed = any(host.node_id in each and len(each) < 3 for each in voters)
        if is_calm and not is_missed and self._is_known(host) and not any(map(self._is_lost, self.hosts.values())):
            host.wipe(kind=host.kind)
            self.later(SHORT, host.start)

    def _is_known(self, host: Host) -> bool:
        """Return whether every other node would refuse the member under another store."""
        store = host.disk.store
        for other in self.hosts.values():
            member, meeting = other.disk.configuration.member(host.node_id), other.disk.meetings.get(host.node_id)
            known = (None if member is None else member.store_id) or (None if meeting is None else meeting.store_id)
            if other is not host and not other.is_retired and member is not None and known != store:
                return False
        return True

    def _name(self) -> None:
        """Give the cluster an id; once it has one, write down another address of a member."""
        drawn = self.rng.randbytes(CLUSTER_ID_LENGTH)
        member = None if self._world.newest.cluster_id is None else self._world.newest.member(self._member())
        if member is None:
            self._ask(NameCluster(cluster_id=drawn))
        else:
            self._ask(AddMember(node_id=member.node_id, kind=member.kind, address=drawn.hex()))

    # Troubles at the worst moment.

    def strand(self, process: Process) -> None:
        """Let only one other node, or none, hear of a configuration that a leader makes; kill the leader soon."""
        if self.is_active and self.rng.random() < _TROUBLE_SHARE:
            node_id = process.node_id
            others = [other for other in self.ids if other != node_id]
            kept = self.rng.choice(others) if others and self.rng.random() < 0.5 else None
            split(self, [(node_id, other) for other in others if other != kept], _STRANDED)
            if self.rng.random() < 0.5:
                self.later(_SOON, self._kill, process.host)
            self.later(_STRANDED, self.rng.choice((self._demote, self._remove, self._grow)))

    def trouble(self, process: Process) -> None:
        """Kill or cut off a node that has just installed a configuration."""
        if self.is_active and self.rng.random() < _TROUBLE_SHARE:
            if self.rng.random() < 0.4:
                self._kill(process.host)
            else:
                split(self, [way for way in self.network.paths if process.node_id in way], SHORT)

    def _kill(self, host: Host) -> None:
        host.crash(closes=self.rng.random() < 0.5)
        self.later(_LATER, host.start)


class _Troubles(Observer):
    """Strikes at nodes that make or install a configuration."""

    def __init__(self, world: World, cluster_operator: ClusterOperator) -> None:
        self._world = world
        self._operator = cluster_operator

    def decided(self, process: Process, configuration: Configuration) -> None:
        """Strike at a leader that makes a configuration."""
        known = (host.disk.configuration for host in self._world.hosts.values())
        if all(configuration.is_newer_than(each) for each in known):
            self._operator.strand(process)

    def told(self, process: Process, event: Event) -> None:
        """Strike soon after an installation."""
        if isinstance(event, Installed):
            self._operator.later(_SOON, self._operator.trouble, process)
