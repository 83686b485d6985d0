"""A simulation refuses wrong arguments at the call."""

import math

import pytest

from elect.testing import Bounds, Faults, Options, Simulation, Span, explore


async def coroutine_function(*_: object) -> bool:
    return False


CALLS = [
    (lambda sim: sim.run("5"), TypeError),
    (lambda sim: sim.run([]), TypeError),
    (lambda sim: sim.run(-1), ValueError),
    (lambda sim: sim.run(math.nan), ValueError),
    (lambda sim: sim.run(math.inf), ValueError),
    (lambda sim: sim.run_until(coroutine_function, 1), TypeError),
    (lambda sim: sim.run_until(bool, "1"), TypeError),
    (lambda sim: sim.run_until(bool, -1), ValueError),
    (lambda sim: sim.leader(5), TypeError),
    (lambda sim: sim.elector("z"), ValueError),
    (lambda sim: sim.leader("defualt"), ValueError),
    (lambda sim: sim.is_running(1), TypeError),
    (lambda sim: sim.term("a", "defualt"), ValueError),
    (lambda sim: sim.term("a", 5), TypeError),
    (lambda sim: sim.cut("a", "z"), ValueError),
    (lambda sim: sim.cut("a", "a"), ValueError),
    (lambda sim: sim.cut("a", 5), TypeError),
    (lambda sim: sim.cut("a", "b", both="no"), TypeError),
    (lambda sim: sim.mend("z", "a"), ValueError),
    (lambda sim: sim.partition({"a"}, {"z"}), ValueError),
    (lambda sim: sim.partition("a", 5), TypeError),
    (lambda sim: sim.partition({1}), TypeError),
    (lambda sim: sim.partition({"a", "b"}, {"b"}), ValueError),
    (lambda sim: sim.delay(1, 0), ValueError),
    (lambda sim: sim.delay("0", 1), TypeError),
    (lambda sim: sim.delay(0, math.inf), ValueError),
    (lambda sim: sim.delay(0, 1, "a"), ValueError),
    (lambda sim: sim.loss(1.5), ValueError),
    (lambda sim: sim.loss("1"), TypeError),
    (lambda sim: sim.duplication(-0.1), ValueError),
    (lambda sim: sim.reordering(math.nan), ValueError),
    (lambda sim: sim.clog(-1), ValueError),
    (lambda sim: sim.redial("a", "z"), ValueError),
    (lambda sim: sim.hang_up_by_proxy("a", "a"), ValueError),
    (lambda sim: sim.crash("z"), ValueError),
    (lambda sim: sim.crash("a", closes=1), TypeError),
    (lambda sim: sim.restart(None), TypeError),
    (lambda sim: sim.pause("z"), ValueError),
    (lambda sim: sim.resume("z"), ValueError),
    (lambda sim: sim.stall("a", -1), ValueError),
    (lambda sim: sim.suspend("a", "1"), TypeError),
    (lambda sim: sim.freeze("z"), ValueError),
    (lambda sim: sim.thaw("z"), ValueError),
    (lambda sim: sim.health("a", is_healthy=0), TypeError),
    (lambda sim: sim.raising(2), ValueError),
    (lambda sim: sim.acknowledgement(-1, 0), ValueError),
    (lambda sim: sim.wipe("z"), ValueError),
    (lambda sim: sim.list_voters("z", ["a"]), ValueError),
    (lambda sim: sim.list_voters("a", "a"), TypeError),
    (lambda sim: sim.list_voters("a", ["b"]), ValueError),
    (lambda sim: sim.list_voters("a", ["a", "z"]), ValueError),
    (lambda sim: sim.list_voters("a", [1]), TypeError),
    (lambda sim: sim.list_voters("a", 1), TypeError),
    (lambda sim: sim.disk("a", stall=-1), ValueError),
    (lambda sim: sim.disk("a", is_failing=1), TypeError),
    (lambda sim: sim.disk("a", failures=1.5), TypeError),
    (lambda sim: sim.drift("a", "fast"), TypeError),
    (lambda sim: sim.drift("a", math.nan), ValueError),
    (lambda sim: sim.tell("a", coroutine_function), TypeError),
    (lambda sim: sim.tell("a", None), TypeError),
    (lambda sim: sim.set_standing("a", offset=1.5), TypeError),
    (lambda sim: sim.set_standing("a", priority=-1), ValueError),
    (lambda sim: sim.add_node("a"), ValueError),
    (lambda sim: sim.add_node(5), TypeError),
    (lambda sim: sim.add_node("ü"), ValueError),
    (lambda sim: sim.add_node(""), ValueError),
    (lambda sim: sim.add_node("d" * 65), ValueError),
    (lambda sim: sim.add_node("d", kind="king"), ValueError),
    (lambda sim: sim.watch(print), TypeError),
    (lambda _: Simulation(None), TypeError),
    (lambda _: explore(2, bounds=5), TypeError),
    (lambda _: explore("2"), TypeError),
    (lambda _: explore(2, states_max=1.5), TypeError),
    (lambda _: explore(2, progress=coroutine_function), TypeError),
]


@pytest.mark.parametrize(("call", "error"), CALLS)
def test_a_mistake_is_refused_and_changes_nothing(call, error):
    simulation = Simulation(Options(nodes=3))
    simulation.run(0.5)
    before = simulation.transcript
    with pytest.raises(error):
        call(simulation)
    assert simulation.transcript == before
    simulation.restore()
    simulation.run(5)
    assert simulation.leader() is not None


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Options(nodes=3.0), TypeError),
        (lambda: Options(nodes="3"), TypeError),
        (lambda: Options(nodes=27), ValueError),
        (lambda: Options(seed=1.5), TypeError),
        (lambda: Options(seed=True), TypeError),
        (lambda: Options(elections=()), ValueError),
        (lambda: Options(elections=("default", "default")), ValueError),
        (lambda: Options(elections="default"), TypeError),
        (lambda: Options(elections=(5,)), TypeError),
        (lambda: Options(elections=("",)), ValueError),
        (lambda: Options(heartbeat_interval="100ms"), TypeError),
        (lambda: Options(heartbeat_interval=0), ValueError),
        (lambda: Options(support_duration=math.nan), ValueError),
        (lambda: Options(heartbeat_interval=1, support_duration=1), ValueError),
        (lambda: Options(heartbeat_interval=1, support_duration=2.99), ValueError),
        (lambda: Options(heartbeat_interval=1, support_duration=0.1), ValueError),
        (lambda: Options(support_duration=601), ValueError),
        (lambda: Options(grace=-1), ValueError),
        (lambda: Options(grace=61), ValueError),
        (lambda: Options(clock_drift=5.0), ValueError),
        (lambda: Options(failback=0.5), ValueError),
        (lambda: Options(failback=86_401), ValueError),
        (lambda: Options(voters=[1]), TypeError),
        (lambda: Options(voters={1: ("a",)}), TypeError),
        (lambda: Options(voters={"a": "abc"}), TypeError),
        (lambda: Options(voters={"a": ("a", 1)}), TypeError),
        (lambda: Options(voters={"a": ("b",)}), ValueError),
        (lambda: Options(voters={"z": ("z",)}), ValueError),
        (lambda: Options(starts=[1]), TypeError),
        (lambda: Options(starts={"a": "1"}), TypeError),
        (lambda: Options(starts={"a": -1}), ValueError),
        (lambda: Options(starts={"z": 5}), ValueError),
        (lambda: Options(drift="0"), TypeError),
        (lambda: Options(clock_drift=True), TypeError),
        (lambda: Options(offset_rule="maybe"), ValueError),
        (lambda: Options(offset_rule=5), TypeError),
        (lambda: Options(loss="0.5"), TypeError),
        (lambda: Options(loss=math.nan), ValueError),
        (lambda: Options(delay=0.5), TypeError),
        (lambda: Options(health=1.0), TypeError),
        (lambda: Options(is_encoded=1), TypeError),
        (lambda: Options(faults=0.5), TypeError),
        (lambda: Span(low="0", high=1), TypeError),
        (lambda: Span(low=0, high=math.nan), ValueError),
        (lambda: Faults(every=0), ValueError),
        (lambda: Faults(every="1"), TypeError),
        (lambda: Faults(kinds="crash"), TypeError),
        (lambda: Options(faults=Faults(kinds=("crush",))), ValueError),
        (lambda: Faults(triggered=1.5), ValueError),
        (lambda: Bounds(losses=1.5), TypeError),
        (lambda: Bounds(losses=True), TypeError),
        (lambda: Bounds(losses=-1), ValueError),
    ],
)
def test_a_world_of_wrong_values_is_refused(make, error):
    with pytest.raises(error):
        Simulation(made) if isinstance(made := make(), Options) else made
