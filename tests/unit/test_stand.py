import pytest

from elect.api.candidacy import Candidacy
from elect.core.events import LossReason


class Desk:
    """A stand whose acts are applied to an elector that only notes them."""

    def __init__(self) -> None:
        self.log = []
        self.stand = Candidacy("e", lambda act: act(self, 0))

    def tick(self, now: int) -> None:
        """Nothing changes."""

    def enter(self, now: int, election: str) -> None:
        self.log.append("enter")

    def leave(self, now: int, election: str, reason: LossReason) -> None:
        self.log.append(reason)


@pytest.fixture
def desk():
    desk = Desk()
    desk.stand.start()
    assert desk.log == ["enter"]
    desk.log.clear()
    return desk


def test_nothing_is_said_before_the_start():
    desk = Desk()
    desk.stand.set_paused(is_paused=True)
    desk.stand.set_paused(is_paused=False)
    assert desk.log == []


def test_after_the_first_hold_it_stands_only_while_one_lasts(desk):
    with desk.stand.hold():
        assert desk.log == []
        with desk.stand.hold():
            pass
        assert desk.log == []
    assert desk.log == [LossReason.RESIGNED]
    with desk.stand.hold():
        assert desk.log == [LossReason.RESIGNED, "enter"]


def test_who_asks_to_stand_for_good_does(desk):
    desk.stand.keep()
    with desk.stand.hold():
        pass
    assert desk.log == []


def test_asking_later_stands_again(desk):
    with desk.stand.hold():
        pass
    desk.stand.keep()
    assert desk.log == [LossReason.RESIGNED, "enter"]


def test_a_pause_outlasts_holds(desk):
    desk.stand.set_paused(is_paused=True)
    assert desk.stand.is_paused
    with desk.stand.hold():
        assert desk.log == [LossReason.PAUSED]
        desk.stand.set_paused(is_paused=False)
        assert desk.log == [LossReason.PAUSED, "enter"]


def test_a_hold_ends_also_when_its_body_raises(desk):
    with pytest.raises(KeyError), desk.stand.hold():
        raise KeyError
    assert desk.log == [LossReason.RESIGNED]


def test_in_a_forked_child_it_says_nothing(desk):
    desk.stand.begin("holder")
    desk.stand.abandon()
    desk.stand.end("holder")
    assert desk.log == []


def test_a_hold_that_is_interrupted_at_its_begin_ends(desk, monkeypatch):
    def interrupt(holder):
        Candidacy.begin(desk.stand, holder)
        raise KeyboardInterrupt

    monkeypatch.setattr(desk.stand, "begin", interrupt)
    with pytest.raises(KeyboardInterrupt), desk.stand.hold():
        pass
    assert desk.log == [LossReason.RESIGNED]


def test_whatever_order_acts_come_in_the_last_wish_counts():
    """A signal handler's call is posted before that of the call which it interrupted."""
    desk, acts = Desk(), []
    stand = Candidacy("e", acts.append)
    stand.start()
    stand.set_paused(is_paused=True)
    stand.set_paused(is_paused=False)
    for act in reversed(acts):
        act(desk, 0)
    assert desk.log == ["enter"]
