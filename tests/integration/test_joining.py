"""Joining over real sockets: which seeds are asked, what is installed, and what ends a join."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from elect.core.changes import AddMember
from elect.core.configuration import Configuration
from elect.errors import IdInUse, JoinCancelled, JoinGaveUp, NotAuthorized, OtherCluster, OtherVersion, Stopped
from elect.joining import join_exchange, join_server
from elect.joining.join_exchange import JoinExchange
from elect.joining.join_handler import MemberView
from elect.joining.join_messages import Changed, ChangeRequest, Join, Joined, NotNow, Rejected
from elect.joining.join_token import JoinTokens, make_token
from tests.integration.joining_ends import LOOPBACK, FakeMember, Joining, follower, identity, leader, serving
from tests.integration.test_wire_keys import NEW, OLD, keyed
from tests.integration.wire_ends import dialing, eventually, listening
from wire import Address, DialFailed
from wire.security.tls import Tls

BUDGET_S = 0.5
"""Of the joining node here: to be welcomed, and again to be answered."""


class Silent:
    """A program that accepts connections and says nothing."""

    def __enter__(self) -> Address:
        self._server = socket.create_server((LOOPBACK, 0))
        return Address(*self._server.getsockname())

    def __exit__(self, *_: object) -> None:
        self._server.close()


def dead() -> Address:
    """An address at which nothing listens."""
    with socket.create_server((LOOPBACK, 0)) as server:
        return Address(*server.getsockname())


def test_a_node_joins_the_leader_and_installs_its_configuration():
    member = leader()
    with serving(member) as (seed, _):
        joining = Joining(seed)
        configuration = joining.joined()
    assert configuration == member.seen.configuration
    assert configuration.node_ids == ("a", "d")
    assert member.changes == [AddMember(node_id="d", store_id=b"s" * 16, address=f"{LOOPBACK}:9")]
    assert [each.attempt for each in joining.progress] == [1, 1]


def test_a_follower_leads_to_the_leader():
    with serving(leader()) as (address, _), serving(follower("b", address)) as (seed, _):
        assert Joining(seed).joined().node_ids == ("a", "d")


def test_dead_and_silent_seeds_cost_one_budget_each():
    with ExitStack() as stack:
        silent, (alive, _) = stack.enter_context(Silent()), stack.enter_context(serving(leader()))
        seeds = [dead(), silent, alive]
        joining = Joining(*seeds)
        joining.joined()
        assert joining.progress[-1].attempt == 1
        if silent < alive:
            assert joining.progress[-1].replies[silent].startswith("does not answer: no ")


def test_a_member_that_does_not_answer_in_time_is_passed_over():
    slow = leader("b")
    slow.is_free.clear()
    with serving(slow) as (seed, _):
        joining = Joining(seed, attempts_max=1)
        assert "no answer to the request in time" in str(joining.end())


def test_seeds_that_start_later_are_found():
    seed = dead()
    joining = Joining(seed)
    assert eventually(lambda: any(each.attempt == 3 for each in joining.progress))
    with serving(leader(), port=seed.port):
        assert joining.joined().node_ids == ("a", "d")


@pytest.mark.parametrize("kind", ["circle", "itself", "dead", "stranger"])
def test_a_redirect_that_leads_nowhere_is_no_end(kind: str):
    """The next pass finds the leader."""
    with ExitStack() as stack:
        first = follower("b", None)
        seed, _ = stack.enter_context(serving(first))
        second, _ = stack.enter_context(serving(follower("c", seed, leader_id="b")))
        stranger, _ = stack.enter_context(serving(leader("x"), cluster="other"))
        place = {"circle": second, "itself": seed, "dead": dead(), "stranger": stranger}[kind]
        first.seen = replace(first.seen, leader_id="c", leader_address=str(place))
        joining = Joining(seed)
        assert eventually(lambda: any(each.attempt == 3 for each in joining.progress))
        address, _ = stack.enter_context(serving(leader()))
        first.seen = replace(first.seen, leader_id="a", leader_address=str(address))
        joining.joined()


def test_a_join_that_was_half_done_is_completed_once():
    """The node is killed between the leader's change and its own installation, and starts again."""
    member = leader()
    member.is_free.clear()
    with serving(member) as (seed, _):
        killed = Joining(seed, attempts_max=1)
        assert isinstance(killed.end(), JoinGaveUp)
        assert member.seen.configuration.version == 2
        again = Joining(seed)
        assert eventually(lambda: len(member.changes) == 2)
        assert again.installed == []
        member.is_free.set()
        assert again.joined().version == 2


def test_a_node_that_lost_its_store_is_no_stale_link():
    """Its incarnation begins again at 1; its clock goes on."""
    member = leader()
    with serving(member) as (seed, _):
        for store, incarnation in ((b"1" * 16, 7), (b"2" * 16, 1)):
            Joining(seed, exchange=JoinExchange(identity("d", incarnation=incarnation)), store_id=store).joined()
        assert member.seen.configuration.version == 3


def test_requests_one_after_the_other_are_no_trouble(caplog: pytest.LogCaptureFixture):
    with serving(leader()) as (seed, _):
        for _ in range(6):
            Joining(seed).joined()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_smallest_seed_forms_and_the_other_one_joins_it():
    with ExitStack() as stack:
        first, second = (FakeMember(MemberView(node_id=node, configuration=Configuration())) for node in "ab")
        addresses = {stack.enter_context(serving(member))[0]: member for member in (first, second)}
        (small, founder), (large, _) = sorted(addresses.items(), key=lambda item: item[0])
        seeds, node = (small, large), founder.seen.node_id
        waiting = Joining(*seeds, own=large)
        assert eventually(lambda: any("forms the cluster" in each.choice for each in waiting.progress))
        formed = Joining(*seeds, own=small, node=node).joined()
        assert (formed.node_ids, formed.version) == ((node,), 1)
        founder.is_free.set()
        founder.seen = MemberView(node_id=node, configuration=formed, is_leading=True, leader_id=node, term=1)
        assert waiting.joined().node_ids == (node, "d")


def test_a_seed_of_another_cluster_ends_the_join():
    with serving(leader(), cluster="other") as (seed, _):
        assert isinstance(Joining(seed).end(), OtherCluster)


def test_a_seed_that_serves_no_joins_ends_the_join():
    with listening(known=("d",)) as (bob, _):
        exchange = JoinExchange(replace(identity("d"), cluster="c"))
        assert isinstance(Joining(bob.address, exchange=exchange).end(), OtherVersion)


def test_a_seed_with_the_own_id_ends_the_join():
    exchange = JoinExchange(replace(identity("d"), store=b"another store...", cluster="t"))
    with serving(leader("d")) as (seed, _):
        assert isinstance(Joining(seed, exchange=exchange).end(), IdInUse)


def test_a_seed_that_is_this_node_does_not_end_the_join():
    with serving(leader("d")) as (seed, _):
        gave_up = Joining(seed, attempts_max=1).end()
    assert isinstance(gave_up, JoinGaveUp)
    assert "is this node itself" in str(gave_up)


def test_a_key_is_needed_where_the_cluster_has_one(tmp_path: Path):
    right, wrong = keyed(tmp_path, OLD, name="right"), keyed(tmp_path, NEW, name="wrong")
    with serving(leader(), security=right) as (seed, _):
        assert isinstance(Joining(seed).end(), NotAuthorized)
        assert isinstance(Joining(seed, security=wrong).end(), NotAuthorized)
        assert Joining(seed, security=right).joined().node_ids == ("a", "d")


def test_a_token_is_used_once_and_not_for_another_store():
    secret, cluster = "the token of the operators", "t"
    tokens = JoinTokens(secret, cluster, lambda: 1_000.0)
    token = make_token(secret, cluster=cluster, node_id="d", expires_s=2_000, nonce=bytes(16))
    member = leader()
    with serving(member, tokens=tokens) as (seed, _):
        end = Joining(seed).end()
        assert isinstance(end, NotAuthorized)
        assert "this cluster demands a join token" in str(end)
        assert Joining(seed, token=token).joined().node_ids == ("a", "d")
        assert Joining(seed).joined().version == 2, "a member needs none"
        wiped = Joining(seed, token=token, store_id=b"w" * 16).end()
        assert isinstance(wiped, NotAuthorized)
        assert "was used for another store" in str(wiped)
        assert member.seen.configuration.version == 2


def test_a_certificate_proves_the_id_of_the_node(ann: Tls, bob: Tls):
    member = FakeMember(replace(leader("bob").seen, configuration=Configuration()))
    with serving(member, cluster="c", security=bob) as (seed, _):
        for node, error in (("ann", JoinGaveUp), ("eve", NotAuthorized)):
            exchange = JoinExchange(replace(identity(node), cluster="c"), ann)
            end = Joining(seed, node=node, exchange=exchange, attempts_max=1).end()
            assert isinstance(end, error)


def test_a_node_asks_for_itself_only():
    with serving(leader()) as (seed, _):
        joining = Joining(seed, node="d", exchange=JoinExchange(identity("e")))
        assert "node e asks for node d" in str(joining.end())


def test_a_member_passes_a_change_on_to_the_leader():
    member = leader()
    with serving(member) as (address, _), serving(follower("b", address)) as (other, _):
        member.seen = replace(member.seen, configuration=follower("b", None).seen.configuration)
        for node, answer in (("b", Changed), ("e", Rejected)):
            asked = ChangeRequest(change=AddMember(node_id="d", address="127.0.0.1:9"))
            assert isinstance(JoinExchange(identity(node)).ask(address, "a", asked), answer)
        assert member.changes == [asked.change]
        stray = JoinExchange(identity("a")).ask(other, "b", asked)  # it does not know that it leads
        assert stray == NotNow(reason="node b still follows a itself", code="not_leader")


def test_a_node_that_stops_says_not_now():
    member = leader()
    member.error = Stopped("a", "stopping")
    with serving(member) as (seed, _):
        end = Joining(seed, attempts_max=1).end()
        assert isinstance(end, JoinGaveUp)
        assert "node a is stopping" in str(end)


def test_peers_are_judged_as_before():
    with serving(leader("bob"), cluster="c") as (address, others), dialing(address) as (_, told):
        assert told.next(DialFailed).error.reason == "unknown_peer"
        assert others == []


def test_requests_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(join_server, "REQUESTS_PER_HOST_MAX", 2)
    member = leader()
    member.is_free.clear()
    with serving(member) as (seed, _):
        held = [Joining(seed, node=f"n{number}", store_id=bytes([number]) * 16) for number in range(2)]
        assert eventually(lambda: len(member.changes) == 2)
        third = Joining(seed, node="n3", attempts_max=1)
        assert "2 of 127.0.0.1" in str(third.end())
        member.is_free.set()
        assert all(joining.end() is None for joining in held)
        assert Joining(seed, node="n3").end() is None, "there is room again"


CANCELLED_WITHIN_S = 0.1


def cancelled(joining: Joining) -> float:
    """Cancel a join; return the time until its thread has ended, seconds."""
    began = time.monotonic()
    joining.client.cancel()
    assert isinstance(joining.end(), JoinCancelled)
    return time.monotonic() - began


@pytest.mark.alone
@pytest.mark.parametrize("place", ["backoff", "dial", "handshake", "answer", "name"])
def test_a_join_is_cancelled_at_once(place: str, monkeypatch: pytest.MonkeyPatch):
    is_free = threading.Event()
    with ExitStack() as stack:
        stack.callback(is_free.set)
        exchange = JoinExchange(identity("d"), welcome_s=30, answer_s=30)
        slow = leader()
        slow.is_free.clear()
        if place == "name":
            monkeypatch.setattr(join_exchange.socket, "getaddrinfo", lambda *_, **__: is_free.wait(30) and [])
        addresses = {
            "backoff": dead,
            "dial": lambda: Address("192.0.2.1", 9),  # of a network that does not exist: RFC 5737
            "handshake": lambda: stack.enter_context(Silent()),
            "answer": lambda: stack.enter_context(serving(slow))[0],
            "name": lambda: Address("seed.example", 9),
        }
        joining = Joining(addresses[place](), exchange=exchange)
        assert eventually(lambda: len(joining.progress) > (4 if place == "backoff" else 0))
        if place == "answer":
            assert eventually(lambda: len(slow.changes) == 1)
        assert cancelled(joining) < CANCELLED_WITHIN_S
    assert eventually(lambda: not any(each.name == "elect-join-link" for each in threading.enumerate()))


ASKED = Join(node_id="d", store_id=b"s" * 16, address=f"{LOOPBACK}:9")


def lookups() -> int:
    return sum(each.name == "elect-join-link" for each in threading.enumerate())


@pytest.fixture
def hanging_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looking up seed.example takes until the end of the test."""
    is_free, real = threading.Event(), socket.getaddrinfo

    def lookup(host: str, *more: object, **named: object) -> object:
        return is_free.wait(30) and [] if host == "seed.example" else real(host, *more, **named)

    monkeypatch.setattr(join_exchange.socket, "getaddrinfo", lookup)
    yield
    is_free.set()
    assert eventually(lambda: not lookups())


def test_a_name_that_hangs_holds_up_itself_alone(hanging_names: None):
    exchange, slow = JoinExchange(identity("d"), welcome_s=0.01), Address("seed.example", 9)
    said = [str(exchange.ask(slow, "", ASKED)) for _ in range(6)]
    assert said == ["no Welcome within 0.01 s", *["the name is still being looked up"] * 5]
    assert str(exchange.ask(replace(slow, port=10), "", ASKED)) == said[0]
    assert lookups() == 2


def test_names_that_hang_hold_few_threads_and_no_numbers(hanging_names: None):
    exchange = JoinExchange(identity("d"), welcome_s=0.01)
    joining = Joining(*(Address("seed.example", port) for port in range(1, 20)), exchange=exchange, attempts_max=1)
    assert "16 names are being looked up" in str(joining.end())
    assert lookups() == 16
    exchange._welcome_s = BUDGET_S
    with serving(leader()) as (address, _):
        assert isinstance(exchange.ask(address, "", ASKED), Joined)
