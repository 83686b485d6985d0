"""The order and the pauses of reports: a next leader comes before none, and leaders come before members."""

import pytest

from elect.core.events import LossReason, Lost
from elect.observing.observer_messages import LeaderReport
from elect.observing.observer_server import PATIENCE_NS, REPORTS_A_TURN
from tests.unit.observing.test_observer_server import INSTALLED, Observed, changed


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.mark.parametrize(
    "event", [changed(leader=None), Lost(election="default", term=1, at=0, reason=LossReason.RESIGNED)]
)
def test_a_next_leader_spares_the_report_of_none(observed, event):
    observed.serve("default")
    observed.server.note_events([event])
    assert observed.turns() == pytest.approx(PATIENCE_NS / 1e9)
    assert observed.links.take() == []
    report = observed.publish("b", 2)
    observed.server.note_events([changed(leader="b")])
    observed.turns()
    assert observed.links.take() == [report]
    observed.pass_time(PATIENCE_NS)
    assert observed.links.take() == []


def test_leaders_are_told_before_members(observed):
    for number in range(2 * REPORTS_A_TURN):
        observed.serve("default", peer=f"c{number}")
    observed.server.note_events([INSTALLED])
    observed.server.turn()
    observed.now += PATIENCE_NS
    observed.server.note_events([changed()])
    kinds = set()
    for _ in range(2):
        observed.server.turn()
        kinds |= {type(message) for box in observed.links.outboxes.values() for message in box.values()}
    assert kinds == {LeaderReport}
