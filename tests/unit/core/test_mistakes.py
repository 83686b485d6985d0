"""An invalid call is refused at once: kept, it would make a later message fail, and the node."""

import pytest

from elect.core.messages import Standing
from tests.unit.core.desk import INTERVAL, Desk


@pytest.mark.parametrize(
    "mistake",
    [
        lambda desk: desk.elector.set_rank(desk.now, priority=-1),
        lambda desk: desk.elector.set_rank(desk.now, offset=2**63),
        lambda desk: desk.elector.enter(desk.now, ""),
        lambda desk: desk.elector.enter(desk.now, "é"),
        lambda desk: desk.elector.resign(desk.now, "default", to="nobody"),
    ],
)
def test_an_invalid_call_is_refused_and_changes_nothing(mistake):
    desk = Desk().elected()
    with pytest.raises(ValueError, match=r"allowed|voter"):
        mistake(desk)
    desk.tick(INTERVAL)
    assert desk.election.leadership.resigning is None
    assert desk.elector.state.rank == Standing()
    assert list(desk.elector.state.elections) == ["default"]
