"""NodeReports: makes the reports for clients and mirrors, from the published state of the node alone.

The thread that serves them reads that state as any thread of the application does: without a lock, and without
the orchestrator thread.
"""

from collections.abc import Callable

from elect.bridge.node_context import NodeContext
from elect.clock import NS_PER_S
from elect.core.configuration import ADDRESS_LENGTH_MAX, ClusterState
from elect.core.messages import DURATION_NS_MAX
from elect.leader import Leader, Profile
from elect.observing.observer_messages import LeaderReport, MembersReport

UNCERTAIN_NS = 1
"""The least age of all but the word of a leader about its own valid lease, whose age is 0."""

NEVER_NS = 10**18
"""Thirty years."""


class NodeReports:
    """Makes reports; any thread may call it. Nothing is made or kept for an election that the node does not know.

    Args:
        context: of the node.
        profile: returns the address and metadata of a node.
    """

    def __init__(self, context: NodeContext, profile: Callable[[str], Profile]) -> None:
        self._context = context
        self._profile = profile

    def leader_report(self, election: str) -> LeaderReport:
        """Return who leads an election, as this node knows it at this moment."""
        published = self._context.published_elections.get(election)
        if published is None:
            return LeaderReport(election=election, term=0, age_ns=UNCERTAIN_NS)
        leader = published.leader
        if leader is None:  # its term is published before its end
            return LeaderReport(election=election, term=published.leader_term, age_ns=UNCERTAIN_NS)
        lease_ns = self._lease_ns(election, leader)
        return LeaderReport(
            election=election,
            term=leader.term,
            leader_id=leader.node_id,
            address=short_address(leader.address),
            metadata=dict(leader.metadata),
            age_ns=0 if lease_ns else self._age_ns(leader),
            lease_ns=lease_ns,
        )

    def members_report(self) -> MembersReport:
        """Return the members of the cluster, as this node has installed them."""
        configuration = self._context.configuration
        addresses = {node_id: short_address(self._profile(node_id).address) for node_id in configuration.node_ids}
        return MembersReport(
            configuration=configuration,
            addresses={node_id: address for node_id, address in addresses.items() if address},
            heard=tuple(node_id for node_id in configuration.node_ids if self._is_heard(node_id)),
        )

    def cluster_id(self) -> bytes | None:
        """Return the id of the cluster, if it has one."""
        return self._context.configuration.cluster_id

    def is_standby(self) -> bool:
        """Return whether the cluster is a standby one."""
        return self._context.configuration.state is ClusterState.STANDBY

    def address(self, node_id: str) -> str | None:
        """Return the address of a node, if it is known."""
        return self._profile(node_id).address

    def quorum_age_ns(self) -> int:
        """Return the time for which this node has not heard from a quorum; NEVER_NS if it has heard from none.

        Each leader is known to a quorum, and each voter tells the leaders that it follows.
        """
        context, configuration = self._context, self._context.configuration
        ages = [
            0 if voter == context.node_id else context.peer_health.silence_ns(voter) for voter in configuration.voters
        ]
        heard = sorted(age for age in ages if age is not None)
        quorum = configuration.quorum
        return heard[quorum - 1] if 0 < quorum <= len(heard) else NEVER_NS

    def _lease_ns(self, election: str, leader: Leader) -> int:
        """Return the rest of this node's own lease, or 0; a single voter's never ends, and a report has a bound."""
        if leader.node_id != self._context.node_id:
            return 0
        return min(self._context.leases.remaining_ns(election, leader.term), DURATION_NS_MAX)

    def _age_ns(self, leader: Leader) -> int:
        """Return the time since this node knew for certain that the node leads.

        A leader that resigns, or leads no more for another reason, says so on the link on which it is heard.
        """
        known_ns = max(UNCERTAIN_NS, self._context.clock() - round(leader.as_of * NS_PER_S))
        silence_ns = self._context.peer_health.silence_ns(leader.node_id)
        return known_ns if silence_ns is None else max(UNCERTAIN_NS, min(known_ns, silence_ns))

    def _is_heard(self, node_id: str) -> bool:
        context = self._context
        silence_ns = context.peer_health.silence_ns(node_id)
        is_heard = silence_ns is not None and silence_ns <= context.config.support_duration_ns
        return is_heard or node_id == context.node_id


def short_address(address: str | None) -> str:
    """Return an address, or nothing for one that is longer than any address: its node may show any text."""
    return address if address is not None and len(address) <= ADDRESS_LENGTH_MAX else ""
