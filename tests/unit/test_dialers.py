"""Dialers that are made and ended while a node runs."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from elect.core.configuration import Configuration, Member
from elect.runtime.dialers import Dialers
from tests.nodes import eventually
from wire.links.dialer import Dialer
from wire.links.endpoint import Endpoint
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import accept_any_peer
from wire.protocol.identity import Identity


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
def make(silent: Address) -> Iterator[Callable[[], Dialers]]:
    identity = Identity(cluster="t", node="a", incarnation=1, store=bytes(16))
    endpoint = Endpoint(identity=identity, codec=Codec(), deliver=lambda _: None, name="elect")
    made: list[Dialers] = []

    def make() -> Dialers:
        made.append(Dialers(endpoint, given=dict.fromkeys("bc", silent), judge=accept_any_peer))
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


def test_no_dialer_is_made_once_all_are_stopped(make):
    dialers = make()
    dialers.set_members(configuration("ab"))
    dialers.start()
    assert dialers.stop(10)
    dialers.set_members(configuration("abc"))
    assert running() == set()
