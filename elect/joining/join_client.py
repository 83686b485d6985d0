"""JoinClient: carries out the steps of a join, from the first seed to the installed configuration."""

import random
from collections.abc import Callable, Mapping

from elect.clock import NS_PER_S
from elect.core.configuration import Configuration
from elect.errors import JoinCancelled, JoinError
from elect.joining.join_exchange import JoinExchange
from elect.joining.join_passes import JoinEnd, JoinPasses, JoinPlan, JoinProgress, JoinTry, JoinWait
from elect.joining.member_kinds import difference
from elect.joining.start_choice import Reply
from wire.common.log import Log
from wire.protocol.address import Address

logger = Log(__name__)


class JoinClient:
    """One join. The thread `elect-join` calls `run`; any thread may call `cancel`.

    Args:
        plan: the settings.
        exchange: asks the seeds.
        install: called with the configuration that this node is a member of. It returns when that is on disk.
        note_progress: called at each step; must not block.
        note_end: called once, last: with None when the configuration is on disk, else with the error.
        find_callers: returns the nodes that dialed this one as a member of their cluster, and their addresses.
    """

    def __init__(
        self,
        plan: JoinPlan,
        exchange: JoinExchange,
        *,
        install: Callable[[Configuration], None],
        note_progress: Callable[[JoinProgress], None],
        note_end: Callable[[JoinError | None], None],
        find_callers: Callable[[], Mapping[str, Address]] = dict,
    ) -> None:
        self._plan = plan
        self._exchange = exchange
        self._install = install
        self._note_progress = note_progress
        self._note_end = note_end
        self._find_callers = find_callers
        self._logged = ""

    def run(self) -> None:
        """Join, or form a cluster; return when that is done, has failed for good, or was cancelled."""
        try:
            self._join()
        except JoinError as error:
            self._note_end(error)
        else:
            self._note_end(None)

    def cancel(self) -> None:
        """End the join soon with JoinCancelled. An installation that has begun is waited for."""
        self._exchange.cancel()

    def _join(self) -> None:
        passes = JoinPasses(self._plan, random.Random(), self._find_callers)  # noqa: S311 - for the jitter of waits
        steps, reply = passes.steps(), None
        while True:
            step = steps.send(reply)
            self._check_cancelled()
            self._note_progress(step.progress)
            match step:
                case JoinTry():
                    reply = self._ask(step)
                case JoinWait():
                    self._log(step.progress)
                    self._exchange.wait(step.wait_ns / NS_PER_S)
                    reply = None
                case JoinEnd():
                    self._end(step)
                    return
            self._check_cancelled()

    def _check_cancelled(self) -> None:
        if self._exchange.is_cancelled:
            raise JoinCancelled(self._plan.request.node_id)

    def _ask(self, step: JoinTry) -> Reply:
        return self._exchange.ask(step.address, step.node_id, self._plan.request)

    def _end(self, step: JoinEnd) -> None:
        self._install(step.configuration)
        node_id, others = self._plan.request.node_id, len(step.configuration.members) - 1
        if step.progress.is_forming:
            logger.info("* node %s formed a cluster", node_id)
        else:
            logger.info("* node %s joined a cluster of %d other members", node_id, others)
        if text := difference(step.configuration.member(node_id), self._plan.request.kind):
            logger.warning("* %s", text)

    def _log(self, progress: JoinProgress) -> None:
        """Log the replies of a pass, when they differ from those of the pass before."""
        replies = "".join(f"; {address} {reply}" for address, reply in progress.replies.items())
        text = f"{progress.choice}{replies}"
        if text != self._logged:
            self._logged = text
            logger.info("* node %s is in no cluster yet: %s", self._plan.request.node_id, text)
