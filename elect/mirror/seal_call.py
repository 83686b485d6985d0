"""Asks all nodes of a source at once to seal their cluster, each on a link of its own."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue

from elect.core.configuration import check_successor
from elect.core.promotion import SEEN_TERM_MAX
from elect.mirror.mirror_errors import SealFailed
from elect.mirror.mirror_machine import SourceProblem
from elect.mirror.source_link import SourceLink
from elect.observing.mirror_messages import (
    RefusalCode,
    SealAnswer,
    SealOutcome,
    SealRequest,
    SourceRefusal,
    SourceWelcome,
    Subscribe,
)
from wire.common.deadline import Deadline
from wire.common.reported_thread import ReportedThread
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.protocol.wire_errors import StoppedError, WireError

WAIT_S = 0.25
"""Between two looks at the reason to end, and two requests to one node."""

END_S = 0.5
"""For all threads to end once they are told: longer than a last write to a source that reads nothing."""

PASSING = (SealOutcome.FAILED, RefusalCode.BUSY, RefusalCode.NO_ID_YET)
"""The answers that may be others soon."""


class SealCall:
    """The user of one link. It subscribes at the change that the mirror has applied, so that little follows.

    Args:
        subscribe: the first message.
        request: the second one.

    Attributes:
        answer: that of the node; None: it has not answered.
    """

    def __init__(self, subscribe: Subscribe, request: SealRequest) -> None:
        self.answer: SealAnswer | None = None
        self._subscribe = subscribe
        self._request: SealRequest | None = request
        self._is_welcome = False

    def begin(self, node_id: str) -> object:  # noqa: ARG002 - see LinkUser
        """See LinkUser."""
        return self._subscribe

    def receive(self, message: object) -> None:
        """See LinkUser."""
        match message:
            case SourceRefusal():
                raise SourceProblem(message.code, message.text)
            case SourceWelcome():
                self._is_welcome = True
            case SealAnswer(highest_term=term) if term > SEEN_TERM_MAX:
                raise SourceProblem("wrong_term", f"it names term {term:,}, which no elections reach")
            case SealAnswer():
                self.answer = message
                raise SourceProblem(message.outcome, message.text)  # it ends the link
            case _:
                pass

    def work(self) -> tuple[object | None, float]:
        """See LinkUser."""
        request = None
        if self._is_welcome:
            request, self._request = self._request, None
        return request, WAIT_S


class SealAttempt:
    """One node that is asked, on a thread of its own, until it has sealed its cluster, will not, or is not to.

    A node that may do it in a moment is asked again. One that cannot be reached is not: its site may be lost.

    Args:
        address: of the node.
        make_call: returns the user of a link.
        make_dialing: returns the parameters of a dial.
        on_end: called with this attempt when it is over, on its thread.

    Attributes:
        answer: that of a node that has sealed its cluster, or None.
        said: the latest that is known of the node, as a sentence.
    """

    def __init__(
        self,
        address: Address,
        make_call: Callable[[], SealCall],
        make_dialing: Callable[[], Dialing],
        on_end: Callable[["SealAttempt"], object],
    ) -> None:
        self.address = address
        self.answer: SealAnswer | None = None
        self.said = "no answer in time"
        self._make_call = make_call
        self._make_dialing = make_dialing
        self._on_end = on_end
        self._is_over = threading.Event()
        self._link: SourceLink | None = None
        self._thread = ReportedThread(self._run, name="elect-mirror-seal")

    def start(self) -> None:
        """Begin to ask; without a thread the attempt is over at once."""
        try:
            self._thread.start()
        except RuntimeError as error:
            self.said = str(error)
            self._on_end(self)

    def end(self) -> None:
        """Ask no more, without waiting."""
        self._is_over.set()
        link = self._link
        if link is not None:
            link.end(StoppedError("the time is over"))

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended (seconds). Nothing ends the lookup of a name."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while self._ask():
                self._is_over.wait(WAIT_S)
        finally:
            self._on_end(self)

    def _ask(self) -> bool:
        """Ask once; return whether to ask again."""
        call = self._make_call()
        self._link = link = SourceLink(self.address, self._make_dialing(), call)
        if self._is_over.is_set():
            return False
        problem: WireError | SourceProblem | None = None
        try:
            link.run()
        except (WireError, SourceProblem) as error:
            problem = error
        if call.answer is not None and call.answer.outcome == SealOutcome.SEALED:
            self.answer = call.answer
            return False
        if problem is not None and not self._is_over.is_set():
            self.said = str(problem).removeprefix(f"{self.address}: ")
        return isinstance(problem, SourceProblem) and problem.code in PASSING


def ask_to_seal(
    addresses: Sequence[Address],
    make_dialing: Callable[[], Dialing],
    subscribe: Subscribe,
    successor: str,
    seconds: float,
) -> SealAnswer:
    """Return the answer of the first node that has sealed its cluster.

    All are asked at once: a node that is cut off from its own cluster, or a host that drops packets, delays no other.
    Two that seal the cluster at the same time change nothing twice.

    Args:
        addresses: of the nodes, at most 64.
        make_dialing: returns the parameters of a dial.
        subscribe: the first message to each.
        successor: see SealRequest; ASCII alone.
        seconds: for all of it.

    Raises:
        SealFailed: no node is known to have done it.
        TypeError, ValueError: the successor is none.
    """
    check_successor(successor)  # the rule of the source, which would refuse it again and again
    request = SealRequest(successor=successor)
    deadline, ended = Deadline(seconds), SimpleQueue[SealAttempt]()
    make_call = partial(SealCall, subscribe, request)
    attempts = [SealAttempt(address, make_call, make_dialing, ended.put) for address in addresses]
    try:
        for attempt in attempts:
            attempt.start()
        for _ in attempts:
            answer = ended.get(timeout=deadline.remaining_s).answer
            if answer is not None:
                return answer
    except Empty:
        pass  # the time is over
    finally:
        _end(attempts)
    raise SealFailed([(str(attempt.address), attempt.said) for attempt in attempts])


def _end(attempts: Sequence[SealAttempt]) -> None:
    for attempt in attempts:
        attempt.end()
    deadline = Deadline(END_S)
    for attempt in attempts:
        attempt.join(deadline.remaining_s)
