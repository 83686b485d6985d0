import os

import pytest

from elect.bridge.lease_table import LeaseTable
from elect.core.quorum import FOREVER
from elect.core.ready import Lease


class Clock:
    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def lease(term: int = 1, *followers: str, quorum: int = 2) -> Lease:
    return Lease(term=term, followers=frozenset(followers), quorum=quorum)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def leases(clock):
    leases = LeaseTable(clock)
    leases.publish({"e": lease(7, "b", "c")}, {"b": 100, "c": 50})
    return leases


def test_without_a_claim_there_is_no_token(clock):
    assert LeaseTable(clock).token("e") == 0


def test_a_lease_holds_until_the_quorum_th_largest_support_ends(leases, clock):
    clock.now = 99
    assert leases.token("e") == 7
    assert leases.remaining_ns("e", 7) == 1
    clock.now = 100
    assert leases.token("e") == 0
    assert leases.remaining_ns("e", 7) == 0


@pytest.mark.parametrize(("quorum", "until"), [(1, FOREVER), (2, 100), (3, 50), (4, 0)])
def test_this_node_is_one_of_the_quorum(clock, quorum, until):
    leases = LeaseTable(clock)
    leases.publish({"e": lease(1, "b", "c", quorum=quorum)}, {"b": 100, "c": 50, "d": 1000})
    assert leases.read("e") == (1, until)


def test_a_lease_that_needs_nobody_else_remains_for_ever(clock):
    leases = LeaseTable(clock)
    leases.publish({"e": lease(1, quorum=1)}, {})
    clock.now = 10**18
    assert leases.remaining_ns("e", 1) == FOREVER


def test_the_clock_is_read_after_the_lease(clock):
    class Frozen(dict):
        """The thread is frozen between its first look and its second."""

        def get(self, peer, default):
            clock.now = 1000
            return super().get(peer, default)

    leases = LeaseTable(clock)
    leases.publish({"e": lease(7, "b")}, Frozen(b=100))
    assert leases.token("e") == 0


class Interrupted(dict):
    """Claims; a publication comes in after one look at them, or a signal handler looks after one change."""

    def __init__(self, claims, then) -> None:
        super().__init__(claims)
        self.then = then

    def get(self, election):
        found = super().get(election)
        self._interrupt()
        return found

    def __setitem__(self, election, claim):
        super().__setitem__(election, claim)
        self._interrupt()

    def pop(self, election, default):
        super().pop(election, default)
        self._interrupt()

    def _interrupt(self) -> None:
        then, self.then = self.then, None
        if then is not None:
            then()


@pytest.mark.parametrize("successor", [None, lease(8, "c")])
def test_an_old_claim_is_never_read_with_a_new_support(leases, clock, successor):
    clock.now = 60  # c's support is over; in the next publication it is b's that is
    leases._claims = Interrupted(leases._claims, lambda: leases.publish({"e": successor}, {"b": 0, "c": 0}))
    assert leases.read("e") == ((0, 0) if successor is None else (8, 0))


@pytest.mark.parametrize("successor", [None, lease(8, "d")])
def test_a_new_claim_is_never_read_with_an_old_support(leases, successor):
    seen = []
    leases._claims = Interrupted(leases._claims, lambda: seen.append(leases.read("e")))
    leases.publish({"e": successor}, {"b": 100, "d": 70})
    assert seen == [(0, 0) if successor is None else (8, 70)]


def test_support_alone_is_published_for_all_claims(leases, clock):
    leases.publish({}, {"b": 200})
    clock.now = 150
    assert leases.token("e") == 7
    assert leases.supports("b")
    assert not leases.supports("c")


def test_a_claim_given_up_by_the_core_is_gone(leases):
    leases.publish({"e": None}, None)
    assert leases.token("e") == 0


def test_a_lease_given_up_does_not_come_back_in_its_term(leases):
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


def test_another_process_holds_nothing(leases, monkeypatch):
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    assert leases.token("e") == 0
