"""The changes of the members that a leader makes unasked: the id of the cluster, and the addresses of its members.

A cluster that began with a list in the settings has no id: its first leader chooses it.

A member that restarts under another address proves its identity to the nodes that it dials. They know the address until
they stop. So the leader writes it into the configuration, which every member has on disk: two members that move one
after the other find each other.

Source: PROTOCOL.md, section 7.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping

from elect.bridge.member_changer import ChangeAttempt, change_members
from elect.bridge.node_context import NodeContext
from elect.core.changes import AddMember, Change, NameCluster
from elect.core.configuration import CLUSTER_ID_LENGTH
from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.joining.join_passes import dialable

QUIET_INTERVALS = 10
"""Heartbeat intervals for which a leader waits: a change ends the campaigns that it meets, and after a first election
there may be some."""


class OwnChanges:
    """Makes them one at a time, as the leader of `default`.

    Args:
        context: of the node.
        addresses: returns the addresses that this node and the members that are linked to it show, by id. Each of them
            has proved its identity.
    """

    def __init__(self, context: NodeContext, addresses: Callable[[], Mapping[str, str]]) -> None:
        self._context = context
        self._addresses = addresses
        self._naming = NameCluster(cluster_id=secrets.token_bytes(CLUSTER_ID_LENGTH))
        self._token = 0
        self._since = 0

    def review(self) -> None:
        """Make a change if one is due; about once a second, on the orchestrator thread."""
        context, now = self._context, self._context.clock()
        token = context.leases.token(DEFAULT_ELECTION)
        if token != self._token:
            self._token, self._since = token, now
        is_quiet = token and now - self._since >= QUIET_INTERVALS * context.config.heartbeat_interval_ns
        # With an input in the inbox this waits for the next time: without room there it would wait for itself.
        if is_quiet and not len(context.inbox) and next(self._due(), None) is not None:
            context.post(self._make)

    def _make(self, elector: Elector, now: int) -> Ready:
        """Make the change that is due by now, unless a later configuration than the published one is decided.

        The addresses that are shown belong to the published one. By them a member that is removed would be added again,
        and one that is replaced would keep its former address.
        """
        is_current = elector.state.configuration == self._context.configuration
        change = next(self._due(), None) if is_current else None
        return elector.tick(now) if change is None else change_members(change, ChangeAttempt())(elector, now)

    def _due(self) -> Iterator[Change]:
        """Yield the changes that are due. The id comes first: it waits until the configuration has settled."""
        configuration, shown = self._context.configuration, self._addresses()
        if configuration.cluster_id is None:
            yield self._naming
        for member in configuration.members:
            address = shown.get(member.node_id, "")
            if dialable(address) not in (None, dialable(member.address or "")):  # another spelling is no move
                yield AddMember(node_id=member.node_id, kind=member.kind, address=address)
