import math

import pytest

from elect.bridge.leadership import Leadership
from elect.bridge.lease_table import LeaseTable
from elect.core.events import LossReason
from elect.core.ready import Lease
from elect.errors import LeadershipLost


class Desk:
    """A leadership in term 3, valid until 100 ns, and what was given up."""

    def __init__(self, quorum: int = 2) -> None:
        self.now = 0
        self.leases = LeaseTable(lambda: self.now)
        lease = Lease(term=3, followers=frozenset("b"), quorum=quorum)
        self.leases.publish({"e": lease}, {"b": 100})
        self.given_up = []
        self.leadership = Leadership(
            election="e",
            node_id="a",
            token=3,
            leases=self.leases,
            give_up=lambda leadership, reason: self.given_up.append(reason),
        )


def test_it_is_valid_while_its_lease_is():
    desk = Desk()
    assert desk.leadership.valid()
    desk.leadership.check()
    assert desk.leadership.remaining() == 100 / 1e9
    desk.now = 100
    assert not desk.leadership.valid()
    assert desk.leadership.remaining() == 0
    assert not desk.leadership.lost.is_set()
    with pytest.raises(LeadershipLost) as caught:
        desk.leadership.check()
    assert (caught.value.token, caught.value.reason) == (3, LossReason.LEASE_LAPSED)


def test_without_peers_it_remains_for_ever():
    assert Desk(quorum=1).leadership.remaining() == math.inf


def test_it_is_not_valid_under_another_token():
    desk = Desk()
    lease = Lease(term=4, followers=frozenset("b"), quorum=2)
    desk.leases.publish({"e": lease}, None)
    assert not desk.leadership.valid()
    assert desk.leadership.remaining() == 0


def test_resigning_ends_it_at_once_and_once():
    desk = Desk()
    desk.leadership.resign()
    assert desk.leadership.lost.is_set()
    assert desk.leadership.reason is LossReason.RESIGNED
    assert desk.leadership.is_resigned
    assert desk.leases.token("e") == 0
    desk.leadership.resign()
    assert desk.given_up == [LossReason.RESIGNED]


@pytest.mark.parametrize("is_over", [False, True])
def test_a_claim_that_is_taken_back_is_no_lapse(is_over):
    """The orchestrator thread takes the claim out of the table before it publishes the end of a resignation."""
    desk = Desk()
    if is_over:
        desk.now = 100
    else:
        desk.leases.publish({"e": None}, None)
    desk.leadership.end(LossReason.RESIGNED)
    assert desk.leadership.reason is (LossReason.LEASE_LAPSED if is_over else LossReason.RESIGNED)


def test_the_first_reason_stays():
    desk = Desk()
    desk.leadership.mark_lost(LossReason.LEASE_LAPSED)
    desk.leadership.mark_lost(LossReason.STOPPED)
    desk.leadership.give_up(LossReason.WORK_FAILED)
    assert desk.leadership.reason is LossReason.LEASE_LAPSED
    assert desk.given_up == []
    assert not desk.leadership.valid()
    assert desk.leadership.remaining() == 0


def test_a_lapse_that_nobody_noticed_yet_is_the_reason():
    """The application gives up, and the lease is over by then."""
    desk = Desk()
    desk.now = 100
    desk.leadership.give_up(LossReason.RESIGNED)
    assert desk.leadership.reason is LossReason.LEASE_LAPSED
    assert desk.given_up == [LossReason.RESIGNED]


def test_the_end_of_all_leases_is_a_stop():
    desk = Desk()
    desk.leases.close()
    assert not desk.leadership.lost.is_set()
    with pytest.raises(LeadershipLost) as caught:
        desk.leadership.check()
    assert caught.value.reason is LossReason.STOPPED
    desk.leadership.resign()
    assert desk.leadership.reason is LossReason.STOPPED


def test_a_thread_that_finds_no_lease_finds_the_reason(monkeypatch):
    desk = Desk()
    give_up, found = desk.leases.give_up, []
    monkeypatch.setattr(desk.leases, "give_up", lambda *told: (give_up(*told), found.append(desk.leadership.loss())))
    desk.leadership.give_up(LossReason.UNHEALTHY)
    assert found == [LossReason.UNHEALTHY]


def test_once_lost_it_stays_lost_though_the_lease_comes_back():
    desk = Desk()
    desk.leadership.mark_lost(LossReason.LEASE_LAPSED)
    assert desk.leases.token("e") == 3
    assert not desk.leadership.valid()


@pytest.mark.parametrize("interrupted", ["mark_lost", "_give_up"])
def test_an_interrupted_resignation_is_not_half_of_one(monkeypatch, interrupted):
    """A call reaches the protocol, or can be repeated."""
    desk = Desk()
    leadership = desk.leadership

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(leadership, interrupted, interrupt)
        leadership.resign()
    leadership.resign()
    assert desk.leases.token("e") == 0
    assert not leadership.valid()
    assert desk.given_up[:1] == [LossReason.RESIGNED]
