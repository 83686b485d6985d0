"""Nodes that start together with the same seeds form one cluster, whatever crashes and whatever is late."""

import pytest

from elect.joining import join_handler, join_passes
from elect.joining.start_choice import SILENCE_NS, StartChoice, choose_start
from tests.property.joining_world import MS, Host, JoiningWorld

pytestmark = pytest.mark.long

RUNS = pytest.mark.parametrize("seeds", [range(200), pytest.param(range(200, 800), marks=pytest.mark.long)])


def start_at_random(world: JoiningWorld) -> None:
    """Start each host within some seconds; some crash and start again, before they joined or after."""
    for host in world.hosts:
        starts = world.rng.choice((0, 0, world.rng.randrange(3_000))) * MS
        world.after(starts, lambda host=host: world.start(host))
        for _ in range(world.rng.choice((0, 0, 1, 3))):
            starts += world.rng.randrange(1, 2_000) * MS
            world.after(starts, lambda host=host: world.crash(host))
            starts += world.rng.randrange(1, 2_000) * MS
            world.after(starts, lambda host=host: world.start(host))


def cold_start(seed: int, *, seed_count: int = 5, is_bootstrap: bool = False) -> JoiningWorld:
    world = JoiningWorld(seed, seed_count=seed_count)
    world.smallest().is_bootstrap = is_bootstrap
    start_at_random(world)
    world.run(lambda: False)
    assert world.is_complete()
    assert len(world.configuration.members) == 5
    return world


@RUNS
@pytest.mark.parametrize("seed_count", [1, 3, 5])
def test_every_cold_start_forms_one_cluster(seed_count: int, seeds: range):
    for seed in seeds:
        world = cold_start(seed, seed_count=seed_count)
        assert len(world.formed) == 1, seed
        assert (world.changes, world.configuration.version) == (4, 5), "each joins once, whatever is retried"


@RUNS
def test_bootstrap_does_not_form_a_second_cluster(seeds: range):
    for seed in seeds:
        assert len(cold_start(seed, is_bootstrap=True).formed) == 1, seed


def rejoin(seed: int, wiped: Host, world: JoiningWorld) -> None:
    """Wipe a host while the others run, and start it again."""
    world.crash(wiped, is_wiped=True)
    wiped.is_bootstrap = world.rng.random() < 0.5
    world.silence = 0.0 if wiped.is_bootstrap else world.silence
    world.after(world.rng.randrange(1_000) * MS, lambda: world.start(wiped))
    world.run(lambda: False)
    assert world.is_complete()
    assert len(world.formed) == 1, seed


def restart_all(seed: int, wiped: Host, world: JoiningWorld) -> None:
    """Stop all hosts, wipe one, and start them in any order."""
    for host in world.hosts:
        world.crash(host, is_wiped=host is wiped)
        host.is_bootstrap = False
        world.after(world.rng.randrange(5_000) * MS, lambda host=host: world.start(host))
    world.run(lambda: False)
    assert world.is_complete()
    assert len(world.formed) == 1, seed


@RUNS
def test_a_wiped_node_joins_the_others_again(seeds: range):
    for seed in seeds:
        world = cold_start(seed)
        rejoin(seed, world.smallest(), world)
        rejoin(seed, world.rng.choice(world.hosts), world)
        restart_all(seed, world.smallest(), world)
        assert (world.changes, world.configuration.version) == (7, 8), seed


@RUNS
def test_bootstrap_waits_for_a_network_that_comes_up_late(seeds: range):
    """The smallest seed lost its data; its setting is still there, and its network comes up after its node."""
    for seed in seeds:
        world = cold_start(seed)
        wiped, world.silence = world.smallest(), 0.0
        world.crash(wiped, is_wiped=True)
        wiped.is_bootstrap, wiped.network_from = True, world.now + world.rng.randrange(2_000) * MS
        world.start(wiped)
        world.run(lambda: False)
        assert world.is_complete()
        assert len(world.formed) == 1, seed


def form_always(**given: object) -> StartChoice:
    """Form a cluster as the smallest seed, whatever the others say."""
    choice = choose_start(**given)  # type: ignore[arg-type]
    return StartChoice(is_forming=given["own"] == min(given["seeds"]), reason=choice.reason)  # type: ignore[type-var, call-overload]


def form_unless_known(**given: object) -> StartChoice:
    """Form a cluster although a seed is silent."""
    return choose_start(**given | {"is_bootstrap": True, "silence_ns": SILENCE_NS})  # type: ignore[arg-type]


def form_at_once(**given: object) -> StartChoice:
    """Form a cluster with bootstrap although the others have been silent for one pass."""
    return choose_start(**given | {"silence_ns": SILENCE_NS})  # type: ignore[arg-type]


def form_anywhere(**given: object) -> StartChoice:
    """Form a cluster at any address."""
    return choose_start(**given | {"own": min(given["seeds"])})  # type: ignore[arg-type, type-var, call-overload]


@pytest.mark.parametrize("choice", [form_always, form_unless_known, form_anywhere])
def test_the_simulation_finds_a_wrong_choice(choice: object, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(join_passes, "choose_start", choice)
    with pytest.raises(AssertionError):
        test_a_wiped_node_joins_the_others_again(range(200))


def test_the_simulation_finds_a_bootstrap_that_does_not_wait(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(join_passes, "choose_start", form_at_once)
    with pytest.raises(AssertionError):
        test_bootstrap_waits_for_a_network_that_comes_up_late(range(20))


def test_the_simulation_finds_a_member_answered_from_memory(monkeypatch: pytest.MonkeyPatch):
    """A wiped node is told that it is a member, although the members know another store."""
    monkeypatch.setattr(join_handler, "_judge_another_store", lambda view, *_: view.configuration.members)
    with pytest.raises((AssertionError, ValueError, TypeError)):
        test_a_wiped_node_joins_the_others_again(range(200))
