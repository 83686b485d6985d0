"""Several faults together, each aimed at what one rule alone prevents."""

from typing import TYPE_CHECKING

from elect.testing.faults.application_faults import withhold
from elect.testing.faults.network_faults import split
from elect.testing.faults.node_faults import reboot
from elect.testing.simulation.simulation_options import Span

if TYPE_CHECKING:
    from elect.testing.faults.nemesis import Nemesis

_CUT = Span(low=2.0, high=8.0)
_SHAKEN = Span(low=1.2, high=2.5)
"""When a leader counts nobody any more from whom it was cut off, s."""

_DELAYS = (0.001, 0.01, 0.05, 0.2)
_HELD_BACK = Span(low=0.02, high=0.6)
_UNHEARD = Span(low=0.005, high=0.8)
"""Shorter than a promise: the sessions live on."""


def strip_leader(nemesis: "Nemesis") -> None:
    """Leave a leader a bare quorum, so that every vote counts, and then shake the one who gives it."""
    leader = nemesis.leader(nemesis.election()) or nemesis.node_id()
    supporter, _ = _strip(nemesis, leader)
    shake = nemesis.rng.choice(("reboot", "redial", "redial", ""))
    if shake == "reboot":
        nemesis.later(_SHAKEN, reboot, nemesis, supporter)
    elif shake:
        nemesis.later(_SHAKEN, redial_to, nemesis, leader, supporter)


def _strip(nemesis: "Nemesis", leader: str) -> tuple[str, list[str]]:
    """Cut a leader off from all that it can do without; return one who is left to it, and who is not."""
    others = nemesis.rng.sample([node_id for node_id in nemesis.ids if node_id != leader], len(nemesis.ids) - 1)
    lost = others[: (len(nemesis.ids) - 1) // 2]
    split(nemesis, [way for way in nemesis.network.paths if leader in way and not {*lost}.isdisjoint(way)], _CUT)
    return others[-1], lost


def redial_to(nemesis: "Nemesis", leader: str, supporter: str) -> None:
    """Have a leader close its link to a supporter and dial it again."""
    for link in tuple(nemesis.network.path(leader, supporter).links):
        nemesis.note(f"redial {link}")
        link.dialer.notice(link)


def contest(nemesis: "Nemesis") -> None:
    """Have a leader lose and regain its last supporter, again and again, while a rival asks that one for its vote.

    The rival comes first in the candidates' order, and what leader, supporter and rival say to each other takes its
    time: the vote may come before the old leader is back, or after, and so may the rival's Lead, which is held back.
    """
    leader = nemesis.leader(nemesis.election())
    if leader is None or len(nemesis.ids) < 3:
        return
    supporter, (rival, *_) = _strip(nemesis, leader)
    nemesis.contests.add((rival, supporter))
    set_priority(nemesis, rival, 9)
    for one, other in ((rival, supporter), (supporter, rival), (leader, supporter), (supporter, leader)):
        path = nemesis.network.path(one, other)
        path.delay = Span(low=0.0, high=nemesis.rng.choice(_DELAYS))
        nemesis.later(_CUT, setattr, path, "delay", nemesis.options.delay)
    for turn in range(4):
        start = 1.1 + turn * 0.4
        nemesis.later(Span(low=start, high=start + 0.4), redial_to, nemesis, leader, supporter)
    nemesis.later(_CUT, set_priority, nemesis, rival, 1)


def hold_back(nemesis: "Nemesis", rival: str, supporter: str) -> None:
    """Have what comes after a vote wait, and the old leader come first."""
    for link in nemesis.network.path(rival, supporter).links:
        nemesis.note(f"clog {link}")
        link.clog(_HELD_BACK.draw(nemesis.rng))


def set_priority(nemesis: "Nemesis", node_id: str, priority: int) -> None:
    """Change a node's priority."""
    text = f"has priority {priority}"
    nemesis.tell(node_id, text, lambda elector, now: elector.set_rank(now, priority=priority))


def resign_unheard(nemesis: "Nemesis") -> None:
    """Have a leader give up and stay out while all that it says is lost: its followers must hear of that later."""
    leader = nemesis.leader(nemesis.election())
    if leader is not None:
        mute(nemesis, leader)
        withhold(nemesis, leader)


def mute(nemesis: "Nemesis", node_id: str) -> None:
    """Lose all that a node says, for a moment."""
    nemesis.note(f"mute {node_id}")
    for path in nemesis.network.paths.values():
        if path.source == node_id:
            path.loss = 1.0
            nemesis.later(_UNHEARD, setattr, path, "loss", nemesis.options.loss)


def regain(nemesis: "Nemesis") -> None:
    """Have a leader resign and be elected again while one of its followers hears of neither in time."""
    election = nemesis.election()
    leader = nemesis.leader(election)
    if leader is None:
        return
    deaf = nemesis.rng.choice([node_id for node_id in nemesis.ids if node_id != leader])
    for path in (nemesis.network.path(leader, deaf), nemesis.network.path(deaf, leader)):
        path.loss = nemesis.rng.choice((0.5, 1.0))
        nemesis.later(_UNHEARD, setattr, path, "loss", nemesis.options.loss)
    nemesis.hosts[deaf].disk.stalled_until = nemesis.now + _UNHEARD.draw(nemesis.rng)
    set_priority(nemesis, leader, 9)
    nemesis.tell(leader, f"resigns {election}", lambda elector, now: elector.resign(now, election, to=leader))
    nemesis.later(_CUT, set_priority, nemesis, leader, 1)
