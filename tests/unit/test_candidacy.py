import pytest

from elect.api.candidacy import Candidacy
from elect.core.events import LossReason


class Desk:
    """A candidacy whose commands are applied to an elector that only notes them."""

    def __init__(self) -> None:
        self.log = []
        self.candidacy = Candidacy("e", lambda act: act(self, 0))

    def tick(self, now: int) -> None:
        """Ignore the time."""

    def enter(self, now: int, election: str) -> None:
        self.log.append("enter")

    def leave(self, now: int, election: str, reason: LossReason) -> None:
        self.log.append(reason)


@pytest.fixture
def desk():
    desk = Desk()
    desk.candidacy.start()
    assert desk.log == ["enter"]
    desk.log.clear()
    return desk


def test_nothing_is_said_before_the_start():
    desk = Desk()
    desk.candidacy.set_paused(is_paused=True)
    desk.candidacy.set_paused(is_paused=False)
    assert desk.log == []


def test_after_the_first_hold_it_lasts_as_long_as_holds(desk):
    with desk.candidacy.hold():
        assert desk.log == []
        with desk.candidacy.hold():
            pass
        assert desk.log == []
    assert desk.log == [LossReason.RESIGNED]
    with desk.candidacy.hold():
        assert desk.log == [LossReason.RESIGNED, "enter"]


def test_a_kept_candidacy_outlasts_holds(desk):
    desk.candidacy.keep()
    with desk.candidacy.hold():
        pass
    assert desk.log == []


def test_keeping_it_later_begins_it_again(desk):
    with desk.candidacy.hold():
        pass
    desk.candidacy.keep()
    assert desk.log == [LossReason.RESIGNED, "enter"]


def test_a_pause_outlasts_holds(desk):
    desk.candidacy.set_paused(is_paused=True)
    assert desk.candidacy.is_paused
    with desk.candidacy.hold():
        assert desk.log == [LossReason.PAUSED]
        desk.candidacy.set_paused(is_paused=False)
        assert desk.log == [LossReason.PAUSED, "enter"]


def test_a_hold_ends_also_when_its_body_raises(desk):
    with pytest.raises(KeyError), desk.candidacy.hold():
        raise KeyError
    assert desk.log == [LossReason.RESIGNED]


def test_a_hold_that_is_interrupted_at_its_begin_ends(desk, monkeypatch):
    def interrupt(holder):
        Candidacy.add_holder(desk.candidacy, holder)
        raise KeyboardInterrupt

    monkeypatch.setattr(desk.candidacy, "add_holder", interrupt)
    with pytest.raises(KeyboardInterrupt), desk.candidacy.hold():
        pass
    assert desk.log == [LossReason.RESIGNED]


def test_the_last_wish_counts_in_any_order_of_commands():
    """A signal handler's call is posted before that of the call which it interrupted."""
    desk, acts = Desk(), []
    candidacy = Candidacy("e", acts.append)
    candidacy.start()
    candidacy.set_paused(is_paused=True)
    candidacy.set_paused(is_paused=False)
    for act in reversed(acts):
        act(desk, 0)
    assert desk.log == ["enter"]
