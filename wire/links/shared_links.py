"""SharedLinks: runs many accepted two-way links on one thread.

A thread for each of a thousand clients would cost more than all else that a node does. So sockets do not block here,
and nowhere else. Handshakes are done before, on the threads of the Listener.

Theory of operation. In each round the thread waits for sockets, for the bell, or for the next point in time. Then it
serves the links that can be read or written, those that were handed over, those whose outbox has something new, and
those that owe a sign of life. Other threads only put something into a deque or an outbox, and ring the bell. The owner
has a turn on the thread as well, when it asks for one.

Each part of the work is short, and the thread pauses now and then: a thousand links that have something to do at once
would otherwise keep the interpreter from the other threads for milliseconds.
"""

import selectors
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from wire.common import arguments
from wire.common.deadline import now_s
from wire.common.descriptors import descriptors_max
from wire.common.log import Log
from wire.common.native import check_native
from wire.common.pacer import Pacer
from wire.common.reported_thread import ReportedThread
from wire.io.bell import Bell
from wire.io.link_events import Event
from wire.io.meter import Meter
from wire.io.open_link import OpenLink
from wire.io.outbox import Outbox, RingingOutbox
from wire.io.polled_link import PayloadCache, PolledLink
from wire.io.sockets import own_selector
from wire.links.accepted_link import AcceptedLink
from wire.links.endpoint import Endpoint
from wire.links.link_log import SharedLinkLog
from wire.links.registry import Registry
from wire.protocol.handshake import Bye, Heard, Hello, Judge, accept_any_peer
from wire.protocol.identity import LinkNumber
from wire.protocol.schema import kind_of
from wire.protocol.wire_errors import StoppedError, UnreadError, WireError

logger = Log(__name__)

LINKS_MAX = 2_000
"""Each link has one descriptor and 6 kB, with TLS 35 kB; 2,000 of them take a fifth of a core for signs of life."""

DESCRIPTORS_SHARE = 2
"""The links have at most a half of the process's descriptors: the rest is for peers, files and the program."""

SERIES = "*/*"
"""The name of all these links together in the series of a meter: one for each would be as many as strangers like."""


@dataclass(slots=True, eq=False)
class _Served:
    """A link that the thread serves, with the events that its selector waits for."""

    hello: Hello
    accepted: AcceptedLink
    open_link: OpenLink
    link: PolledLink
    events: int
    is_closed: bool = False


class SharedLinks:
    """The links of some kinds of a Listener, or of several Listeners.

    Args:
        endpoint: this end, as the Listener has it. Its `deliver` is called on the thread of this object, and must not
            block: all links wait for it. Its limits hold for each link, but for the number of links.
        links_max: links, as long as the process may have twice as many descriptors.
        links_per_host_max: those of one address; default: half of all, so that the other half is left for others.
        judge: given who a dialer says it is; a refusal ends its handshake. Called on threads of the Listener.
        turn: called on the thread after `wake`, and when the seconds that it returned have passed; must not block. It
            returns None to wait for the next `wake`.

    Raises:
        TypeError, ValueError: an argument is of another type, or out of its bounds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        links_max: int = LINKS_MAX,
        links_per_host_max: int | None = None,
        judge: Judge = accept_any_peer,
        turn: Callable[[], float | None] = lambda: None,
    ) -> None:
        arguments.check_type("endpoint", endpoint, Endpoint, "an Endpoint")
        arguments.check_callable("judge", judge)
        arguments.check_callable("turn", turn)
        if (descriptors := descriptors_max()) is not None:
            links_max = min(links_max, max(1, descriptors // DESCRIPTORS_SHARE))
        per_host = max(1, links_max // 2) if links_per_host_max is None else links_per_host_max
        self.judge = judge
        self.links_max = links_max
        self._limits = limits = replace(endpoint.limits, links_max=links_max, links_per_host_max=per_host)
        self.registry = Registry(limits)
        self._codec = endpoint.codec
        self._deliver = endpoint.deliver
        self._meter = endpoint.metrics or Meter()
        self._turn = turn
        self._thread = ReportedThread(self._run, name=f"{endpoint.name}-clients")
        self._payloads = PayloadCache(endpoint.codec.extended(Bye, Heard))
        self._lock = threading.Lock()
        self._is_closed = self._is_turn_asked = False
        self._stopped = threading.Event()
        self._pacer = Pacer(self._stopped)
        self._arrived: deque[tuple[Hello, AcceptedLink]] = deque()
        self._rung: deque[RingingOutbox] = deque()
        self._links: dict[Outbox, _Served] = {}
        self._due: deque[tuple[float, _Served]] = deque()
        self._ending: deque[tuple[float, _Served]] = deque()
        self._turn_s: float | None = None
        self._periodic_s = 0.0
        self._log = SharedLinkLog(logger)
        self._selector: selectors.BaseSelector | None = None
        self._bell: Bell | None = None

    def __len__(self) -> int:
        """Return the number of open links."""
        return len(self._links)

    @property
    def is_alive(self) -> bool:
        """Whether it was started and its thread has not ended."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to serve links.

        Raises:
            OSError: there is no descriptor.
            RuntimeError: there is no thread, it was started or stopped before, or gevent or eventlet is in the way.
        """
        check_native()
        self._thread.check_new(is_over=self._is_closed)
        self._selector = selector = own_selector()
        self._bell = bell = Bell()
        selector.register(bell.sock, selectors.EVENT_READ, bell)
        self._meter.watch_peer(SERIES, self._depth)
        try:
            self._thread.start()
        except RuntimeError:
            self._close_all()
            raise

    def send(
        self, peer: str, number: LinkNumber | tuple[int, int], message: object, *, replaces: str | None = None
    ) -> bool:
        """Put a message into the outbox of a link, from any thread. Never blocks.

        An end that reads too slowly for its outbox is cut off: what it knows would be outdated.

        Args:
            peer: the id of the other end.
            number: the link's, as LinkAccepted gave it.
            message: one of the codec's.
            replaces: a text; the message replaces a waiting one that was put with the same text.

        Returns:
            False when it was dropped: the outbox is full, or there is no such link.

        Raises:
            TypeError: the message is none of the codec's.
        """
        self._codec.check(message)
        number = LinkNumber(*number)
        accepted = self.registry.live(peer, number)
        if accepted is None:
            self._meter.add_dropped(SERIES, kind_of(type(message)))
            return False
        is_put = accepted.send(number, message, replaces)
        if not is_put:
            accepted.cut(UnreadError("too many messages wait for it"))
        return is_put

    def send_to_each(
        self, links: Iterable[tuple[str, LinkNumber]], message: object, *, replaces: str | None = None
    ) -> int:
        """Send one message on each of these links, as `send` does; it is encoded once.

        On the thread of this object a link takes it at once, unless others wait in its outbox.

        Returns: the number of links that take it.
        """
        is_own_thread = self._thread is threading.current_thread()
        return sum(
            (is_own_thread and self._send_now(*link, message)) or self.send(*link, message, replaces=replaces)
            for link in links
        )

    def cut(self, peer: str, number: LinkNumber | tuple[int, int], error: WireError) -> None:
        """End a link if there is one, from any thread. Never blocks; LinkEnded with this error follows."""
        accepted = self.registry.live(peer, LinkNumber(*number))
        if accepted is not None:
            accepted.cut(error)

    def wake(self) -> None:
        """Ask for a turn on the thread, from any thread. Never blocks; many calls may become one turn."""
        self._is_turn_asked = True
        self._ring_bell()

    def stop(self, timeout: float | None) -> bool:
        """Send the waiting messages and a Bye on every link, and end. It takes about half a second at most.

        Args:
            timeout: seconds to wait for the thread; None for no limit.

        Returns:
            Whether the thread has ended.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or below 0.
        """
        timeout = arguments.bounded_seconds("timeout", timeout)
        self._stopped.set()
        self._ring_bell()
        if self._thread.ident is None:
            self._close_all()
        elif self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive() or self._thread is threading.current_thread()

    def outbox(self) -> Outbox:
        """Return the outbox for a link that will be handed over."""
        return RingingOutbox(self._limits.outbox_messages_max, SERIES, self._meter, self._note_rung)

    def serve(self, hello: Hello, accepted: AcceptedLink) -> None:
        """Take over a link that `registry` has; the thread that did its handshake calls this last."""
        with self._lock:
            self._arrived.append((hello, accepted))
            is_closed = self._is_closed
        if is_closed:
            self._turn_away_arrived()
        self._ring_bell()

    def _send_now(self, peer: str, number: LinkNumber, message: object) -> bool:
        accepted = self.registry.live(peer, number)
        link = None if accepted is None else accepted.open_link
        served = None if link is None else self._links.get(link.outbox)
        return served is not None and served.link.send(message, now_s())

    def _note_rung(self, outbox: RingingOutbox) -> None:
        self._rung.append(outbox)
        self._ring_bell()

    def _ring_bell(self) -> None:
        if self._bell is not None:
            self._bell.ring()

    def _depth(self) -> int:
        return sum(len(outbox) for outbox in list(self._links))

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._serve_round()
            self._end_all()
            while self._links or self._arrived:
                self._serve_round()
        finally:
            self._close_all()

    def _serve_round(self) -> None:
        assert self._selector is not None
        begin_s = now_s()
        found = self._selector.select(self._wait_s(begin_s))
        self._pacer.note_wait(begin_s)
        for key, events in found:
            if isinstance(key.data, Bell):
                key.data.hear()
            else:
                self._serve(key.data, is_readable=bool(events & selectors.EVENT_READ))
        for _ in range(len(self._arrived)):
            self._open(*self._arrived.popleft())
        for _ in range(len(self._rung)):
            outbox = self._rung.popleft()
            outbox.hear()
            if (served := self._links.get(outbox)) is not None:
                self._serve(served)
        self._serve_due()
        self._give_turn()
        self._pacer.pause_if_due()

    def _wait_s(self, now: float) -> float | None:
        """Return the seconds until something is due; None when nothing is."""
        if self._arrived or self._rung or self._is_turn_asked:
            return 0.0
        times = [queue[0][0] for queue in (self._due, self._ending) if queue]
        if self._turn_s is not None:
            times.append(self._turn_s)
        return max(0.0, min(times) - now) if times else None

    def _give_turn(self) -> None:
        if self._is_turn_asked or (self._turn_s is not None and now_s() >= self._turn_s):
            self._is_turn_asked = False
            wait_s = self._turn()
            self._turn_s = None if wait_s is None else now_s() + wait_s

    def _open(self, hello: Hello, accepted: AcceptedLink) -> None:
        """Begin to serve a link that was handed over."""
        link = accepted.open_link
        assert link is not None
        assert self._selector is not None
        polled = PolledLink(link, self._deliver, self._payloads.encode, SERIES, now_s())
        served = _Served(hello, accepted, link, polled, selectors.EVENT_READ)
        self._links[link.outbox] = served
        self._selector.register(link.channel.sock, selectors.EVENT_READ, served)
        self._due.append((now_s() + self._limits.keepalive_interval_s, served))
        self._meter.add_connections("in", 1)
        if self._stopped.is_set():
            link.close_reason.set_once(StoppedError("this end is being stopped"))
        self._log.opened(link)
        self._tell(link.accepted(hello.kind))
        self._serve(served)

    def _serve(self, served: _Served, *, is_readable: bool = False, is_due: bool = False) -> None:
        """Do a part of a link's work, then let other threads work if it is their turn."""
        if served.is_closed:
            return
        assert self._selector is not None
        link = served.link
        was_ending = link.ends_s is not None
        link.run(now_s(), is_readable=is_readable, is_due=is_due)
        if link.is_over:
            self._close(served)
        else:
            if link.ends_s is not None and not was_ending:
                self._ending.append((link.ends_s, served))
            if (events := link.events) != served.events:
                self._selector.modify(served.open_link.channel.sock, events, served)
                served.events = events
        self._pacer.pause_if_due()

    def _serve_due(self) -> None:
        """Serve the links that owe a sign of life, and those whose end has taken long enough."""
        now = now_s()
        while self._due and self._due[0][0] <= now:
            _, served = self._due.popleft()
            if not served.is_closed:
                self._due.append((now + self._limits.keepalive_interval_s, served))
                self._serve(served, is_due=True)
        while self._ending and self._ending[0][0] <= now:
            self._serve(self._ending.popleft()[1])
        if now >= self._periodic_s:
            self._periodic_s = now + self._limits.keepalive_interval_s
            self.registry.forget_claims()

    def _end_all(self) -> None:
        for served in list(self._links.values()):
            served.open_link.close_reason.set_once(StoppedError("this end is being stopped"))
            self._serve(served)

    def _close(self, served: _Served) -> None:
        """Close the socket of a link that is over, and tell the owner."""
        assert self._selector is not None
        served.is_closed = True
        link = served.open_link
        self._selector.unregister(link.channel.sock)
        link.outbox.close()
        self.registry.remove(served.hello, served.accepted)
        self._links.pop(link.outbox, None)
        served.accepted.close()
        self._meter.add_connections("in", -1)
        ended = served.link.ended
        self._log.ended(link, ended.error, ended.bye)
        self._tell(ended)

    def _tell(self, event: Event) -> None:
        try:
            self._deliver(event)
        except Exception:
            logger.exception("! %s: an event could not be delivered", event.peer)  # the other links go on

    def _close_all(self) -> None:
        """Close everything. After a bug links may be open; their other ends see the end of the stream."""
        with self._lock:
            is_again, self._is_closed = self._is_closed, True
        for served in list(self._links.values()):
            self.registry.remove(served.hello, served.accepted)
            served.accepted.close()
        self._turn_away_arrived()
        if self._selector is not None:
            self._selector.close()
        if self._bell is not None and not is_again:
            self._bell.close()
            self._meter.forget_peer(SERIES, self._depth)

    def _turn_away_arrived(self) -> None:
        with self._lock:
            arrived = [*self._arrived]
            self._arrived.clear()
        for hello, accepted in arrived:
            self.registry.remove(hello, accepted)
            accepted.close()
