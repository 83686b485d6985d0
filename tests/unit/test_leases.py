import os
import threading

import pytest

from elect.core.quorum import FOREVER
from elect.core.ready import Lease
from elect.leases import Leases


class Clock:
    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def lease(term: int = 1, *followers: str, quorum: int = 2, counts_self: bool = True) -> Lease:
    return Lease(term=term, followers=frozenset(followers), quorum=quorum, counts_self=counts_self)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def leases(clock):
    leases = Leases(clock)
    leases.publish({"e": lease(7, "b", "c")}, {"b": 100, "c": 50})
    return leases


def test_without_a_claim_there_is_no_token(clock):
    assert Leases(clock).token("e") == 0


def test_a_lease_holds_until_the_quorum_th_largest_support_ends(leases, clock):
    clock.now = 99
    assert leases.token("e") == 7
    assert leases.remaining_ns("e", 7) == 1
    clock.now = 100
    assert leases.token("e") == 0
    assert leases.remaining_ns("e", 7) == 0


@pytest.mark.parametrize(
    ("quorum", "counts_self", "until"),
    [(1, True, FOREVER), (2, True, 100), (3, True, 50), (2, False, 50), (4, True, 0)],
)
def test_this_node_counts_only_as_a_voter(clock, quorum, counts_self, until):
    leases = Leases(clock)
    leases.publish({"e": lease(1, "b", "c", quorum=quorum, counts_self=counts_self)}, {"b": 100, "c": 50, "d": 1000})
    assert leases.read("e") == (1, until)


def test_a_lease_that_needs_nobody_else_remains_for_ever(clock):
    leases = Leases(clock)
    leases.publish({"e": lease(1, quorum=1)}, {})
    clock.now = 10**18
    assert leases.remaining_ns("e", 1) == FOREVER


def test_the_clock_is_read_after_the_lease(leases, clock):
    class Freeze:
        """The thread is frozen between its first look and its second."""

        def __enter__(self):
            clock.now = 1000

        def __exit__(self, *_):
            pass

    leases._lock = Freeze()
    assert leases.token("e") == 0


def test_support_alone_is_published_for_all_claims(leases, clock):
    leases.publish({}, {"b": 200})
    clock.now = 150
    assert leases.token("e") == 7
    assert leases.supports("b")
    assert not leases.supports("c")


def test_a_claim_given_up_by_the_core_is_gone(leases):
    leases.publish({"e": None}, None)
    assert leases.token("e") == 0


def test_what_the_application_gave_up_does_not_come_back_in_that_term(leases):
    leases.give_up("e", 7)
    assert leases.token("e") == 0
    leases.publish({"e": lease(7, "b", "c")}, {"b": 300, "c": 300})
    assert leases.token("e") == 0
    leases.publish({"e": lease(8, "b", "c")}, None)
    assert leases.token("e") == 8


def test_giving_up_an_old_term_leaves_a_later_one(leases):
    leases.give_up("e", 6)
    assert leases.token("e") == 7


def test_a_closed_table_takes_no_claim_any_more(leases):
    leases.close()
    assert leases.token("e") == 0
    leases.publish({"e": lease(9, "b", "c")}, {"b": 300, "c": 300})
    assert leases.token("e") == 0


def test_another_process_holds_nothing_and_waits_for_no_lock(leases, monkeypatch):
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    leases._lock = None
    assert leases.token("e") == 0


def test_an_abandoned_table_needs_no_lock_of_its_past(leases):
    holder = threading.Thread(target=leases._lock.acquire)
    holder.start()
    holder.join()
    leases.abandon()
    assert leases.token("e") == 0


def test_it_may_be_asked_while_it_is_being_changed_by_the_same_thread(leases):
    with leases._lock:  # as a signal handler may
        assert leases.token("e") == 7
