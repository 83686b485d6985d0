"""The state machine that users extend: what its rules do, what it tells, what it finds."""

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from elect.core.changes import ChangeRefused, RemoveMember
from elect.testing import ElectionMachine, InvariantViolation, any_node
from elect.testing.machine.machine_world import MachineWorld
from tests.mutations.breaks import broken

pytestmark = pytest.mark.long

TestElectionMachine = ElectionMachine.TestCase
TestElectionMachine.settings = settings(max_examples=25, deadline=None)


class Told(ElectionMachine):
    """A machine that keeps the events of its nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str, int]] = []

    def on_started(self, node: str) -> None:
        self.told.append(("started", node, 0))

    def on_elected(self, node: str, token: int) -> None:
        self.told.append(("elected", node, token))

    def on_lost(self, node: str, token: int) -> None:
        self.told.append(("lost", node, token))


@pytest.fixture
def state() -> Told:
    machine = Told()
    machine.begin(seed=0)
    machine.tick(milliseconds=100)
    machine.told.clear()
    return machine


def leader(state: ElectionMachine) -> str:
    return next(node for node in state.nodes if state.is_leader(node))


def test_a_run_begins_with_a_leader_whose_token_is_known(state):
    assert [state.token(node) for node in state.nodes] == [1, None, None]
    assert state.is_led()
    assert not state.frames or all("->" in frame for frame in state.frames)


def test_a_resignation_is_told_before_the_next_leader_is(state):
    state.resign(node="a", to="c")
    state.tick_until_elected()
    assert state.told == [("lost", "a", 1), ("elected", "c", 2)]


def test_a_paused_leader_loses_and_is_told_when_it_resumes(state):
    state.pause(node="a")
    assert state.is_paused("a")
    assert state.token("a") is None
    state.tick(milliseconds=400)
    state.tick_until_elected()
    assert [event for event, node, _ in state.told if node == "a"] == []
    state.resume(node="a")
    assert [event for event, node, _ in state.told if node == "a"] == ["lost"]


def test_memory_is_empty_after_a_crash_and_the_disk_is_not(state):
    state.memory["a"].value = state.disk["a"].value = 7
    state.crash(node="a", closes=True)
    assert state.is_down("a")
    state.restart(node="a")
    assert not hasattr(state.memory["a"], "value")
    assert state.disk["a"].value == 7
    assert ("started", "a", 0) in state.told
    assert ("lost", "a", 1) not in state.told


def test_what_comes_after_a_while_comes_in_virtual_time(state):
    state.after(0.25, lambda: state.told.append(("late", "", 0)))
    state.tick(milliseconds=100)
    assert state.told == []
    state.tick(milliseconds=400)
    assert state.told == [("late", "", 0)]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda state: state.after("x", bool), TypeError),
        (lambda state: state.after(-1, bool), ValueError),
        (lambda state: state.after(1, None), TypeError),
        (lambda state: state.is_up("z"), ValueError),
        (lambda state: state.is_paused("z"), ValueError),
        (lambda state: state.is_isolated("z"), ValueError),
        (lambda state: state.world.token("z"), ValueError),
        (lambda state: state.is_cut("a"), ValueError),
        (lambda state: state.is_cut("a->z"), ValueError),
        (lambda state: state.is_cut(5), TypeError),
    ],
)
def test_a_wrong_argument_is_named_at_the_call(state, call, error):
    with pytest.raises(error, match=r"^(no node has the id|seconds|action|path) "):
        call(state)


def test_a_dropped_vote_never_arrives_and_an_overtaken_one_waits(state):
    state.pause_candidacy(node="a")
    state.tick_until(kind="Vote")
    votes = [frame for frame in state.frames if "Vote" in frame]
    candidate = votes[0][0]
    state.drop(frame=votes[0])
    state.reorder(frame=votes[1])
    state.tick(milliseconds=50)
    assert votes[1] in state.frames
    assert not any("Grant" in frame for frame in state.frames)
    state.deliver(frame=votes[1])
    state.tick(milliseconds=10)
    assert f"{votes[1][3]}->{candidate} Grant 2" in state.frames


def test_a_duplicated_frame_arrives_now_and_again(state):
    state.pause_candidacy(node="a")
    state.tick_until(kind="Vote")
    vote = next(frame for frame in state.frames if "Vote" in frame)
    state.duplicate(frame=vote)
    assert vote in state.frames
    state.tick(milliseconds=50)
    assert vote not in state.frames


def test_a_missing_frame_is_named_beside_those_in_flight(state):
    state.tick_until(kind="Heartbeat")
    with pytest.raises(LookupError, match=r"'a->b Vote 99' is not under way; these are: .*Heartbeat"):
        state.deliver(frame="a->b Vote 99")


def test_an_isolated_leader_is_replaced_and_follows_when_healed(state):
    state.isolate(node="a")
    assert [path for path in state.paths if state.is_cut(path)] == ["a->b", "a->c", "b->a", "c->a"]
    state.tick(milliseconds=400)
    state.tick_until_elected()
    assert leader(state) != "a"
    state.heal()
    assert not any(state.is_cut(path) for path in state.paths)
    state.teardown()
    assert state.is_led()


def test_priorities_decide_who_is_elected_next(state):
    state.set_priority(node="c", priority=3)
    state.tick(milliseconds=400)
    state.resign(node="a", to=None)
    state.tick_until_elected()
    assert leader(state) == "c"


def test_recovering_undoes_every_trouble(state):
    state.cut(path="b->c")
    state.pause(node="b")
    state.crash(node="a", closes=False)
    state.pause_candidacy(node="c")
    state.recover()
    assert state.is_led()
    assert all(state.is_willing(node) for node in state.nodes)
    assert not any(state.is_cut(path) for path in state.paths)


def test_one_seed_and_the_same_steps_are_the_same_run():
    def transcript() -> str:
        state = ElectionMachine()
        state.begin(seed=3)
        state.crash(node="a", closes=False)
        state.tick_until_elected()
        state.redial(path="b->c")
        state.tick(milliseconds=400)
        return state.world.transcript

    assert transcript() == transcript()


def test_what_an_application_raises_is_raised_as_it_is():
    class Raising(ElectionMachine):
        def on_elected(self, node: str, token: int) -> None:
            raise LookupError(node)

    with pytest.raises(LookupError, match="a"):
        Raising().begin(seed=0)


def run(machine: type[ElectionMachine], examples: int) -> None:
    quick = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=quick)


@pytest.mark.parametrize(
    "rule",
    ["the boot fence is gone", "two votes in one term", "a Grant before its write", "no allowance for drift"],
)
def test_a_broken_protocol_is_found_and_printed_as_a_program(rule: str):
    with broken(rule), pytest.raises(InvariantViolation) as caught:
        run(ElectionMachine, examples=200)
    assert caught.value.replay == "the steps that Hypothesis prints"
    program = "\n".join(caught.value.__notes__)
    assert "state = ElectionMachine()\nstate.begin(seed=" in program
    assert "state.teardown()" in program


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_machine_of_any_size_runs(nodes):
    sized = type("Sized", (ElectionMachine,), {"options": replace(ElectionMachine.options, nodes=nodes)})
    run(sized, examples=50)


class Changing(ElectionMachine):
    """A machine whose rules change the members."""

    @precondition(lambda machine: len(machine.nodes) < 5)
    @rule()
    def add(self) -> None:
        self.world.add_node("de"[len(self.nodes) - 3])

    @rule(node=any_node)
    def remove(self, node: str) -> None:
        with suppress(ChangeRefused, LookupError):  # there is no leader, or it may not
            self.world.change(RemoveMember(node_id=node))

    def on_elected(self, node: str, token: int) -> None:
        self.disk[node].token = self.memory[node].token = token


def test_a_machine_may_change_its_members():
    run(Changing, examples=60)


def test_a_node_that_was_added_is_one_of_the_nodes(state):
    state.world.add_node("d")
    state.tick(milliseconds=400)
    assert state.nodes == ("a", "b", "c", "d")
    assert "a->d" in state.paths
    assert state.voters == ("a", "b", "c")
    assert state.is_spare("d")
    state.resign(node="a", to="d")  # it does not vote yet
    assert ("lost", "a", 1) in state.told


class Unhealed(ElectionMachine):
    """A machine whose nodes stay isolated for ever."""

    def teardown(self) -> None:
        for node in self.nodes:
            self.world.isolate(node)
        super().teardown()


def test_an_unsettled_cluster_is_found_unless_switched_off(monkeypatch):
    monkeypatch.setattr(MachineWorld, "_restore", lambda self, unwilling: None)
    with pytest.raises(InvariantViolation, match="healed clusters elect"):
        run(Unhealed, examples=3)
    monkeypatch.setattr(Unhealed, "is_settling", False)
    run(Unhealed, examples=3)


def test_a_failure_of_a_rule_is_not_hidden_by_the_end_of_the_run(monkeypatch):
    monkeypatch.setattr(MachineWorld, "_restore", lambda self, unwilling: None)
    state = Unhealed()
    state.begin(seed=0)
    with pytest.raises(LookupError):
        try:
            state.deliver(frame="a->b Vote 99")
        finally:
            state.teardown()


@pytest.mark.parametrize("is_installed", [True, False])
def test_all_names_are_imported_with_and_without_hypothesis(is_installed):
    begin = "" if is_installed else "import sys; sys.modules['hypothesis'] = None\n"
    program = begin + (
        "from elect.testing import *\n"
        "assert FakeElection and Simulation\n"
        f"assert all((name in globals()) is {is_installed}\n"
        "           for name in ('ElectionMachine', 'any_node', 'leading_node'))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stderr == ""


def test_the_kit_imports_hypothesis_only_for_a_machine():
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import elect.testing\n"
        "assert elect.testing.Simulation\n"
        "try: elect.testing.nonsense\n"
        "except AttributeError: pass\n"
        "from elect.testing import ElectionMachine\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ImportError: ElectionMachine needs Hypothesis: pip install 'elect[testing]'" in ended.stderr
