"""An Elector without the short path for heartbeats without news answers every input in the same way."""

from copy import deepcopy
from typing import Self

import pytest

from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.testing import Simulation
from elect.testing.faults.presets import hostile
from elect.testing.world import process


class Thorough(Elector):
    """Looks at everything after each input; counts how often the other one would not have."""

    spared = 0

    def _is_quiet(self, *peer: object) -> bool:
        Thorough.spared += super()._is_quiet(*peer)
        return False


class Twins(Elector):
    """Gives each input to both and compares what they answer."""

    def __init__(self, **given: object) -> None:
        self.thorough = Thorough(**deepcopy(given))
        super().__init__(**given)

    def __getattribute__(self: Self, name: str) -> object:
        own = super().__getattribute__(name)
        if name.startswith("_") or name in ("state", "thorough", "view", "entered", "ignored"):
            return own

        def both(*given: object, **named: object) -> Ready:
            ready = own(*given, **named)
            assert ready == getattr(self.thorough, name)(*given, **named)
            return ready

        return both


@pytest.mark.parametrize("nodes", [3, 4, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_short_path_for_heartbeats_changes_no_answer(seed: int, nodes: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "Elector", Twins)
    monkeypatch.setattr(Thorough, "spared", 0)
    simulation = Simulation(hostile(seed, nodes))
    simulation.run(20)
    simulation.settle()
    assert Thorough.spared > 100
