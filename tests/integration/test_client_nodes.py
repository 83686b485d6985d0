"""A client of three real nodes: in the clear, with keys and certificates, over a Unix socket, and in asyncio."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from elect import Client, ConfigError, Leader, LeaderUnavailable, Node, NotLeader
from elect.storage.store import MemoryStore
from tests.certificates import Authority
from tests.integration.test_node_security import keyed
from tests.nodes import Cluster, cluster, configs, eventually, running

PATIENCE_S = 60.0
QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}
Options = dict[str, object]


def open_to_all(_: Path) -> tuple[Options, Options]:
    return {}, {}


def with_key(directory: Path) -> tuple[Options, Options]:
    each = keyed(directory)
    return each, each["a"]


def with_certificate(directory: Path) -> tuple[Options, Options]:
    authority = Authority(directory / "ca")
    made = {node: authority.files(node, uris=[f"wire://test/{node}"]) for node in "abc"}
    each = {node: {"tls": _table(files)} for node, files in made.items()}
    return each, {"tls": _table(authority.files("client", uris=["wire://test/client%2Fjobs"])), "name": "jobs"}


def _table(files: object) -> dict[str, Path]:
    return {"certificate": files.certificate, "key": files.key, "ca": files.ca}


@contextmanager
def found(
    directory: Path, secured: Callable[[Path], tuple[Options, Options]] = open_to_all
) -> Iterator[tuple[Cluster, Client]]:
    """A cluster, and a client that knows one of its nodes."""
    each, own = secured(directory)
    with cluster(directory, each=each, **QUICK) as nodes:
        seed = nodes.followers()[0].config.listen
        with Client([seed], cluster="test", **own) as client:
            yield nodes, client


@pytest.mark.parametrize("secured", [open_to_all, with_key, with_certificate])
def test_leader_is_found_and_followed_through_a_failover(secured, tmp_path):
    with found(tmp_path, secured) as (nodes, client):
        first = nodes.leader()
        leader = client.leader(timeout=PATIENCE_S)
        assert (leader.node_id, leader.address) == (first.config.node, first.config.listen)
        assert leader.metadata == {"name": f"node {first.config.node}"}
        watch = client.watch()
        assert next(watch).node_id == first.config.node
        first.stop(resign=False)
        eventually(lambda: client.leader(timeout=PATIENCE_S).term > leader.term)
        second = client.leader(timeout=PATIENCE_S)
        assert second.node_id == nodes.leader(besides=first).config.node
        assert next(each for each in watch if each is not None and each.term > leader.term) is not None


def test_members_followers_and_status_of_real_nodes(tmp_path):
    with found(tmp_path) as (nodes, client):
        leader = nodes.leader().config.node
        assert [member.node_id for member in client.members(timeout=PATIENCE_S)] == ["a", "b", "c"]
        eventually(lambda: len(client.followers(timeout=PATIENCE_S)) == 2)
        assert leader not in [member.node_id for member in client.followers(timeout=PATIENCE_S)]

        def agreed():
            """Return the status of all, once all know the leader: a node may learn of it after the client."""
            found = client.status(timeout=PATIENCE_S)
            return all(each.leader for each in found) and found

        said = eventually(agreed)
        assert {each.node_id for each in said} == {"a", "b", "c"}
        assert [each.node_id for each in said if each.is_leading] == [leader]
        assert {each.leader.node_id for each in said} == {leader}


def test_call_goes_to_each_new_leader(tmp_path):
    with found(tmp_path) as (nodes, client):

        def work(leader: Leader) -> str:
            election = nodes[leader.node_id].election("default")
            if not election.is_leader:
                raise NotLeader("default", election.leader)
            return leader.node_id

        for _ in range(5):
            before = nodes.leader()
            assert client.call(work, timeout=PATIENCE_S) == before.config.node
            before.resign(timeout=PATIENCE_S)
            assert nodes[client.call(work, timeout=PATIENCE_S)] in nodes.nodes.values()


def test_an_election_that_no_node_has_joined_has_no_leader(tmp_path):
    with found(tmp_path) as (nodes, client):
        with pytest.raises(LeaderUnavailable) as caught:
            client.leader("other", timeout=0.2)
        assert caught.value.hint is None
        assert client.leader(timeout=PATIENCE_S).node_id == nodes.leader().config.node


def test_a_client_without_the_key_is_refused(tmp_path):
    with found(tmp_path, with_key) as (nodes, _), Client([nodes["a"].config.listen], cluster="test") as stranger:
        with pytest.raises(LeaderUnavailable, match="key") as caught:
            stranger.leader(timeout=PATIENCE_S)
        assert not caught.value.is_retryable


def test_a_certificate_that_names_another_client_is_refused(tmp_path):
    _, own = with_certificate(tmp_path)
    client = Client(["127.0.0.1:1"], cluster="test", tls=own["tls"], name="other")
    with client, pytest.raises(ConfigError, match="client/other"):
        client.leader()


def test_a_client_over_a_unix_socket_needs_no_key(tmp_path):
    """It dials nothing else; a node on its machine vouches for the leader."""
    made = configs(tmp_path, each=keyed(tmp_path), **QUICK)
    sockets = {node: f"unix:{tmp_path}/{node}.sock" for node in made}
    made = {node: replace(config, clients_listen=sockets[node]) for node, config in made.items()}
    with running({node: Node(config, store=MemoryStore()) for node, config in made.items()}) as nodes:
        leader = nodes.leader()
        for socket in sockets.values():
            with Client([socket], cluster="test") as client:
                assert client.leader(timeout=PATIENCE_S).node_id == leader.config.node
                assert len(client.status(timeout=PATIENCE_S)) == 1
        with Client.from_config(leader.config) as client:
            assert client.leader(timeout=PATIENCE_S).node_id == leader.config.node


def test_asyncio_calls_it_on_a_thread(tmp_path):
    async def ask(client: Client) -> tuple[Leader, str]:
        leader, name = await asyncio.gather(
            asyncio.to_thread(client.leader, timeout=PATIENCE_S),
            asyncio.to_thread(client.call, lambda leader: leader.node_id, timeout=PATIENCE_S),
        )
        return leader, name

    with found(tmp_path) as (nodes, client):
        leader, name = asyncio.run(ask(client))
        assert leader.node_id == name == nodes.leader().config.node
