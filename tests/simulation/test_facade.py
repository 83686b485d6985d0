"""The public test kit: its examples, its observers, its violations."""

import doctest
import pickle
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from elect.core.elector import Elector
from elect.core.events import Elected
from elect.testing import InvariantViolation, Observer, Options, Simulation, Span, hostile, simulate
from tests.documents import block
from tests.mutations.breaks import broken

ROOT = Path(__file__).parents[2]
EXAMPLES = [path for path in (ROOT / "elect" / "testing").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_of_docstrings_run(path: Path):
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    results = doctest.testmod(module)
    assert results.attempted > results.failed == 0


def test_the_state_machine_of_the_readme_holds():
    names: dict[str, object] = {}
    exec(block("elect/testing/README.md", "python", "ElectionMachine"), names)
    run_state_machine_as_test(names["Tokens"], settings=settings(max_examples=20, deadline=None, derandomize=True))


def test_every_method_of_a_simulation_runs():
    simulation = Simulation(Options(nodes=5, seed=7, loss=0.05, drift=0.005))
    simulation.run(10)
    leader = simulation.leader("default")
    assert leader is not None
    simulation.cut("a", "b", both=False)
    simulation.partition({"a", "b"}, {"c"})
    simulation.heal()
    simulation.delay(0.001, 0.02)
    simulation.loss(0.2, "a", "b", both=False)
    simulation.crash("a", closes=True)
    simulation.restart("a")
    simulation.pause("b")
    simulation.resume("b")
    simulation.disk("a", stall=2.0)
    simulation.drift("a", 0.01)
    simulation.run(5)
    simulation.settle()
    assert simulation.elector("a").snapshot(0).node_id == "a"
    assert any(isinstance(record.event, Elected) for record in simulation.events)
    assert "holds the lease of term" in simulation.transcript


def test_a_violation_has_a_transcript_and_a_replay():
    with broken("the lease is anchored at receipt"):
        simulation = Simulation(hostile(0, 3))
        with pytest.raises(InvariantViolation) as caught:
            simulation.run(60)
        violation = caught.value
        assert violation.invariant == "counted support is promised"
        assert violation.transcript[-1].endswith(f"{violation.invariant}: {violation.detail}")
        words = violation.replay.split()
        assert words[:6] == ["elect", "simulate", "--seed", "0", "--nodes", "3"]
        text: list[str] = []
        assert simulate(seed=int(words[3]), nodes=int(words[5]), seconds=float(words[7]), write=text.append) == 1
    assert violation.detail in "".join(text)
    assert violation.replay in "".join(text)
    assert pickle.loads(pickle.dumps(violation)).replay == violation.replay


def test_a_violation_while_settling_has_a_replay():
    simulation = Simulation(hostile(1, 3))
    simulation.run(7)
    simulation.restore()
    simulation.run(1)
    violation = simulation._world.violation("a name", "what was seen")
    assert violation.replay.endswith("--seed 1 --nodes 3 --seconds 7")


def test_a_world_made_by_hand_is_replayed_by_its_options():
    simulation = Simulation(Options(nodes=3, seed=4))
    assert "Options(nodes=3, seed=4" in simulation._world.violation("a name", "what was seen").replay


def test_an_exception_of_an_elector_is_a_violation_with_a_replay():
    simulation = Simulation(hostile(2, 3))
    with (
        patch.object(Elector, "tick", side_effect=ZeroDivisionError("a slip")),
        pytest.raises(InvariantViolation, match="electors never raise: ZeroDivisionError"),
    ):
        simulation.run(2)


def test_a_wiped_node_is_refused_and_never_votes_again():
    simulation = Simulation(Options(nodes=3, seed=1))
    simulation.run(2)
    leader = simulation.leader()
    wiped, other = [node_id for node_id in "abc" if node_id != leader]
    simulation.wipe(wiped)
    simulation.restart(wiped)
    simulation.run(5)
    assert simulation.leader() == leader
    simulation.crash(leader or "")
    simulation.run(10)
    assert simulation.leader() is None
    simulation.restart(leader or "")
    simulation.run(3)
    assert simulation.leader() in (leader, other)


def test_an_observer_of_a_user_sees_events():
    class Tokens(Observer):
        def __init__(self) -> None:
            self.terms: list[int] = []

        def told(self, process: object, event: object) -> None:
            if isinstance(event, Elected):
                self.terms.append(event.term)

    simulation = Simulation(Options(nodes=3, seed=2))
    tokens = Tokens()
    simulation.watch(tokens)
    simulation.run(1)
    simulation.crash(simulation.leader() or "")
    simulation.run(1)
    assert tokens.terms == sorted(set(tokens.terms))
    assert len(tokens.terms) == 2


def test_a_method_may_be_set_once_the_observer_is_added():
    simulation, observer, told = Simulation(Options(nodes=3, seed=2)), Observer(), list[object]()
    simulation.watch(observer)
    observer.told = lambda _, event: told.append(event)
    simulation.run(1)
    assert told


@pytest.mark.parametrize("seed", [True, 1.5, "7"])
def test_a_seed_that_is_refused_is_named(seed: object):
    with pytest.raises(TypeError, match=rf"^seed is {seed!r}; a whole number is needed$"):
        Options(seed=seed)


@pytest.mark.parametrize("method", ["told", "stepped", "heard", "sent"])
@pytest.mark.parametrize("kind", [ValueError, AssertionError])
def test_what_an_observer_raises_is_raised_as_it_is(method: str, kind: type[Exception]):
    def fail(*_: object, **__: object) -> None:
        raise kind("mine")

    simulation = Simulation(Options(nodes=3, seed=2))
    simulation.watch(type("Failing", (Observer,), {method: fail})())
    with pytest.raises(kind, match="mine") as caught:
        simulation.run(3)
    assert not isinstance(caught.value, InvariantViolation)
    note = "\n".join(caught.value.__notes__)
    assert note.startswith(f"an observer raised: {kind.__name__}('mine')")
    assert "starts (store 1)" in note
    assert note.endswith(f"replay: Simulation({Options(nodes=3, seed=2)!r}), with the same calls")


def test_a_violation_that_an_observer_finds_is_raised_as_it_is():
    class Failing(Observer):
        def told(self, process: object, event: object) -> None:
            raise violation

    violation = InvariantViolation("mine", "because", [], "")
    simulation = Simulation(Options(nodes=3, seed=2))
    simulation.watch(Failing())
    with pytest.raises(InvariantViolation) as caught:
        simulation.run(3)
    assert caught.value is violation


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"nodes": 0}, "nodes is 0"), ({"loss": 1.5}, "loss is 1.5"), ({"drift": 0.02}, "drift is 0.02")],
)
def test_options_that_promise_nothing_are_refused(changes: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        Options(**changes)


def test_a_span_runs_upwards():
    with pytest.raises(ValueError, match="low <= high is needed"):
        Span(low=2, high=1)


def test_a_clock_beyond_the_bound_is_refused():
    simulation = Simulation(Options(nodes=3))
    with pytest.raises(ValueError, match="clock_drift is"):
        simulation.drift("a", 0.02)


def test_a_dead_node_has_no_elector():
    simulation = Simulation(Options(nodes=3))
    simulation.run(1)
    simulation.crash("a")
    assert not simulation.is_running("a")
    with pytest.raises(LookupError, match="node a does not run"):
        simulation.elector("a")
