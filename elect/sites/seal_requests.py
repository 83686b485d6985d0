"""SealRequests: seals the cluster when a mirror of another site asks for it, on a thread of its own.

The thread that serves the mirrors must not wait for the disks of a quorum and the end of the leases.
"""

import threading
from collections import deque
from collections.abc import Callable

from elect.bridge.inbox import Command
from elect.bridge.node_context import STATUS_TIMEOUT_S, NodeContext
from elect.core.changes import Change, Seal
from elect.core.configuration import Configuration
from elect.core.elect_error import ElectError
from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.core.rules import installing, sites
from elect.errors import LeadershipTimeout, Stopped
from elect.monitoring import audit
from elect.observing.mirror_messages import TEXT_LENGTH_MAX, SealAnswer, SealOutcome
from elect.observing.mirror_server import Answer
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread

logger = Log(__name__)

SEAL_S = 10.0
"""For one request: the time that a mirror waits by default."""

WAITING_MAX = 32
"""Requests that wait: one of each mirror."""

FORBIDDEN = (
    "mirrors may not seal this cluster: [clients] may_seal is false, or nothing proves what a mirror is; run elect"
    " mirror seal on a node of it"
)


class SealRequests:
    """The requests of mirrors to one node.

    Args:
        context: of the node.
        change: makes a change, or asks the leader for it.
    """

    def __init__(self, context: NodeContext, change: Callable[[Change, float | None], Configuration]) -> None:
        self._context = context
        self._change = change
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, str, Answer]] = deque()
        self._thread: ReportedThread | None = None
        self._is_stopped = False

    def ask(self, mirror: str, successor: str, answer: Answer) -> None:
        """See OnSeal: begin to seal the cluster, and answer later."""
        if not self._context.config.is_sealing_allowed:
            logger.warning("! mirror %s must not seal this cluster", mirror)
            answer(SealAnswer(outcome=SealOutcome.FORBIDDEN.value, text=FORBIDDEN))
            return
        with self._lock:
            is_taken = not self._is_stopped and len(self._waiting) < WAITING_MAX
            is_taken = is_taken and self._is_working()
            if is_taken:
                self._waiting.append((mirror, successor, answer))
        if not is_taken:  # it asks again, or another node
            answer(_failed("this node has no room for another request, or no thread, or stops"))

    def stop(self, timeout: float) -> bool:
        """Begin nothing more; return whether the thread has ended in time (seconds)."""
        with self._lock:
            self._is_stopped = True
            self._waiting.clear()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _is_working(self) -> bool:
        """Start the thread if there is none; return whether it looks at what waits. It waits for the lock."""
        if self._thread is None:
            thread = ReportedThread(self._work, name="elect-seal")
            try:
                thread.start()
            except RuntimeError:  # the system has none
                return False
            self._thread = thread
        return True

    def _work(self) -> None:
        while (request := self._next()) is not None:
            mirror, successor, answer = request
            answer(self._seal(mirror, successor))

    def _next(self) -> tuple[str, str, Answer] | None:
        with self._lock:
            if not self._waiting:
                self._thread = None
            return self._waiting.popleft() if self._waiting else None

    def _seal(self, mirror: str, successor: str) -> SealAnswer:
        try:
            made = audited_seal(self._context, mirror, lambda: self._change(Seal(successor=successor), SEAL_S))
            terms = list[int]()
            self._context.call(_read_highest_term(terms), STATUS_TIMEOUT_S)
        except (ElectError, ValueError, TypeError) as error:
            logger.warning("! the seal that mirror %s asked for is not known to be complete: %s", mirror, error)
            return _failed(str(error))
        text = f"the cluster is sealed, and refers to {made.successor or 'nobody'}"
        return SealAnswer(
            outcome=SealOutcome.SEALED.value,
            text=text[:TEXT_LENGTH_MAX],
            highest_term=max([made.term, *terms]),
        )


def audited_seal(context: NodeContext, asker: str, seal: Callable[[], Configuration]) -> Configuration:
    """Seal the cluster, and add a line to the audit file of the node that was asked.

    Args:
        context: of that node.
        asker: for whom.
        seal: makes the change; it raises as `MemberChanger.change` does.
    """
    node, directory = f"node {context.node_id}", context.config.data_dir
    context.check_running()  # one that does not run asks nobody
    try:
        made = seal()
    except (LeadershipTimeout, Stopped, KeyboardInterrupt) as error:  # it may be made all the same
        reason = str(error) or type(error).__name__
        error.add_note("the seal may be made all the same: repeat it, at any node of this cluster")
        audit.record(directory, f"{node} was asked to seal for {asker}, which is not known to be complete: {reason}")
        raise
    text = f"the cluster is sealed, and refers to {made.successor or 'nobody'}"
    audit.record(directory, f"{node} sealed for {asker}: {text}")
    return made


def _failed(text: str) -> SealAnswer:
    return SealAnswer(outcome=SealOutcome.FAILED.value, text=text[:TEXT_LENGTH_MAX])


def _read_highest_term(terms: list[int]) -> Command:
    """Append the highest term that this node, or a voter that has reported the seal to it, knows of."""

    def act(elector: Elector, now: int) -> Ready:
        state = elector.state
        terms.extend(report.term for report in installing.reports(state).values())
        terms.append(sites.highest_term(state))
        return elector.tick(now)

    return act
