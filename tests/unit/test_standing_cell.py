from elect.bridge.node_context import Lifecycle
from elect.bridge.standing_cell import StandingCell
from elect.core.ready import Ready
from tests.unit.test_orchestrator import Desk


class RankedDesk(Desk):
    """A desk whose elector notes the ranks that it is given among its other inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.context.state = Lifecycle.RUNNING
        self.orchestrator._elector.note_rank = self._note_rank
        self.orchestrator._elector.set_rank = self._set_rank

    def _note_rank(self, *, priority: int | None, offset: int | None) -> None:
        self.log.append(("rank", priority, offset))

    def _set_rank(self, now: int, *, priority: int | None, offset: int | None) -> Ready:
        self._note_rank(priority=priority, offset=offset)
        return Ready(wake_at=now)

    def inputs(self) -> list:
        return [line for line in self.log if line[0] in ("rank", "tick")]


def test_the_latest_value_is_taken_once():
    cell = StandingCell()
    assert cell.take_changed() is None
    cell.offset, cell.offset = 1, 2
    assert cell.take_changed() == (None, 2)
    assert cell.take_changed() is None
    cell.priority = 0
    assert cell.take_changed() == (0, 2)


def test_a_store_puts_nothing_into_the_inbox():
    desk = RankedDesk()
    for offset in range(5000):  # more than the inbox has room for
        desk.context.set_standing(offset=offset)
    desk.context.set_standing(priority=3)
    assert len(desk.context.inbox) == 0
    assert desk.inputs() == []


def test_the_next_tick_takes_the_standing_first():
    desk = RankedDesk()
    desk.context.set_standing(offset=7)
    for _ in range(2):
        desk.orchestrator.step(None)
    assert desk.inputs() == [("rank", None, 7), ("tick", []), ("tick", [])]


def test_any_input_takes_the_standing_first():
    desk = RankedDesk()
    desk.context.set_standing(offset=7)
    command = desk.context.post(lambda elector, now: desk.log.append(("tick", "command")) or Ready(wake_at=now))
    desk.orchestrator.step(desk.context.inbox.get(0))
    assert command.is_done
    assert desk.inputs() == [("rank", None, 7), ("tick",), ("tick", "command")]


def test_priority_0_asks_for_a_step_unless_one_is_near():
    desk = RankedDesk()
    for _ in range(3):
        desk.context.set_standing(priority=0)
    assert len(desk.context.inbox) == 1
    desk.orchestrator.step(desk.context.inbox.get(0))
    assert desk.inputs()[-1] == ("rank", 0, None)
