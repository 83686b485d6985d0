"""What threads of the application ask of the protocol's thread."""

from elect.bridge.inbox import Command
from elect.core.elector import Elector
from elect.core.events import LossReason
from elect.core.ready import Ready
from elect.core.snapshot import ElectorSnapshot


def enter(election: str) -> Command:
    """Stand in an election."""
    return lambda elector, now: elector.enter(now, election)


def leave(election: str, reason: LossReason) -> Command:
    """Stand in it no longer."""
    return lambda elector, now: elector.leave(now, election, reason)


def resign(election: str, term: int, *, reason: LossReason, to: str | None = None) -> Command:
    """Give up leading in this term; a later one is not meant."""

    def act(elector: Elector, now: int) -> Ready:
        if leads_in(elector, election) != term:
            return elector.tick(now)
        return elector.resign(now, election, to=to, reason=reason)

    return act


def acknowledge(election: str, term: int) -> Command:
    """The application has heard of a loss."""
    return lambda elector, now: elector.acknowledge(now, election, term)


def set_paused(*, is_paused: bool) -> Command:
    """Take no part as a candidate, or take part again."""
    return lambda elector, now: elector.set_paused(now, is_paused)


def set_standing(*, priority: int | None = None, offset: int | None = None) -> Command:
    """Change this node's standing."""
    return lambda elector, now: elector.set_rank(now, priority=priority, offset=offset)


def forget(peer: str) -> Command:
    """Meet a peer anew."""
    return lambda elector, now: elector.forget(now, peer)


def nothing() -> Command:
    """Only let time pass; whoever waits for it knows that what was asked before is done."""
    return lambda elector, now: elector.tick(now)


def look(views: list[ElectorSnapshot]) -> Command:
    """Append a view of the elector."""

    def act(elector: Elector, now: int) -> Ready:
        views.append(elector.snapshot(now))
        return elector.tick(now)

    return act


def leads_in(elector: Elector, election: str) -> int | None:
    """The term in which the elector leads, its resignation under way included; None: it does not."""
    found = elector.state.elections.get(election)
    return None if found is None or found.leadership is None else found.leadership.term
