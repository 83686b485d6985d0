"""Which endpoints are dialed, and when. The clock is a number."""

import random

from hypothesis import given
from hypothesis import strategies as st

from elect.client.endpoints import ProbeTarget
from elect.client.probing import (
    BACKOFF_NS,
    BACKOFF_WAITED_NS_MAX,
    BUDGET_NS,
    HEAD_START_NS,
    IDLE_WAIT_NS_MAX,
    NAMES_MAX,
    STAGGER_NS,
    THREADS_MAX,
    Probing,
)
from wire import Address

START_NS = 10**12


def places(count: int) -> tuple[ProbeTarget, ...]:
    return tuple(ProbeTarget(address=Address("10.0.0.1", port)) for port in range(1, count + 1))


def probing() -> Probing:
    return Probing(random.Random(1))


def dial(state: Probing, targets, now: int, **options: object) -> list[Address]:
    """Dial what is due; return the addresses."""
    due = state.due(targets, now, **{"is_waited": True, **options})
    for target in due:
        state.note_dialed(target.address, now)
    return [target.address for target in due]


def test_a_call_dials_all_endpoints_at_once():
    targets = places(10)
    assert dial(probing(), targets, START_NS) == [target.address for target in targets]


def test_ten_black_holes_cost_one_budget():
    state, targets = probing(), places(10)
    dial(state, targets, START_NS)
    assert state.next_ns(targets, START_NS + HEAD_START_NS, is_waited=True) == START_NS + BUDGET_NS
    assert state.overdue(START_NS + BUDGET_NS - 1) == []
    assert len(state.overdue(START_NS + BUDGET_NS)) == 10


def test_threads_that_hang_are_bounded_and_not_doubled():
    state, targets = probing(), places(40)
    now, dialed = START_NS, 0
    for _ in range(100):
        dialed += len(dial(state, targets, now))
        for address in state.overdue(now):
            state.note_overdue(address, now)
        now += BUDGET_NS
    assert dialed == THREADS_MAX


def test_names_that_hang_leave_threads_for_addresses():
    names = [ProbeTarget(address=Address(f"{place}.example", 1)) for place in range(40)]
    state, targets, now, dialed = probing(), [*names, *places(3)], START_NS, []
    for _ in range(10):
        dialed += dial(state, targets, now)
        for address in state.overdue(now):
            state.note_overdue(address, now)
        now += BUDGET_NS
    assert dialed == [target.address for target in [*names[:NAMES_MAX], *places(3)]]


def test_a_thread_that_ended_makes_room():
    state, targets = probing(), places(THREADS_MAX + 1)
    dial(state, targets, START_NS)
    state.note_failed(targets[0].address, "refused", START_NS)
    state.note_thread_ended(targets[0].address)
    assert dial(state, targets, START_NS) == [targets[-1].address]


def test_a_budget_that_is_used_up_doubles_the_next_one():
    state, targets, now, budgets = probing(), places(1), START_NS, []
    for _ in range(6):
        dial(state, targets, now)
        (at,) = [state.next_ns(targets, now + HEAD_START_NS, is_waited=True)]
        budgets.append(at - now)
        state.note_overdue(targets[0].address, at)
        state.note_thread_ended(targets[0].address)
        now = at + BACKOFF_WAITED_NS_MAX
    assert budgets == [BUDGET_NS * factor for factor in (1, 2, 4, 8, 8, 8)]


def test_a_named_leader_has_a_head_start():
    state, targets = probing(), places(3)
    first = targets[1].address
    assert dial(state, targets, START_NS, first=first) == [first]
    assert dial(state, targets, START_NS + HEAD_START_NS - 1, first=first) == []
    assert state.next_ns(targets, START_NS, is_waited=True) == START_NS + HEAD_START_NS
    assert len(dial(state, targets, START_NS + HEAD_START_NS, first=first)) == 2


def test_a_named_leader_that_fails_gives_way_at_once():
    state, targets = probing(), places(3)
    first = targets[1].address
    dial(state, targets, START_NS, first=first)
    state.note_failed(first, "refused", START_NS + 1)
    state.note_thread_ended(first)
    assert dial(state, targets, START_NS + 1, first=first) == [targets[0].address, targets[2].address]


def test_a_failure_is_left_alone_for_a_backoff():
    state, targets = probing(), places(1)
    dial(state, targets, START_NS)
    state.note_failed(targets[0].address, "refused", START_NS)
    state.note_thread_ended(targets[0].address)
    again = state.next_ns(targets, START_NS, is_waited=True)
    assert START_NS + BACKOFF_NS // 2 <= again <= START_NS + BACKOFF_NS
    assert dial(state, targets, again - 1) == []
    assert len(dial(state, targets, again)) == 1


def test_two_nodes_that_name_each_other_are_dialed_once_a_term():
    state, targets = probing(), places(1)
    address, dials = targets[0].address, 0
    for _ in range(5):
        state.hint(address, 7)
        dials += len(dial(state, targets, START_NS))
        state.note_failed(address, "refused", START_NS)
        state.note_thread_ended(address)
    assert dials == 1
    state.hint(address, 8)
    assert dial(state, targets, START_NS) == [address]


def test_an_idle_client_waits_then_dials_one_after_another():
    state, targets = probing(), places(3)
    state.rest(START_NS)
    first_ns = state.next_ns(targets, START_NS, is_waited=False)
    assert START_NS <= first_ns <= START_NS + IDLE_WAIT_NS_MAX
    assert dial(state, targets, first_ns - 1, is_waited=False) == []
    assert len(dial(state, targets, first_ns, is_waited=False)) == 1
    assert dial(state, targets, first_ns + STAGGER_NS - 1, is_waited=False) == []
    assert len(dial(state, targets, first_ns + STAGGER_NS, is_waited=False)) == 1


def test_idle_clients_spread_over_the_endpoints():
    first = {dial(Probing(random.Random(seed)), places(3), START_NS, is_waited=False)[0] for seed in range(50)}
    assert len(first) == 3


def test_each_endpoint_has_its_turn():
    """Although those before it have failed, and may be dialed again by then."""
    state, targets, now, dialed = probing(), places(40), START_NS, set[Address]()
    for _ in range(40):
        (address,) = dial(state, targets, now, is_waited=False)
        dialed.add(address)
        state.note_failed(address, "refused", now)
        state.note_thread_ended(address)
        now += BUDGET_NS
    assert len(dialed) == 40


def test_a_call_does_not_wait_for_an_idle_client():
    state, targets = probing(), places(3)
    state.rest(START_NS)
    assert len(dial(state, targets, START_NS)) == 3


def test_a_call_that_begins_shortens_the_backoffs():
    state, targets, now = probing(), places(1), START_NS
    for _ in range(10):
        dial(state, targets, now, is_waited=False)
        state.note_failed(targets[0].address, "refused", now)
        state.note_thread_ended(targets[0].address)
        now = state.next_ns(targets, now, is_waited=False)
    state.note_failed(targets[0].address, "refused", now)
    assert dial(state, targets, now + BACKOFF_NS) == []
    state.hasten(now + BACKOFF_NS)
    assert len(dial(state, targets, now + BACKOFF_NS)) == 1


def test_refusals_count_from_the_beginning_of_a_wait():
    state, targets = probing(), places(2)
    dial(state, targets, START_NS)
    for target in targets:
        assert not state.is_refused(targets, START_NS)
        state.note_failed(target.address, "another cluster", START_NS + 1, is_refused=True)
        state.note_thread_ended(target.address)
    assert state.is_refused(targets, START_NS)
    assert not state.is_refused(targets, START_NS + 2)


def test_endpoints_that_are_not_listed_any_more_are_forgotten():
    state, targets = probing(), places(3)
    dial(state, targets, START_NS)
    state.note_thread_ended(targets[0].address)
    state.retain(targets[2:])
    assert len(state._probes) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["fail", "answer", "end", "overdue"]), st.booleans())))
def test_there_is_always_a_next_time_or_a_thread(steps):
    """A wait that nothing ends would be a call that hangs until its deadline."""
    state, targets, now, busy = probing(), places(3), START_NS, set()
    for place, step, is_waited in steps:
        now += BUDGET_NS // 7
        busy.update(dial(state, targets, now, is_waited=is_waited))
        address = targets[place % 3].address
        if address in busy:
            if step == "answer":
                state.note_answered(address, "said")
            elif step == "overdue" and address in state.overdue(now):
                state.note_overdue(address, now)
            elif step in ("fail", "end"):
                state.note_failed(address, "refused", now)
                state.note_thread_ended(address)
                busy.discard(address)
        if len(busy) < len(targets) and not state.due(targets, now, is_waited=is_waited):
            assert state.next_ns(targets, now, is_waited=is_waited) is not None
