"""The time before a failback, and what it leaves alone."""

from dataclasses import replace

import pytest

from elect.core.configuration import Configuration
from elect.core.events import FailedBack, LossReason, Lost
from elect.core.messages import Knowledge, Known, Standing
from elect.core.state.failback_lists import Contender
from tests.unit.core.desk import INTERVAL, MS, START, Desk

AFTER = 1_000 * MS
FIRST = Standing(priority=2)
ASIDE = Standing(willing=False)


def test_a_priority_that_sank_counts_on_for_a_while():
    contender, begun = Contender(), 10 * AFTER
    contender.note(2, begun, AFTER)
    assert not contender.is_steady(begun + AFTER - 1, AFTER)
    assert contender.is_steady(begun + AFTER, AFTER)
    contender.note(0, begun + AFTER, AFTER)
    contender.note(1, begun + AFTER + 1, AFTER)
    assert contender.highest_at(begun + 2 * AFTER, AFTER) == 2
    assert contender.highest_at(begun + 2 * AFTER + 1, AFTER) == 1


class Leader(Desk):
    """Node `b`, which leads; `a` has a higher priority and follows it, and `c` stands aside, unless told otherwise."""

    def __init__(self, *elections: str, second: Standing = ASIDE) -> None:
        super().__init__(elections=("default", *elections))
        self.standings = {"a": FIRST, "c": second}
        self.elector.state.failback_ns = AFTER
        self.elector.state.is_default_failed_back = True
        self.supported()
        self.written()
        for name in self.elections:
            for peer in self.peers:
                self.say(peer, self.grant(peer, 1, election=name, follows=True))
        self.reports("a", number=1)

    def reports(self, peer: str, *, number: int, leader: str | None = "b", stands: bool = True) -> None:
        """A peer says whether it follows this node, and stands."""
        known = tuple(
            Known(election=name, term=1, leader=leader, incarnation=7, stands=stands) for name in self.elections
        )
        self.receive(peer, Knowledge(number=number, whole=False, entries=known))

    def handed(self) -> list[FailedBack]:
        """Let intervals pass until something is handed back."""
        while not (found := self.beats(1)):
            assert self.now < START + 10 * AFTER
        return found

    def beats(self, intervals: int, *, is_busy: bool = False) -> list[FailedBack]:
        """Let intervals pass, and return what is handed back."""
        found: list[FailedBack] = []
        for _ in range(intervals):
            for peer, standing in self.standings.items():
                self.now += MS
                beat = self.heartbeat(supports=self.voters.replace(peer, ""), ack=self.ack(peer), standing=standing)
                self.receive(peer, replace(beat, busy=is_busy and peer == "c"))
            self.tick(INTERVAL)
            found += self.events(FailedBack)
        return found


@pytest.fixture
def leader() -> Leader:
    return Leader()


def test_the_application_hears_that_it_handed_over(leader):
    (handed,) = leader.handed()
    assert handed.successor == "a"
    leadership = leader.election.leading
    assert leadership.resigning is not None
    assert (leadership.resigning.reason, leadership.resigning.successor) == (LossReason.TRANSFERRED, "a")


def test_a_failback_costs_no_rest(leader):
    """The application did not give up, however short its leadership was."""
    leader.election.led_since, leader.election.quick = leader.now, 5
    leader.elector.state.failback_ns = 10 * MS
    assert leader.beats(5)
    assert (leader.election.quick, leader.election.rests_until) == (5, 0)


def test_nothing_is_handed_back_while_a_node_is_busy(leader):
    """It may be another node than the one that comes first: its vote may be needed."""
    assert leader.beats(15, is_busy=True) == []
    assert leader.beats(1)


def test_nothing_is_handed_back_in_a_step_of_the_past(leader):
    """A heartbeat is handed on with the time at which it was read: a loss would be dated before it."""
    leader.beats(4)
    leader.now += 2 * INTERVAL
    leader.beat("c", supports="ab", standing=ASIDE)
    assert leader.events(FailedBack) + leader.events(Lost) == []
    leader.tick()
    assert len(leader.events(FailedBack)) == len(leader.events(Lost)) == 1


def test_the_failbacks_of_one_interval_end_together():
    leader = Leader("other")
    first, second = leader.handed()
    leader.take(leader.elector.acknowledge(leader.now, first.election, first.term))
    assert leader.entries("a") == []
    leader.take(leader.elector.acknowledge(leader.now, second.election, second.term))
    assert [(entry.election, entry.successor) for entry in leader.entries("a")] == [("default", "a"), ("other", "a")]


def test_a_slow_application_delays_others_for_an_interval_only():
    leader = Leader("other")
    first, second = leader.handed()
    leader.take(leader.elector.acknowledge(leader.now, first.election, first.term))
    leader.tick(INTERVAL)
    assert {entry.election for entry in leader.entries("a")} == {first.election}
    leader.take(leader.elector.acknowledge(leader.now, second.election, second.term))
    assert [entry.election for entry in leader.entries("a")] == [second.election]


@pytest.mark.parametrize("report", [{"leader": None}, {"stands": False}])
def test_a_head_that_does_not_follow_or_stand_is_passed_over(report):
    """As one whose durable term is above the leader's; it gets the election when it follows."""
    leader = Leader(second=FIRST)
    leader.reports("c", number=1)
    leader.reports("a", number=2, **report)
    begun = leader.now
    (handed,) = leader.handed()
    assert handed.successor == "c"
    assert handed.at - begun >= AFTER


def test_a_head_that_follows_again_is_not_passed_over():
    leader = Leader(second=FIRST)
    leader.reports("c", number=1)
    leader.reports("a", number=2, leader=None)
    assert leader.beats(6) == []
    leader.reports("a", number=3)
    (handed,) = leader.handed()
    assert handed.successor == "a"


def test_a_head_that_only_left_is_not_passed_over():
    """It keeps its place for `failback`, and the next in the order waits for it."""
    leader = Leader(second=FIRST)
    leader.reports("c", number=1)
    leader.beats(3)
    leader.standings["a"] = ASIDE
    assert leader.beats(4) == []
    leader.standings["a"] = FIRST
    (handed,) = leader.handed()
    assert handed.successor == "a"


def test_nothing_is_handed_to_a_node_behind_the_leader():
    leader = Leader(second=Standing(priority=1))
    leader.reports("c", number=1)
    leader.reports("a", number=2, leader=None)
    assert leader.beats(30) == []


def test_only_the_voters_of_now_head_an_election(leader):
    leader.beats(2)
    assert leader.elector.state.failbacks.headed
    leader.take(
        leader.elector.install(leader.now, Configuration(members=Configuration.initial("b").members, version=1))
    )
    leader.written()
    leader.standings = {}
    assert leader.beats(40) == []
    leader.take(
        leader.elector.install(leader.now, Configuration(members=Configuration.initial("abc").members, version=2))
    )
    leader.tick(INTERVAL)
    assert list(leader.elector.state.failbacks.contenders) == ["b", "a", "c"]
