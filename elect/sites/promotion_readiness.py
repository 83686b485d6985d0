"""PromotionReadiness: what this node knows, before it promotes its cluster, of whether that can be done."""

from dataclasses import dataclass

from elect.bridge.inbox import Command
from elect.bridge.node_context import NodeContext
from elect.core.configuration import ClusterState
from elect.core.elector import Elector
from elect.core.promotion import FLOOR_STEP, PromotionRefused
from elect.core.ready import Ready
from elect.core.rules import sites


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionReadiness:
    """The readiness of a cluster for its promotion, as one node sees it.

    Attributes:
        refused: the refusal that a promotion would meet; None: none but that of a wrong floor.
        is_promoted: it is promoted already, on this node too; that may not be on its disk yet.
        is_behind: another node has been promoted, and this one has yet to get the configuration: no standby cluster has
            terms above a floor.
        has_quorum: a quorum of the voters is heard.
        highest_term: the highest term that this node knows of in its own cluster.
    """

    refused: PromotionRefused | None
    is_promoted: bool
    is_behind: bool
    has_quorum: bool
    highest_term: int


def read_readiness(found: list[PromotionReadiness]) -> Command:
    """Append the readiness of this node's cluster."""

    def act(elector: Elector, now: int) -> Ready:
        ready, state, refused = elector.tick(now), elector.state, None
        try:
            sites.check_promotable(state)
        except PromotionRefused as error:  # an answer for the thread that asked, not an error of this one
            refused = error
        is_standby, highest_term = state.configuration.state is ClusterState.STANDBY, sites.highest_term(state)
        found.append(
            PromotionReadiness(
                refused=refused,
                is_promoted=refused is None and not is_standby,
                is_behind=is_standby and highest_term > FLOOR_STEP,
                has_quorum=state.supported_until > state.now,
                highest_term=highest_term,
            )
        )
        return ready

    return act


def may_be_behind(context: NodeContext, seconds: float) -> bool:
    """Return whether the refusal of a floor may mean that another node has been promoted.

    This node hears of the terms of the promoted cluster before it gets the configuration, which is on its way then. It
    has come meanwhile, or is not asked for in time (seconds): both may be.
    """
    found = list[PromotionReadiness]()
    context.call(read_readiness(found), seconds)
    return not found or found[0].is_behind or found[0].is_promoted
