"""FloorReview: keeps the floor of a promoted cluster above all terms that this node has seen of the source.

The node that promoted the cluster may have seen less. Of two promotions the one with the higher floor counts, so this
makes the one that this node would have made. It looks at the configuration that is in force again and again, and not
at the outcome of a call: a node that is killed, or slow, or overtaken by a leader, finds the rest later.

Source: PROTOCOL.md, section 8, "Promotion".
"""

from dataclasses import replace

from elect.bridge import commands
from elect.bridge.inbox import Command
from elect.bridge.node_context import NodeContext
from elect.core.configuration import ClusterState, Configuration
from elect.core.elector import Elector
from elect.core.events import LossReason
from elect.core.promotion import FLOOR_STEP, PromotionRefused, floor_above
from elect.core.ready import Ready
from elect.monitoring import audit
from wire.common.log import Log

logger = Log(__name__)

CALL_S = 5.0
"""For one command of the orchestrator thread; after that it is tried again."""

REMEDY = "seal the source, or stop it for good"


class FloorReview:
    """The review of one node; one thread uses it.

    Args:
        context: of the node.

    Attributes:
        seen: the highest term that the mirror of this node has seen of the source.
        error: why tokens of this cluster may be below those of the source, as a sentence; empty: they are not.
    """

    def __init__(self, context: NodeContext) -> None:
        self.seen = 0
        self.error = ""
        self._context = context
        self._raised_to = 0
        self._resigned_below = 0

    def review(self, configuration: Configuration) -> None:
        """Raise the floor of a promoted cluster if it has to be, and resign what this node leads below it.

        Raises:
            Stopped, Forked: the node ends.
        """
        if configuration.state is ClusterState.ACTIVE and configuration.promotion_floor:
            self._raise_floor(configuration)
            self._resign_below(configuration.promotion_floor)

    def _raise_floor(self, own: Configuration) -> None:
        if own.promotion_floor > self.seen:
            self.error = ""
            if own.promotion_floor == self._raised_to:
                self._raised_to = 0
                text = f"has seen term {self.seen} of the source: terms begin above {own.promotion_floor}"
                audit.record(self._context.config.data_dir, f"node {self._context.node_id} {text}")
            return
        try:
            floor = floor_above(self.seen)
        except PromotionRefused as refused:
            self._fail(f"{refused}; {REMEDY}")
            return
        higher = replace(own, term=floor // FLOOR_STEP, floor=floor, promotion_floor=floor)
        if not higher.is_newer_than(own):
            self._fail(
                f"this mirror has seen term {self.seen} of the source, and a leader with terms above"
                f" {own.promotion_floor} has changed the members since: its tokens may be below those of the source;"
                f" {REMEDY}"
            )
            return
        self._raised_to = floor
        self._context.call(commands.install(higher), CALL_S)

    def _fail(self, error: str) -> None:
        if error != self.error:
            logger.warning("! node %s: %s", self._context.node_id, error)
        self.error = error

    def _resign_below(self, floor: int) -> None:
        """Resign what this node leads in terms of a promotion that had a lower floor."""
        led = list[tuple[str, int]]()
        if floor <= self._resigned_below or not self._context.call(_read_led(led), CALL_S):
            return
        self._resigned_below = floor
        for election, term in led:
            if term <= floor:
                self._context.post(commands.resign(election, term, reason=LossReason.CONFIGURATION))


def _read_led(led: list[tuple[str, int]]) -> Command:
    """Append the elections that this node leads, on a lease or not, with their terms."""

    def act(elector: Elector, now: int) -> Ready:
        found = elector.state.elections.items()
        led.extend((name, each.leadership.term) for name, each in found if each.leadership is not None)
        return elector.tick(now)

    return act
