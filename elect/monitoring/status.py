"""Everything that an operator may ask a node about, as one value."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from elect.core.events import Objection
from elect.core.quorum import FOREVER
from elect.core.snapshot import ElectionSnapshot, ElectorSnapshot, PeerSnapshot, WhyNoLeader

NS_PER_S = 1_000_000_000

_SENTENCES: Mapping[WhyNoLeader, str] = {
    WhyNoLeader.LEADING: "this node leads",
    WhyNoLeader.FOLLOWING: "this node follows a leader",
    WhyNoLeader.NOT_VOTER: "this node has no vote in the configuration that it has installed",
    WhyNoLeader.NOT_STANDING: "nobody on this node stands in this election, and no other node that it hears leads it",
    WhyNoLeader.PAUSED: "this node is paused, and no other node that it hears leads; resume it",
    WhyNoLeader.UNHEALTHY: "this node's health hook says no, raises or is late, and no other node that it hears leads",
    WhyNoLeader.WITNESS: "this node has priority 0 and never leads, and no other node that it hears leads",
    WhyNoLeader.STORE_FAILING: "this node's disk takes no write, and so no vote; its log says why",
    WhyNoLeader.BOOT_FENCE: "this node started anew and votes only when what it promised before is over,"
    " in {fence:.1f} s",
    WhyNoLeader.RESTING: "this node gave leadership up several times, each time soon after it was elected;"
    " it waits for some seconds before it stands again",
    WhyNoLeader.CONFIGURATION: "the nodes do not agree on who votes; make their lists of peers the same: {objections}",
    WhyNoLeader.OTHER_STORE: "{objections}",
    WhyNoLeader.NO_QUORUM: "{supporters} of {voters} voters support this node, itself included; {quorum} are needed",
    WhyNoLeader.OFFSET: "a voter's replication is ahead of this node's and offset_rule is \"require\":"
    " only a node as far as that one can lead",
    WhyNoLeader.LEADER_ELSEWHERE: "another node leads as far as a peer knows, or this one is bound to its last leader",
    WhyNoLeader.CAMPAIGNING: "this node campaigns now",
    WhyNoLeader.NO_LEASE: "this node is elected and waits for a quorum to follow",
    WhyNoLeader.RESIGNING: "this node resigns, and waits for its application to hear of it",
    WhyNoLeader.TERMS_USED_UP: "a peer told of the last term there is: it is broken, and this election with it",
    WhyNoLeader.NOT_ITS_TURN: "a node with a better standing goes first; this one follows within a few intervals",
}


_OBJECTIONS: Mapping[Objection, str] = {
    Objection.UNKNOWN_NODE: "peer {peer} refuses this node, whose configuration is {digest}: {detail}",
    Objection.OTHER_VOTERS: "peer {peer} has configuration {detail}, this node has {digest}",
    Objection.OTHER_STORE: "peer {peer} met this node's id under another store: another process uses this id, or this"
    " node has lost the votes that it gave."
    " Start it with its former data directory, or under a new id; or run `elect forget` with its id on each of the"
    " other nodes, when nothing that it voted for leads any more",
    Objection.STRANGER: "node {peer} is not in this node's list of voters (configuration {digest}) and counts this node"
    " as one; this node has never voted, and waits",
}


def objection_sentence(peer: str, objection: Objection, detail: str, digest: str) -> str:
    """Return why a peer keeps this node from every election, in words.

    Args:
        peer: its id.
        objection: what it objects to.
        detail: the peer's words, or the digest of its configuration; empty: not heard since the start.
        digest: of this node's configuration.
    """
    return _OBJECTIONS[objection].format(peer=peer, detail=detail or "not heard since this node started", digest=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the node adds to its elector's view.

    Attributes:
        cluster: its name.
        state: of the node's life.
        threads: whether each thread of ours lives.
        loop_lag_ns: by how much the protocol's thread is late.
        inbox_depth: inputs that wait for it.
        lease_ns: what is left of the lease of an election, 0 without one.
        address: of a node.
        doubled: ids that two processes use, and a sentence for each.
    """

    cluster: str
    state: str
    threads: Mapping[str, bool]
    loop_lag_ns: int
    inbox_depth: int
    lease_ns: Callable[[str, int], int]
    address: Callable[[str], str | None]
    doubled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionStatus:
    """One election; `why_no_leader` and `why_text` say why nobody is known to lead, and are None while somebody is.

    Attributes:
        view: the core's.
        lease_remaining_ns: FOREVER for a lease that needs nobody else.
    """

    view: ElectionSnapshot
    lease_remaining_ns: int
    why_no_leader: WhyNoLeader | None
    why_text: str | None

    @property
    def is_leader(self) -> bool:
        """Whether this node leads on a lease that was valid when asked."""
        return self.lease_remaining_ns > 0

    def to_dict(self) -> dict[str, object]:
        """What JSON can hold."""
        view = self.view
        why = None if self.why_no_leader is None else {"code": self.why_no_leader.value, "text": self.why_text}
        return {
            "name": view.name,
            "role": view.role.value,
            "term": view.term,
            "durable_term": view.durable_term,
            "voted_for": view.voted_for,
            "leader": view.leader,
            "leader_term": view.leader_term,
            "is_leader": self.is_leader,
            "lease_remaining": None if self.lease_remaining_ns == FOREVER else self.lease_remaining_ns / NS_PER_S,
            "followers": list(view.followers),
            "is_standing": view.is_entered,
            "waiting": view.waiting.value,
            "why_no_leader": why,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One node at one moment; without a view when its protocol's thread did not answer.

    Attributes:
        node: its id.
        view: the core's, or None.
        surroundings: the rest.
        elections: all that the node has met, by name.
    """

    node: str
    view: ElectorSnapshot | None
    surroundings: Surroundings
    elections: Mapping[str, ElectionStatus]

    @classmethod
    def of(cls, node: str, view: ElectorSnapshot | None, surroundings: Surroundings) -> "Status":
        """Put a status together."""
        elections = {} if view is None else {each.name: _election(view, each, surroundings) for each in view.elections}
        return cls(node=node, view=view, surroundings=surroundings, elections=elections)

    @property
    def has_quorum(self) -> bool:
        """Whether a quorum supports this node."""
        return self.view is not None and self.view.supported_until > self.view.now

    def to_dict(self) -> dict[str, object]:
        """What JSON can hold: the content of `/status`."""
        around = self.surroundings
        return {
            "node": self.node,
            "cluster": around.cluster,
            "state": around.state,
            "threads": dict(around.threads),
            "loop_lag": around.loop_lag_ns / NS_PER_S,
            "inbox": around.inbox_depth,
            "has_quorum": self.has_quorum,
            "doubled": dict(around.doubled),
            **({} if self.view is None else self._view(self.view)),
        }

    def _view(self, view: ElectorSnapshot) -> dict[str, object]:
        return {
            "now": view.now / NS_PER_S,
            "incarnation": view.incarnation,
            "quorum": view.quorum,
            "voters": list(view.voters),
            "configuration": view.configuration,
            "priority": view.rank.priority,
            "offset": view.rank.offset,
            "is_willing": view.rank.willing,
            "is_paused": view.is_paused,
            "is_healthy": view.is_healthy,
            "is_storing": view.is_storing,
            "is_disputed": view.is_disputed,
            "is_fenced": view.fence_until > view.now,
            "peers": [_peer(view, peer, self.surroundings) for peer in view.peers],
            "elections": [election.to_dict() for election in self.elections.values()],
        }


def _election(view: ElectorSnapshot, election: ElectionSnapshot, around: Surroundings) -> ElectionStatus:
    why = None if election.leader is not None else election.waiting
    return ElectionStatus(
        view=election,
        lease_remaining_ns=around.lease_ns(election.name, election.term),
        why_no_leader=why,
        why_text=None if why is None else "; ".join((sentence(view, why), *around.doubled.values())),
    )


def sentence(view: ElectorSnapshot, why: WhyNoLeader) -> str:
    """Why nobody is known to lead, in words and numbers."""
    supporters = sum(peer.counted_until > view.now for peer in view.peers) + (view.node_id in view.voters)
    return _SENTENCES[why].format(
        fence=max(0, view.fence_until - view.now) / NS_PER_S,
        supporters=supporters,
        voters=len(view.voters),
        quorum=view.quorum,
        objections="; ".join(_objections(view)),
    )


def _objections(view: ElectorSnapshot) -> Iterator[str]:
    for peer in view.peers:
        if peer.objection is not None:
            yield objection_sentence(peer.node_id, peer.objection, peer.detail, view.configuration)
    for node_id in view.strangers:
        yield objection_sentence(node_id, Objection.STRANGER, "", view.configuration)


def _peer(view: ElectorSnapshot, peer: PeerSnapshot, around: Surroundings) -> dict[str, object]:
    standing = peer.rank
    return {
        "node": peer.node_id,
        "address": around.address(peer.node_id),
        "is_supported": peer.counted_until > view.now,
        "is_supporting": peer.is_supported,
        "supported_for": max(0, peer.counted_until - view.now) / NS_PER_S,
        "is_trusted": peer.is_trusted,
        "is_dialed": peer.opened is not None,
        "is_accepted": peer.accepted is not None,
        "is_configuration_same": peer.is_configuration_same,
        "objection": None if peer.objection is None else peer.objection.value,
        "priority": None if standing is None else standing.priority,
        "offset": None if standing is None else standing.offset,
        "is_willing": None if standing is None else standing.willing,
        "supports": list(peer.supports),
    }
