"""One election as one node sees it: its durable ballot, and its role.

The `become_…` methods are the only places where a role changes. The rules that call them are in `voting`,
`campaigning`, `following` and `leading`.

Source: PROTOCOL.md, section 4.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from elect.core.events import LossReason, Role
from elect.core.messages import Number, RefusalReason
from elect.core.quorum import FOREVER
from elect.core.ready import Ballot

if TYPE_CHECKING:
    from elect.core.state.election_index import ElectionIndex


@dataclass(slots=True, kw_only=True)
class Following:
    """Bound to `leader` until `session`, this node's promise to it, ends.

    Attributes:
        is_elected: False while it is a candidate that got this node's vote, until it says that it leads.
    """

    leader: str
    term: int
    session: Number
    is_elected: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedVote:
    """The latest vote for another node, while nothing else holds `follow_term_min` at its term.

    Attributes:
        follow_term_min: the value before this vote; it is valid again if the candidate abandons the term.
    """

    candidate: str
    term: int
    follow_term_min: int


@dataclass(slots=True, kw_only=True)
class Campaign:
    """A live candidacy.

    Attributes:
        grants: voters that granted, this node from when its own vote is on disk, each with the session in which it
            follows, or None.
        ends_at: when it is abandoned (ns).
        early: voters that have not yet read the Resign that this node has read.
        asked_again: those that were asked a second time, since they had.
        presumed_dead: the leader whose stream ended just before, or None.
        yielded: rivals that gave way to this node in its latest terms; each makes it stand again once.
    """

    term: int
    ends_at: int
    grants: dict[str, Number | None] = field(default_factory=dict)
    early: set[str] = field(default_factory=set)
    asked_again: set[str] = field(default_factory=set)
    presumed_dead: str | None = None
    yielded: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resigning:
    """The application was told; Resign leaves when it acknowledges, or when its grace ends."""

    reason: LossReason
    successor: str | None


@dataclass(slots=True, kw_only=True)
class LeadershipState:
    """Elected in `term`.

    Attributes:
        follows: the session in which each peer answered Follow.
        followers: those whose session is the one counted now.
        is_told: the application was told that it leads, and not yet that it does not.
        ends_at: when to give up without a lease, or, once resigning, when the grace ends (ns); FOREVER on a lease.
        resigning: set once given up.
    """

    term: int
    ends_at: int
    follows: dict[str, Number] = field(default_factory=dict)
    followers: frozenset[str] = frozenset()
    is_told: bool = False
    resigning: Resigning | None = None


class ElectionState:
    """One election at one node.

    Attributes:
        ballot: the durable line as decided.
        durable: the line that is known to be on disk; its term is never ahead of that of `ballot`.
        follow_term_min: highest term in which this node granted to another, followed, or was elected.
        granted_vote: the vote that raised it last, or None.
        elected_term: highest term in which this node was, or before its start may have been, elected.
        led_term: highest term in which this node has led or followed a leader since its start.
        term_seen: highest term that a peer has named.
        is_entered: this node is a candidate in it.
        following, campaign, leadership: at most one is set.
        refused: the latest (leader, term, session) whose Lead was refused and might be followed later.
        closed: the leader that was followed when its stream ended, and until when (ns) that counts; or None.
        died: the latest (leader, term) that was followed when its stream ended.
        resigned: the latest (leader, term) that resigned.
        successor: the node that it named, or None.
        refusals: the voters that refused the latest campaign, each with its reason.
        retry_at: no campaign before this time (ns).
        led_since: when this node was last elected (ns).
        quick: how often in a row it gave leadership up soon after that.
        rests_until: no campaign before this time for that reason (ns).
        free_since: since when no leader is known, or None.
        leader: (node id or None, term) as last reported.
    """

    __slots__ = (
        "_index",
        "ballot",
        "campaign",
        "closed",
        "died",
        "durable",
        "elected_term",
        "follow_term_min",
        "following",
        "free_since",
        "granted_vote",
        "is_entered",
        "leader",
        "leadership",
        "led_since",
        "led_term",
        "name",
        "quick",
        "refusals",
        "refused",
        "resigned",
        "rests_until",
        "retry_at",
        "successor",
        "term_seen",
    )

    def __init__(self, name: str, durable: Ballot, index: "ElectionIndex") -> None:
        self.name = name
        self._index = index
        self.ballot = durable
        self.durable = durable
        self.follow_term_min = durable.follow_term_min
        self.granted_vote: GrantedVote | None = None
        self.elected_term = durable.term
        self.led_term = 0
        self.term_seen = durable.term
        self.is_entered = False
        self.following: Following | None = None
        self.campaign: Campaign | None = None
        self.leadership: LeadershipState | None = None
        self.refused: tuple[str, int, Number] | None = None
        self.closed: tuple[str, int] | None = None
        self.died: tuple[str, int] | None = None
        self.resigned: tuple[str, int] | None = None
        self.successor: str | None = None
        self.refusals: dict[str, RefusalReason] = {}
        self.retry_at = 0
        self.led_since = 0
        self.quick = 0
        self.rests_until = 0
        self.free_since: int | None = None
        self.leader: tuple[str | None, int] = (None, 0)

    @property
    def term(self) -> int:
        """The highest term in which this node voted or followed."""
        return self.ballot.term

    @property
    def role(self) -> Role:
        """The role of this node."""
        if self.leadership is not None:
            return Role.LEADER
        return Role.FOLLOWER if self.campaign is None else Role.CANDIDATE

    @property
    def leading(self) -> LeadershipState:
        """The leadership of one that leads."""
        assert self.leadership is not None
        return self.leadership

    @property
    def is_idle(self) -> bool:
        """Return whether this node neither campaigns, leads nor follows."""
        return self.following is None and self.campaign is None and self.leadership is None

    @property
    def is_vacant(self) -> bool:
        """Return whether this node might campaign: it is a candidate, and is idle."""
        return self.is_entered and self.is_idle

    @property
    def is_lowerable(self) -> bool:
        """Return whether this node would follow a lower term now than after a restart, and is no candidate."""
        return self.campaign is None and self.follow_term_min < self.ballot.follow_term_min

    @property
    def deadline(self) -> int:
        """The time at which its role ends or changes without an input (ns); FOREVER for a follower."""
        if self.campaign is not None:
            return self.campaign.ends_at
        if self.leadership is None:
            return FOREVER
        return self.leadership.ends_at

    # What follows changes the role or what campaigning rests on; each change updates the index.

    def set_entered(self, *, is_entered: bool) -> None:
        """Note whether the application enters this election."""
        self.is_entered = is_entered
        self._index.update(self)

    def vote_for(self, candidate: str, *, term: int) -> None:
        """Vote for another node, and follow no earlier term from now on."""
        self.ballot = Ballot(term=term, voted_for=candidate)
        if self.follow_term_min < term:
            self.granted_vote = GrantedVote(candidate=candidate, term=term, follow_term_min=self.follow_term_min)
            self.follow_term_min = term
        self._index.unreviewed[self.name] = None

    def lower_vote(self) -> None:
        """Let a restart follow what this node would follow now."""
        assert self.is_lowerable
        self.ballot = replace(self.ballot, lowered_to=self.follow_term_min)
        self._index.update(self)

    def note_abandon(self, candidate: str, *, term: int) -> None:
        """Follow earlier terms again: this candidate was not elected in this term, and never will be."""
        vote = self.granted_vote
        if vote is not None and (vote.candidate, vote.term) == (candidate, term):
            self.follow_term_min = vote.follow_term_min
            self.granted_vote = None
        self._index.unreviewed[self.name] = None

    def note_resign(self, leader: str, *, term: int, successor: str | None) -> None:
        """Note which leader resigned last, and which successor it named."""
        self.resigned = (leader, term)
        self.successor = successor
        self._index.unreviewed[self.name] = None

    def forget_node(self, node_id: str) -> None:
        """Forget what was to be done about a node that is no peer any more; it is not followed."""
        if self.refused is not None and self.refused[0] == node_id:
            self.refused = None
        if self.closed is not None and self.closed[0] == node_id:
            self.closed = None

    def become_candidate(self, *, term: int, voter: str, ends_at: int) -> Campaign:
        """Begin a campaign in a new term with the vote for this node."""
        assert self.is_vacant and term > self.term
        self.ballot = Ballot(term=term, voted_for=voter)
        self.campaign = Campaign(term=term, ends_at=ends_at)
        self.refusals = {}
        self._index.update(self)
        return self.campaign

    def become_leader(self, *, ends_at: int) -> LeadershipState:
        """End the won campaign, and begin a leadership without a lease."""
        assert self.campaign is not None and self.leadership is None
        self.leadership = LeadershipState(term=self.campaign.term, ends_at=ends_at)
        self.follow_term_min = max(self.follow_term_min, self.campaign.term)
        self.granted_vote = None
        self.elected_term = self.led_term = self.campaign.term
        self.campaign = None
        self._index.update(self)
        return self.leadership

    def set_followers(self, followers: frozenset[str]) -> None:
        """Note which peers follow in the session that is counted now."""
        self.leading.followers = followers
        self._index.lease_groups.update(self)

    def gain_lease(self) -> None:
        """Note that the application is told that it leads."""
        self.leading.is_told = True
        self.leading.ends_at = FOREVER
        self._index.update(self)

    def lose_lease(self, *, ends_at: int) -> None:
        """Note that the application is told of the loss; this node gives up at `ends_at` if the lease is not back."""
        self.leading.is_told = False
        self.leading.ends_at = ends_at
        self._index.update(self)

    def begin_resigning(self, resigning: Resigning, *, ends_at: int) -> None:
        """Give the lease up for good; Resign leaves at `ends_at` at the latest."""
        self.leading.resigning = resigning
        self.leading.ends_at = ends_at
        self._index.update(self)

    def become_follower(self, following: Following | None = None) -> None:
        """End a campaign or a leadership, and follow this leader or candidate, or none."""
        self.campaign = None
        self.leadership = None
        self.following = following
        if following is not None and following.is_elected:
            self.led_term = following.term
            self.follow_term_min = max(self.follow_term_min, following.term)
            self.granted_vote = None
            self.refused = None
        self._index.update(self)
