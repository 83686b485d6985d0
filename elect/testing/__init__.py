"""Tests of programs that embed elect: a fake election, and deterministic simulations of whole clusters.

`ElectionMachine`, `any_node` and `leading_node` need Hypothesis: `pip install elect[testing]`. The rest needs only
`elect`. See README.md in this folder.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from elect.testing.explore import Bounds, Exploration, explore, replay
from elect.testing.faults.presets import changing, hostile
from elect.testing.simulation.simulate import simulate
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.simulation_options import Faults, Options, Span
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.world.world_observer import Observer

if TYPE_CHECKING:
    from elect.testing.fake.fake_election import FakeElection
    from elect.testing.machine.election_machine import ElectionMachine, any_node, leading_node

__all__ = [
    "Bounds",
    "Exploration",
    "FakeElection",
    "Faults",
    "InvariantViolation",
    "Observer",
    "Options",
    "Simulation",
    "Span",
    "changing",
    "explore",
    "hostile",
    "replay",
    "simulate",
]

if TYPE_CHECKING or find_spec("hypothesis") is not None:  # else `import *` would fail
    __all__ += ["ElectionMachine", "any_node", "leading_node"]

_LATER = {
    "ElectionMachine": "elect.testing.machine.election_machine",
    "FakeElection": "elect.testing.fake.fake_election",
    "any_node": "elect.testing.machine.election_machine",
    "leading_node": "elect.testing.machine.election_machine",
}
"""Names that are imported on first use: a simulation needs neither Hypothesis nor a node."""

if not TYPE_CHECKING:  # a type checker sees only the imports above

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            return getattr(import_module(_LATER[name]), name)
        except ModuleNotFoundError as error:
            if error.name != "hypothesis":
                raise
            raise ImportError(f"{name} needs Hypothesis: pip install 'elect[testing]'", name=error.name) from error
