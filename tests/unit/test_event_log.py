import logging
import math

import pytest

from elect.bridge.publisher import FAILED_CAMPAIGNS_MAX, FAILING_ELECTIONS_MAX, EventLog
from elect.core.events import Campaigned, Elected, Event, LeaderChanged, LossReason, Lost, Role, RoleChanged
from wire.common.line_limit import SUBJECTS_MAX
from wire.common.log import forget_held, release_held


def campaign(term: int, outcome: str = "timed_out") -> list[Event]:
    """One campaign, from its begin to its end, as the core tells of it."""
    end = Role.LEADER if outcome == "elected" else Role.FOLLOWER
    return [
        RoleChanged(election="e", term=term, role=Role.CANDIDATE, reason="campaign", at=0),
        Campaigned(election="e", term=term, outcome=outcome, at=0),
        RoleChanged(election="e", term=term, role=end, reason=outcome, at=0),
    ]


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Return the messages of this level and above, and clear them; later ones are no repetition."""
    said = [record.getMessage() for record in caplog.records if record.levelno >= level]
    caplog.clear()
    forget_held()
    return said


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> EventLog:
    caplog.set_level(logging.DEBUG)
    return EventLog("a")


def test_campaigns_that_fail_for_ever_are_a_few_lines(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    """A node that the others refuse campaigns several times a second, and says so once."""
    for term in range(1, 1_000):
        for event in campaign(term):
            log(event)
    said = lines(caplog, logging.INFO)
    assert said[:2] == ["* e: candidate in term 1: campaign", "* e: follower in term 1: timed_out"]
    assert len(said) == 3
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


def test_an_election_that_flaps_is_a_line_of_each_kind(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    """The last state is logged when ten seconds are over, with the number of those before it."""
    for term in range(1, 100):
        log(Elected(election="e", term=term, at=0))
        log(Lost(election="e", term=term, at=0, reason=LossReason.RESIGNED))
    release_held(math.inf)
    assert lines(caplog, logging.INFO) == [
        "* e: leads in term 1",
        "* e: no longer leads in term 1: resigned",
        "* e: leads in term 99 (and 97 before it)",
        "* e: no longer leads in term 99: resigned (and 97 before it)",
    ]


def test_ten_thousand_elections_that_change_are_few_lines(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(10_000):
        log(LeaderChanged(election=f"e{number}", term=2, leader="b", at=0))
    release_held(math.inf)
    said = lines(caplog, logging.INFO)
    assert len(said) == SUBJECTS_MAX + 2
    assert said[-1] == f"* e9999: b leads in term 2 (and {10_000 - SUBJECTS_MAX - 2} before it)"


def test_a_record_has_the_fields_of_its_event(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    log(LeaderChanged(election="e", term=2, leader="b", at=1_500_000_000))
    [record] = caplog.records
    expected = {"event": "leader", "election": "e", "node": "a", "term": 2, "leader": "b", "boottime": 1.5}
    assert vars(record).items() >= expected.items()
