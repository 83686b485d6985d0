from contextlib import suppress
from types import SimpleNamespace

import pytest

from elect.bridge import commands
from elect.bridge.inbox import PendingCommand
from elect.core.events import LossReason
from elect.runtime.shutdown import ShutdownHandover
from elect.storage.journal import JournalDied
from tests.unit.test_orchestrator import Desk


class Elector:
    """The part of one that a handover observes: led elections, and a peer that owes an answer."""

    def __init__(self, *led: str, peer: bool = True) -> None:
        self.log: list = []
        elections = {name: SimpleNamespace(leadership="held", leader=("a", 1)) for name in led}
        elections["followed"] = SimpleNamespace(leadership=None, leader=(None, 0))
        self.peer = SimpleNamespace(opened="1.1" if peer else None, resigns=dict.fromkeys(led))
        support = SimpleNamespace(peers={"b": self.peer})
        self.state = SimpleNamespace(elections=elections, support=support)

    def leave(self, now: int, name: str, reason: LossReason) -> str:
        self.log.append((name, reason))
        return name

    def set_paused(self, now: int, *, is_paused: bool) -> str:
        self.log.append(is_paused)
        return "paused"


def begun(elector: Elector) -> ShutdownHandover:
    handover = ShutdownHandover()
    assert len(list(handover.begin(elector, 0))) == len(elector.log)
    handover.observe(elector)
    return handover


def state(handover: ShutdownHandover) -> tuple[bool, bool]:
    return handover.resigned.is_set(), handover.succeeded.is_set()


def test_what_is_led_is_resigned_and_then_nothing_is_stood_for():
    elector = Elector("x", "y")
    begun(elector)
    assert elector.log == [("x", LossReason.STOPPED), ("y", LossReason.STOPPED), True]


def test_shutdown_lacks_application_peers_and_successor():
    elector = Elector("x")
    handover = begun(elector)
    assert state(handover) == (False, False)
    elector.state.elections["x"].leadership = None
    elector.state.elections["x"].leader = (None, 1)
    handover.observe(elector)
    assert state(handover) == (True, False)
    elector.peer.resigns.clear()
    handover.observe(elector)
    assert state(handover) == (True, False)
    elector.state.elections["x"].leader = ("b", 2)
    handover.observe(elector)
    assert state(handover) == (True, True)


def test_who_leads_nothing_is_done_at_once():
    assert state(begun(Elector())) == (True, True)


def test_where_nobody_listens_nobody_is_waited_for():
    elector = Elector("x", peer=False)
    handover = begun(elector)
    elector.state.elections["x"].leadership = None
    elector.state.elections["x"].leader = (None, 1)
    handover.observe(elector)
    assert state(handover) == (True, True)


@pytest.mark.parametrize("items", [(), (JournalDied(error=ValueError("x")),)])
def test_no_thread_lacks_an_inbox_without_a_reader(items):
    """A stop that ran out of time before the loop ended does not close it."""
    desk, late = Desk(), PendingCommand(commands.tick())
    with suppress(RuntimeError):
        desk.run(*items)
    desk.context.inbox.put(late)
    assert late.wait(0)
