"""The dialer of one process for one peer: it sends Hello, waits for Welcome, and redials after a loss."""

from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING

from elect.bridge.admission import OBJECTIONS
from elect.clock import NS_PER_S
from elect.testing.world.simulated_link import SimulatedLink
from wire.io.link_events import DialFailed, LinkClosing, LinkOpened
from wire.protocol.identity import PeerIdentity
from wire.protocol.wire_errors import ClosedError, Refusal, UnwelcomeError

if TYPE_CHECKING:
    from elect.testing.world.process import Process

_HANDSHAKE_TIMEOUT_NS = NS_PER_S // 2
_CODES = {objection: code for code, objection in OBJECTIONS.items()}


class CloseAllowed(Event):
    """Set by the orchestrator once the elector knows that a link closes; calls the dialer."""

    def __init__(self, close: Callable[[], None]) -> None:
        super().__init__()
        self._close = close

    def set(self) -> None:
        """Make the dialer close the link."""
        self._close()


class SimulatedDialer:
    """Keeps one link to one peer, on a thread behind the process's gate.

    Attributes:
        process: the process that dials.
        link: being dialed or open, or None.
        is_open: the link got its Welcome.
    """

    def __init__(self, process: "Process", peer: str) -> None:
        self.process = process
        self._world = process.world
        self.peer = peer
        self.link: SimulatedLink | None = None
        self.is_open = False
        self._is_closing = False
        self._is_retired = False
        self._failures = 0
        self._attempt = 0

    def dial(self) -> None:
        """Dial a new link, numbered above every earlier one."""
        world, process = self._world, self.process
        self._attempt += 1
        path = world.network.path(process.node_id, self.peer)
        link = self.link = SimulatedLink(world, path, process.links.next_number(), self)
        back = link.back.delay.draw(world.rng)
        hello_at = world.now + 2 * path.delay.draw(world.rng) + back
        world.scheduler.at(hello_at, self._hello, link)
        world.scheduler.after(_HANDSHAKE_TIMEOUT_NS, process.gate.run, self, self._time_out, link)

    def nudge(self) -> None:
        """Dial now instead of after the backoff; notice now that a link is closed or reset."""
        self._failures = 0
        if self.link is None:
            self.dial()
        elif self.link.is_broken or self.link.is_finished:
            self.notice_end(self.link)

    def retire(self) -> None:
        """Close the link and dial no more: the peer was dismissed."""
        self._is_retired = True
        self.is_open = False
        if self.link is not None:
            self._hang_up(self.link)

    def close_if_outdated(self, identity: PeerIdentity) -> None:
        """Close the link if it goes to an earlier process of the peer than this one, or to another store."""
        link = self.link
        if not self.is_open or link is None or link.acceptor is None:
            return
        if link.acceptor.incarnation < identity.incarnation or link.acceptor.store_id != identity.store:
            self.notice_end(link)

    def _hello(self, link: SimulatedLink) -> None:
        """Deliver Hello to the peer's machine, unless the path is cut or the machine down."""
        host = self._world.hosts[self.peer]
        if link.path.is_cut or link.back.is_cut or not host.is_up or self._is_retired:
            link.break_off()
        elif host.process is None:
            link.break_off()
            self._world.scheduler.after(link.back.delay.draw(self._world.rng), self.notice_end, link)
        else:
            host.process.links.receive_hello(link)

    def receive_answer(self, link: SimulatedLink) -> None:
        """Receive the peer's Welcome or Reject, after the delay of the way back."""
        world = self._world
        if not link.back.is_cut:
            world.scheduler.after(link.back.delay.draw(world.rng), self.process.gate.run, self, self._open, link)

    def _open(self, link: SimulatedLink) -> None:
        acceptor = link.acceptor
        if acceptor is None:
            self._close(link)
            return
        if self.link is not link or self.is_open or self._is_closing or link.is_broken:
            return
        if self.process.links.objection_to(acceptor) is not None:
            self.process.deliver(DialFailed(peer=self.peer, error=UnwelcomeError("met under another store")))
            self._close(link)
        else:
            self.is_open = True
            self._failures = 0
            self.process.deliver(
                LinkOpened(
                    peer=self.peer,
                    number=link.wire_number,
                    identity=acceptor.identity,
                    is_trusted=link.is_trusted,
                    local="",
                    remote="",
                )
            )

    def _time_out(self, link: SimulatedLink) -> None:
        if self.link is link and not (self.is_open or self._is_closing):
            self._close(link)

    def notice_end(self, link: SimulatedLink) -> None:
        """Notice that the other end is closed, reset or silent for too long, and close this end."""
        self.process.gate.run(self, self._close, link)

    def _close(self, link: SimulatedLink) -> None:
        """Tell the elector first, then close, then dial again: PROTOCOL.md, section 5."""
        if self.link is not link or self._is_closing:
            return
        if self.is_open:
            self.is_open = False
            self._is_closing = True
            done = CloseAllowed(lambda: self.process.gate.run(self, self._hang_up, link))
            self.process.deliver(
                LinkClosing(peer=self.peer, number=link.wire_number, error=ClosedError("it is closed"), done=done)
            )
            return
        if link.objection is not None:
            refusal = Refusal(_CODES[link.objection], "refused", is_retryable=True)
            self.process.deliver(DialFailed(peer=self.peer, error=refusal))
        self._hang_up(link)

    def _hang_up(self, link: SimulatedLink) -> None:
        self._is_closing = False
        self.link = None
        link.is_announced = not link.held  # a Bye does not fit a connection that is stuck
        link.finish()
        self._failures += 1
        world = self._world
        backoff = world.options.backoff
        share = min(1.0, self._failures / 4) * (0.5 + world.rng.random() / 2)
        wait = round((backoff.low + (backoff.high - backoff.low) * share) * NS_PER_S)
        world.scheduler.after(wait, self.process.gate.run, self, self._redial, self._attempt)

    def _redial(self, attempt: int) -> None:
        if self.link is None and attempt == self._attempt and not self._is_retired:
            self.dial()
