"""Kills during a join: which process is killed, and at which moment."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from elect.testing.real_processes import ProcessCluster, ProcessEvent

STEP_S = 30.0
"""For the event of one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinKill:
    """One kill of a process during a join.

    Attributes:
        is_leader: the leader is killed, else the newcomer.
        shows: whether this event is the step at which it is killed; takes the event, the newcomer and the leader.
            None: it is killed after `delay_s`.
        delay_s: between the step, or the start of the newcomer, and the kill, seconds.
    """

    is_leader: bool
    shows: Callable[[ProcessEvent, str, str], bool] | None = None
    delay_s: float = 0.0

    def wait(self, running: ProcessCluster, newcomer: str, leader: str, since: int) -> str:
        """Wait for the moment; return the node to kill.

        Args:
            running: the processes.
            newcomer: the node that joins.
            leader: the node that led when it started.
            since: the number of events before that start.

        Raises:
            TimeoutError: the step did not come.
        """
        shows = self.shows
        if shows is not None:
            running.wait_for(lambda event: shows(event, newcomer, leader), since=since, timeout=STEP_S)
        time.sleep(self.delay_s)
        return leader if self.is_leader else newcomer


def _asks(event: ProcessEvent, newcomer: str, _leader: str) -> bool:
    return event.node == newcomer and event.event == "lifecycle" and event.phase == "joining"


def _is_written(event: ProcessEvent, newcomer: str, leader: str) -> bool:
    return event.node == leader and event.member == newcomer and event.change == "add"


def _is_installed(event: ProcessEvent, newcomer: str, _leader: str) -> bool:
    return event.node == newcomer and event.event == "member"


def _is_promoted(event: ProcessEvent, newcomer: str, leader: str) -> bool:
    return event.node == leader and event.member == newcomer and event.change == "promote"


STEPS: Mapping[str, Callable[[ProcessEvent, str, str], bool]] = {
    "before the request": _asks,
    "written, not answered": _is_written,
    "answered and installed": _is_installed,
    "made a voter": _is_promoted,
}
"""The steps of a join, in order, each with the event that shows it."""
