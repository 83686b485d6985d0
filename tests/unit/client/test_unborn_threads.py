"""A signal that ends the start of a thread: the thread may never run, and holds no endpoint for that."""

import threading

import pytest

from elect.client.client_link import ClientLink
from elect.client.endpoints import ProbeTarget
from elect.client.leader_finder import UNBORN
from elect.client.survey import Survey
from elect.clock import now_ns
from tests.unit.client.test_leader_finder import SEEDS, RefusedDialing, finder_of
from wire import Address

PATIENCE_NS = 60 * 10**9
NAMED = [ProbeTarget(address=each) for each in (SEEDS[0], Address("/run/a.sock", 0))]


@pytest.fixture
def interrupted(monkeypatch):
    """Have the next start of a thread end before it begins, as Ctrl-C in `Thread.start` does."""
    starts, start = [], ClientLink.start

    def interrupt_first(link: ClientLink) -> None:
        starts.append(link)
        if len(starts) == 1:
            raise KeyboardInterrupt
        start(link)

    monkeypatch.setattr(ClientLink, "start", interrupt_first)
    return starts


def test_an_interrupted_dial_is_made_again(interrupted):
    with finder_of(SEEDS[:1]) as finder:
        with pytest.raises(KeyboardInterrupt):
            finder.wait_for("default", lambda _: None, now_ns() + PATIENCE_NS)

        def is_refused(_: int) -> bool | None:
            return any("refused" in said for said in finder._probing.said(finder.targets()).values()) or None

        assert finder.wait_for("default", is_refused, now_ns() + PATIENCE_NS)
        assert interrupted[0] not in finder.threads
        with pytest.raises(OSError, match="it was given up"):
            interrupted[0]._guard(object())  # it may run late


def test_a_dial_that_was_given_up_ends_no_later_one():
    """Its thread runs late, when another one dials the same endpoint."""
    with finder_of(SEEDS[:1]) as finder:
        late, later = (ClientLink(NAMED[0], RefusedDialing(), finder, ()) for _ in range(2))
        finder._links.add(late)
        finder.note_ended(late, UNBORN)
        finder._links.add(later)
        finder._probing.note_dialed(SEEDS[0], now_ns())
        finder.note_ended(late, UNBORN)
        assert finder._probing.due(NAMED, now_ns() + PATIENCE_NS, is_waited=True) == NAMED[1:]


@pytest.mark.parametrize("target", NAMED)
def test_an_interrupted_survey_asks_again(interrupted, target):
    survey = Survey(lambda _: RefusedDialing(), id, now_ns)
    with pytest.raises(KeyboardInterrupt):
        survey.ask([target], "default", 60)
    [found] = survey.ask([target], "default", 60)
    assert found.error.endswith("refused")
    assert interrupted[0] not in survey.threads


@pytest.mark.parametrize("target", NAMED)
def test_no_address_is_still_being_looked_up(target, monkeypatch):
    survey = Survey(lambda _: RefusedDialing(), id, now_ns)
    late = ClientLink(target, RefusedDialing(), survey, ())
    monkeypatch.setattr(late, "_thread", threading.current_thread())
    survey._threads.add(late)
    [found] = survey.ask([target], "default", 60)
    assert found.error.endswith("refused")
