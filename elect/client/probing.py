"""Probing: which endpoints a client dials, and when. Pure: time is given, in nanoseconds.

While a call waits, all endpoints are dialed at the same time. A leader that a node has just named is dialed first, and
gets HEAD_START_NS before the others: usually it is the right one. A dial that has not been answered within its budget
has failed. After a failure an endpoint is left alone for a backoff.

While no call waits, one endpoint is dialed after another, the first one after a random time: a thousand idle clients
lose their links at the same moment when a leader dies, and the cluster then has an election to do.

A name can take minutes to resolve, and nothing ends that. Its thread is left behind, and counts: an endpoint has one
thread at most, all of them together have THREADS_MAX, and the names among them NAMES_MAX.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from elect.client.endpoints import ProbeTarget
from wire.protocol.address import Address

THREADS_MAX = 16
"""Threads that dial or read for one client: ten endpoints at once, and some names that hang."""

NAMES_MAX = 12
"""The rest is for addresses: they are dialed although all names hang, as they do without a server of names."""

BUDGET_NS = 500_000_000
"""For a dial, from the lookup of the name to the first report. These take some milliseconds, or ten times the distance
of the furthest places on earth."""

BUDGET_DOUBLINGS_MAX = 3
"""Each budget that is used up doubles the next one of that endpoint, up to 4 s, for networks slower than that."""

BACKOFF_NS = 50_000_000
BACKOFF_WAITED_NS_MAX = 500_000_000
"""While a call waits: a node that starts is found within half a second."""

BACKOFF_IDLE_NS_MAX = 5_000_000_000
IDLE_WAIT_NS_MAX = 500_000_000
HEAD_START_NS = 50_000_000
"""A leader in reach answers within a few milliseconds."""

FULL_NS = 1_000_000_000
"""A leader that refuses a client for want of room has answered: for this time the word of another node counts."""

STAGGER_NS = 100_000_000
"""Between two dials of an idle client: one of ten endpoints that answers is found within a second."""


def fitting(targets: Iterable[ProbeTarget], busy: Collection[Address]) -> list[ProbeTarget]:
    """Return the first places for which there are threads, when others dial these addresses."""
    room, names = THREADS_MAX - len(busy), NAMES_MAX - sum(each.is_name for each in busy)
    found: list[ProbeTarget] = []
    for target in targets:
        is_name = target.address.is_name
        if len(found) < room and not (is_name and names <= 0):
            names -= is_name
            found.append(target)
    return found


@dataclass(slots=True)
class _Probe:
    """The state of one endpoint.

    Attributes:
        is_busy: a thread dials it or reads from it; a thread that was left behind counts, too.
        is_answered: its node has reported, on the link of that thread.
        is_given_up: the thread was left behind, or its link is to end.
        started_ns: when it was dialed last.
        failed_ns: when it failed last.
        failures: in a row.
        overdue: budgets used up in a row.
        shortening: the random part of the backoff, 0.5 to 1.
        said: the latest outcome, as a sentence.
        is_refused: that outcome does not change by a retry.
        full_ns: when its node had no room for this client.
    """

    is_busy: bool = False
    is_answered: bool = False
    is_given_up: bool = False
    started_ns: int = 0
    failed_ns: int = 0
    failures: int = 0
    overdue: int = 0
    shortening: float = 1.0
    said: str = "not asked yet"
    is_refused: bool = False
    full_ns: int | None = None

    @property
    def budget_ends_ns(self) -> int:
        return self.started_ns + (BUDGET_NS << min(self.overdue, BUDGET_DOUBLINGS_MAX))

    @property
    def is_pending(self) -> bool:
        return self.is_busy and not (self.is_answered or self.is_given_up)

    def retry_ns(self, *, is_waited: bool) -> int:
        """The time from which on it may be dialed again."""
        if not self.failures:
            return 0
        longest_ns = BACKOFF_WAITED_NS_MAX if is_waited else BACKOFF_IDLE_NS_MAX
        wait_ns = min(BACKOFF_NS << min(self.failures - 1, 16), longest_ns)
        return self.failed_ns + int(wait_ns * self.shortening)


class Probing:
    """The state of all endpoints of one client.

    Args:
        rng: for the random parts of waits.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._probes: dict[Address, _Probe] = {}
        self._hinted: dict[Address, int] = {}
        self._rest_until_ns = 0
        self._dialed_ns = -STAGGER_NS

    def due(
        self, targets: Sequence[ProbeTarget], now_ns: int, *, is_waited: bool, first: Address | None = None
    ) -> list[ProbeTarget]:
        """Return the places to dial now.

        Args:
            targets: all places, the likelier ones first.
            now_ns: now.
            is_waited: a call waits.
            first: the address of the leader that a node has named.
        """
        free = [target for target in targets if self._is_free(target.address, now_ns, is_waited=is_waited)]
        if not is_waited:
            self._rng.shuffle(free)  # idle clients spread over the nodes
        # Otherwise those that fail quickly would leave no room, or no turn, for the last ones.
        free.sort(key=lambda target: self._probes.get(target.address, _Probe()).started_ns)
        room = THREADS_MAX
        if not is_waited:
            is_early = now_ns < self._rest_until_ns or (
                now_ns < self._dialed_ns + STAGGER_NS and any(probe.is_pending for probe in self._probes.values())
            )
            room = 0 if is_early else 1
        elif self._has_head_start(first, now_ns):
            free = [target for target in free if target.address == first]
        return fitting(free, [each for each, probe in self._probes.items() if probe.is_busy])[:room]

    def next_ns(self, targets: Sequence[ProbeTarget], now_ns: int, *, is_waited: bool) -> int | None:
        """Return the time at which to ask `due` and `overdue` again, if nothing else happens; None: not by time."""
        times = [probe.budget_ends_ns for probe in self._probes.values() if probe.is_pending]
        times += [probe.started_ns + HEAD_START_NS for probe in self._probes.values() if probe.is_pending and is_waited]
        for target in targets:
            probe = self._probes.get(target.address, _Probe())
            if not probe.is_busy:
                times.append(probe.retry_ns(is_waited=is_waited))
        if not is_waited:
            earliest_ns = max(self._rest_until_ns, self._dialed_ns + STAGGER_NS)
            times = [max(each, earliest_ns) for each in times]
        return min((each for each in times if each > now_ns), default=None)

    def overdue(self, now_ns: int) -> list[Address]:
        """Return the endpoints whose budget is used up."""
        return [
            address for address, probe in self._probes.items() if probe.is_pending and now_ns >= probe.budget_ends_ns
        ]

    def hasten(self, now_ns: int) -> None:
        """Shorten the backoffs to their beginning: a call begins to wait."""
        for probe in self._probes.values():
            if now_ns >= probe.failed_ns + BACKOFF_NS:
                probe.failures = 0

    def rest(self, now_ns: int) -> None:
        """Dial nothing for a random time, unless a call waits."""
        self._rest_until_ns = now_ns + self._rng.randrange(IDLE_WAIT_NS_MAX)

    def hint(self, address: Address, term: int) -> None:
        """Dial an endpoint at once, as a node has named its node as the leader of a term; once for each term.

        Two nodes that name each other would otherwise have both dialed in turn without end.
        """
        if self._hinted.get(address, -1) < term:
            self._hinted[address] = term
            if address in self._probes:
                self._probes[address].failures = 0

    def note_dialed(self, address: Address, now_ns: int) -> None:
        """Note that a thread dials an endpoint."""
        probe = self._probes.setdefault(address, _Probe())
        probe.is_busy, probe.is_answered, probe.is_given_up = True, False, False
        probe.started_ns = self._dialed_ns = now_ns

    def note_answered(self, address: Address, text: str) -> None:
        """Note a report from an endpoint, as a sentence."""
        probe = self._probes.setdefault(address, _Probe())
        probe.is_answered, probe.is_refused, probe.said = True, False, text
        probe.failures = probe.overdue = 0

    def note_overdue(self, address: Address, now_ns: int) -> None:
        """Note that the budget of an endpoint is used up; its thread may go on."""
        probe = self._probes[address]
        self._fail(probe, f"no answer within {(probe.budget_ends_ns - probe.started_ns) // 1_000_000} ms", now_ns)
        probe.overdue += 1
        probe.is_given_up = True

    def note_failed(self, address: Address, text: str, now_ns: int, *, is_refused: bool = False) -> None:
        """Note that a dial failed, or that a link ended.

        Args:
            address: of the endpoint.
            text: the cause.
            now_ns: now.
            is_refused: a retry fails, too, until somebody changes something.
        """
        probe = self._probes.setdefault(address, _Probe())
        if not probe.is_given_up:
            self._fail(probe, text, now_ns)
            probe.is_refused = is_refused

    def note_full(self, address: Address, now_ns: int) -> None:
        """Note that a node has no room for this client."""
        self._probes[address].full_ns = now_ns

    def is_full(self, address: Address, now_ns: int) -> bool:
        """Return whether a node has said within FULL_NS that it has no room for this client."""
        full_ns = self._probes.get(address, _Probe()).full_ns
        return full_ns is not None and now_ns < full_ns + FULL_NS

    def note_given_up(self, address: Address) -> None:
        """Note that the link to an endpoint is to end, as it is needed no longer."""
        self._probes[address].is_given_up = True

    def note_thread_ended(self, address: Address) -> None:
        """Note that the thread of an endpoint has ended."""
        self._probes[address].is_busy = False

    def said(self, targets: Collection[ProbeTarget]) -> Mapping[Address, str]:
        """Return the latest outcome of each endpoint, as a sentence."""
        return {each.address: self._probes.get(each.address, _Probe()).said for each in targets}

    def is_refused(self, targets: Collection[ProbeTarget], since_ns: int) -> bool:
        """Return whether each endpoint has refused this client since a time, in a way that a retry does not change."""
        probes = [self._probes.get(each.address) for each in targets]
        return all(probe is not None and probe.is_refused and probe.failed_ns >= since_ns for probe in probes)

    def has_all_failed(self, targets: Collection[ProbeTarget], since_ns: int) -> bool:
        """Return whether each endpoint has failed since a time."""
        probes = [self._probes.get(each.address) for each in targets]
        return all(probe is not None and probe.failures > 0 and probe.failed_ns >= since_ns for probe in probes)

    def retain(self, targets: Collection[ProbeTarget]) -> None:
        """Forget the endpoints that are not listed any more, but for those that have a thread."""
        listed = {target.address for target in targets}
        self._probes = {each: probe for each, probe in self._probes.items() if each in listed or probe.is_busy}
        self._hinted = {each: term for each, term in self._hinted.items() if each in listed}

    def _is_free(self, address: Address, now_ns: int, *, is_waited: bool) -> bool:
        probe = self._probes.get(address)
        return probe is None or (not probe.is_busy and now_ns >= probe.retry_ns(is_waited=is_waited))

    def _has_head_start(self, first: Address | None, now_ns: int) -> bool:
        """Return whether the others wait: the leader's address has not failed, and has not had its time yet."""
        if first is None:
            return False
        probe = self._probes.get(first, _Probe())
        if probe.is_busy:
            return probe.is_pending and now_ns < probe.started_ns + HEAD_START_NS
        return not probe.failures

    def _fail(self, probe: _Probe, text: str, now_ns: int) -> None:
        probe.failures += 1
        probe.failed_ns = now_ns
        probe.shortening = self._rng.uniform(0.5, 1.0)
        probe.said, probe.is_refused = text, False
