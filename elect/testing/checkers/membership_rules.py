"""The checks of configurations: each is one value everywhere, two that can be in use meet, and none is made too soon.

Source: PROTOCOL.md, section 7.
"""

from collections.abc import Mapping
from dataclasses import replace

from elect.core.configuration import ClusterState, Configuration
from elect.core.events import Event, Role, RoleChanged, Voted
from elect.core.messages import Batch, ConfigurationId, Grant, Heartbeat, Vote
from elect.core.promotion import FLOOR_STEP
from elect.core.quorum import majority
from elect.core.ready import Lease
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.testing.simulation.simulation_options import nanoseconds
from elect.testing.world.lease_record import LeaseRecord
from elect.testing.world.process import Process
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

Place = tuple[int, int]
"""The term and the version of a configuration."""


def place(configuration: Configuration) -> Place:
    """Return a configuration's place in the order."""
    return configuration.term, configuration.version


def votes(configuration: Configuration) -> set[tuple[str, bytes | None]]:
    """Return the voters of a configuration, each with the store that it names."""
    return {(member.node_id, member.store_id) for member in configuration.members if member.is_voter}


def words(configuration: Configuration) -> str:
    """Return a configuration as text."""
    voters, others = "".join(configuration.voters), "".join({*configuration.node_ids} - {*configuration.voters})
    number = f"{configuration.term}.{configuration.version}"
    return f"{number} of {voters} and {others or 'nobody'} (floor {configuration.floor})"


def always_meet(one: Configuration, other: Configuration) -> bool:
    """Return whether each quorum of one configuration shares a voter with each quorum of another one."""
    common = {*one.voters} & {*other.voters}
    needed = sum(max(0, each.quorum - len({*each.voters} - common)) for each in (one, other))
    return needed > len(common)


class MembershipRules(Observer):
    """Checks each configuration when a leader makes it, and when it is on a disk.

    Attributes:
        known: every configuration so far that was on a disk, by its place.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.known: dict[Place, Configuration] = {}
        self._in_force: dict[str, Configuration] = {}
        self._leases: dict[str, LeaseRecord] = {}
        self._terms: dict[tuple[str, Place], int] = {}
        self._quorum_at: dict[Place, int] = {}
        self._cluster_id: bytes | None = None
        self._is_claim_due = False
        self._asked: dict[tuple[str, str, int], ConfigurationId] = {}
        self._barred: dict[tuple[str, str], tuple[Place, int]] = {}

    # On disks.

    def configured(self, node_id: str, store_id: int, configuration: Configuration) -> None:
        """Check a configuration that is on a disk now."""
        del store_id
        if not configuration.members:
            return
        first = self.known.setdefault(place(configuration), configuration)
        # The lists of settings may differ: the nodes have rules of their own for that (`Objection`).
        if first.id != configuration.id and place(configuration) > (0, 0):
            self._world.fail(
                "one configuration of a version", f"{node_id} has {words(configuration)}, others have {words(first)}"
            )
        self._check_cluster(node_id, configuration)
        ballots = self._world.hosts[node_id].disk.ballots.values()
        self._terms.setdefault((node_id, place(configuration)), max([ballot.term for ballot in ballots], default=0))
        for each in self.known.values():
            if len(self._holders(each)) >= each.quorum:
                self._quorum_at.setdefault(place(each), self._world.now)
        self._check_meetings()

    def _check_cluster(self, node_id: str, configuration: Configuration) -> None:
        """Fail if two configurations name two ids of the cluster: their members would refuse each other."""
        named = configuration.cluster_id
        self._cluster_id = named if self._cluster_id is None else self._cluster_id
        if named not in (None, self._cluster_id):
            self._world.fail("one id of a cluster", f"{node_id} has {words(configuration)}, with another id")

    def _holders(self, configuration: Configuration) -> list[str]:
        """Return the voters of a configuration that have it, or a newer one, on disk."""
        disks = ((voter, self._world.hosts[voter].disk) for voter in configuration.voters)
        return [voter for voter, disk in disks if place(disk.configuration) >= place(configuration)]

    def _check_meetings(self) -> None:
        """Fail if two configurations could each elect a leader, as none of their voters has both."""
        usable = [each for each in self.known.values() if self._is_usable(each)]
        for number, one in enumerate(usable):
            for other in usable[:number]:
                if not always_meet(one, other):
                    self._world.fail("quorums meet", f"{words(one)}; {words(other)}")

    def _is_usable(self, configuration: Configuration) -> bool:
        """Return whether a quorum of it might vote: the others refuse, since they have a newer one or are gone."""
        hosts = [self._world.hosts[voter] for voter in configuration.voters]
        able = [
            host
            for host in hosts
            if not host.is_retired
            and host.disk.configuration.members
            and place(host.disk.configuration) <= place(configuration)
        ]
        return len(able) >= configuration.quorum

    # At leaders.

    def started(self, process: Process) -> None:
        """Note the configuration with which a process starts, without a lease."""
        self._in_force[process.node_id] = process.host.disk.configuration
        self._leases[process.node_id] = LeaseRecord()

    def decided(self, process: Process, configuration: Configuration) -> None:
        """Check a configuration that a node installs: another one made it, and has it on disk, or it makes it now."""
        before = self._in_force[process.node_id]
        if configuration == before:
            return  # the write before failed
        self._in_force[process.node_id] = configuration
        self._is_claim_due = True
        if before.members and place(configuration) <= place(before):
            self._fail(process, before, configuration, "is older")
        if place(configuration) not in self.known:
            self._check_made(process, before, configuration)

    def _check_made(self, process: Process, before: Configuration, after: Configuration) -> None:
        if before.state is ClusterState.STANDBY:
            is_next = (after.version, after.members) == (before.version + 1, before.members)
            if not is_next or after.floor != after.promotion_floor or after.floor < FLOOR_STEP:
                self._fail(process, before, after, "is no promotion")
            return
        is_restamp = replace(after, term=before.term) == before
        problems = {
            "is not the next one": after.version != before.version + (not is_restamp),
            "is not of the term of its maker": self._term(process) != after.term or after.term < before.term,
            "gives its maker no vote": process.node_id not in after.voters,
            "is made without a lease": self._leases[process.node_id].until(DEFAULT_ELECTION) <= process.now,
        }
        is_vote_changed = votes(after) != votes(before)
        # Else it has the majorities of the one before, so nothing rests on whether that one is in use.
        if is_vote_changed or after.cluster_id != before.cluster_id:
            problems |= {
                "takes over the version of another term": before.term != after.term,
                "changes several votes": len(dict(votes(before) ^ votes(after))) > 1,
                "comes before a quorum has the one before, and follows": not self._has_quorum(process, before),
                "comes before leases are over": not self._is_wait_over(before),
            }
        if is_vote_changed:
            problems["has a low floor"] = not self._is_floor_high(before, after)
        else:
            problems["has another floor"] = after.floor != before.floor
        found = [problem for problem, is_found in problems.items() if is_found]
        if found:
            self._fail(process, before, after, " and ".join(found))

    def _fail(self, process: Process, before: Configuration, after: Configuration, problem: str) -> None:
        text = f"{process} makes {words(after)}, which {problem}; before: {words(before)}"
        self._world.fail("changes wait for their turn", text)

    def _lease(self, process: Process) -> Lease | None:
        """Return the lease that a change may rest on: also one that the application gave up a moment ago."""
        return self._leases[process.node_id].claims.get(DEFAULT_ELECTION)

    def _term(self, process: Process) -> int:
        lease = self._lease(process)
        return 0 if lease is None else lease.term

    def _has_quorum(self, process: Process, before: Configuration) -> bool:
        """Return whether a quorum that the leader counts as followers has the configuration on disk."""
        lease = self._lease(process)
        followers = () if lease is None else lease.followers
        counted = {each for each in followers if process.table.counted.get(each, 0) > process.now}
        return len({*self._holders(before)} & {process.node_id, *counted}) >= majority(len(before.voters))

    def _is_wait_over(self, before: Configuration) -> bool:
        """Return whether all leases that rest on an older configuration are over, by the true time."""
        # The leader waits longer by its clock; a clock that is as fast as it may be makes it no shorter than this.
        wait_ns = nanoseconds(self._world.options.support_duration)
        since = self._quorum_at.get(place(before))
        return since is not None and self._world.now - since >= wait_ns

    def _is_floor_high(self, before: Configuration, after: Configuration) -> bool:
        """Return whether a quorum had seen no higher term when it installed the configuration before."""
        terms = [self._terms.get((voter, place(before))) for voter in before.voters]
        below = [term for term in terms if term is not None and term <= after.floor]
        return after.floor >= before.floor and len(below) >= majority(len(before.voters))

    # In elections.

    def sent(self, process: Process, peer: str, batch: Batch) -> None:
        """Note in which configuration a vote is asked for; check that a voter that gives it has that one on disk."""
        for entry in batch.entries:
            if isinstance(entry, Vote):
                self._asked[process.node_id, entry.election, entry.term] = batch.configuration
            elif isinstance(entry, Grant):
                asked = self._asked[peer, entry.election, entry.term]
                if place(process.host.disk.configuration) < (asked.term, asked.version):
                    self._world.fail("votes are given in one configuration", f"{process} sends {entry} to {peer}")

    def told(self, process: Process, event: Event) -> None:
        """Check that a vote is given, and a campaign won, in the configuration in which it was asked for."""
        if isinstance(event, Voted) and event.answer == "granted":
            self._check_asked(process, event.candidate, event)
        elif isinstance(event, RoleChanged) and event.role is Role.LEADER and len(process.elector.state.voters) > 1:
            self._check_asked(process, process.node_id, event)

    def _check_asked(self, process: Process, candidate: str, event: Voted | RoleChanged) -> None:
        asked, own = self._asked[candidate, event.election, event.term], process.elector.state.configuration
        if asked != own.id:
            detail = f"{process}, with {words(own)}: {event}, asked for in {asked.term}.{asked.version}"
            self._world.fail("votes are given in one configuration", detail)

    # Support.

    def heard(self, process: Process, link: SimulatedLink, message: object, read_at: int) -> None:
        """Note a peer that shows a newer configuration."""
        del read_at
        if not isinstance(message, Heartbeat):
            return
        shown = message.configuration.term, message.configuration.version
        key = process.node_id, link.path.source
        self._barred.pop(key, None)
        if shown > place(process.elector.state.configuration):
            self._barred[key] = shown, process.table.counted.get(link.path.source, 0)

    def published(
        self,
        process: Process,
        leases: Mapping[str, Lease | None],
        counted: Mapping[str, int] | None,
    ) -> None:
        """Note the leases; check that no support is counted of a peer that shows a newer configuration."""
        self._leases[process.node_id].publish(leases, counted)
        for peer, until in (counted or {}).items():
            shown, before = self._barred.get((process.node_id, peer), ((0, 0), 0))
            if until > before and shown > place(process.elector.state.configuration):
                detail = f"{process}, with {words(process.elector.state.configuration)}, counts {peer}, with {shown}"
                self._world.fail("newer configurations count for themselves", detail)

    def stepped(self, process: Process) -> None:
        """Check that all leases of a node that has installed a configuration rest on it."""
        if not self._is_claim_due:
            return
        self._is_claim_due = False
        voters = process.elector.state.voters
        for election, lease in process.table.claims.items():
            if not lease.followers <= {*voters} - {process.node_id} or lease.quorum != majority(len(voters)):
                self._world.fail("only voters count", f"{process} claims {election} on {lease}; {voters} vote")
