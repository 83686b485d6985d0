"""PromotionReadiness: what this node knows, before it promotes its cluster, of whether that can be done."""

from dataclasses import dataclass

from elect.bridge.inbox import Command
from elect.core.elector import Elector
from elect.core.promotion import PromotionRefused
from elect.core.ready import Ready
from elect.core.rules import sites


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionReadiness:
    """The readiness of a cluster for its promotion, as one node sees it.

    Attributes:
        refused: the refusal that a promotion would meet; None: none but that of a wrong floor.
        has_quorum: a quorum of the voters is heard.
        highest_term: the highest term that this node knows of in its own cluster.
    """

    refused: PromotionRefused | None
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
        found.append(
            PromotionReadiness(
                refused=refused,
                has_quorum=state.supported_until > state.now,
                highest_term=sites.highest_term(state),
            )
        )
        return ready

    return act
