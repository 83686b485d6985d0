"""The members of the cluster, as a program lists and changes them: `node.members`."""

from collections.abc import Callable

from elect.bridge.node_context import STATUS_TIMEOUT_S, NodeContext
from elect.config.rules import check_id, parse_dialable
from elect.core.changes import (
    AddMember,
    Change,
    ChangeRefusal,
    ChangeRefused,
    DemoteMember,
    PromoteMember,
    RemoveMember,
    ReplaceMember,
    Seal,
)
from elect.core.configuration import Configuration, MemberKind
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.errors import LeadershipTimeout, NotLeader
from elect.leader import Leader
from elect.monitoring.member_status import MemberStatus
from elect.monitoring.status import Status
from elect.sites.seal_requests import audited_seal
from wire.common import arguments

VOTING_KINDS = (MemberKind.VOTER.value, MemberKind.WITNESS.value)


class Members:
    """The members of the cluster. The leader makes each change, which returns when a quorum has installed it.

    A change that is in force already changes nothing, so each call can be repeated, as the removal of a former member.
    An id that was no member, as far as the leader knows, is refused: it may be a typing error. A change waits until an
    earlier one is over, and a promotion until the member is ready.

    All changes raise:
        TypeError, ValueError: an argument has a wrong type or value.
        ChangeRefused: the leader refuses the change; `refusal` and the text say why and what to do.
        NotLeader: this node does not lead the election "default", and knows no leader that it can ask.
        JoinRejected: the leader refuses the change, for a reason that only a later version of elect knows.
        LeadershipTimeout: a quorum had not installed the change in time. It may still be made.
        Stopped: the node does not run.
        Forked: the node runs in the process that this one was forked from.

    Args:
        context: of the node.
        change: makes a change, or asks the leader for it, within a timeout.
        read_status: returns the status of the node.
        find_leader: returns the leader that the node knows, or None.
    """

    def __init__(
        self,
        context: NodeContext,
        change: Callable[[Change, float | None], Configuration],
        read_status: Callable[[], Status],
        find_leader: Callable[[], Leader | None],
    ) -> None:
        self._context = context
        self._read_status = read_status
        self._find_leader = find_leader
        self._change = change

    def list(self) -> tuple[MemberStatus, ...]:
        """Return the members in the configuration that this node has installed, sorted by id.

        Raises:
            LeadershipTimeout: the orchestrator thread did not answer within a second.
            Stopped: the node does not run.
            Forked: the node runs in the process that this one was forked from.
        """
        self._context.check_running()
        found = self._read_status().membership
        if found is None:
            self._context.check_running()
            raise LeadershipTimeout("", "the list of members", STATUS_TIMEOUT_S)
        return found.members

    def add(
        self, node_id: str, address: str | None = None, kind: str = "voter", timeout: float | None = None
    ) -> Configuration:
        """Add a node. It enters as a learner, and the leader promotes it when it is ready; an observer stays one.

        Args:
            node_id: its id.
            address: the address that the members dial until the node shows its own (`advertise`); None: it has to dial
                them first. Of a member only the address is set.
            kind: "voter", "witness" (it votes and never leads) or "observer" (it does neither).
            timeout: seconds to wait, 0 or more; None waits without limit.
        """
        kinds = [each.value for each in MemberKind]
        change = AddMember(
            node_id=_node_id(node_id), kind=MemberKind(arguments.choice("kind", kind, kinds)), address=_address(address)
        )
        return self._make(change, timeout)

    def remove(self, node_id: str, force: bool = False, timeout: float | None = None) -> Configuration:
        """Remove a member for good. Under its id a node can be added again.

        Args:
            node_id: its id.
            force: True removes it although fewer live voters would be left than a quorum.
            timeout: as in `add`.
        """
        change = RemoveMember(node_id=_node_id(node_id), is_forced=arguments.flag("force", force))
        return self._make(change, timeout)

    def promote(self, node_id: str, kind: str | None = None, timeout: float | None = None) -> Configuration:
        """Make a learner or an observer a voter, once it is ready.

        Args:
            node_id: its id.
            kind: "voter" or "witness"; None: that of a learner, and for an observer "voter".
            timeout: as in `add`.
        """
        kind = None if kind is None else arguments.choice("kind", kind, VOTING_KINDS)
        change = PromoteMember(node_id=_node_id(node_id), kind=None if kind is None else MemberKind(kind))
        return self._make(change, timeout)

    def demote(self, node_id: str, timeout: float | None = None) -> Configuration:
        """Make a voter an observer.

        Args:
            node_id: its id.
            timeout: as in `add`.
        """
        return self._make(DemoteMember(node_id=_node_id(node_id)), timeout)

    def replace(
        self, node_id: str, address: str | None = None, force: bool = False, timeout: float | None = None
    ) -> Configuration:
        """Accept a voter that has lost its data directory: it becomes a learner with the next store that it shows.

        Args:
            node_id: its id.
            address: as in `add`.
            force: as in `remove`.
            timeout: as in `add`.
        """
        change = ReplaceMember(
            node_id=_node_id(node_id), address=_address(address), is_forced=arguments.flag("force", force)
        )
        return self._make(change, timeout)

    def seal(self, successor: str = "", timeout: float | None = None) -> Configuration:
        """Have the cluster elect no leader any more, for good: another cluster takes over.

        It returns when a quorum has the seal on disk, no leader can undo it, and every lease is over. If it raises, the
        seal may still be made, or may be lost with the leader that made it: call it again, at any member.

        Args:
            successor: the addresses of that cluster, to which this one refers people: at most 1,000 printable ASCII
                characters.
            timeout: as in `add`.
        """
        change = Seal(successor=arguments.text("successor", successor))
        return audited_seal(self._context, "an operator", lambda: self._make(change, timeout))

    def _make(self, change: Change, timeout: float | None) -> Configuration:
        try:
            return self._change(change, timeout)
        except ChangeRefused as refused:
            if refused.refusal is not ChangeRefusal.NOT_LEADER:
                raise
            raise NotLeader(DEFAULT_ELECTION, self._find_leader()) from refused


def _node_id(value: object) -> str:
    node_id = arguments.text("node_id", value)
    check_id("node_id", node_id)
    return node_id


def _address(value: object) -> str | None:
    return None if value is None else str(parse_dialable("address", arguments.text("address", value)))
