"""A name with several addresses, of which the first one is a host that is gone, or a process that hangs."""

import itertools
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from elect import Client
from tests.integration.fake_nodes import CLUSTER, black_holes, fake_cluster, known
from tests.integration.wire_ends import CODEC, PATIENCE_S, dialing, eventually, identity, listening
from wire import Address, Limits, LinkOpened
from wire.io.sockets import shut
from wire.links.connect import Dialing
from wire.protocol.handshake import Bye, Heard, accept_any_peer

NAME = "nodes.example"


@contextmanager
def process_that_hangs() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def host_that_is_gone() -> Iterator[str]:
    with black_holes(2) as holes:
        yield holes[1]


@pytest.fixture
def addresses(monkeypatch):
    """The addresses of the name, in the order in which the system gives them: a list that a test fills."""
    real, found = socket.getaddrinfo, []

    def look_up(host, port, *arguments, **options):
        places = [each.rpartition(":") for each in found] if host == NAME else [(host, "", port)]
        return [info for place in places for info in real(place[0], place[2], *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return found


@pytest.mark.parametrize("hole", [process_that_hangs, host_that_is_gone])
def test_a_client_finds_the_node_behind_it(addresses, hole):
    with hole() as place, fake_cluster("a") as cluster:
        cluster.elect("a", 4)
        addresses += [place, cluster["a"].address]
        with Client([f"{NAME}:1"], cluster=CLUSTER, insecure=True) as client:
            assert known(client.leader(timeout=PATIENCE_S)) == ("a", 4)


@pytest.mark.parametrize("hole", [process_that_hangs, host_that_is_gone])
def test_a_status_finds_the_node_behind_it(addresses, hole):
    with hole() as place, fake_cluster("a") as cluster:
        cluster.elect("a", 4)
        addresses += [place, cluster["a"].address]
        with Client([f"{NAME}:1"], cluster=CLUSTER, insecure=True) as client:
            assert eventually(lambda: client.status()[0].node_id == "a")


def test_a_dialer_finds_the_process_behind_it(addresses):
    with process_that_hangs() as place, listening() as (listener, _):
        addresses += [place, str(listener.address)]
        with dialing(Address(NAME, 1), Limits(handshake_timeout_s=0.2)) as (_, told):
            told.later(LinkOpened)


def test_dials_at_once_begin_at_the_same_address(addresses):
    """A dial on its way has not failed: another address of a healthy name may be one that hangs."""
    remotes, next_counter = [], itertools.count(1).__next__

    def dial(judge=accept_any_peer):
        dialing = Dialing(
            to="bob",
            kind="peer",
            identity=identity("ann"),
            codec=CODEC.extended(Bye, Heard),
            limits=Limits(),
            judge=judge,
        )
        link = dialing.dial(Address(NAME, 1), next_counter)
        remotes.append(link.remote)
        shut(link.channel.sock)

    with listening() as (first, _), listening() as (second, _):
        addresses += [str(first.address), str(second.address)]
        dial(lambda _: dial())
    assert remotes == [str(first.address)] * 2
