"""Exchange: a two-way link after its handshake. One thread reads, one writes, and neither ever waits for the other.

Either of them may find the reason to end the link; it goes into the close reason, and the outbox is rung. Then the
writing thread says Bye, if the reason leaves anybody to hear it, and ends its direction of the stream; the reading
thread reads on, for the other end's last word, until the other end has closed, too, LINGER_S at most.

Source: FORMAT.md, sections 7.2 and 10.
"""

import threading
from collections.abc import Callable, Iterator

from wire.common.deadline import now_s
from wire.common.log import Log
from wire.io.channel import Channel
from wire.io.close_reason import CloseReason
from wire.io.link_events import Event
from wire.io.meter import Meter
from wire.io.outbox import Outbox
from wire.io.receiver import Receiver
from wire.io.sender import Sender
from wire.io.sockets import stop_writing, wake
from wire.protocol.connection import Connection
from wire.protocol.identity import LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.liveness_timer import LivenessTimer
from wire.protocol.wire_errors import ClosedError, LocalFault, ResetError, RestartedError, WireError

logger = Log(__name__)

LINGER_S = 0.5
"""Two ends that both live need a round trip; one that does not is not waited for."""


class Exchange:
    """One two-way link, at either end.

    Args:
        channel: the link's; left open in the end.
        connection: the link's.
        close_reason: why it ends.
        outbox: what to send.
        deliver: takes the messages that come.
        peer: the other end's id.
        number: the link's.
        is_dialed: this end dialed it.
        early: what came with the last bytes of the handshake.
        limits: the bounds.
        meter: told of what goes and comes.
        turned: see Sender.

    Attributes:
        receiver: what reads it.
    """

    def __init__(
        self,
        channel: Channel,
        connection: Connection,
        close_reason: CloseReason,
        outbox: Outbox,
        deliver: Callable[[Event], None],
        *,
        peer: str,
        number: LinkNumber,
        is_dialed: bool,
        early: Iterator[object],
        limits: Limits,
        meter: Meter,
        turned: Callable[[], object] = lambda: None,
    ) -> None:
        self._sock = channel.sock
        self._close_reason = close_reason
        self._outbox = outbox
        self._deliver = deliver
        self._lock = threading.Lock()
        self._is_hushed = False
        self._is_read_out = threading.Event()
        liveness_timer = LivenessTimer(limits, now_s(), is_two_way=True)
        self.receiver = receiver = Receiver(
            channel,
            connection,
            close_reason,
            self._pass_on,
            peer=peer,
            number=number,
            is_dialed=is_dialed,
            meter=meter,
            early=early,
            liveness_timer=liveness_timer,
        )
        self._sender = Sender(
            channel,
            connection,
            outbox,
            close_reason,
            liveness_timer,
            peer=peer,
            meter=meter,
            taken=lambda: receiver.taken,
            turned=turned,
        )

    def read(self) -> None:
        """What the reading thread does."""
        try:
            self.receiver.run()
            if self.receiver.is_end_of_stream:
                self._close_reason.give(ClosedError("the other end closed"))
            self._outbox.ring()
            self.receiver.drain()
        finally:
            self._is_read_out.set()

    def write(self) -> WireError:
        """What the writing thread does, until there is a reason to end; that reason."""
        try:
            return self._sender.run()
        except Exception:
            logger.exception("! writing a link failed")  # The reading thread must hear of it all the same.
            return self._close_reason.give(LocalFault("writing it failed"))

    def say_goodbye(self, why: WireError, bye: str) -> None:
        """Say the last words, or hear those of an end that is gone."""
        if not self._sender.part(why, bye) and isinstance(why, ResetError):
            self._is_read_out.wait(LINGER_S)

    def hush(self) -> None:
        """From here on nothing is delivered; what is being delivered is waited for."""
        with self._lock:
            self._is_hushed = True

    def leave(self) -> None:
        """End this direction; the other one when that has ended, or has had its time. Then reading is over."""
        stop_writing(self._sock)
        if not isinstance(self._close_reason.why, RestartedError):  # it has no last word
            self._is_read_out.wait(LINGER_S)
        wake(self._sock)

    def _pass_on(self, event: Event) -> None:
        with self._lock:
            if not self._is_hushed:
                self._deliver(event)
