"""The status of a node as one value, with the sentences that say why no node leads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from elect.clock import NS_PER_S
from elect.core.changes import why_not_active
from elect.core.events import Objection, Role
from elect.core.messages import ConfigurationId
from elect.core.quorum import FOREVER
from elect.core.snapshot import ElectionSnapshot, ElectorSnapshot, PeerSnapshot, WhyNoLeader
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.monitoring.member_phase import REMOVED_REMEDY, MemberPhase
from elect.monitoring.member_status import MembershipStatus, membership
from elect.monitoring.peer_health import UNHEARD, PeerHealth

_SENTENCES: Mapping[WhyNoLeader, str] = {
    WhyNoLeader.LEADING: "this node leads",
    WhyNoLeader.FOLLOWING: "this node follows a leader",
    WhyNoLeader.VOTED: "this node voted for another node, and waits until that one leads or gives up",
    WhyNoLeader.STANDBY: "{state}",
    WhyNoLeader.SEALED: "{state}",
    WhyNoLeader.NOT_VOTER: "this node is not a voter of its configuration",
    WhyNoLeader.NOT_STANDING: "this node is not a candidate in this election, and knows no leader of it",
    WhyNoLeader.PAUSED: "this node is paused, and knows no leader; resume it",
    WhyNoLeader.UNHEALTHY: "this node's health callable fails or is late, and this node knows no leader",
    WhyNoLeader.WITNESS: "this node has priority 0 and never leads, and knows no leader",
    WhyNoLeader.STORE_FAILING: "this node cannot write to its data_dir and so cannot vote; see its log",
    WhyNoLeader.BOOT_FENCE: "this node was started a short time ago and votes when its earlier promises have expired,"
    " in {fence:.1f} s",
    WhyNoLeader.RESTING: "this node gave up leadership several times, each time soon after its election;"
    " it waits at most 8 s before it is a candidate again",
    WhyNoLeader.CONFIGURATION: "the nodes disagree on who votes; make their lists of peers equal, and give [mirror]"
    " to all or to none: {objections}",
    WhyNoLeader.OTHER_STORE: "{objections}",
    WhyNoLeader.NO_QUORUM: "{supporters} of {voters} voters support this node, itself included; {quorum} are needed",
    WhyNoLeader.OFFSET: 'a voter has a higher offset than this node, and offset_rule is "require":'
    " only a node with the highest offset can lead",
    WhyNoLeader.LEADER_ELSEWHERE: "a peer reports another leader, or a promise to the last leader has not expired",
    WhyNoLeader.CAMPAIGNING: "this node is campaigning",
    WhyNoLeader.NO_LEASE: "this node is elected and waits until a quorum follows it",
    WhyNoLeader.RESIGNING: "this node is resigning and waits until its application has been told",
    WhyNoLeader.TERMS_USED_UP: "a peer sent the maximum term (2^53-1): it is faulty, and this election cannot continue",
    WhyNoLeader.NOT_ITS_TURN: "a node with a better rank campaigns first; this one follows within a few heartbeats",
}


_OBJECTIONS: Mapping[Objection, str] = {
    Objection.UNKNOWN_NODE: "peer {peer} refuses this node, whose configuration is {digest}: {detail}",
    Objection.OTHER_VOTERS: "peer {peer} has configuration {detail}, this node has {digest}",
    Objection.OTHER_STORE: "peer {peer} knows another data directory under this node's id: another process uses this"
    " id, or this node has lost its votes. Start it with its former data directory or under a new id; or run `elect"
    " members replace` with the address of the leader and its id",
    Objection.STRANGER: "node {peer} is not in this node's list of voters (configuration {digest}), but lists this"
    " node as one; this node has never voted, and waits. If it lost its data, delete the new data_dir, and start it"
    " with [join] seeds instead of [peers]",
}


def objection_sentence(peer: str, objection: Objection, detail: str, digest: str) -> str:
    """Return the sentence that says why a peer keeps this node from every election.

    Args:
        peer: its id.
        objection: its reason.
        detail: the text of the peer's refusal, or the digest of its configuration; empty: no answer since the start.
        digest: of this node's configuration.
    """
    return _OBJECTIONS[objection].format(peer=peer, detail=detail or "no answer since this node started", digest=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSnapshot:
    """The state of a node outside its elector.

    Attributes:
        cluster: its name.
        state: of the node's life.
        lifecycle: of the node as a member; after a stop the last one before it.
        threads: whether each of elect's threads is alive, by name.
        loop_lag_ns: the delay of the orchestrator thread.
        loop_lag_max_ns: the longest of the last ten minutes or more.
        inbox_depth: the number of inputs that wait for it.
        lease_ns: returns the rest of the lease of an election and term, 0 without one.
        address: returns the address of a node.
        installed: the id of the configuration on disk.
        doubled: ids that two processes use, with a sentence for each.
        health: returns the health of a peer.
        settings: returns the versions and settings that a node shows.
        metadata: returns the metadata that a node showed.
        known_since: returns since when the leader of an election is known (ns), 0 without one.
        descriptors_max: the most descriptors that the process may have; None: there is no limit.
        clients: the number of clients that have a link.
        clients_max: the most of them that are let in, with the mirrors.
        mirrors: those that follow this node, as JSON types.
        mirror: of this node, which follows another site, as JSON types; None: it follows none.
    """

    cluster: str
    state: str
    lifecycle: str
    threads: Mapping[str, bool]
    loop_lag_ns: int
    inbox_depth: int
    lease_ns: Callable[[str, int], int]
    address: Callable[[str], str | None]
    installed: ConfigurationId
    doubled: Mapping[str, str] = field(default_factory=dict)
    health: Callable[[str], PeerHealth] = lambda _: UNHEARD
    settings: Callable[[str], Mapping[str, str]] = lambda _: {}
    loop_lag_max_ns: int = 0
    metadata: Callable[[str], Mapping[str, str]] = lambda _: {}
    known_since: Callable[[str], int] = lambda _: 0
    descriptors_max: int | None = None
    clients: int = 0
    clients_max: int = 0
    mirrors: Sequence[Mapping[str, object]] = ()
    mirror: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionStatus:
    """One election; `why_no_leader` and `why_text` are None while a leader is known.

    Attributes:
        view: the elector's snapshot.
        lease_remaining_ns: FOREVER for the lease of a single voter.
        known_since: since when the leader is known (ns), 0 without one.
        why_no_leader: the reason why no leader is known.
        why_text: the same as a sentence.
    """

    view: ElectionSnapshot
    lease_remaining_ns: int
    known_since: int
    why_no_leader: WhyNoLeader | None
    why_text: str | None

    @property
    def is_leader(self) -> bool:
        """Return whether this node leads: its lease was valid when the status was read."""
        return self.lease_remaining_ns > 0

    def to_dict(self) -> dict[str, object]:
        """Return the content as JSON types."""
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
            "since": self.known_since / NS_PER_S if view.leader is not None and self.known_since else None,
            "is_leader": self.is_leader,
            "lease_remaining": None if self.lease_remaining_ns == FOREVER else self.lease_remaining_ns / NS_PER_S,
            "followers": list(view.followers),
            "is_standing": view.is_entered,
            "failback": None if view.failback_ns is None else view.failback_ns / NS_PER_S,
            "waiting": view.waiting.value,
            "why_no_leader": why,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One node at one moment.

    Attributes:
        node: its id.
        view: the elector's snapshot; None when the orchestrator thread did not answer.
        runtime: the state outside the elector.
        elections: all that the node knows, by name.
    """

    node: str
    view: ElectorSnapshot | None
    runtime: RuntimeSnapshot
    elections: Mapping[str, ElectionStatus]

    @classmethod
    def of(cls, node: str, view: ElectorSnapshot | None, runtime: RuntimeSnapshot) -> "Status":
        """Return the status made of the two snapshots."""
        elections = {} if view is None else {each.name: _election(view, each, runtime) for each in view.elections}
        return cls(node=node, view=view, runtime=runtime, elections=elections)

    @property
    def membership(self) -> MembershipStatus | None:
        """The installed configuration and its members; None when the orchestrator thread did not answer."""
        if self.view is None:
            return None
        view = self.view
        is_leading = any(each.name == DEFAULT_ELECTION and each.role is Role.LEADER for each in view.elections)
        installed_by = {peer.node_id for peer in view.peers if peer.is_configuration_same}
        found = membership(
            view.members,
            self.node,
            supported_by={peer.node_id for peer in view.peers if peer.counted_until > view.now},
            installed_by=installed_by | ({self.node} if self.runtime.installed == view.members.id else set()),
            lacks={peer.node_id: peer.lacks for peer in view.peers},
            address=self.runtime.address,
            health=self.runtime.health,
        )
        return replace(
            found,
            is_settled=view.is_settled if is_leading else None,
            pending=view.pending,
            leases_over_in=max(0, view.leases_over_at - view.now) / NS_PER_S if view.leases_over_at else None,
            highest_term=view.highest_term,
        )

    @property
    def has_quorum(self) -> bool:
        """Return whether a quorum supports this node."""
        return self.view is not None and self.view.supported_until > self.view.now

    @property
    def _supported_for_s(self) -> float | None:
        """The time for which a quorum supports this node, s; None: without end, as it is the only voter."""
        if self.view is None or not self.has_quorum:
            return 0.0
        until = self.view.supported_until
        return None if until == FOREVER else (until - self.view.now) / NS_PER_S

    def to_dict(self) -> dict[str, object]:
        """Return the content of `/status` as JSON types."""
        runtime = self.runtime
        return {
            "node": self.node,
            "address": runtime.address(self.node),
            "metadata": dict(runtime.metadata(self.node)),
            "cluster": runtime.cluster,
            "state": runtime.state,
            "lifecycle": runtime.lifecycle,
            "threads": dict(runtime.threads),
            "loop_lag": runtime.loop_lag_ns / NS_PER_S,
            "loop_lag_max": runtime.loop_lag_max_ns / NS_PER_S,
            "inbox": runtime.inbox_depth,
            "has_quorum": self.has_quorum,
            "supported_for": self._supported_for_s,
            "doubled": dict(runtime.doubled),
            "settings": dict(runtime.settings(self.node)),
            "descriptors_max": runtime.descriptors_max,
            "clients": {"count": runtime.clients, "max": runtime.clients_max},
            "mirrors": [dict(mirror) for mirror in runtime.mirrors],
            "mirror": None if runtime.mirror is None else dict(runtime.mirror),
            **({} if self.view is None else self._view(self.view)),
        }

    def _view(self, view: ElectorSnapshot) -> dict[str, object]:
        members = self.membership
        return {
            "now": view.now / NS_PER_S,
            "incarnation": view.incarnation,
            "quorum": view.quorum,
            "voters": list(view.voters),
            "configuration": view.configuration,
            "membership": None if members is None else members.to_dict(),
            "priority": view.rank.priority,
            "offset": view.rank.offset,
            "is_willing": view.rank.willing,
            "is_paused": view.is_paused,
            "is_healthy": view.is_healthy,
            "is_storing": view.is_storing,
            "is_disputed": view.is_disputed,
            "is_fenced": view.fence_until > view.now,
            "peers": [_peer(view, peer, self.runtime) for peer in view.peers],
            "elections": [election.to_dict() for election in self.elections.values()],
        }


def _election(view: ElectorSnapshot, election: ElectionSnapshot, runtime: RuntimeSnapshot) -> ElectionStatus:
    why = None if election.leader is not None else election.waiting
    return ElectionStatus(
        view=election,
        lease_remaining_ns=runtime.lease_ns(election.name, election.term),
        known_since=runtime.known_since(election.name),
        why_no_leader=why,
        why_text=None if why is None else "; ".join((sentence(view, why), *_remarks(runtime))),
    )


def _remarks(runtime: RuntimeSnapshot) -> Iterator[str]:
    if runtime.lifecycle == MemberPhase.REMOVED.value:
        yield f"this node was removed: {REMOVED_REMEDY}"
    yield from runtime.doubled.values()


def sentence(view: ElectorSnapshot, why: WhyNoLeader) -> str:
    """Return the sentence that says why no leader is known."""
    supporters = sum(peer.counted_until > view.now for peer in view.peers) + (view.node_id in view.voters)
    return _SENTENCES[why].format(
        fence=max(0, view.fence_until - view.now) / NS_PER_S,
        supporters=supporters,
        voters=len(view.voters),
        quorum=view.quorum,
        objections="; ".join(_objections(view)),
        state=why_not_active(view.members),
    )


def _objections(view: ElectorSnapshot) -> Iterator[str]:
    for peer in view.peers:
        if peer.objection is not None:
            yield objection_sentence(peer.node_id, peer.objection, peer.detail, view.configuration)
    for node_id in view.strangers:
        yield objection_sentence(node_id, Objection.STRANGER, "", view.configuration)


def _peer(view: ElectorSnapshot, peer: PeerSnapshot, runtime: RuntimeSnapshot) -> dict[str, object]:
    standing = peer.rank
    return {
        "node": peer.node_id,
        "address": runtime.address(peer.node_id),
        "metadata": dict(runtime.metadata(peer.node_id)),
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
        "settings": dict(runtime.settings(peer.node_id)),
        **runtime.health(peer.node_id).to_dict(),
    }
