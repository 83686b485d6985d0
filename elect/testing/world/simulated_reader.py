"""A process's reader threads, and the product's own `HeartbeatCoalescer` behind them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elect.core.messages import Message
from elect.runtime.heartbeat_coalescer import HeartbeatCoalescer
from wire.io.link_events import Event, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber

if TYPE_CHECKING:
    from elect.testing.world.process import Process
    from elect.testing.world.simulated_link import SimulatedLink


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame(MessageReceived):
    link: "SimulatedLink"
    content: Message


class SimulatedReader:
    """Reads frames, stamps what may wait, and hands the rest to the protocol's thread."""

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._coalescer = HeartbeatCoalescer(process.host.elector_options().timing, lambda: process.now, self._put)

    def read(self, link: "SimulatedLink", message: Message) -> None:
        """Take a frame whose bytes were read just now."""
        number = LinkNumber(link.number.incarnation, link.number.counter)
        self._coalescer.deliver(
            _Frame(peer=link.path.source, number=number, message=message, link=link, content=message)
        )

    def forget(self, link: "SimulatedLink") -> None:
        """A link was accepted or ended: what waits from its peer counts as lost."""
        number = LinkNumber(link.number.incarnation, link.number.counter)
        ended = LinkEnded(peer=link.path.source, number=number, is_end_of_stream=False, error=None, bye=None)
        self._coalescer.deliver(ended)

    def take(self) -> None:
        """Handle what waits, as of when it was read."""
        for read_at, event in self._coalescer.take():
            assert isinstance(event, _Frame)
            self._process.receive_at(read_at, event.link, event.content)

    def _put(self, event: Event) -> None:
        if isinstance(event, _Frame):
            self._process.gate.put(event.link, self._process.receive, event.link, event.content)
