"""The two ends of a join in a running node: the member that is asked, and the node that asks.

Source: PROTOCOL.md, section 7.
"""

import secrets
import time
from collections.abc import Callable

from elect.bridge import commands
from elect.bridge.inbox import Command
from elect.bridge.node_context import NodeContext
from elect.config.config import Config
from elect.config.rules import normal
from elect.core.changes import Change, ChangeRefusal, ChangeRefused, RemoveMember
from elect.core.configuration import CLUSTER_ID_LENGTH, Configuration, MemberKind
from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.core.rules.leading import root_leadership
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.errors import Forked, JoinCancelled, JoinError, LeadershipTimeout, Stopped
from elect.joining.change_client import ChangeClient
from elect.joining.join_client import JoinClient
from elect.joining.join_exchange import JoinExchange
from elect.joining.join_handler import MemberView
from elect.joining.join_messages import Join
from elect.joining.join_passes import JoinPlan, JoinProgress, dialable
from elect.joining.join_token import JoinTokens
from elect.monitoring.member_phase import MemberPhase
from elect.runtime.peer_links import PeerLinks
from elect.storage.store import StoreContent
from wire.common.log import Log
from wire.protocol.address import Address
from wire.security.security import Security

logger = Log(__name__)

BOOTSTRAP_RISK = (
    "remove that. If it starts without its data, and no other seed answers for some seconds, it forms another cluster"
)

VIEW_S = 1.0
"""The orchestrator thread answers within milliseconds; a node that asks waits 2 s for all of it."""

ChangeMembers = Callable[[Change, float | None], Configuration]
"""Makes a change as the leader, and returns the configuration that a quorum has installed; see JoinMember."""


class ServedMember:
    """The node as its JoinServer sees it.

    Args:
        context: of the node.
        links: of the node.
        change: makes a change.
    """

    def __init__(self, context: NodeContext, links: PeerLinks, change: ChangeMembers) -> None:
        self._context = context
        self._links = links
        self.change = change

    def view(self) -> MemberView:
        """Return what the node knows now.

        Raises:
            LeadershipTimeout: the orchestrator thread did not answer in time.
            Stopped: the node does not run.
        """
        views: list[MemberView] = []
        self._context.do(self._read(views), "the view of the members", VIEW_S)
        return views[0]

    def _read(self, views: list[MemberView]) -> Command:
        def act(elector: Elector, now: int) -> Ready:
            views.append(self._view(elector))
            return elector.tick(now)

        return act

    def _view(self, elector: Elector) -> MemberView:
        state = elector.state
        root = state.elections.get(DEFAULT_ELECTION)
        leader, term = (None, 0) if root is None else root.leader
        peers, ids = state.support.peers.values(), state.configuration.node_ids
        return MemberView(
            node_id=state.id,
            configuration=state.configuration,
            is_leading=root_leadership(state) is not None,
            leader_id=leader,
            leader_address=None if leader is None else self._links.address_of(leader),
            term=term,
            heard=frozenset(state.support.supported),
            stores={peer.id: peer.store_id for peer in peers if peer.store_id is not None},
            addresses={each: found for each in ids if (found := self._links.address_of(each)) is not None},
        )


def make_join_client(
    context: NodeContext,
    links: PeerLinks,
    *,
    opened: StoreContent,
    security: Security,
    on_refused: Callable[[JoinError], object],
) -> JoinClient | None:
    """Return the join of a node that belongs to no cluster yet, or None.

    Args:
        context: of the node.
        links: of the node, open.
        opened: the content of its store.
        security: that of its links.
        on_refused: called with the error of a join that failed for good.

    Raises:
        ConfigError: the join token cannot be read.
    """
    config = context.config
    if opened.configuration.members and _could_form_another(config, links):
        logger.warning("! node %s is a member, and its settings say bootstrap = true: %s", config.node, BOOTSTRAP_RISK)
    if not config.seeds or opened.configuration.members:
        return None

    def note_progress(progress: JoinProgress) -> None:
        phase = MemberPhase.BOOTSTRAPPING if progress.is_forming else MemberPhase.JOINING
        context.lifecycle.enter(phase, attempt=0 if progress.is_forming else progress.attempt)

    def note_end(error: JoinError | None) -> None:
        if error is not None and not isinstance(error, JoinCancelled):
            on_refused(error)

    return JoinClient(
        _plan(config, links, opened),
        JoinExchange(links.identity, security),
        install=lambda configuration: _install(context, configuration),
        note_progress=note_progress,
        note_end=note_end,
        find_callers=lambda: {
            each: address for each, text in links.callers.items() if (address := dialable(text)) is not None
        },
    )


def _could_form_another(config: Config, links: PeerLinks) -> bool:
    """Return whether this node would form a cluster without its data and without an answer of another seed."""
    if not (config.bootstrap and len(config.seed_addresses) > 1 and config.member_kind is MemberKind.VOTER):
        return False
    return _own(links) == min(config.seed_addresses)


def _own(links: PeerLinks) -> Address:
    return normal(Address.parse(links.advertised))


def _plan(config: Config, links: PeerLinks, opened: StoreContent) -> JoinPlan:
    request = Join(
        node_id=config.node,
        store_id=opened.store_id,
        address=links.advertised,
        kind=config.member_kind,
        token=config.read_join_token(),
    )
    return JoinPlan(
        request=request,
        own=_own(links),
        seeds=config.seed_addresses,
        cluster_id=secrets.token_bytes(CLUSTER_ID_LENGTH),
        is_standby=bool(config.mirror_source),
        is_bootstrap=config.bootstrap,
        attempts_max=config.join_attempts_max,
        wait_max_ns=config.join_backoff_max_ns,
        listen_ns=config.support_duration_ns * 3 // 2,  # a member that stalls for a moment dials late
    )


def _install(context: NodeContext, configuration: Configuration) -> None:
    """Install the configuration, and wait until that or a later one is on disk.

    Raises:
        JoinCancelled: the node was stopped before.
    """
    try:
        context.call(commands.install(configuration))
        context.wait_for(lambda: None if configuration.is_newer_than(context.configuration) else True, None)
    except (Stopped, Forked) as error:
        raise JoinCancelled(context.node_id) from error


def make_join_tokens(config: Config) -> JoinTokens | None:
    """Return the judge of join tokens, or None if none is demanded."""
    if not config.join_token_required or config.operator_token is None:
        return None
    return JoinTokens(config.operator_token, config.cluster, time.time)  # noqa: TID251 - an expiry is a time of day


def make_change_client(
    context: NodeContext, links: PeerLinks, *, security: Security, change: ChangeMembers
) -> ChangeClient:
    """Return the part of a node that changes the members, wherever the leader is.

    Args:
        context: of the node.
        links: of the node.
        security: that of its links.
        change: makes a change as the leader.
    """

    def find_leader() -> tuple[str, Address] | None:
        leader = context.published(DEFAULT_ELECTION).leader
        if leader is None or leader.node_id == context.node_id:
            return None
        address = dialable(links.address_of(leader.node_id) or "")
        return None if address is None else (leader.node_id, address)

    exchange = JoinExchange(links.identity, security)
    return ChangeClient(context.node_id, exchange, change_here=change, find_leader=find_leader)


def leave_cluster(changes: ChangeClient, node_id: str, timeout: float) -> None:
    """Have this node removed, and wait for that (seconds).

    Raises:
        ChangeRefused: the leader refuses it.
        LeadershipTimeout: it was not done in time.
    """
    try:
        changes.change(RemoveMember(node_id=node_id), timeout)
    except ChangeRefused as refused:
        if refused.refusal is ChangeRefusal.NOT_LEADER:
            raise LeadershipTimeout("", f"the removal of {node_id}", timeout) from refused
        if refused.refusal is not ChangeRefusal.NOT_MEMBER:  # it was made, and its answer was lost
            raise
