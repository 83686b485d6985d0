"""The pauses of a thread that has much to do."""

import threading

import pytest

from wire.common import pacer
from wire.common.pacer import PAUSE_S, WORK_S, Pacer


class Stopped(threading.Event):
    """Notes the waits instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = list[float | None]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return False


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The present time is the last of these."""
    found = [1.0]
    monkeypatch.setattr(pacer, "now_s", lambda: found[-1])
    return found


def test_a_pause_comes_after_each_time_of_work(times: list[float]) -> None:
    stopped = Stopped()
    pacer = Pacer(stopped)
    for moment in (1.0, 1.0 + WORK_S / 2, 1.0 + WORK_S * 1.1, 1.0 + WORK_S * 2):
        times.append(moment)
        pacer.pause_if_due()
    assert stopped.waits == [PAUSE_S, PAUSE_S]


def test_a_wait_is_a_pause_if_it_is_long_enough(times: list[float]) -> None:
    stopped = Stopped()
    pacer = Pacer(stopped)
    pacer.note_wait(times[-1] - PAUSE_S / 2)
    pacer.pause_if_due()
    times.append(2.0)
    pacer.note_wait(2.0 - 2 * PAUSE_S)
    pacer.pause_if_due()
    assert stopped.waits == [PAUSE_S]
