from itertools import pairwise

import pytest

from elect.bridge.dispatcher import Dispatcher, PublishedEvent
from elect.bridge.leadership import Leadership
from elect.bridge.lease_table import LeaseTable
from elect.bridge.published_election import PublishedElection
from elect.bridge.subscription import Subscription
from elect.core.events import Elected, LeaderChanged, LossReason, Lost, PeerChanged
from elect.core.ready import Lease
from elect.leader import Leader


class Desk:
    """A dispatcher that runs when it is told to, on the test's own thread, and one election."""

    def __init__(self, events_max: int = 1000) -> None:
        self.log = []
        self.leases = LeaseTable(lambda: 0)
        self.published = PublishedElection("e")
        self.dispatcher = Dispatcher(lambda election, term: self.log.append(("ack", term)), events_max)

    def leadership(self, term: int) -> Leadership:
        lease = Lease(term=term, followers=frozenset(), quorum=1)
        self.leases.publish({"e": lease}, None)
        return Leadership(
            election="e",
            node_id="a",
            token=term,
            leases=self.leases,
            give_up=lambda leadership, reason: self.log.append(("gave up", reason)),
        )

    def elected(self, term: int) -> Leadership:
        leadership = self.published.leadership = self.leadership(term)
        self.dispatcher.dispatch([PublishedEvent(Elected(election="e", term=term, at=term), leadership=leadership)])
        return leadership

    def lost(self, leadership: Leadership, reason: LossReason = LossReason.RESIGNED) -> None:
        leadership.mark_lost(reason)
        self.published.leadership = None
        event = Lost(election="e", term=leadership.token, at=0, reason=reason)
        self.dispatcher.dispatch([PublishedEvent(event, leadership=leadership)])

    def leader(self, node_id: str | None, term: int) -> None:
        leader = None if node_id is None else Leader(node_id=node_id, term=term)
        self.published.leader = leader
        event = LeaderChanged(election="e", term=term, leader=node_id, at=0)
        self.dispatcher.dispatch([PublishedEvent(event, leader=leader)])

    def subscribe(self, name: str = "", on_elected=None, on_lost=None, on_leader=None) -> Subscription:
        subscription = Subscription(
            "e",
            "a",
            on_elected or (lambda leadership: self.log.append((name + "elected", leadership.token))),
            on_lost or (lambda leadership: self.log.append((name + "lost", leadership.token))),
            on_leader or (lambda leader: self.log.append((name + "leader", leader and leader.node_id))),
        )
        self.dispatcher.subscribe(subscription, self.published)
        return subscription

    def pump(self) -> None:
        """Call back with all that waits."""
        while self.dispatcher.backlog:
            self.dispatcher._handle(self.dispatcher._next_item())

    def run(self) -> list:
        self.dispatcher.close()
        self.dispatcher.run()
        return self.log


def test_callbacks_run_in_order_before_the_acknowledgement():
    desk = Desk()
    desk.subscribe("x ")
    desk.subscribe("y ")
    desk.pump()
    desk.leader("a", 1)
    leadership = desk.elected(1)
    desk.pump()
    desk.lost(leadership)
    assert desk.run() == [
        ("x leader", "a"),
        ("y leader", "a"),
        ("x elected", 1),
        ("y elected", 1),
        ("x lost", 1),
        ("y lost", 1),
        ("ack", 1),
    ]


def test_a_lapse_is_told_and_not_acknowledged():
    desk = Desk()
    desk.subscribe()
    first = desk.elected(1)
    desk.pump()
    desk.lost(first, LossReason.LEASE_LAPSED)
    desk.pump()
    desk.elected(1)
    assert desk.run() == [("elected", 1), ("lost", 1), ("elected", 1), ("lost", 1)]


def test_taps_get_every_event_before_the_subscribers():
    desk = Desk()
    desk.dispatcher.tap(lambda event: desk.log.append(type(event).__name__), "a log")
    desk.subscribe()
    leadership = desk.elected(1)
    desk.pump()
    desk.lost(leadership)
    assert desk.run() == [("elected", 1), "Elected", "Lost", ("lost", 1), ("ack", 1)]


def test_a_leadership_over_by_its_turn_is_only_acknowledged():
    desk = Desk()
    desk.subscribe()
    desk.pump()
    desk.lost(desk.elected(1))
    desk.elected(2)
    assert desk.run() == [("ack", 1), ("elected", 2), ("lost", 2)]


def test_a_leadership_still_reported_at_the_end_is_reported_lost():
    desk = Desk()
    reasons = []
    desk.subscribe(on_lost=lambda leadership: reasons.append(leadership.reason))
    leadership = desk.elected(1)
    desk.run()
    assert reasons == [LossReason.STOPPED]
    assert leadership.lost.is_set()


def test_a_late_subscriber_hears_how_things_are_once():
    desk = Desk()
    leadership = desk.elected(1)
    desk.leader("a", 1)
    desk.subscribe()
    assert desk.run() == [("elected", 1), ("leader", "a"), ("lost", 1)]
    assert leadership.lost.is_set()


def test_a_subscriber_ahead_of_the_queue_is_not_told_twice():
    desk = Desk()
    desk.subscribe()
    desk.elected(1)
    desk.leader("a", 1)
    assert desk.run() == [("elected", 1), ("leader", "a"), ("lost", 1)]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_raising_on_elected_resigns_before_later_subscribers(error):
    desk = Desk()

    def fail(leadership):
        raise error

    desk.subscribe("x ", on_elected=fail)
    desk.subscribe("y ")
    desk.elected(1)
    assert desk.run() == [("gave up", LossReason.WORK_FAILED), ("x lost", 1)]


def test_what_taps_and_other_callbacks_raise_ends_there():
    desk = Desk()

    def fail(_):
        raise SystemExit

    desk.dispatcher.tap(fail, "a tap")
    desk.dispatcher.tap(lambda event: desk.log.append(type(event).__name__), "a log")
    desk.subscribe("x ", on_lost=fail)
    desk.subscribe("y ")
    desk.pump()
    desk.dispatcher.dispatch([PublishedEvent(PeerChanged(peer="b", supported=True, at=0))])
    leadership = desk.elected(1)
    desk.pump()
    desk.lost(leadership)
    expected = ["PeerChanged", "Elected", ("x elected", 1), ("y elected", 1), "Lost", ("y lost", 1), ("ack", 1)]
    assert desk.run() == expected


def test_the_line_of_what_raised_names_node_and_election(caplog):
    """Two nodes of one process are not counted together."""
    desk = Desk()

    def fail(_):
        raise ValueError

    desk.dispatcher.tap(fail, "a tap of node a")
    desk.subscribe(on_elected=fail, on_lost=fail, on_leader=fail)
    leadership = desk.elected(1)
    desk.leader("a", 1)
    desk.pump()
    desk.lost(leadership)
    desk.run()
    callbacks = {f"{each} of election 'e' on node a raised" for each in ("on_elected", "on_leader", "on_lost")}
    assert {record.getMessage() for record in caplog.records} == {"a tap of node a raised", *callbacks}


def test_a_cancelled_subscriber_hears_nothing_more():
    desk = Desk()
    subscription = desk.subscribe("x ", on_elected=lambda _: subscription.cancel())
    desk.subscribe("y ")
    desk.pump()
    desk.elected(1)
    desk.leader("a", 1)
    assert desk.run() == [("y elected", 1), ("y leader", "a"), ("y lost", 1)]


def test_superseded_events_are_dropped_the_latest_is_reported(caplog):
    desk = Desk(events_max=50)
    desk.subscribe()
    leadership = desk.elected(1)
    desk.pump()
    for term in range(2, 1000):
        desk.lost(leadership)
        desk.leader(None, term)
        desk.leader("a", term)
        leadership = desk.elected(term)
        assert desk.dispatcher.backlog <= 51
    log = desk.run()
    turns = [what for what, _ in log if what in ("elected", "lost")]
    assert all(one != other for one, other in pairwise(turns))
    assert log[0] == ("elected", 1)
    assert ("elected", 999) in log
    assert log[-1] == ("lost", 999)
    assert [who for what, who in log if what == "leader"][-1] == "a"
    assert len(caplog.records) == 1


def test_a_dispatcher_knows_its_own_callbacks():
    desk = Desk()
    desk.subscribe(on_elected=lambda _: desk.log.append(desk.dispatcher.is_current))
    assert not desk.dispatcher.is_current
    desk.elected(1)
    assert True in desk.run()


class HurriedElection(PublishedElection):
    """An election that changes while a subscriber reads it: `steps` are taken one after each read."""

    def __init__(self, steps: list) -> None:
        super().__init__("e")
        self._steps = steps

    def __getattribute__(self, name: str) -> object:
        value = super().__getattribute__(name)
        if name in ("leader", "leadership") and self._steps:
            self._steps.pop(0)()
        return value


@pytest.mark.parametrize("is_leader_set", [False, True])
def test_elected_comes_before_leader_also_during_subscribe(is_leader_set):
    def elect() -> None:
        desk.elected(5)
        desk.leader("a", 5)

    desk = Desk()
    desk.published = HurriedElection([lambda: None, elect] if is_leader_set else [elect])
    if is_leader_set:
        desk.published.leader = Leader(node_id="a", term=5)
    desk.subscribe()
    desk.pump()
    assert desk.log == [("elected", 5), ("leader", "a")]


def test_a_subscriber_hears_of_a_lease_that_came_back():
    """The leader did not change, so no change follows."""
    desk = Desk()
    desk.published.leader = leader = Leader(node_id="a", term=5)
    desk.subscribe()
    desk.pump()
    assert desk.log == []
    event = Elected(election="e", term=5, at=0)
    desk.dispatcher.dispatch([PublishedEvent(event, desk.leadership(5), leader)])
    desk.pump()
    assert desk.log == [("elected", 5), ("leader", "a")]
