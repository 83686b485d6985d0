"""Faults that strike at elections, votes, leases and resignations, at one of the nodes involved."""

from elect.core.events import Elected, Event, LeaderChanged, Lost, RoleChanged, Voted
from elect.testing.faults.combined import hold_back, mute, redial_to
from elect.testing.faults.fault_context import FaultContext
from elect.testing.faults.network_faults import SHORT, split
from elect.testing.faults.node_faults import fail_writes, pause, reboot, stall
from elect.testing.simulation.simulation_options import Span
from elect.testing.world.process import Process
from elect.testing.world.world_observer import Observer

_SOON = Span(low=0.0, high=0.05)
_STRIKES = ("reboot", "pause", "stall", "fail writes", "mute", "redial", "redial", "cut", "cut")


class TriggeredFaults(Observer):
    """Strikes at a share of the events by which a role, a lease or a vote changes.

    Args:
        context: its chance, network and hosts; it strikes while the context is active.
        share: of those events.
    """

    def __init__(self, context: FaultContext, share: float) -> None:
        self._context = context
        self._share = share

    def told(self, process: Process, event: Event) -> None:
        """Strike soon after a share of the events; delay the frames of a rival that gets a vote in a contest."""
        context = self._context
        if type(event) is Voted and (event.candidate, process.node_id) in context.contests and context.is_active:
            hold_back(context, event.candidate, process.node_id)
        if (
            isinstance(event, RoleChanged | Elected | Lost | LeaderChanged | Voted)
            and self._share
            and context.is_active
            and context.rng.random() < self._share
        ):
            context.later(_SOON, self._strike, process.node_id)

    def _strike(self, node_id: str) -> None:
        context = self._context
        others = [each for each in context.ids if each != node_id]
        if not others:
            return
        other = context.rng.choice(others)
        context.strikes["triggered"] += 1
        match context.rng.choice(_STRIKES):
            case "reboot":
                reboot(context, node_id)
            case "pause":
                pause(context, node_id)
            case "stall":
                stall(context, node_id)
            case "fail writes":
                fail_writes(context, node_id)
            case "mute":
                mute(context, node_id)
            case "redial":
                redial_to(context, node_id, other)
            case _:
                split(context, [context.rng.choice(((node_id, other), (other, node_id)))], SHORT)
