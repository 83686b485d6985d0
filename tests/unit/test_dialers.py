"""Dialers that are made and ended while a node runs."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from elect.core.configuration import Configuration, Member
from elect.runtime.dialers import PATIENCE, Dialers
from tests.nodes import eventually
from wire.links.dialer import Dialer
from wire.links.endpoint import Endpoint
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import accept_any_peer
from wire.protocol.identity import Identity, PeerIdentity
from wire.protocol.wire_errors import Refusal, RejectCode


def configuration(node_ids: str, addresses: dict[str, str] | None = None) -> Configuration:
    return Configuration(
        members=tuple(Member(node_id=each, address=(addresses or {}).get(each)) for each in sorted(node_ids))
    )


@pytest.fixture
def silent() -> Iterator[Address]:
    """An address that accepts a connection and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        yield Address("127.0.0.1", sock.getsockname()[1])


@pytest.fixture
def make(silent: Address) -> Iterator[Callable[..., Dialers]]:
    identity = Identity(cluster="t", node="a", incarnation=1, store=bytes(16))
    endpoint = Endpoint(identity=identity, codec=Codec(), deliver=lambda _: None, name="elect")
    made: list[Dialers] = []

    def make(**settings: object) -> Dialers:
        arguments: dict[str, Any] = {"given": dict.fromkeys("bc", silent), "judge": accept_any_peer, **settings}
        made.append(Dialers(endpoint, **arguments))
        return made[-1]

    yield make
    assert all(dialers.stop(10) for dialers in made)


def running() -> set[str]:
    names = {thread.name for thread in threading.enumerate()}
    return {name[-1] for name in names if name.startswith("elect-dialer-")}


def test_each_other_member_is_dialed(make):
    dialers = make()
    dialers.set_members(configuration("ab"))
    assert running() == set()
    dialers.start()
    assert dialers.threads == {"elect-dialer-b": True}
    dialers.set_members(configuration("abc"))
    assert dialers.threads == dict.fromkeys(["elect-dialer-b", "elect-dialer-c"], True)
    dialers.set_members(configuration("ac"))
    assert running() == {"b", "c"}  # b may have to be told


def test_a_dismissed_dialer_ends_and_is_not_reported_as_dead(make):
    dialers = make()
    dialers.set_members(configuration("abc"))
    dialers.start()
    dialers.dismiss("b")
    assert dialers.threads == {"elect-dialer-c": True}
    assert "b" not in dialers
    eventually(lambda: running() == {"c"})
    dialers.send("b", (1, 1), object(), replaces=None)


def test_a_member_that_comes_back_gets_a_new_dialer(make, monkeypatch):
    dialers = make()
    dialers.set_members(configuration("ab"))
    dialers.start()
    slow: list[Dialer] = []

    def put_off(dialer: Dialer) -> None:
        slow.append(dialer)

    with monkeypatch.context() as patch:
        patch.setattr(Dialer, "ask_stop", put_off)
        dialers.dismiss("b")
    dialers.set_members(configuration("ab"))
    assert dialers.threads == {}  # the events of the two dialers stay apart
    slow[0].ask_stop()
    eventually(lambda: dialers.reap() or dialers.threads == {"elect-dialer-b": True})


def test_a_dialer_without_a_thread_is_made_later(make, monkeypatch):
    """A member that joins ends no node that has no thread to dial it with."""
    dialers = make()
    dialers.set_members(configuration("ab"))
    dialers.start()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        dialers.set_members(configuration("abc"))
        dialers.reap()
    assert dialers.threads == {"elect-dialer-b": True}
    dialers.reap()
    assert dialers.threads == dict.fromkeys(["elect-dialer-b", "elect-dialer-c"], True)


@pytest.fixture
def dialed(monkeypatch) -> dict[str, Callable[[], Address]]:
    """What each dialer asks for its next address, by the id of the peer."""
    found: dict[str, Callable[[], Address]] = {}

    class Recorder(Dialer):
        def __init__(self, peer_id: str, resolve: Callable[[], Address], *more: object, **named: object) -> None:
            super().__init__(peer_id, resolve, *more, **named)  # type: ignore[arg-type]
            found[peer_id] = resolve

    monkeypatch.setattr("elect.runtime.dialers.Dialer", Recorder)
    return found


@pytest.fixture
def five(make, dialed) -> Dialers:
    """Node a of a cluster of five, without a link; each is a seed, and one seed more is free."""
    dialers = make(given={}, seeds=tuple(Address(host, 1) for host in "bcdex"))
    dialers.set_members(configuration("abcde", {each: f"{each.upper()}:1" for each in "abcde"}))
    return dialers


def hosts(resolve: Callable[[], Address], count: int) -> str:
    return "".join(resolve().host for _ in range(count))


def test_seeds_that_are_the_addresses_of_others_are_not_dialed(five, dialed):
    assert hosts(dialed["d"], PATIENCE + 4) == "D" * PATIENCE + "xDxD"
    for each in "bc":
        five.note_opened(PeerIdentity(node=each, incarnation=1, store=bytes(16), attributes={}))
    assert hosts(dialed["d"], 4) == "DDDD"  # there is a quorum


def test_a_seed_where_another_node_has_answered_is_dialed(five, dialed):
    """Members may swap their addresses: then each is at that of another one."""
    hosts(dialed["d"], PATIENCE)
    hosts(dialed["b"], 1)
    five.note_failed("b", Refusal(RejectCode.UNKNOWN_PEER, "because", is_retryable=True))
    assert hosts(dialed["d"], 4) == "xDxD"
    five.note_failed("b", Refusal(RejectCode.WRONG_NODE, "because", is_retryable=False))
    five.note_failed("z", Refusal(RejectCode.WRONG_NODE, "because", is_retryable=False))
    assert set(hosts(dialed["d"], 4)) == set("Dbx")


def test_no_dialer_is_made_once_all_are_stopped(make):
    dialers = make()
    dialers.set_members(configuration("ab"))
    dialers.start()
    assert dialers.stop(10)
    dialers.set_members(configuration("abc"))
    assert running() == set()
