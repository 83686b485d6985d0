"""Heartbeats that wait for a tick become one step with it, unless their peers are not steady."""

import pytest

from elect.core.ready import Ready
from tests.unit.test_orchestrator import BATCH, LINK, RECEIVED, WAKE_AT, Desk, MessageReceived

MESSAGE = MessageReceived(peer="b", number=LINK, message=BATCH)


class CountingElector:
    """Notes the time of each step, and the times of the heartbeats in it."""

    ignored = entered = 0

    def __init__(self, is_steady: bool) -> None:
        self.is_steady = is_steady
        self.steps: list = []

    def are_steady(self, peers: list[str], now: int) -> bool:
        assert (peers, now) == (["b", "b"], 10)
        return self.is_steady

    def receive(self, now: int, *given: object) -> Ready:
        self.steps.append(now)
        return Ready(wake_at=7)

    def tick(self, now: int, heard: list) -> Ready:
        self.steps.append((now, [each.read_at for each in heard]))
        return Ready(wake_at=WAKE_AT)


@pytest.mark.parametrize(
    ("item", "is_steady", "steps"),
    [
        (None, True, [(10, [3, 5])]),
        (MESSAGE, True, [(5, [3, 5]), 10]),
        (None, False, [3, 5, (10, [])]),
        (MESSAGE, False, [3, 5, 10]),
    ],
)
def test_what_waits_comes_first_and_each_with_its_own_time(item, is_steady, steps):
    desk = Desk()
    desk.waiting = [(3, RECEIVED), (5, RECEIVED)]
    desk.orchestrator._elector = elector = CountingElector(is_steady)
    desk.now = desk.orchestrator._wake_at = 10
    if item is not None:
        desk.context.inbox.put(item)
    desk.orchestrator.step(desk.orchestrator._next_input())
    assert elector.steps == steps


@pytest.mark.parametrize("has_offset", [False, True])
def test_only_an_offset_is_taken_while_nothing_can_end(has_offset):
    desk = Desk(receive=Ready(wake_at=WAKE_AT))
    desk.orchestrator._wake_at = WAKE_AT
    desk.waiting, desk.has_offset = [(3, RECEIVED)], has_offset
    desk.context.inbox.put(MESSAGE)
    desk.orchestrator.step(desk.orchestrator._next_input())
    assert desk.waiting == ([] if has_offset else [(3, RECEIVED)])
