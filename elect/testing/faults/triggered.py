"""Whoever waits for the moments that matter, and strikes just then at one of those involved."""

from typing import TYPE_CHECKING

from elect.core.events import Elected, Event, LeaderChanged, Lost, RoleChanged, Voted
from elect.testing.faults.combined import hold_back, mute, redial_to
from elect.testing.faults.network_faults import SHORT, split
from elect.testing.faults.node_faults import fail_writes, pause, reboot, stall
from elect.testing.simulation.simulation_options import Span
from elect.testing.world.world_observer import Observer

if TYPE_CHECKING:
    from elect.testing.faults.nemesis import Nemesis
    from elect.testing.world.process import Process

_SOON = Span(low=0.0, high=0.05)
_STRIKES = ("reboot", "pause", "stall", "fail writes", "mute", "redial", "redial", "cut", "cut")


class TriggeredFaults(Observer):
    """Strikes at a share of the moments at which a part in an election changes.

    Args:
        nemesis: whose chance, network and hosts it uses; it ends with it.
        share: of those moments.
    """

    def __init__(self, nemesis: "Nemesis", share: float) -> None:
        self._nemesis = nemesis
        self._share = share

    def told(self, process: "Process", event: Event) -> None:
        """Strike soon, or not; and keep the winner of a contest waiting."""
        nemesis = self._nemesis
        if type(event) is Voted and (event.candidate, process.node_id) in nemesis.contests and nemesis.is_active:
            hold_back(nemesis, event.candidate, process.node_id)
        if (
            isinstance(event, RoleChanged | Elected | Lost | LeaderChanged | Voted)
            and self._share
            and nemesis.is_active
            and nemesis.rng.random() < self._share
        ):
            nemesis.later(_SOON, self._strike, process.node_id)

    def _strike(self, node_id: str) -> None:
        nemesis = self._nemesis
        other = nemesis.rng.choice([each for each in nemesis.ids if each != node_id])
        nemesis.strikes["triggered"] += 1
        match nemesis.rng.choice(_STRIKES):
            case "reboot":
                reboot(nemesis, node_id)
            case "pause":
                pause(nemesis, node_id)
            case "stall":
                stall(nemesis, node_id)
            case "fail writes":
                fail_writes(nemesis, node_id)
            case "mute":
                mute(nemesis, node_id)
            case "redial":
                redial_to(nemesis, node_id, other)
            case _:
                split(nemesis, [nemesis.rng.choice(((node_id, other), (other, node_id)))], SHORT)
