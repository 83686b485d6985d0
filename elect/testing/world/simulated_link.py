"""One connection, as the two operating systems see it: frames go from the dialer to the acceptor only."""

from typing import TYPE_CHECKING, Final

from elect.core.events import Objection
from elect.core.membership_messages import Message
from elect.core.messages import Number
from elect.testing.simulation.simulation_options import Span
from elect.testing.world.simulated_network import Path
from elect.testing.world.world import World
from wire.protocol.identity import LinkNumber

if TYPE_CHECKING:
    from elect.testing.world.process import Process
    from elect.testing.world.simulated_dialer import SimulatedDialer

_BURST_NS: Final = 2_000_000
"""Frames handed over within this time of a freeze or a crash may still be inside the process."""

_FAR: Final = 2**62

_STRAY = Span(low=0.000_1, high=0.3)
"""The extra delay of a frame that arrives out of order."""


class SimulatedLink:
    """A connection from its dial to its end.

    Attributes:
        acceptor: the process that sent Welcome, or None.
        is_broken: reset or forgotten; nothing arrives any more.
        held: frames that wait because the path is cut or this link clogged, in order.
        is_finished: the dialer's end is closed.
        is_announced: the dialer said before that it closes the link.
        objection: the reason why the acceptor refused it, or None.
        is_silent: resets do not reach the dialer.
        wire_number: its number in the type of `wire`.
    """

    __slots__ = (
        "_burst_at",
        "_burst_first",
        "_is_clogged",
        "_is_lossy",
        "_kept",
        "_kept_after",
        "_last_at",
        "_release_at",
        "_sent",
        "_world",
        "acceptor",
        "back",
        "dialer",
        "held",
        "is_announced",
        "is_broken",
        "is_finished",
        "is_silent",
        "is_trusted",
        "number",
        "objection",
        "path",
        "wire_number",
    )

    def __init__(self, world: World, path: Path, number: Number, dialer: "SimulatedDialer") -> None:
        self._world = world
        self.path = path
        self.back = world.network.path(path.target, path.source)
        self.number = number
        self.wire_number = LinkNumber(number.incarnation, number.counter)
        self.dialer = dialer
        self.is_trusted = not path.is_proxied
        self.acceptor: Process | None = None
        self.is_broken = False
        self.is_finished = False
        self.is_announced = False
        self.is_silent = False
        self.objection: Objection | None = None
        self.held: list[tuple[int, Message | None]] = []
        self._is_clogged = False
        self._release_at = 0
        self._sent = 0
        self._last_at = 0
        self._burst_at = 0
        self._burst_first = 1
        self._kept_after = _FAR
        self._kept: list[Message | None] = []
        self._is_lossy = False
        path.links[self] = None

    def __str__(self) -> str:
        return f"{self.path} {self.number}"

    def transmit(self, message: Message) -> None:
        """Send a message, subject to the faults of the path."""
        path, rng, now = self.path, self._world.rng, self._world.scheduler.now
        if path.loss and rng.random() < path.loss:
            return
        if path.encode is not None:
            message = path.encode(message)
        if now != self._burst_at:
            self._burst_at = now
            self._burst_first = self._sent + 1
        self._send(message, is_stray=path.reordering > 0 and rng.random() < path.reordering)
        if path.duplication and rng.random() < path.duplication:
            self._send(message, is_stray=True)

    def _send(self, message: Message | None, *, is_stray: bool = False) -> None:
        world = self._world
        at = world.scheduler.now + self.path.delay.draw(world.rng)
        if is_stray:
            at += _STRAY.draw(world.rng)
        elif at < self._last_at:
            at = self._last_at
        else:
            self._last_at = at
        self._sent += 1
        self._carry(at, self._sent, message)

    def finish(self) -> None:
        """Close the dialer's end: the end of the stream arrives after all frames sent."""
        if not self.is_finished:
            self.is_finished = True
            world = self._world
            self._last_at = max(self._last_at, world.scheduler.now + self.path.delay.draw(world.rng))
            self._carry(self._last_at, 0, None)

    def _carry(self, at: int, frame: int, message: Message | None) -> None:
        """Schedule an arrival, or leave that to the world's `carry`."""
        world = self._world
        if world.carry is None:
            world.scheduler.at(at, self.arrive, frame, message)
        else:
            world.carry(at, self, frame, message)

    def freeze(self, *, is_lost: bool) -> None:
        """Stop the sender. Some of its last frames may not have left it: they are kept for later, or lost."""
        world = self._world
        self._is_lossy = is_lost
        if world.scheduler.now - self._burst_at <= _BURST_NS:
            self._kept_after = world.rng.randint(self._burst_first - 1, self._sent)

    def thaw(self) -> None:
        """Continue the sender: the frames that it kept leave before newer ones."""
        self._world.scheduler.at(self._last_at, self._send_kept)

    def _send_kept(self) -> None:
        self._kept_after = _FAR
        kept, self._kept = self._kept, []
        for message in kept:
            self.arrive(0, message)

    def arrive(self, frame: int, message: Message | None) -> None:
        """Deliver a frame, or the end of the stream (None), unless it is held or kept; number 0 is never kept."""
        if self.is_broken:
            self._answer_reset()
        elif self.held or self._is_clogged or self.path.is_cut:
            self.held.append((frame, message))
        elif frame > self._kept_after:
            if not self._is_lossy:
                self._kept.append(message)
        else:
            self._deliver(message)

    def _deliver(self, message: Message | None) -> None:
        acceptor = self.acceptor
        if acceptor is None or not acceptor.is_alive:
            if self._world.hosts[self.path.target].is_up:
                self._answer_reset()
        elif message is not None:
            acceptor.links.receive_frame(self, message)
        else:
            self.path.links.pop(self, None)
            acceptor.links.receive_end(self, is_end_of_stream=True)

    def _answer_reset(self) -> None:
        """Answer with a reset: the receiving system does not know this connection."""
        if self.dialer.link is self and not self.back.is_cut and not self.is_silent:
            world = self._world
            world.scheduler.after(self.back.delay.draw(world.rng), self.dialer.notice_end, self)

    def clog(self, duration: int) -> None:
        """Hold all frames for a duration (ns), as a retransmission timer does."""
        self._is_clogged = True
        self._release_at = self._world.scheduler.now + duration
        self._world.scheduler.after(duration, self._release_due)

    def _release_due(self) -> None:
        if self._world.scheduler.now >= self._release_at:
            self.release()

    def release(self) -> None:
        """Deliver the held frames in order, unless the path is cut."""
        self._is_clogged = False
        if self.path.is_cut:
            return
        held, self.held = self.held, []
        for frame, message in held:
            self.arrive(frame, message)

    def break_off(self) -> None:
        """Reset the connection: nothing arrives any more."""
        self.is_broken = True
        self.held.clear()
        self.path.links.pop(self, None)
