import logging

import pytest

from tests.unit.wire.test_failure_log import Clock
from wire.common.failure_log import SETTLED_S
from wire.links.link_log import SHORT_LINKS_MAX, LinkLog
from wire.links.refusal_log import RefusalLog
from wire.protocol.wire_errors import ConnectError, Refusal, RejectCode, WireError

logger = logging.getLogger("links")

FIELDS = ("event", "peer", "direction", "change")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the messages of INFO and above, and clear them."""
    found = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    caplog.clear()
    return found


@pytest.fixture
def clock(caplog: pytest.LogCaptureFixture) -> Clock:
    caplog.set_level(logging.DEBUG)
    return Clock()


def test_each_change_of_a_steady_link_is_a_line(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A peer that restarts once an hour has a line each time."""
    log = LinkLog(logger, "b", is_dialed=True, clock=clock)
    for _ in range(10):
        opened_s = log.opened("open")
        clock.now_s += 3_600
        log.ended("ended", opened_s)
    assert lines(caplog) == ["> b: open", "> b: ended"] * 10


def test_a_peer_that_is_away_for_a_day_is_two_lines(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """One line reports the outage and one the recovery, before the line of the link."""
    log = LinkLog(logger, "b", is_dialed=True, clock=clock)
    for _ in range(1_000):
        log.failed(ConnectError("nobody there"))
        clock.now_s += 2
    log.opened("open")
    assert lines(caplog) == [
        "> b: linking fails: nobody there",
        "> b: linking works again after 1000 failures",
        "> b: open",
    ]


def test_links_that_do_not_last_are_one_trouble(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Links that end at once have a few lines, until a link lasts."""
    log = LinkLog(logger, "b", is_dialed=False, clock=clock)
    for _ in range(1_000):
        opened_s = log.opened("open")
        clock.now_s += 1
        log.ended("ended", opened_s)
    said = lines(caplog)
    assert said == ["< b: open", "< b: ended"] * SHORT_LINKS_MAX + [
        "< b: open",
        "< b: linking fails: links do not last: ended",
    ]
    log.opened("open")
    log.log_recovery()
    assert lines(caplog) == []
    clock.now_s += SETTLED_S
    log.log_recovery()
    assert lines(caplog) == [f"< b: linking works again after {1_000 - SHORT_LINKS_MAX} failures"]


def test_short_links_that_served_their_purpose_are_no_trouble(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog(logger, "b", is_dialed=False, clock=clock)
    for _ in range(10):
        log.ended("ended", log.opened("open"), is_done=True)
    assert lines(caplog) == ["< b: open", "< b: ended"] * 10


def test_a_recovery_that_is_no_news_is_said_once_it_lasts(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A peer that comes and goes is back when its link has lasted."""
    log = LinkLog(logger, "b", is_dialed=True, clock=clock)
    for _ in range(2):
        log.failed(ConnectError("nobody there"))
        log.opened("open")
    said = lines(caplog)
    assert said[-2:] == ["> b: linking fails: nobody there", "> b: open"]
    clock.now_s += SETTLED_S
    log.log_recovery()
    assert lines(caplog) == ["> b: linking works again after 1 failure"]


def test_a_link_that_was_taken_over_was_no_short_one(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The age of the ended link counts, not that of its replacement."""
    log = LinkLog(logger, "b", is_dialed=False, clock=clock)
    older_s = log.opened("open")
    for _ in range(10):
        clock.now_s += SETTLED_S
        newer_s = log.opened("open")
        log.ended("superseded", older_s)
        older_s = newer_s
    assert "fails" not in "".join(lines(caplog))


def test_the_absence_of_a_peer_that_said_bye_is_no_news(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """It is one when it lasts for a minute; and a peer that came back may fail without notice."""
    log = LinkLog(logger, "b", is_dialed=True, clock=clock)
    for away_s in (1, SETTLED_S):
        log.note_bye(is_away=True)
        for _ in range(2):
            log.failed(ConnectError("nobody there"))
            clock.now_s += away_s
        log.opened("open")
    assert lines(caplog) == [
        "> b: open",
        "> b: linking fails: nobody there",
        "> b: linking works again after 2 failures",
        "> b: open",
    ]
    clock.now_s += SETTLED_S
    log.failed(ConnectError("nobody there"))
    assert lines(caplog) == ["> b: linking fails: nobody there"]


def test_a_peer_that_is_back_is_expected_to_stay(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog(logger, "b", is_dialed=True, clock=clock)
    log.note_bye(is_away=True)
    log.note_bye(is_away=False)
    log.failed(ConnectError("nobody there"))
    assert lines(caplog) == ["> b: linking fails: nobody there"]


CODES = (RejectCode.UNFORMED, RejectCode.REMOVED, RejectCode.UNKNOWN_PEER)
PASSING = [Refusal(code, "wait", is_retryable=True) for code in CODES]


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_a_peer_in_no_cluster_is_said_after_a_minute(
    error: WireError, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ends say it once: each join and each removal begins with some of these."""
    monkeypatch.setattr("wire.links.refusal_log.now_s", lambda: clock.now_s)
    dialing, accepting = LinkLog(logger, "b", is_dialed=True, clock=clock), RefusalLog(logger)
    for _ in range(int(SETTLED_S)):
        dialing.failed(error)
        accepting.note("h:1", error, is_silent=False)
        clock.now_s += 1
    assert lines(caplog) == []
    for _ in range(2):
        dialing.failed(error)
        accepting.note("h:1", error, is_silent=False)
    assert lines(caplog) == [f"> b: linking fails: {error}", f"x h:1: {error}"]


def test_a_join_an_hour_after_another_one_is_no_news(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wire.links.refusal_log.now_s", lambda: clock.now_s)
    accepting = RefusalLog(logger)
    for _ in range(3):
        accepting.note("h:1", PASSING[0], is_silent=False)
        clock.now_s += 3_600
    assert lines(caplog) == []


def test_records_say_which_link_and_what_became_of_it(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog(logger, "b", is_dialed=True, clock=clock)
    log.failed(ConnectError("nobody there"))
    log.ended("ended", log.opened("open"))
    fields = [{name: vars(record).get(name) for name in FIELDS} for record in caplog.records]
    changes = [each.pop("change") for each in fields]
    assert changes == ["failed", "recovered", "opened", "ended"]
    assert fields == [{"event": "link", "peer": "b", "direction": "out"}] * 4
