import logging
from collections.abc import Callable

import pytest

from wire.common.failure_log import CAUSES_MAX, SETTLED_S, FailureLog

logger = logging.getLogger("outage")


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failure_log(clock: Clock) -> FailureLog:
    return FailureLog(logger, "it", clock)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what was said at WARNING since it was asked last."""

    def ask() -> list[str]:
        lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        caplog.clear()
        return lines

    return ask


def test_a_day_of_failures_is_two_lines(failure_log: FailureLog, clock: Clock, said: Callable[[], list[str]]) -> None:
    """The first line reports the failure, and the second the number of failures."""
    for _ in range(8_640):
        failure_log.failed("connect", "nobody there")
        clock.now_s += 10
    assert failure_log.worked() == 8_640
    assert said() == ["it fails: nobody there", "it works again after 8640 failures"]
    assert failure_log.worked() == 0
    assert said() == []


def test_each_cause_is_said_once_however_they_alternate(failure_log: FailureLog, said: Callable[[], list[str]]) -> None:
    """A peer that alternates between two failures has no new line each time."""
    for _ in range(100):
        failure_log.failed("refused")
        failure_log.failed("silent")
    assert said() == ["it fails: refused", "it fails: silent"]


def test_causes_that_differ_each_time_are_bounded(failure_log: FailureLog, said: Callable[[], list[str]]) -> None:
    """A hook that took 1.1 s, and then 1.2 s, is one trouble."""
    for count in range(1_000):
        failure_log.failed(f"it took {count} ms")
    assert len(said()) == CAUSES_MAX


def test_what_comes_and_goes_is_one_trouble(
    failure_log: FailureLog, clock: Clock, said: Callable[[], list[str]]
) -> None:
    """After the first recovery, the trouble ends with a minute without a failure."""
    for _ in range(1_000):
        failure_log.failed("descriptors")
        clock.now_s += 1
        assert failure_log.worked() == 1
        clock.now_s += 1
    lines = said()
    assert lines == ["it fails: descriptors", "it works again after 1 failure", "it fails: descriptors"]
    assert failure_log.is_on
    clock.now_s += SETTLED_S
    failure_log.worked()
    assert said() == ["it works again after 999 failures"]
    assert not failure_log.is_on


def test_another_outage_much_later_is_said_again(
    failure_log: FailureLog, clock: Clock, said: Callable[[], list[str]]
) -> None:
    """A failure long after the recovery is a new trouble."""
    for _ in range(2):
        failure_log.failed("connect")
        failure_log.worked()
        clock.now_s += SETTLED_S
    assert len(said()) == 4
