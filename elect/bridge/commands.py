"""Commands that application threads post to the orchestrator thread."""

from collections.abc import Callable, Collection

from elect.bridge.inbox import Command
from elect.core.configuration import Configuration
from elect.core.elector import Elector
from elect.core.events import LossReason
from elect.core.promotion import PromotionRefused
from elect.core.ready import Ready
from elect.core.rules import leading
from elect.core.snapshot import ElectorSnapshot


def enter(election: str) -> Command:
    """Be a candidate in an election."""
    return lambda elector, now: elector.enter(now, election)


def leave(election: str, reason: LossReason) -> Command:
    """End this node's candidacy in an election."""
    return lambda elector, now: elector.leave(now, election, reason)


def resign(election: str, term: int, *, reason: LossReason, to: str | None = None) -> Command:
    """Resign in this term; a leadership in a later term goes on."""

    def act(elector: Elector, now: int) -> Ready:
        if leads_in(elector, election) != term:
            return elector.tick(now)
        return elector.resign(now, election, to=to, reason=reason)

    return act


def acknowledge(election: str, term: int) -> Command:
    """Report that the application has handled a loss."""
    return lambda elector, now: elector.acknowledge(now, election, term)


class Pause:
    """The pause of a node: it is a candidate in no election while the application or a leave wants that.

    Belongs to the orchestrator thread, which carries out the commands.
    """

    def __init__(self) -> None:
        self._is_wanted = self._is_leaving = False

    def set_wanted(self, *, is_wanted: bool) -> Command:
        """Pause for the application, or end that."""

        def act(elector: Elector, now: int) -> Ready:
            self._is_wanted = is_wanted
            return self._apply(elector, now)

        return act

    def set_leaving(self, *, is_leaving: bool) -> Command:
        """Pause for a leave, or end that: the leave was not done."""

        def act(elector: Elector, now: int) -> Ready:
            self._is_leaving = is_leaving
            return self._apply(elector, now)

        return act

    def _apply(self, elector: Elector, now: int) -> Ready:
        return elector.set_paused(now, self._is_wanted or self._is_leaving)


def set_standing(*, priority: int | None = None, offset: int | None = None) -> Command:
    """Change this node's priority or offset in all elections."""
    return lambda elector, now: elector.set_rank(now, priority=priority, offset=offset)


def install(configuration: Configuration) -> Command:
    """Install a configuration that a member handed over, or the first one of a new cluster."""
    return lambda elector, now: elector.install(now, configuration)


def promote(floor: int, refusals: list[PromotionRefused]) -> Command:
    """Make a standby cluster an active one, in which all terms are above the floor, or append why that is refused."""

    def act(elector: Elector, now: int) -> Ready:
        try:
            return elector.promote(now, floor)
        except PromotionRefused as refused:  # an answer for the thread that asked, not an error of this one
            refusals.append(refused)
            return elector.tick(now)

    return act


def tick() -> Command:
    """Only advance the time. A thread that waits for it knows that earlier commands are done."""
    return lambda elector, now: elector.tick(now)


def visit(call: Callable[[], object]) -> Command:
    """Call `call` on the orchestrator thread; it must be quick and not raise."""

    def act(elector: Elector, now: int) -> Ready:
        call()
        return elector.tick(now)

    return act


def read_snapshot(views: list[ElectorSnapshot], elections: Collection[str] | None = None) -> Command:
    """Append a snapshot of the elector to `views`, with these elections alone; None: with all."""

    def act(elector: Elector, now: int) -> Ready:
        views.append(elector.snapshot(now, elections))
        return elector.tick(now)

    return act


def read_bound(election: str, term: int, ends: list[int]) -> Command:
    """Append to `ends` until when a quorum is bound to this node in that term (ns)."""

    def act(elector: Elector, now: int) -> Ready:
        found = elector.state.elections.get(election)
        ends.append(0 if found is None else leading.bound_until(elector.state, found, term))
        return elector.tick(now)

    return act


def leads_in(elector: Elector, election: str) -> int | None:
    """Return the term in which the elector leads, also while it resigns; None: it does not lead."""
    found = elector.state.elections.get(election)
    return None if found is None or found.leadership is None else found.leadership.term
