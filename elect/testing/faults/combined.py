"""Several faults together, each against one rule of the protocol."""

from elect.testing.faults.fault_context import FaultContext
from elect.testing.faults.network_faults import split
from elect.testing.faults.node_faults import reboot, resignation, withhold
from elect.testing.simulation.simulation_options import Span

_CUT = Span(low=2.0, high=8.0)
_DISTURBED = Span(low=1.2, high=2.5)
"""Time after a cut until a leader counts no support from the nodes behind it, s."""

_DELAYS = (0.001, 0.01, 0.05, 0.2)
_HELD_BACK = Span(low=0.02, high=0.6)
_UNHEARD = Span(low=0.005, high=0.8)
"""Shorter than a promise, so the sessions stay."""


def strip_leader(context: FaultContext) -> None:
    """Leave a leader a bare quorum, then restart or redial a node of it."""
    leader = context.leader(context.election()) or context.node_id()
    supporter, _ = _leave_quorum(context, leader)
    disturbance = context.rng.choice(("reboot", "redial", "redial", ""))
    if disturbance == "reboot":
        context.later(_DISTURBED, reboot, context, supporter)
    elif disturbance:
        context.later(_DISTURBED, redial_to, context, leader, supporter)


def _leave_quorum(context: FaultContext, leader: str) -> tuple[str, list[str]]:
    """Cut a leader off from all nodes but a bare quorum; return one node of it, and the nodes cut off."""
    others = context.rng.sample([node_id for node_id in context.ids if node_id != leader], len(context.ids) - 1)
    lost = others[: (len(context.ids) - 1) // 2]
    split(context, [way for way in context.network.paths if leader in way and not {*lost}.isdisjoint(way)], _CUT)
    return others[-1], lost


def redial_to(context: FaultContext, leader: str, supporter: str) -> None:
    """Close a leader's link to a supporter, and dial again."""
    for link in tuple(context.network.path(leader, supporter).links):
        context.note(f"redial {link}")
        link.dialer.notice_end(link)


def contest(context: FaultContext) -> None:
    """Make a leader lose and regain its last supporter several times, while a rival asks that node for its vote.

    The rival has the best rank. The frames between the three are delayed, so the vote, and the rival's Lead, which is
    held back, arrive before or after the old leader is connected again.
    """
    leader = context.leader(context.election())
    if leader is None or len(context.ids) < 3:
        return
    supporter, (rival, *_) = _leave_quorum(context, leader)
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
    """Hold the frames after a vote, so that the old leader's arrive first."""
    for link in context.network.path(rival, supporter).links:
        context.note(f"clog {link}")
        link.clog(_HELD_BACK.draw(context.rng))


def set_priority(context: FaultContext, node_id: str, priority: int) -> None:
    """Change the priority of a node that runs."""
    context.set_standing(node_id, f"has priority {priority}", priority=priority)


def resign_unheard(context: FaultContext) -> None:
    """Make a leader resign while everything that it sends is lost, so its followers learn of it later."""
    leader = context.leader(context.election())
    if leader is not None:
        mute(context, leader)
        withhold(context, leader)


def mute(context: FaultContext, node_id: str) -> None:
    """Lose everything that a node sends, for a short time."""
    context.note(f"mute {node_id}")
    for path in context.network.paths.values():
        if path.source == node_id:
            path.loss = 1.0
            context.later(_UNHEARD, setattr, path, "loss", context.options.loss)


def regain(context: FaultContext) -> None:
    """Make a leader resign and win again while a follower learns of neither in time."""
    election = context.election()
    leader = context.leader(election)
    if leader is None:
        return
    follower = context.rng.choice([node_id for node_id in context.ids if node_id != leader])
    for path in (context.network.path(leader, follower), context.network.path(follower, leader)):
        path.loss = context.rng.choice((0.5, 1.0))
        context.later(_UNHEARD, setattr, path, "loss", context.options.loss)
    context.hosts[follower].disk.stalled_until = context.now + _UNHEARD.draw(context.rng)
    set_priority(context, leader, 9)
    context.tell(leader, f"resigns {election}", resignation(election, leader))
    context.later(_CUT, set_priority, context, leader, 1)
