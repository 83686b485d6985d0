"""A change of the members, asked for at any member."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import cast

import pytest

from elect.core.changes import Change, ChangeRefusal, ChangeRefused, RemoveMember
from elect.core.configuration import Configuration
from elect.errors import JoinRejected, LeadershipTimeout, Stopped
from elect.joining.change_client import ChangeClient
from elect.joining.join_exchange import JoinExchange
from elect.joining.join_messages import Changed, ChangeRequest, NotNow, Redirect, Rejected, Request
from elect.joining.start_choice import Reply
from elect.runtime.join_ends import leave_cluster
from wire.protocol.address import Address
from wire.protocol.wire_errors import ConnectError

CHANGE = RemoveMember(node_id="b")
DONE = Configuration(version=7)
CHANGED = Changed(configuration=DONE)
DEAD = ConnectError("connection refused")
PATIENCE_S = 60.0


class Exchange:
    """Replies to each address in turn; waits take no time."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[int, str]] = []
        self.is_cancelled = self.is_stopping = False

    def ask(self, address: Address, node_id: str, request: Request) -> Reply:
        assert request == ChangeRequest(change=CHANGE)
        self.asked.append((address.port, node_id))
        return self.replies.pop(0)

    def wait(self, seconds: float) -> None:
        self.is_cancelled = self.is_stopping


def not_leader(change: Change, timeout: float | None) -> Configuration:
    raise ChangeRefused(ChangeRefusal.NOT_LEADER, "ask the leader")


def client(
    exchange: Exchange,
    change_here: Callable[[Change, float | None], Configuration] = not_leader,
    leader: tuple[str, Address] | None = ("a", Address("h", 1)),
) -> ChangeClient:
    return ChangeClient("b", cast(JoinExchange, exchange), change_here=change_here, find_leader=lambda: leader)


def redirect(port: int) -> Redirect:
    return Redirect(leader_id=f"n{port}", address=f"h:{port}", term=1)


def test_the_leader_makes_the_change_itself():
    exchange = Exchange()
    assert client(exchange, lambda change, timeout: DONE).change(CHANGE, PATIENCE_S) == DONE
    assert exchange.asked == []


def test_another_member_asks_the_leader():
    exchange = Exchange(CHANGED)
    assert client(exchange).change(CHANGE, PATIENCE_S) == DONE
    assert exchange.asked == [(1, "a")]


def test_redirects_are_followed_three_times_and_nowhere_twice():
    exchange = Exchange(redirect(2), redirect(1), redirect(2), redirect(3), redirect(4), redirect(5), CHANGED)
    assert client(exchange).change(CHANGE, PATIENCE_S) == DONE
    assert [port for port, _ in exchange.asked] == [1, 2, 1, 2, 3, 4, 1]


@pytest.mark.parametrize("passing", [DEAD, NotNow(reason="no leader"), Redirect(leader_id="x", address="?", term=1)])
def test_a_reply_that_passes_is_followed_by_another_try(passing: Reply):
    assert client(Exchange(passing, passing, CHANGED)).change(CHANGE, PATIENCE_S) == DONE


def test_a_node_that_leads_in_the_end_makes_the_change_itself():
    exchange = Exchange(DEAD, DEAD)

    def change_here(change: Change, timeout: float | None) -> Configuration:
        return DONE if exchange.asked else not_leader(change, timeout)

    assert client(exchange, change_here).change(CHANGE, PATIENCE_S) == DONE
    assert len(exchange.asked) == 1


def test_a_refusal_of_the_leader_is_raised():
    with pytest.raises(ChangeRefused, match="only one is left") as caught:
        client(Exchange(Rejected(code="last_voter", text="only one is left"))).change(CHANGE, PATIENCE_S)
    assert caught.value.refusal is ChangeRefusal.LAST_VOTER
    with pytest.raises(JoinRejected, match=r"^h:1 refuses node b: of a later version"):
        client(Exchange(Rejected(code="new", text="of a later version"))).change(CHANGE, PATIENCE_S)


def test_a_refusal_of_this_node_is_raised():
    def refuse(change: Change, timeout: float | None) -> Configuration:
        raise ChangeRefused(ChangeRefusal.TOO_FEW_LIVE, "too few")

    with pytest.raises(ChangeRefused, match="too few"):
        client(Exchange(), refuse).change(CHANGE, PATIENCE_S)


@pytest.mark.parametrize(
    ("reply", "text"), [(DEAD, "h:1 does not answer: connection refused"), (NotNow(reason="wait"), "h:1 not now: wait")]
)
def test_a_change_that_takes_too_long_says_why(reply: Reply, text: str):
    with pytest.raises(LeadershipTimeout) as caught:
        client(Exchange(reply)).change(CHANGE, 0)
    assert str(caught.value) == f"the change ({text}) did not come within 0 s"


def test_without_a_leader_the_refusal_of_this_node_is_raised():
    with pytest.raises(ChangeRefused, match="ask the leader"):
        client(Exchange(), leader=None).change(CHANGE, 0)


def test_a_call_without_limit_goes_on_until_the_leader_replies():
    assert client(Exchange(*[DEAD] * 100, CHANGED)).change(CHANGE, None) == DONE


def test_a_redirect_is_not_followed_when_the_time_is_over():
    exchange = Exchange(redirect(2), CHANGED)
    with pytest.raises(LeadershipTimeout, match="names n2 at h:2"):
        client(exchange).change(CHANGE, 0)
    assert [port for port, _ in exchange.asked] == [1]


def test_a_call_waits_for_its_turn_no_longer_than_it_may():
    """Another call asks a leader that hangs."""
    is_asked, is_over = threading.Event(), threading.Event()

    class HangingExchange(Exchange):
        def ask(self, address: Address, node_id: str, request: Request) -> Reply:
            is_asked.set()
            assert is_over.wait(PATIENCE_S)
            return super().ask(address, node_id, request)

    changes = client(HangingExchange(CHANGED))
    other = threading.Thread(target=changes.change, args=(CHANGE, None))
    other.start()
    assert is_asked.wait(PATIENCE_S)
    try:
        with pytest.raises(LeadershipTimeout, match="this node asks for another one"):
            changes.change(CHANGE, 0)
    finally:
        is_over.set()
        other.join()


def test_a_node_that_stops_asks_no_longer():
    exchange = Exchange(DEAD)
    exchange.is_stopping = True
    with pytest.raises(Stopped):
        client(exchange).change(CHANGE, PATIENCE_S)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (CHANGED, None),
        (Rejected(code="not_member", text="it was removed before"), None),
        (Rejected(code="last_voter", text="only one is left"), ChangeRefused),
        (DEAD, LeadershipTimeout),
    ],
)
def test_a_node_has_left_once_it_is_no_member(reply: Reply, error: type[Exception] | None):
    changes = client(Exchange(reply))
    with pytest.raises(error) if error is not None else nullcontext():
        leave_cluster(changes, "b", 0.0)


def test_a_node_that_finds_no_leader_leaves_too_late():
    with pytest.raises(LeadershipTimeout, match="the removal of b"):
        leave_cluster(client(Exchange(), leader=None), "b", 0.0)
