"""Commands that application threads post to the orchestrator thread."""

from elect.bridge.inbox import Command
from elect.core.elector import Elector
from elect.core.events import LossReason
from elect.core.ready import Ready
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


def set_paused(*, is_paused: bool) -> Command:
    """Pause this node's candidacies in all elections, or resume them."""
    return lambda elector, now: elector.set_paused(now, is_paused)


def set_standing(*, priority: int | None = None, offset: int | None = None) -> Command:
    """Change this node's priority or offset in all elections."""
    return lambda elector, now: elector.set_rank(now, priority=priority, offset=offset)


def forget(peer: str) -> Command:
    """Forget the store under which a peer is known."""
    return lambda elector, now: elector.forget(now, peer)


def tick() -> Command:
    """Only advance the time. A thread that waits for it knows that earlier commands are done."""
    return lambda elector, now: elector.tick(now)


def read_snapshot(views: list[ElectorSnapshot]) -> Command:
    """Append a snapshot of the elector to `views`."""

    def act(elector: Elector, now: int) -> Ready:
        views.append(elector.snapshot(now))
        return elector.tick(now)

    return act


def leads_in(elector: Elector, election: str) -> int | None:
    """Return the term in which the elector leads, also while it resigns; None: it does not lead."""
    found = elector.state.elections.get(election)
    return None if found is None or found.leadership is None else found.leadership.term
