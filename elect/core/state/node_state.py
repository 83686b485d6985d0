"""The state that one node's rules share: its options, its support, its elections, and the effects of this step."""

from functools import lru_cache
from random import Random

from elect.core.configuration import ClusterState, Configuration
from elect.core.events import Campaigned, RoleChanged
from elect.core.messages import Abandon, Follow, Grant, Known, Resign, Standing
from elect.core.options import Durable, ElectorOptions
from elect.core.quorum import FOREVER, nth_largest
from elect.core.ready import Ballot, Meeting
from elect.core.state.effects import Effects
from elect.core.state.election_index import ElectionIndex
from elect.core.state.election_state import ElectionState, Following
from elect.core.state.failback_lists import FailbackLists
from elect.core.state.held_votes import HeldVotes
from elect.core.state.membership_state import MembershipState
from elect.core.state.peer_support import Peer, Support
from elect.core.state.scale import ELECTIONS_MAX, FOREIGN_MAX

DEFAULT_ELECTION = "default"


@lru_cache(maxsize=16)
def _rank(priority: int, offset: int, is_willing: bool) -> Standing:
    return Standing(priority=priority, offset=offset, willing=is_willing)


class NodeState:
    """The state of one node.

    Attributes:
        now: the node's clock (ns), never falling.
        fence_until: the boot fence (ns): before it no vote is granted. It may end early.
        configuration: the members, as this node has decided.
        is_active, is_sealed: the state of the cluster in it. One that is neither is a standby cluster.
        is_voter: this node has a vote in it, and its own store is the one that it names.
        other_voters: the voters but this node, as peers.
        membership: the change of the members that is under way.
        former: nodes that are no peers and may count on a promise of an earlier start, by id.
        announced: the rank that all peers were told last; new links are told the same.
        index: the elections by situation.
        failbacks: elections led here that another node heads.
        electable: the other voters that could win, each with its standing, as of the last change of peers.
        eligible_since: since when this node as a whole might win (ns), or None.
        strangers: nodes outside the list of voters that count this node as one, each until when (ns) it is remembered.
        is_disputed: the nodes do not agree on who votes: this node takes no part in any election.
        held: Votes that wait until this node is free.
        leaderless: elections whose leader peers were told, and that have none now; told a few in each interval.
        ignored: entries and reports about elections that this node does not keep, as there are too many.
    """

    def __init__(self, *, options: ElectorOptions, durable: Durable, rng: Random, now: int) -> None:
        self.id = options.node_id
        self.incarnation = durable.incarnation
        self.timing = options.timing
        self.offset_rule = options.offset_rule
        self.grace_ns = options.grace_ns
        self.failback_ns = options.failback_ns
        self.is_default_failed_back = options.is_default_failed_back
        self.learner_lag_max = options.learner_lag_max
        self.rng = rng
        self.now = now
        self.fence_until = now + self.timing.promised_ns(durable.promise_ns) if durable.promise_ns else 0
        self.priority = options.rank.priority
        self.offset = options.rank.offset
        self.is_paused = False
        self.is_healthy = options.rank.willing
        self.is_storing = True
        self.entered = 0
        members = options.configuration.node_ids
        self.support = Support(
            incarnation=durable.incarnation,
            peers={node_id: durable.meetings.get(node_id, Meeting()) for node_id in members if node_id != self.id},
            timing=self.timing,
            promise_ns=max(durable.promise_ns, self.timing.support_duration_ns),
        )
        self.former = {
            node_id: meeting
            for node_id, meeting in durable.meetings.items()
            if meeting.is_acknowledged and node_id not in self.support.peers
        }
        self.index = ElectionIndex()
        self.failbacks = FailbackLists()
        self.elections: dict[str, ElectionState] = {}
        for name, ballot in sorted(durable.ballots.items()):
            self._add(name, ballot)
        self.electable: tuple[tuple[str, Standing], ...] = ()
        self.eligible_since: int | None = None
        self.strangers: dict[str, int] = {}
        self.is_disputed = False
        self.ignored = 0
        self.held = HeldVotes()
        self.leaderless: dict[str, None] = {}
        self.effects = Effects()
        own = options.configuration.member(self.id)
        self.membership = MembershipState(own, durable.store_id, options.configuration)
        self._set_voters(options.configuration)
        self.announced = self.rank

    def decide(self, configuration: Configuration) -> None:
        """Decide for a configuration, of which all members are peers already."""
        self.membership.begin(configuration.member(self.id), configuration)
        self._set_voters(configuration)
        self.effects.configuration = configuration

    def _set_voters(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.is_active = configuration.state is ClusterState.ACTIVE
        self.is_sealed = configuration.state is ClusterState.SEALED
        self.is_voter = self.membership.votes_as(configuration.member(self.id))
        self.other_voters = tuple(self.support.peers[voter] for voter in configuration.voters if voter != self.id)

    @property
    def is_fenced(self) -> bool:
        """Return whether this node is in its boot fence: it cannot know which leaders it was bound to."""
        return self.now < self.fence_until

    @property
    def is_busy(self) -> bool:
        """Return whether this node is in its boot fence or campaigns: no election should be handed to it now."""
        return self.is_fenced or bool(self.index.campaigns.live)

    @property
    def is_willing(self) -> bool:
        """Return whether this node would lead some election."""
        is_fit = self.is_healthy and self.is_storing and not self.is_paused and not self.is_disputed and self.is_active
        return is_fit and self.priority > 0 and self.entered > 0 and not self.membership.is_witness

    @property
    def rank(self) -> Standing:
        """The rank of this node at this moment."""
        return _rank(self.priority, self.offset, self.is_willing)

    @property
    def supported_until(self) -> int:
        """The time until which a quorum supports this node (ns), itself included."""
        ends = [self.support.peers[voter].counted_until if voter != self.id else FOREVER for voter in self.voters]
        return nth_largest(ends, self.configuration.quorum)

    @property
    def voters(self) -> tuple[str, ...]:
        """The voters of the configuration."""
        return self.configuration.voters

    def find_or_make(self, name: str) -> ElectionState | None:
        """Return the election that a peer names, made if it is new; None if there are too many."""
        election = self.elections.get(name)
        if election is None and len(self.elections) - self.entered < FOREIGN_MAX:
            election = self.make(name)
        self.ignored += election is None
        return election

    def make(self, name: str) -> ElectionState | None:
        """Make and return an election of that name; None if there are too many."""
        if len(self.elections) >= ELECTIONS_MAX:
            return None
        return self._add(name, Ballot(term=0, voted_for=None))

    def _add(self, name: str, durable: Ballot) -> ElectionState:
        election = self.elections[name] = ElectionState(name, durable, self.index)
        return election

    def write(self, election: ElectionState) -> None:
        """Make an election's ballot durable."""
        self.effects.ballots[election.name] = election.ballot

    def queue_known(self, election: ElectionState) -> None:
        """Queue a report for every peer: the leader that this node follows, or that it leads.

        That there is none any more can wait: mostly there soon is another one.
        """
        known = self.known(election)
        if known.leader is None:
            self.leaderless[election.name] = None
            self.effects.known.pop(election.name, None)
        else:
            self.leaderless.pop(election.name, None)
            self.effects.known[election.name] = known

    def follow(self, election: ElectionState, following: Following | None) -> None:
        """Follow a leader or a candidate, or nobody, and report that to every peer if it is news for it."""
        before = election.following
        election.become_follower(following)
        said = [(bond.leader, bond.term) for bond in (before, following) if bond is not None and bond.is_elected]
        if len(said) == 1 or len(set(said)) == 2:
            self.queue_known(election)

    def known(self, election: ElectionState) -> Known:
        """Return the leader that this node itself follows, or that it leads itself."""
        # Never what others reported: two nodes could confirm a stopped leader to each other without end.
        name, following = election.name, election.following
        if election.leadership is not None and election.leadership.resigning is None:
            term = election.leadership.term
            return Known(
                election=name, term=term, leader=self.id, incarnation=self.incarnation, stands=election.is_entered
            )
        if following is None or not following.is_elected:
            return Known(election=name, term=election.term, leader=None)
        incarnation = self.support.peers[following.leader].accepted_highest.incarnation
        return Known(
            election=name,
            term=following.term,
            leader=following.leader,
            incarnation=incarnation,
            stands=election.is_entered,
        )

    def report_role(self, election: ElectionState, reason: str) -> None:
        """Report a change of role to logs and metrics."""
        event = RoleChanged(election=election.name, term=election.term, role=election.role, reason=reason, at=self.now)
        self.effects.events.append(event)

    def write_meeting(self, peer: Peer) -> None:
        """Make a peer's line durable."""
        # The former store, until no promise to it can be counted: after a restart the boot fence has to know of it.
        store_id = peer.store_id if peer.former_store is None else peer.former_store
        self.effects.meetings[peer.id] = Meeting(
            store_id=store_id, objection=peer.objection, is_acknowledged=peer.is_acknowledged
        )

    def send_durably(self, election: ElectionState, peer: Peer, entry: Grant | Follow) -> None:
        """Send an entry when its term, the vote in it, and the configuration are on disk, as they may be already."""
        if election.durable.term >= entry.term and self.membership.is_written:
            self.effects.send(peer.id, entry)
        else:
            self.write(election)
            self.effects.send_when_written(peer.id, entry)

    def owe(self, peer: Peer, entry: Resign | Abandon) -> None:
        """Send an entry to a peer now, and again each interval until it has answered."""
        owed = peer.resigns if isinstance(entry, Resign) else peer.abandons
        latest = owed.get(entry.election)
        # One of a later term includes the earlier ones.
        if latest is None or latest.term < entry.term:
            owed[entry.election] = entry
        elif latest.term == entry.term:
            entry = latest  # it may name a successor, as this one does not
        self.effects.send(peer.id, entry)

    def end_campaign(self, election: ElectionState, outcome: str) -> None:
        """End a campaign for good, and tell every voter that was asked; following a leader goes on."""
        self.effects.events.append(Campaigned(election=election.name, term=election.term, outcome=outcome, at=self.now))
        for peer in self.other_voters:
            # A voter that granted is bound to this node, and nobody else would free it.
            self.owe(peer, Abandon(election=election.name, term=election.term))
        election.become_follower(election.following)
        self.report_role(election, outcome)
