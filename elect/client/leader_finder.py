"""LeaderFinder: the links of one client in one process, and the waits of its calls.

Theory of operation. One condition guards everything. The thread of a link notes under it what came. A call that waits
looks at the view, dials what is due, and sleeps until something changes or is due, or until its own deadline. Threads
dial and read for it, so nothing delays it. Several calls that wait share the dials. While no call waits and no link is
open, one thread of the client does the same without haste.

When the last call has ended, the links to the leaders are kept, and for each election in use one to a node that knows
its leader, or one other link. All others are closed.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from elect.client.client_link import ClientLink, is_final
from elect.client.client_links import ClientLinks, ClientThread
from elect.client.client_view import ClientView, in_words, unavailable
from elect.client.endpoints import Endpoints, ProbeTarget
from elect.client.probing import Probing
from elect.clock import NS_PER_S, Clock, now_ns
from elect.errors import ClientClosed, LeaderUnavailable
from elect.leader import Leader
from elect.observing.observer_messages import WATCHED_MAX, LeaderReport, MembersReport, ObserverReport
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread
from wire.common.signal_safe_condition import SignalSafeCondition
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.protocol.wire_errors import HandshakeTimeoutError, LocalFault, Refusal, RejectCode, StoppedError, WireError

logger = Log(__name__)

LONGEST_WAIT_S = 60.0
"""Between two looks at the clock, which goes on while the machine is suspended; the wait does not."""

THREADLESS_WAIT_S = 1.0
"""Until a watch tries again to start the thread that looks for a node: the machine may have one by then."""

LOOK_TICKS = (1, 2, 4, 8)
"""Seconds with a node that knows no leader, after which an idle client looks at another one: the first may be cut off.
A cluster that has no leader is left alone more and more."""

UNBORN = LocalFault("a signal kept its thread from running")
"""Python's start of a thread is not safe from exceptions of signal handlers, such as Ctrl-C."""

Found = TypeVar("Found")


class LeaderFinder:
    """See above. Any thread calls it.

    Args:
        name: of the client.
        endpoints: the addresses.
        make_dialing: returns the parameters of one dial, with an id that no other dial has.
        view: the view; None: a new one.
        clock: returns nanoseconds.
        rng: for the random parts of waits.
    """

    def __init__(
        self,
        name: str,
        endpoints: Endpoints,
        make_dialing: Callable[[ProbeTarget], Dialing],
        *,
        view: ClientView | None = None,
        clock: Clock = now_ns,
        rng: random.Random | None = None,
    ) -> None:
        self.clock = clock
        self._lock = threading.RLock()  # `with` of a Condition is no single step: Ctrl-C would leave it locked
        self.changed = SignalSafeCondition(self._lock)
        self.view = view or ClientView()
        self._name = name
        self.endpoints = endpoints
        self._make_dialing = make_dialing
        self._probing = Probing(rng or random.Random())  # noqa: S311 - for the jitter of waits
        self._links = ClientLinks()
        self._users: Counter[str] = Counter()
        self._waiting: set[object] = set()  # not a number: Ctrl-C could come between its step and the `try`
        self._linkless_ns = 0
        self._uninformed_ticks = 0
        self._is_driven = self._is_closed = False

    @contextmanager
    def using(self, election: str) -> Iterator[None]:
        """Watch an election, at least until the block ends, under the condition.

        Raises:
            ClientClosed: the client is closed.
            ValueError: too many elections are in use.
        """
        with self._lock:
            self.check_open()
            self._watch(election)
            self._users[election] += 1
            try:
                yield
            finally:
                self._users[election] -= 1
                if not self._users[election]:
                    del self._users[election]

    def wait_for(self, election: str, find: Callable[[int], Found | None], deadline_ns: int) -> Found:
        """Return the first result of `find`, which is given the time (ns), that is not None.

        Raises:
            LeaderUnavailable: there was none by the deadline, or all endpoints refuse this client for good.
            ClientClosed: the client is closed.
            ValueError: too many elections are in use.
        """
        with self.using(election):
            begun_ns = self.clock()
            self._probing.hasten(begun_ns)
            waiter = object()
            try:
                self._waiting.add(waiter)
                while True:
                    self.check_open()
                    now = self.clock()
                    if (found := find(now)) is not None:
                        return found
                    if now >= deadline_ns or self._is_refused(begun_ns):
                        raise self._unavailable(election, begun_ns, deadline_ns)
                    self._advance(now, election, deadline_ns, is_waited=True)
                    self._sleep(deadline_ns, is_waited=True)
            finally:
                self._waiting.discard(waiter)
                self._settle()
                self.changed.notify_all()  # the thread that looks without haste has waited

    def ready_leader(self, election: str, now: int) -> Leader | None:
        """Return the leader if it is ready now (ns), or None; under the condition."""
        if (ready := self.view.ready(election, now)) is not None:
            return ready[1]
        return self.view.vouched(election, now) if self._is_out_of_reach(election, now) else None

    @property
    def has_link(self) -> bool:
        """Return whether a node has reported on a link that is open; under the condition."""
        return bool(self._links.reported)

    def targets(self) -> tuple[ProbeTarget, ...]:
        """Return all places to dial."""
        with self._lock:
            return self.endpoints.targets()

    def note_members(self, report: MembersReport) -> None:
        """Follow the members that a node reports."""
        with self._lock:
            self.endpoints.refresh(report)
            self._probing.retain(self.endpoints.targets())

    def find_leader(
        self, election: str, deadline_ns: int, is_wanted: Callable[[Leader], bool] = lambda _: True
    ) -> Leader:
        """Return the leader once it is ready, and wanted. Raises as `wait_for`."""

        def find(now: int) -> Leader | None:
            leader = self.ready_leader(election, now)
            return leader if leader is not None and is_wanted(leader) else None

        return self.wait_for(election, find, deadline_ns)

    def doubt(self, election: str) -> None:
        """Ask all nodes again, and believe no lease that was reported before."""
        with self.using(election):
            now = self.clock()
            self.view.doubt(election, now)
            self._ask_again(now)

    def take_hint(self, election: str, leader: Leader) -> None:
        """Dial the node that the application says is the leader, before others."""
        with self.using(election):
            target = self.endpoints.hint(election, leader.node_id, leader.address or "")
            if target is not None:
                self._probing.hint(target.address, leader.term)

    def wait_for_change(self, election: str, seen: int) -> tuple[int, Leader | None] | None:
        """Return the leader after another number of changes than `seen`; None when the client is closed."""
        with self._lock:
            while not self._is_closed:
                change = self.view.change(election)
                if change[0] != seen:
                    return change
                self._settle()
                self.changed.wait(LONGEST_WAIT_S if self._is_driven or self.has_link else THREADLESS_WAIT_S)
            return None

    def check_open(self) -> None:
        """Raise ClientClosed if the client is closed."""
        if self._is_closed:
            raise ClientClosed(self._name)

    def stop(self) -> None:
        """Begin to end all waits and links; never waits."""
        with self._lock:
            self._is_closed = True
            self._links.end(StoppedError("the client is being closed"))
            self.changed.notify_all()

    @property
    def threads(self) -> list[ClientThread]:
        """Return the threads that have not ended yet."""
        with self._lock:
            return self._links.threads

    def note_opened(self, link: ClientLink) -> None:
        """See LinkOwner."""
        with self._lock:
            self.view.open_link(link, link.node_id)

    def receive(self, link: ClientLink, report: ObserverReport, waited_ns: int) -> None:
        """See LinkOwner."""
        with self._lock:
            if link not in self._links:
                return
            if isinstance(report, LeaderReport):
                self._receive_leader(link, report, self.clock() - waited_ns)
            else:
                self.view.receive_members(link, report)
                self.note_members(report)
            self.changed.notify_all()

    def note_tick(self, link: ClientLink) -> None:
        """See LinkOwner."""
        with self._lock:
            if link not in self._links or self._waiting or self._is_closed:
                return
            if self._links.is_asking:
                self._ask_again(self.clock())
            is_informed = self.view.is_covered(list(self._links), self._followed())
            self._uninformed_ticks = 0 if is_informed else self._uninformed_ticks + 1
            if self._uninformed_ticks in LOOK_TICKS or self._uninformed_ticks % LOOK_TICKS[-1] == 1:
                self._advance(self.clock(), self._latest_election(), None, is_waited=False)

    def note_ended(self, link: ClientLink, error: WireError) -> None:
        """See LinkOwner."""
        with self._lock:
            if link not in self._links.threads:  # it was given up as unborn, and ran late
                return
            now = self.clock()
            had_link = self.has_link
            self._links.remove(link)
            self.view.end_link(link)
            self._probing.note_failed(link.target.address, str(error), now, is_refused=is_final(error))
            self._probing.note_thread_ended(link.target.address)
            if isinstance(error, Refusal) and error.code is RejectCode.FULL:
                self._probing.note_full(link.target.address, now)
            if had_link and not self.has_link:
                self._linkless_ns = now
                if not self._waiting:
                    self._probing.rest(now)
            self._settle()
            self.changed.notify_all()

    def _unavailable(self, election: str, begun_ns: int, deadline_ns: int) -> LeaderUnavailable:
        said = dict(self._probing.said(self.endpoints.targets()))
        reports = self.view.said(election)
        for link in self._links:
            if (dated := reports.get(link)) is not None:
                said[link.target.address] = in_words(link.node_id, dated.report)
        wait_s = round((deadline_ns - begun_ns) / NS_PER_S, 3)
        return unavailable(self.view, election, wait_s, said, is_refused=self._is_refused(begun_ns))

    def _is_refused(self, since_ns: int) -> bool:
        return self._probing.is_refused(self.endpoints.targets(), since_ns)

    def _receive_leader(self, link: ClientLink, report: LeaderReport, at_ns: int) -> None:
        self._links.note_reported(link)
        self._probing.note_answered(link.target.address, f"node {link.node_id} has not said who leads this election")
        is_highest = self.view.receive_leader(link, report, at_ns)
        if is_highest and report.leader_id and report.leader_id != link.node_id:
            target = self.endpoints.hint(report.election, report.leader_id, report.address)
            if target is not None:
                self._probing.hint(target.address, report.term)
        if not self._waiting:
            self._settle()

    def _watch(self, election: str) -> None:
        if not self.view.watch(election):
            return
        if len(self.view.elections) > WATCHED_MAX:
            unused = next((each for each in self.view.elections if each != election and not self._users[each]), None)
            self.view.forget(election if unused is None else unused)
            if unused is None:
                raise ValueError(f"election is {election!r}; a client watches {WATCHED_MAX} at a time: run a node")
            self.endpoints.forget_hint(unused)
        self._ask_again(self.clock())

    def _ask_again(self, now: int) -> None:
        """Have all nodes report anew, at once or when it is due: `_advance` asks then."""
        self._links.ask(self.view.elections, now)

    def _advance(self, now: int, election: str, deadline_ns: int | None, *, is_waited: bool) -> None:
        """Give up what is overdue, and dial what is due, until the deadline: the start of a thread may take time."""
        for link in self._links.unborn:
            link.end(UNBORN)  # it may be late
            self.note_ended(link, UNBORN)
        if self._links.is_asking or (is_waited and self._is_out_of_reach(election, now)):
            self._ask_again(now)
        for address in self._probing.overdue(now):
            self._probing.note_overdue(address, now)
            for link in self._links:
                if link.target.address == address:
                    link.end(HandshakeTimeoutError("no answer in time"))
        targets = self.endpoints.targets()
        first = self._named_address(election)
        for target in self._probing.due(targets, now, is_waited=is_waited, first=first):
            if deadline_ns is not None and self.clock() >= deadline_ns:
                return
            self._dial(target, now)
        has_all_failed = not self.has_link and self._probing.has_all_failed(targets, self._linkless_ns)
        if has_all_failed and self.view.forget_leaders():
            self.changed.notify_all()

    def _dial(self, target: ProbeTarget, now: int) -> None:
        link = ClientLink(target, self._make_dialing(target), self, self.view.elections)
        self._links.add(link)
        self._probing.note_dialed(target.address, now)
        try:
            link.start()
        except RuntimeError as error:
            self.note_ended(link, LocalFault(f"no thread to dial with: {error}"))

    def _sleep(self, deadline_ns: int | None, *, is_waited: bool) -> None:
        now = self.clock()
        next_ns = self._probing.next_ns(self.endpoints.targets(), now, is_waited=is_waited)
        times = [each for each in (next_ns, deadline_ns, self._links.ask_ns) if each is not None]
        self.changed.wait(min(LONGEST_WAIT_S, max(0.0, (min(times) - now) / NS_PER_S)) if times else LONGEST_WAIT_S)

    def _named_address(self, election: str) -> Address | None:
        """Return the address of the leader that the node of an open link names."""
        leader = self.view.leader(election)
        if leader is None or not any(self.view.is_informed(link, election) for link in self._links):
            return None
        return next((each.address for each in self.endpoints.targets() if each.node_id == leader.node_id), None)

    def _is_out_of_reach(self, election: str, now: int) -> bool:
        """Return whether the leader may not be dialed, or has no room for this client: others have to vouch for it."""
        leader = self.view.leader(election)
        if leader is None:
            return False
        places = [each.address for each in self.endpoints.targets() if each.node_id == leader.node_id]
        return self.endpoints.is_beyond(leader.address) or any(self._probing.is_full(each, now) for each in places)

    def _latest_election(self) -> str:
        return self.view.elections[-1]

    def _followed(self) -> list[str]:
        """Return the elections of which an idle client wants to know the leader: those in use, or the latest one."""
        return [each for each in self.view.elections if self._users[each]] or [self._latest_election()]

    def _settle(self) -> None:
        """While no call waits, keep the links that are worth it, or look for one."""
        if self._waiting or self._is_closed or not self.view.elections:
            return
        if self.has_link:
            self._prune()
        elif not self._is_driven:
            thread = ReportedThread(self._drive, name="elect-client")
            try:
                thread.start()
            except RuntimeError as error:
                logger.warning("! client %s has no thread to look for a node with: %s", self._name, error)
            else:
                self._is_driven = True
                self._links.add_thread(thread)

    def _prune(self) -> None:
        """End the links that are not worth it; wait for dials only while no node knows a leader that is in use."""
        followed = self._followed()
        kept = self.view.worth_keeping(self._links.reported, self.clock(), followed)
        is_found = self.view.is_covered(kept, followed)
        for link in self._links if is_found else self._links.reported:
            if link not in kept:
                self._drop(link)

    def _drop(self, link: ClientLink) -> None:
        link.end(StoppedError("another link is kept"))  # first: Ctrl-C may come in between
        self._links.drop(link)
        self.view.end_link(link)
        self._probing.note_given_up(link.target.address)

    def _drive(self) -> None:
        """Dial one endpoint after another until a node answers; on a thread of its own."""
        with self._lock:
            try:
                while not (self._is_closed or self.has_link):
                    if not self._waiting:
                        self._advance(self.clock(), self._latest_election(), None, is_waited=False)
                    self._sleep(None, is_waited=False)
            finally:
                self._is_driven = False
                self._links.discard_thread(threading.current_thread())
