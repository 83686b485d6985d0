"""What a dialer does with a link, from the end of its handshake to its end: it talks, or it talks and listens."""

import threading

from wire.common.reported_thread import ReportedThread
from wire.io.exchange import Exchange
from wire.io.sender import Sender
from wire.protocol.wire_errors import LocalFault, StoppedError, WireError


class Monologue:
    """On a one-way link.

    Attributes:
        bye: what the other end said before its end: nothing.
        reading: the thread that reads: none.
    """

    bye: str | None = None
    reading: threading.Thread | None = None

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def run(self) -> WireError:
        """Write until there is a reason to end; that reason."""
        return self._sender.run()

    def say_goodbye(self, why: WireError, bye: str) -> None:
        """Only then does the stream end with a whole frame."""
        if isinstance(why, StoppedError):
            self._sender.part(why, bye)

    def hush(self) -> None:
        """Nothing is ever delivered."""

    def leave(self) -> None:
        """There is nothing to wait for."""


class Dialogue:
    """On a two-way link.

    Args:
        exchange: the link's.
        name: the reading thread's.

    Attributes:
        reading: that thread.
    """

    def __init__(self, exchange: Exchange, name: str) -> None:
        self._exchange = exchange
        self.reading: threading.Thread | None = ReportedThread(exchange.read, name=name)

    @property
    def bye(self) -> str | None:
        """What the other end said before its end."""
        return self._exchange.receiver.bye

    def run(self) -> WireError:
        """Write and listen until there is a reason to end; that reason."""
        assert self.reading is not None
        try:
            self.reading.start()
        except RuntimeError as error:
            return LocalFault(f"no thread to read with: {error}")
        return self._exchange.write()

    def say_goodbye(self, why: WireError, bye: str) -> None:
        """Say the last words, if the reason leaves anybody to hear them."""
        self._exchange.say_goodbye(why, bye)

    def hush(self) -> None:
        """From here on nothing is delivered."""
        self._exchange.hush()

    def leave(self) -> None:
        """End this end's direction, and hear the other one out; then nobody reads any more."""
        self._exchange.leave()
        if self.reading is not None and self.reading.ident is not None:
            self.reading.join()
