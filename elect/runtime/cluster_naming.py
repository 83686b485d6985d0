"""The random id of a cluster that began with a list in the settings: its first leader chooses it.

Source: PROTOCOL.md, section 7.
"""

import secrets

from elect.bridge.member_changer import ChangeAttempt, change_members
from elect.bridge.node_context import NodeContext
from elect.core.changes import NameCluster
from elect.core.configuration import CLUSTER_ID_LENGTH
from elect.core.state.node_state import DEFAULT_ELECTION

QUIET_INTERVALS = 10
"""Heartbeat intervals for which a leader waits: a change ends the campaigns that it meets, and after a first election
there may be some."""


class ClusterNaming:
    """Names the cluster once, as the leader of `default`.

    Args:
        context: of the node.
    """

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._change = NameCluster(cluster_id=secrets.token_bytes(CLUSTER_ID_LENGTH))
        self._token = 0
        self._since = 0

    def review(self) -> None:
        """Name the cluster if that is due; about once a second, on the orchestrator thread."""
        context, now = self._context, self._context.clock()
        token = context.leases.token(DEFAULT_ELECTION)
        if token != self._token:
            self._token, self._since = token, now
        is_due = token and now - self._since >= QUIET_INTERVALS * context.config.heartbeat_interval_ns
        # With an input in the inbox this waits for the next time: without room there it would wait for itself.
        if is_due and context.configuration.cluster_id is None and not len(context.inbox):
            context.post(change_members(self._change, ChangeAttempt()))
