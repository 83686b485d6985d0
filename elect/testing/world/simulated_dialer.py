"""A process's side towards one peer: dial, say Hello, wait for Welcome; after a loss wait and dial again."""

from typing import TYPE_CHECKING

from elect.core.messages import Number
from elect.testing.simulation.simulation_options import NANOSECONDS
from elect.testing.world.simulated_link import SimulatedLink

if TYPE_CHECKING:
    from elect.testing.world.process import Process

_HANDSHAKE_TIMEOUT_NS = NANOSECONDS // 2


class SimulatedDialer:
    """Keeps one link to one peer.

    Attributes:
        process: that dials.
        link: being dialed or open, or None.
        is_open: whether it got its Welcome.
    """

    def __init__(self, process: "Process", peer: str) -> None:
        self.process = process
        self._world = process.world
        self.peer = peer
        self.link: SimulatedLink | None = None
        self.is_open = False
        self._failures = 0
        self._attempt = 0

    def dial(self) -> None:
        """Make a new link, numbered above every earlier one."""
        world, process = self._world, self.process
        self._attempt += 1
        number = Number(process.incarnation, process.next_counter())
        path = world.network.path(process.node_id, self.peer)
        link = self.link = SimulatedLink(world, path, number, self)
        back = link.back.delay.draw(world.rng)
        hello_at = world.now + 2 * path.delay.draw(world.rng) + back
        world.scheduler.at(hello_at, self._hello, link)
        world.scheduler.after(_HANDSHAKE_TIMEOUT_NS, process.put, self, self._time_out, link)

    def nudge(self) -> None:
        """Dial now instead of after the backoff, and notice now what is closed or reset."""
        self._failures = 0
        if self.link is None:
            self.dial()
        elif self.link.is_broken or self.link.is_finished:
            self.notice(self.link)

    def compare(self, incarnation: int) -> None:
        """Give up a link that goes to an earlier process than this one, which dialed in just now."""
        link = self.link
        if self.is_open and link is not None and link.acceptor is not None and link.acceptor.incarnation < incarnation:
            self.notice(link)

    def _hello(self, link: SimulatedLink) -> None:
        """Hello reaches the peer's machine, or nothing."""
        host = self._world.hosts[self.peer]
        if link.path.is_cut or link.back.is_cut or not host.is_up:
            link.break_off()
        elif host.process is None:
            link.break_off()
            self._world.scheduler.after(link.back.delay.draw(self._world.rng), self.notice, link)
        else:
            host.process.greet(link)

    def welcome(self, link: SimulatedLink) -> None:
        """The peer's Welcome, or its Reject, is on its way back."""
        world = self._world
        if not link.back.is_cut:
            action = self._close if link.acceptor is None else self._opened
            world.scheduler.after(link.back.delay.draw(world.rng), self.process.put, self, action, link)

    def _opened(self, link: SimulatedLink) -> None:
        acceptor = link.acceptor
        if self.link is not link or self.is_open or link.is_broken:
            return
        if acceptor is None:
            self._close(link)
        elif self.process.objection_to(acceptor) is not None:
            self.process.store_lost(self.peer)
            self._close(link)
        else:
            self.is_open = True
            self._failures = 0
            self.process.opened(link)

    def _time_out(self, link: SimulatedLink) -> None:
        if self.link is link and not self.is_open:
            self._close(link)

    def notice(self, link: SimulatedLink) -> None:
        """The other end is closed, reset or silent for too long: a close of our own follows."""
        self.process.put(self, self._close, link)

    def _close(self, link: SimulatedLink) -> None:
        """Stop counting first, close then, dial again after that: PROTOCOL.md, section 5."""
        if self.link is not link:
            return
        if self.is_open:
            self.process.closing(link)
        elif link.objection is not None:
            self.process.refused(self.peer, link.objection)
        self.is_open = False
        self.link = None
        link.finish()
        self._failures += 1
        world = self._world
        backoff = world.options.backoff
        share = min(1.0, self._failures / 4) * (0.5 + world.rng.random() / 2)
        wait = round((backoff.low + (backoff.high - backoff.low) * share) * NANOSECONDS)
        world.scheduler.after(wait, self.process.put, self, self._redial, self._attempt)

    def _redial(self, attempt: int) -> None:
        if self.link is None and attempt == self._attempt:
            self.dial()
