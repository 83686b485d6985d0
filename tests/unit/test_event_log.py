import logging

import pytest

from elect.bridge.publisher import FAILED_CAMPAIGNS_MAX, FAILING_ELECTIONS_MAX, EventLog
from elect.core.events import Campaigned, Event, LeaderChanged, Role, RoleChanged


def campaign(term: int, outcome: str = "timed_out") -> list[Event]:
    """One campaign, from its begin to its end, as the core tells of it."""
    end = Role.LEADER if outcome == "elected" else Role.FOLLOWER
    return [
        RoleChanged(election="e", term=term, role=Role.CANDIDATE, reason="campaign", at=0),
        Campaigned(election="e", term=term, outcome=outcome, at=0),
        RoleChanged(election="e", term=term, role=end, reason=outcome, at=0),
    ]


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Return the messages of this level and above, and clear them."""
    said = [record.getMessage() for record in caplog.records if record.levelno >= level]
    caplog.clear()
    return said


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> EventLog:
    caplog.set_level(logging.DEBUG)
    return EventLog()


def test_campaigns_that_fail_for_ever_are_a_few_lines(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    """A node that the others refuse campaigns several times a second, and says so once."""
    for term in range(1, 1_000):
        for event in campaign(term):
            log(event)
    said = lines(caplog, logging.INFO)
    assert len(said) == 2 * FAILED_CAMPAIGNS_MAX
    assert (
        said[-1]
        == "! e: 3 campaigns in a row failed, the last one in term 3: timed_out; see the node's status for the cause"
    )


@pytest.mark.parametrize("ends", [campaign(9, "elected")[1], LeaderChanged(election="e", term=9, leader="b", at=0)])
def test_their_end_is_said_with_their_count(log: EventLog, caplog: pytest.LogCaptureFixture, ends: Event) -> None:
    """The first leader's line counts the failed campaigns, and then each change is a line again."""
    for term in range(1, 9):
        for event in campaign(term):
            log(event)
    lines(caplog, logging.INFO)
    log(ends)
    assert lines(caplog, logging.WARNING) == ["* e: decided in term 9, after 8 failed campaigns"]
    for event in campaign(10):
        log(event)
    assert len(lines(caplog, logging.INFO)) == 2


def test_an_election_at_once_says_nothing_of_campaigns(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    """One campaign that fails is no trouble."""
    for event in [*campaign(1), *campaign(2, "elected")]:
        log(event)
    assert lines(caplog, logging.WARNING) == []


def test_thousands_of_elections_that_fail_are_a_few_lines(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    """All campaigns fail for one cause, such as a cold start with ten thousand elections."""
    for number in range(1_000):
        for _ in range(FAILED_CAMPAIGNS_MAX):
            log(Campaigned(election=f"e{number}", term=1, outcome="timed_out", at=0))
    assert len(lines(caplog, logging.WARNING)) == FAILING_ELECTIONS_MAX
    for number in range(1_000):
        log(LeaderChanged(election=f"e{number}", term=2, leader="b", at=0))
    assert len(lines(caplog, logging.WARNING)) == FAILING_ELECTIONS_MAX
