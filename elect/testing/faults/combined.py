"""Several faults together, each aimed at what one rule alone prevents."""

from elect.testing.faults.application_faults import withhold
from elect.testing.faults.fault_context import FaultContext
from elect.testing.faults.network_faults import split
from elect.testing.faults.node_faults import reboot
from elect.testing.simulation.simulation_options import Span

_CUT = Span(low=2.0, high=8.0)
_SHAKEN = Span(low=1.2, high=2.5)
"""When a leader counts nobody any more from whom it was cut off, s."""

_DELAYS = (0.001, 0.01, 0.05, 0.2)
_HELD_BACK = Span(low=0.02, high=0.6)
_UNHEARD = Span(low=0.005, high=0.8)
"""Shorter than a promise: the sessions live on."""


def strip_leader(context: FaultContext) -> None:
    """Leave a leader a bare quorum, so that every vote counts, and then shake the one who gives it."""
    leader = context.leader(context.election()) or context.node_id()
    supporter, _ = _strip(context, leader)
    shake = context.rng.choice(("reboot", "redial", "redial", ""))
    if shake == "reboot":
        context.later(_SHAKEN, reboot, context, supporter)
    elif shake:
        context.later(_SHAKEN, redial_to, context, leader, supporter)


def _strip(context: FaultContext, leader: str) -> tuple[str, list[str]]:
    """Cut a leader off from all that it can do without; return one who is left to it, and who is not."""
    others = context.rng.sample([node_id for node_id in context.ids if node_id != leader], len(context.ids) - 1)
    lost = others[: (len(context.ids) - 1) // 2]
    split(context, [way for way in context.network.paths if leader in way and not {*lost}.isdisjoint(way)], _CUT)
    return others[-1], lost


def redial_to(context: FaultContext, leader: str, supporter: str) -> None:
    """Have a leader close its link to a supporter and dial it again."""
    for link in tuple(context.network.path(leader, supporter).links):
        context.note(f"redial {link}")
        link.dialer.notice(link)


def contest(context: FaultContext) -> None:
    """Have a leader lose and regain its last supporter, again and again, while a rival asks that one for its vote.

    The rival comes first in the candidates' order, and what leader, supporter and rival say to each other takes its
    time: the vote may come before the old leader is back, or after, and so may the rival's Lead, which is held back.
    """
    leader = context.leader(context.election())
    if leader is None or len(context.ids) < 3:
        return
    supporter, (rival, *_) = _strip(context, leader)
    context.contests.add((rival, supporter))
    set_priority(context, rival, 9)
    for one, other in ((rival, supporter), (supporter, rival), (leader, supporter), (supporter, leader)):
        path = context.network.path(one, other)
        path.delay = Span(low=0.0, high=context.rng.choice(_DELAYS))
        context.later(_CUT, setattr, path, "delay", context.options.delay)
    for turn in range(4):
        start = 1.1 + turn * 0.4
        context.later(Span(low=start, high=start + 0.4), redial_to, context, leader, supporter)
    context.later(_CUT, set_priority, context, rival, 1)


def hold_back(context: FaultContext, rival: str, supporter: str) -> None:
    """Have what comes after a vote wait, and the old leader come first."""
    for link in context.network.path(rival, supporter).links:
        context.note(f"clog {link}")
        link.clog(_HELD_BACK.draw(context.rng))


def set_priority(context: FaultContext, node_id: str, priority: int) -> None:
    """Change a node's priority."""
    text = f"has priority {priority}"
    context.tell(node_id, text, lambda elector, now: elector.set_standing(now, priority=priority))


def resign_unheard(context: FaultContext) -> None:
    """Have a leader give up and stay out while all that it says is lost: its followers must hear of that later."""
    leader = context.leader(context.election())
    if leader is not None:
        mute(context, leader)
        withhold(context, leader)


def mute(context: FaultContext, node_id: str) -> None:
    """Lose all that a node says, for a moment."""
    context.note(f"mute {node_id}")
    for path in context.network.paths.values():
        if path.source == node_id:
            path.loss = 1.0
            context.later(_UNHEARD, setattr, path, "loss", context.options.loss)


def regain(context: FaultContext) -> None:
    """Have a leader resign and be elected again while one of its followers hears of neither in time."""
    election = context.election()
    leader = context.leader(election)
    if leader is None:
        return
    deaf = context.rng.choice([node_id for node_id in context.ids if node_id != leader])
    for path in (context.network.path(leader, deaf), context.network.path(deaf, leader)):
        path.loss = context.rng.choice((0.5, 1.0))
        context.later(_UNHEARD, setattr, path, "loss", context.options.loss)
    context.hosts[deaf].disk.stalled_until = context.now + _UNHEARD.draw(context.rng)
    set_priority(context, leader, 9)
    context.tell(leader, f"resigns {election}", lambda elector, now: elector.resign(now, election, to=leader))
    context.later(_CUT, set_priority, context, leader, 1)
