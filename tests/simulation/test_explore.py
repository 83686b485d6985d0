"""Every world that a small cluster can reach keeps every promise; a broken rule is found with a short trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from elect.testing import InvariantViolation
from elect.testing.explore import Bounds, Exploration, Step, Trace, Verb, explore, replay
from elect.testing.explore.__main__ import main
from elect.testing.explore.explored_world import ExploredWorlds, World
from elect.testing.explore.search import Search, Symmetry
from tests.simulation.explore_breaks import BREAKS, CHANGE_BREAKS, CHANGING, LED, Break

ROOT = Path(__file__).parent.parent.parent


# The core as it is.


@pytest.mark.long
@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(candidacies=3),
        Bounds(candidacies=2, losses=1, failures=1),
        Bounds(candidacies=2, resignations=2),
        Bounds(candidacies=2, moments=1),
        Bounds(candidacies=2, closes=1),
        Bounds(candidacies=1, resets=1),
        Bounds(candidacies=2, crashes=1),
        Bounds(candidacies=1, abandonments=1, copies=1, overtakings=1),
        Bounds(candidacies=1, restarts=1, moments=1),
    ],
    ids=str,
)
def test_two_nodes_keep_every_promise_in_all_there_is(bounds):
    visited = explore(2, bounds=bounds, states_max=60_000)
    assert visited.is_complete, visited
    assert visited.states > 50
    assert visited.transitions > visited.states


@pytest.mark.slow
def test_three_nodes_keep_every_promise_in_all_there_is():
    visited = explore(3, bounds=Bounds(candidacies=2, abandonments=1, losses=1))
    assert visited.is_complete
    assert visited.states > 50_000


@pytest.mark.long
def test_three_nodes_keep_promises_with_every_kind_of_step():
    everything = Bounds(**dict.fromkeys(Bounds.names(), 1))
    visited = explore(3, bounds=everything, states_max=20_000)
    assert not visited.is_complete
    assert visited.depth >= 4


@pytest.mark.long
@pytest.mark.parametrize(
    ("bounds", "states"),
    [
        (Bounds(candidacies=1, changes=1, moments=2), 3_000),
        (Bounds(candidacies=1, changes=1, moments=1, losses=1), 3_000),
    ],
    ids=str,
)
def test_three_nodes_keep_promises_while_members_change(bounds, states):
    visited = explore(3, bounds=bounds, is_prompt=True, states_max=60_000)
    assert visited.is_complete, visited
    assert visited.states > states


def test_a_settled_change_is_made_and_another_one_follows():
    moment = "wait; calm"
    demoted = f"{CHANGING}; calm; {moment}; {moment}"
    assert "a has configuration 1.1 of ab" in replay(demoted)[-1]
    promoted = replay(f"{demoted}; {moment}; {moment}; promote a>c; calm")
    assert "c has configuration 1.2 of abc" in promoted[-1]
    removed = replay(f"{demoted}; {moment}; {moment}; remove a>b; calm; restart b; calm")
    assert "b has configuration 1.2 of a" in removed[-3]


# The search.


@pytest.mark.long
@pytest.mark.parametrize("bounds", [Bounds(candidacies=1, losses=1), Bounds(candidacies=1, changes=1)], ids=str)
def test_symmetry_leaves_out_no_world(bounds):
    worlds = ExploredWorlds(3, bounds)
    symmetry = Symmetry(worlds)
    first = worlds.first()
    seen: set[World] = {first}
    level = [first]
    while level:
        reached = {worlds.apply(world, move) for world in level for move in worlds.moves(world)} - {None}
        level = sorted(world for world in reached - seen if world is not None)
        seen.update(level)
    standing_for_all = {symmetry.canonical(world) for world in seen}
    visited = explore(3, bounds=bounds)
    assert visited.states == len(standing_for_all) < len(seen) < 6 * len(standing_for_all)


def test_each_permutation_of_a_world_is_stood_for_by_the_same():
    worlds = ExploredWorlds(3, Bounds(candidacies=2))
    symmetry = Symmetry(worlds)
    world = worlds.first()
    for move in (("campaign", 2, 0, 0), ("deliver", 2, 0, 0), ("campaign", 1, 0, 0), ("write", 0, 0, 0)):
        after = worlds.apply(world, move)
        assert after is not None
        world = after
        for places in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
            assert symmetry.canonical(symmetry.renamed(world, places)) == symmetry.canonical(world)


@pytest.mark.long
def test_counts_do_not_depend_on_the_order_of_sets():
    program = (
        "from elect.testing.explore import Bounds, explore\n"
        "print(explore(3, bounds=Bounds(candidacies=2, restarts=1), states_max=2000))"
    )
    texts = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", program]
        texts.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(texts) == 1
    assert "there are more" in texts.pop()


def test_progress_is_shown_and_ends_in_what_is_returned():
    shown: list[Exploration] = []
    bounds = Bounds(candidacies=2, losses=1)
    visited = explore(2, bounds=bounds, progress=shown.append)
    assert shown
    assert [each.states for each in shown] == sorted(each.states for each in shown)
    assert shown[-1].states <= visited.states
    assert explore(2, bounds=bounds) == visited


def test_steps_of_the_start_spend_nothing_of_the_bounds():
    start = f"{LED}; resign a; acknowledge a; lose a>b"
    assert explore(3, bounds=Bounds(), start=start).is_complete
    with pytest.raises(ValueError, match="wait: not possible"):
        explore(3, bounds=Bounds(), start=f"{LED}; wait")


def test_bounds_below_zero_and_impossible_starts_are_refused():
    with pytest.raises(ValueError, match="crashes is -1"):
        Bounds(crashes=-1)
    with pytest.raises(ValueError, match="not possible"):
        explore(3, start="3 nodes; write a")
    with pytest.raises(ValueError, match="start has 2 nodes, not 3"):
        explore(3, start="2 nodes")


# What it finds.


def find(broken: Break) -> InvariantViolation:
    with broken.apply(), pytest.raises(InvariantViolation) as caught:
        explore(3, bounds=broken.bounds, start=broken.start, is_prompt=broken.is_prompt, states_max=2_000_000)
    return caught.value


LONG = ("a later session counts without a new Follow", "any term is followed", "a vote while bound")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(broken, id=broken.name, marks=[pytest.mark.long] * (broken.name in LONG))
        for broken in BREAKS + CHANGE_BREAKS
    ],
)
def test_a_broken_rule_is_found_and_its_trace_replays(broken):
    violation = find(broken)
    trace = Trace.parse(violation.replay)
    assert len(trace.steps) == len(violation.transcript) <= broken.steps_max
    with broken.apply(), pytest.raises(InvariantViolation) as again:
        replay(violation.replay)
    assert str(again.value) == str(violation)


def test_the_real_core_survives_a_trace_of_a_broken_one():
    trace = "3 nodes; close a>b; dial a>b; deliver b>a; deliver a>b 1; deliver a>b; deliver b>a"
    assert len(replay(trace)) == 6


def test_a_start_that_breaks_a_promise_raises():
    with BREAKS[0].apply(), pytest.raises(InvariantViolation, match="grants are durable") as caught:
        explore(3, start=LED)
    assert caught.value.transcript[-1].startswith("  2 b reads a's Vote of term 1")


def test_a_trace_reads_like_a_play():
    lines = replay(LED)
    assert lines[0].strip() == "1 a campaigns; a default: candidate in term 1 (campaign)"
    assert "b reads a's Vote of term 1; b default: answers a's vote of term 1: granted" in lines[1]
    assert "a's first write is on disk" in lines[2]
    assert "a reads b's Grant of term 1" in lines[-1]
    assert "a default: holds the lease of term 1" in lines[-1]


# Its words.


@pytest.mark.parametrize("verb", Verb)
def test_a_step_is_read_as_it_is_written(verb):
    for step in (Step(verb), Step(verb, "a"), Step(verb, "a", "b"), Step(verb, "a", "b", 2), Step(verb, "c", count=1)):
        assert Step.parse(str(step)) == step


def test_a_trace_is_read_as_it_is_written():
    trace = Trace.parse(LED)
    assert str(trace) == LED
    assert trace.nodes == 3
    assert trace.steps[1] == Step(Verb.DELIVER, "a", "b")
    assert Trace.parse(f'anything --replay "{LED}"') == trace
    with pytest.raises(ValueError, match="jump"):
        Trace.parse("3 nodes; jump a")


@pytest.mark.long
def test_every_verb_has_words_and_can_happen():
    everything = Bounds(**dict.fromkeys(Bounds.names(), 1))
    worlds = ExploredWorlds(2, everything)
    level, seen, met = [worlds.first()], set[World](), set[str]()
    for _ in range(7):
        level = [world for world in level if world not in seen]
        seen.update(level)
        moves = [(world, move) for world in level[:300] for move in worlds.moves(world)]
        reached = [(move[0], worlds.apply(world, move)) for world, move in moves]
        met |= {verb for verb, world in reached if world is not None}
        level = [world for _, world in reached if world is not None]
    of_leaders = {Verb.RESIGN, Verb.ACKNOWLEDGE, Verb.DEMOTE, Verb.REMOVE, Verb.PROMOTE}
    assert met | of_leaders | {Verb.CALM} == set(Verb)


def test_the_command_says_what_it_visited(capsys):
    assert main(["--nodes", "2", "--candidacies", "1"]) == 0
    output = capsys.readouterr()
    assert "2 nodes, 1 candidacies: no violation in" in output.out
    assert "all there are within the bounds" in output.out


def test_the_command_fails_on_a_violation_and_replays_it(capsys):
    broken = BREAKS[0]
    with broken.apply():
        assert main(["--candidacies", "1"]) == 1
        found = capsys.readouterr().out
        trace = found.split('"')[1]
        assert main(["--replay", trace]) == 1
        assert capsys.readouterr().out.strip() == found.strip()
    assert main(["--replay", trace]) == 0
    assert "granted" in capsys.readouterr().out


def test_the_command_refuses_what_it_can_not_do(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--crashes", "-1"])
    assert caught.value.code == 2
    assert "crashes is -1" in capsys.readouterr().err


def test_a_search_keeps_its_worlds_apart_by_value():
    search = Search(2, Bounds(candidacies=1), Trace(2), None)
    visited = search.run(1_000_000)
    assert len(search._seen) == visited.states
