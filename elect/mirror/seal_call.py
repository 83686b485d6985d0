"""Asks the nodes of a source to seal their cluster, each on a link of its own."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

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

PASSING = (SealOutcome.FAILED, RefusalCode.BUSY, RefusalCode.NO_ID_YET)
"""The answers that may be others soon."""


class SealCall:
    """The user of one link. It subscribes at the change that the mirror has applied, so that little follows.

    Args:
        subscribe: the first message.
        successor: the addresses to which the source sends people from then on.

    Attributes:
        answer: that of the node; None: it has not answered.
    """

    def __init__(self, subscribe: Subscribe, successor: str) -> None:
        self.answer: SealAnswer | None = None
        self._subscribe = subscribe
        self._request: SealRequest | None = SealRequest(successor=successor)
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


def ask_to_seal(
    addresses: Sequence[Address],
    make_dialing: Callable[[], Dialing],
    subscribe: Subscribe,
    successor: str,
    seconds: float,
) -> SealAnswer:
    """Return the answer of the first node that has sealed its cluster.

    A node that may do it in a moment is asked again. One that cannot be reached is not: its site may be lost.

    Args:
        addresses: of the nodes, each of which is asked in turn.
        make_dialing: returns the parameters of a dial.
        subscribe: the first message to each.
        successor: see SealRequest.
        seconds: for all of it.

    Raises:
        SealFailed: no node is known to have done it.
    """
    deadline, said = Deadline(seconds), dict[Address, str]()
    waiting = deque(addresses)
    while waiting and not deadline.is_over:
        address = waiting.popleft()
        call = SealCall(subscribe, successor)
        link = SourceLink(address, make_dialing(), call)
        reasons = list[WireError | SourceProblem]()
        thread = ReportedThread(partial(_run, link, reasons), name="elect-mirror-seal")
        thread.start()
        thread.join(deadline.remaining_s)
        link.end(StoppedError("the time is over"))
        if call.answer is not None and call.answer.outcome == SealOutcome.SEALED:
            return call.answer
        said[address] = str(reasons[0]) if reasons else "no answer in time"
        if reasons and isinstance(reasons[0], SourceProblem) and reasons[0].code in PASSING:
            waiting.append(address)
            time.sleep(min(WAIT_S, deadline.remaining_s))
    raise SealFailed([(str(address), text) for address, text in said.items()])


def _run(link: SourceLink, reasons: list[WireError | SourceProblem]) -> None:
    try:
        link.run()
    except (WireError, SourceProblem) as error:
        reasons.append(error)
