"""Commands that cannot be carried out."""

from random import Random

import pytest

from elect.bridge import commands
from elect.bridge.inbox import PendingCommand
from elect.core.configuration import Configuration
from elect.core.elector import Elector
from elect.core.options import Durable, ElectorOptions
from elect.core.ready import Ready
from tests.unit.test_orchestrator import Desk


@pytest.mark.parametrize("error", [TypeError("1.5"), AssertionError(), KeyError("e"), SystemExit(1), OSError()])
def test_a_command_that_raises_anything_takes_nothing_down(error):
    desk = Desk()
    commands = [PendingCommand(act) for act in (raising(error), lambda elector, now: elector.tick(now))]
    desk.run(*commands)
    assert all(command.wait(0) and command.is_done for command in commands)
    assert [command.error for command in commands] == [error, None]
    assert ("bug",) in desk.log


def test_a_command_is_settled_when_the_thread_dies_of_it():
    desk = Desk(tick=ArithmeticError())
    command = PendingCommand(commands.enter("e"))
    with pytest.raises(ArithmeticError):
        desk.run(command)
    assert command.wait(0)
    assert not command.is_done


@pytest.mark.parametrize("standing", [{"offset": 1.5}, {"priority": True}, {"offset": 2**63}, {"priority": -1}])
def test_a_wrong_standing_leaves_the_elector_as_it_was(standing):
    desk = Desk()
    configuration = Configuration.initial(frozenset("a"))
    elector = Elector(
        options=ElectorOptions(node_id="a", configuration=configuration),
        durable=Durable(incarnation=1),
        rng=Random(1),
        now=0,
    )
    desk.orchestrator._elector = elector
    command = PendingCommand(commands.set_standing(**standing))
    desk.run(command)
    assert isinstance(command.error, TypeError | ValueError)
    assert (elector.state.priority, elector.state.offset) == (1, 0)


def raising(error: BaseException):
    def act(elector: object, now: int) -> Ready:
        raise error

    return act
