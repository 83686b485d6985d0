"""The answers of a member to nodes that ask to join and to members that ask for changes, as decisions over its view.

A decision is an answer, or a change that the leader has to make first. Nothing is answered from memory: also a node
that is a member already gets its answer only when a quorum has the configuration, so that a join that was half done is
completed by the next try.

Source: PROTOCOL.md, section 7.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from elect.bridge.member_changer import PASSING
from elect.core.changes import AddMember, Change, ChangeRefusal, ChangeRefused, ReplaceMember, why_not_active
from elect.core.configuration import Configuration, Member
from elect.errors import Amnesia, IdInUse, JoinRejected, NotAuthorized, OtherCluster
from elect.joining import member_kinds
from elect.joining.join_messages import (
    Answer,
    Changed,
    ChangeRequest,
    Join,
    Joined,
    NotNow,
    Redirect,
    Rejected,
    Request,
    Unformed,
    shortened,
)
from elect.joining.join_passes import dialable


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """The knowledge of a node when it is asked.

    Attributes:
        node_id: its id.
        configuration: the one that it has installed; without members: it is in no cluster.
        is_leading: it leads the root election on a valid lease.
        leader_id: the leader of the root election that it follows, or its own id; None: it knows none.
        leader_address: the address of that leader; None: unknown.
        term: the term of that leader.
        heard: the ids of the nodes that it supports now.
        stores: for each node that it has met, the id of the store.
        addresses: for each member, the address that it showed last, or else that of the configuration or the file.
    """

    node_id: str
    configuration: Configuration
    is_leading: bool = False
    leader_id: str | None = None
    leader_address: str | None = None
    term: int = 0
    heard: frozenset[str] = frozenset()
    stores: Mapping[str, bytes] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)


Decision = Answer | Change


def decide(view: MemberView, asked: Join, token_fault: str | None = None) -> Decision:
    """Return the answer to a Join, or the change after which the node has joined.

    Args:
        view: of this node.
        asked: the request.
        token_fault: what is wrong with its token, or None. A member with its own store needs no token.
    """
    configuration = view.configuration
    if not configuration.members:
        return Unformed()
    if asked.cluster_id is not None and configuration.cluster_id not in (None, asked.cluster_id):
        own, other = _hex(configuration.cluster_id), _hex(asked.cluster_id)
        return _rejected(OtherCluster.code, f"this is cluster {own}, and node {asked.node_id} was in {other}")
    if configuration.member(view.node_id) is None:
        return NotNow(reason=f"node {view.node_id} was removed from its cluster")
    if not view.is_leading:
        return _judge_id_of_leader(view, asked) or _point_to_leader(view, asked.node_id)
    return _decide_as_leader(view, asked, token_fault)


def decide_change(view: MemberView, asker: str, store_id: bytes, asked: ChangeRequest) -> Decision:
    """Return the answer to a ChangeRequest, or its change.

    Args:
        view: of this node.
        asker: the id of the node that asks.
        store_id: of the store of that node.
        asked: the request.
    """
    if not view.configuration.members:
        return Unformed()
    member = view.configuration.member(asker)
    if member is None or _store_of(view, member) not in (None, store_id):
        text = f"node {asker} with store {store_id.hex()} is no member; ask for a change at a member"
        return _rejected(ChangeRefusal.NOT_MEMBER.value, text)
    if view.is_leading:
        return asked.change
    answer = _point_to_leader(view, asker)
    return replace(answer, code=ChangeRefusal.NOT_LEADER.value) if isinstance(answer, NotNow) else answer


def conclude(asked: Request, configuration: Configuration) -> Answer:
    """Return the answer once a quorum has installed this configuration."""
    if isinstance(asked, ChangeRequest):
        return Changed(configuration=configuration)
    if configuration.member(asked.node_id) is None:
        return NotNow(reason=f"node {asked.node_id} was removed again")
    return Joined(configuration=configuration)


def explain(asked: Request, refused: ChangeRefused) -> Answer:
    """Return the answer when the change is refused.

    A node that asks to join asks again: then it is told by `decide` what is wrong, with the facts of that moment.
    """
    text = shortened(str(refused))
    if isinstance(asked, Join):
        return NotNow(reason=text)
    if refused.refusal in PASSING or refused.refusal is ChangeRefusal.NOT_LEADER:
        return NotNow(reason=text, code=refused.refusal.value)
    return Rejected(code=refused.refusal.value, text=text)


def _decide_as_leader(view: MemberView, asked: Join, token_fault: str | None) -> Decision:
    if dialable(asked.address) is None:
        return _rejected(JoinRejected.code, f"the address {asked.address!r} is none that can be dialed; set advertise")
    member = view.configuration.member(asked.node_id)
    store_id = None if member is None else _store_of(view, member)
    is_known = store_id == asked.store_id
    if token_fault is not None and not is_known:
        return _rejected(NotAuthorized.code, token_fault)
    if member is None:
        return AddMember(node_id=asked.node_id, kind=asked.kind, store_id=asked.store_id, address=asked.address)
    decision: Decision
    if is_known or (store_id is None and not member.is_voter):
        # The change is in the configuration, perhaps without the address. To ask for it again waits for the quorum.
        decision = AddMember(node_id=member.node_id, kind=member.kind, store_id=member.store_id, address=asked.address)
    else:
        decision = _judge_another_store(view, member, asked)
    if not is_known and isinstance(decision, Change) and member_kinds.does_more(member, asked.kind):
        return _rejected(JoinRejected.code, member_kinds.why_refused(member, asked.kind))
    return decision


def _store_of(view: MemberView, member: Member) -> bytes | None:
    """Return the only store under which a member is accepted; None: any."""
    return member.store_id or view.stores.get(member.node_id)


def _judge_id_of_leader(view: MemberView, asked: Join) -> Rejected | None:
    """Return the refusal of a node with the id of the leader, which runs at another address; None: it is no such node.

    The leader may be none of its seeds, and it would wait for a redirect for ever.
    """
    leader, address = view.leader_id, view.leader_address
    if leader != asked.node_id or leader not in view.heard or address is None:
        return None
    if dialable(address) == dialable(asked.address):
        return None
    return _rejected(IdInUse.code, f"node {leader} leads at {address}, and is not the one at {asked.address}")


def _point_to_leader(view: MemberView, asker: str) -> Answer:
    if view.leader_id is None or view.leader_id == view.node_id:
        reason = why_not_active(view.configuration) or f"node {view.node_id} knows no leader now"
        return NotNow(reason=shortened(reason))
    if view.leader_id == asker:  # the process before this one: its lead is over in a moment
        return NotNow(reason=f"node {view.node_id} still follows {asker} itself")
    if view.leader_address is None or dialable(view.leader_address) is None:  # it may show any text
        return NotNow(reason=f"node {view.node_id} follows {view.leader_id}, and does not know its address")
    return Redirect(leader_id=view.leader_id, address=view.leader_address, term=view.term)


def _judge_another_store(view: MemberView, member: Member, asked: Join) -> Decision:
    """Judge a node that has the id of a member, and another store than the member had: its votes are lost.

    So are those of a voter of which this leader knows no store. A node that asks has none, and another member may have
    met the voter under another store.
    """
    address = view.addresses.get(member.node_id) or member.address
    is_same_place = address is not None and dialable(address) == dialable(asked.address)
    is_heard = member.node_id in view.heard
    if is_heard and not is_same_place and address is not None:
        text = f"node {member.node_id} runs at {address} with another store than the one at {asked.address}"
        return _rejected(IdInUse.code, text)
    if is_heard:  # two processes cannot listen at one address: the former one has ended a moment ago
        return NotNow(reason=f"the former process of {member.node_id} was heard less than a support duration ago")
    # An operator who replaced the member has said that the next store counts: it has neither a vote nor a store now.
    is_awaited = not member.is_voter and member.store_id is None
    if not (is_same_place or is_awaited):
        return _rejected(Amnesia.code, _why_amnesiac(view, member, address or "an unknown address", asked))
    return ReplaceMember(node_id=member.node_id, store_id=asked.store_id, address=asked.address)


def _why_amnesiac(view: MemberView, member: Member, place: str, asked: Join) -> str:
    if _store_of(view, member) is None:
        return f"node {member.node_id} is a voter at {place}, and the one at {asked.address} has no votes"
    return f"node {member.node_id} was at {place} with another store than the one at {asked.address}"


def _rejected(code: str, text: str) -> Rejected:
    return Rejected(code=code, text=shortened(text))


def _hex(cluster_id: bytes | None) -> str:
    return "" if cluster_id is None else cluster_id.hex()
