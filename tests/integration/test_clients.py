"""Clients of real nodes: who leads, who is a member, and what they may not say."""

import os
import secrets
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from elect import BindError, Node
from elect.clock import NS_PER_S
from elect.core.messages import Batch, Heartbeat, Standing, Vote
from elect.observing.observer_messages import LeaderReport, MembersReport, Watch
from elect.storage.store import MemoryStore
from elect.testing.real_processes import free_ports
from tests.integration.client_ends import BareClient, client_of
from tests.nodes import Cluster, cluster, configs, eventually, running, single, status
from wire.protocol.wire_errors import Refusal, RejectCode
from wire.security.security import Keyed

QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}


def refused(node: Node, kind: str) -> float | None:
    return node.metrics.registry.get_sample_value("elect_client_messages_refused_total", {"kind": kind})


def count(node: Node) -> object:
    return status(node).to_dict()["clients"]["count"]


def test_a_client_sees_leader_none_and_leader_through_a_kill(tmp_path: Path):
    """Its node loses the leader and the quorum, and finds both again."""
    every = configs(tmp_path, **QUICK)
    with running({each: Node(config, store=MemoryStore()) for each, config in every.items()}) as nodes:
        leader, (kept, other) = nodes.leader(), nodes.followers()
        with client_of(kept, "default") as client:
            first = client.leader(lambda report: report.leader_id)
            assert (first.leader_id, first.address) == (leader.config.node, leader.config.listen)
            assert first.metadata == {"name": f"node {leader.config.node}"}
            assert (first.lease_ns, first.age_ns > 0) == (0, True)
            other.stop()
            leader.stop(resign=False)
            none = client.leader(lambda report: not report.leader_id)
            assert none.term >= first.term
            with Node(other.config, store=other._store):
                second = client.leader(lambda report: report.leader_id and report.term > first.term)
                assert second.leader_id in (kept.config.node, other.config.node)


def test_a_leader_repeats_its_lease_while_it_holds(tmp_path: Path):
    with cluster(tmp_path, **QUICK) as nodes:
        leader = nodes.leader()
        with client_of(leader, "default") as client:
            for _ in range(5):
                report = client.leader()
                assert (report.leader_id, report.age_ns) == (leader.config.node, 0)
                assert 0 < report.lease_ns <= 400_000_000
            leader.resign(timeout=10)
            assert client.leader(lambda report: not report.lease_ns).age_ns > 0


def test_the_leader_of_each_watched_election_is_told(tmp_path: Path):
    with single(tmp_path) as node, client_of(node, "jobs") as client:
        assert client.leader() == LeaderReport(election="jobs", term=0, age_ns=1)
        assert "jobs" not in node._context.published_elections
        node.election("jobs")
        assert client.leader(lambda report: report.lease_ns).leader_id == "a"
        client.say(Watch(elections=("default",)))
        assert client.leader(lambda report: report.election == "default").leader_id == "a"


def test_members_and_those_that_are_heard_are_told(tmp_path: Path):
    with cluster(tmp_path, **QUICK) as nodes:
        leader, (kept, other) = nodes.leader(), nodes.followers()
        with client_of(kept, "default") as client:
            members = client.read(MembersReport, lambda report: len(report.heard) == 3)
            assert members.configuration.node_ids == ("a", "b", "c")
            assert members.addresses == {each: node.config.listen for each, node in nodes.nodes.items()}
            other.stop()
            heard = client.read(MembersReport, lambda report: len(report.heard) == 2).heard
            assert set(heard) == {leader.config.node, kept.config.node}
            leader.members.remove(other.config.node, timeout=10)
            client.read(MembersReport, lambda report: len(report.configuration.members) == 2)


def test_clients_are_counted_and_end_with_their_node(tmp_path: Path):
    with single(tmp_path) as node, client_of(node) as client:
        eventually(lambda: count(node) == 1)
        assert node.metrics.registry.get_sample_value("elect_clients") == 1
        assert status(node).to_dict()["clients"] == {"count": 1, "max": 1000}
        assert node.stop()
        assert client.last_words() == "stopping"


def test_a_client_that_leaves_is_forgotten(tmp_path: Path):
    with single(tmp_path) as node:
        with client_of(node, "default") as client:
            client.leader()
        eventually(lambda: count(node) == 0)
        assert not node._runtime.clients._server._watches.is_watched("default")


def test_a_node_may_let_no_client_in(tmp_path: Path):
    config = configs(tmp_path, "a", clients_max=0)["a"]
    with Node(config, store=MemoryStore()) as node:
        client = BareClient(node)
        error = client.refusal()
        client.stop()
        assert isinstance(error, Refusal)
        assert error.code is RejectCode.KIND
        assert "elect-clients" not in status(node).to_dict()["threads"]
        assert status(node).to_dict()["clients"] == {"count": 0, "max": 0}


def test_no_more_clients_than_the_most_are_let_in(tmp_path: Path):
    """Half of them may come from one address."""
    config = configs(tmp_path, "a", clients_max=4)["a"]
    with Node(config, store=MemoryStore()) as node, client_of(node, name="x/1"), client_of(node):
        client = BareClient(node, "x/3")
        error = client.refusal()
        client.stop()
        assert isinstance(error, Refusal)
        assert (error.code, error.is_retryable) == (RejectCode.FULL, True)


@pytest.mark.parametrize("name", ["vote", "heartbeat", "report"])
def test_a_client_that_speaks_like_a_node_is_cut_off(tmp_path: Path, name: str):
    """The leader stays, in its term; the orchestrator thread hears nothing of it."""
    with cluster(tmp_path) as nodes:
        message = hostile(nodes, name)
        leader = nodes.leader()
        token, inputs = leader.leadership.token, []
        put = leader._context.inbox.put
        leader._context.inbox.put = lambda item: (inputs.append(item), put(item))
        with client_of(leader, "default") as client:
            client.leader()
            client.say(message)
            assert client.last_words() == "order"
            eventually(lambda: refused(leader, type(message).__name__.lower()) == 1)
        assert leader.is_leader
        assert leader.leadership.token == token
        assert not any("client" in getattr(each, "peer", "") for each in inputs)


def hostile(nodes: Cluster, name: str) -> object:
    """A message that would change an election if a node said it."""
    view = status(nodes.leader()).view
    entries = (Vote(election="default", term=view.elections[0].term + 5, offset=0),)
    standing = Standing(priority=1_000_000)
    return {
        "vote": Batch(configuration=view.members.id, entries=entries),
        "heartbeat": Heartbeat(
            sent=1, duration=NS_PER_S, ack=None, supports=(), standing=standing, configuration=view.members.id
        ),
        "report": LeaderReport(election="default", term=99, leader_id="x"),
    }[name]


def test_a_node_does_not_run_on_without_the_thread_of_clients(tmp_path: Path):
    with single(tmp_path) as node:
        assert node._runtime.clients._links.stop(10)
        eventually(lambda: node.state == "failed")
        assert "elect-clients" in str(node.failure)


def test_clients_alone_are_let_in_at_their_own_address(tmp_path: Path):
    """A peer is not; a client is at both."""
    port = free_ports(1)[0]
    every = configs(tmp_path, each={"a": {"clients_listen": f"127.0.0.1:{port}"}})
    with Node(every["a"], store=MemoryStore()) as node:
        for name, address in (("x/1", node.config.clients_address), ("x/2", node.config.listen_address)):
            with client_of(node, "default", name=name, address=address) as client:
                assert client.leader().leader_id == ""
        assert status(node).to_dict()["threads"]["elect-clients-listener"]
        other = replace(every["b"], peers={**every["b"].peers, "a": str(node.config.clients_address)})
        with Node(other, store=MemoryStore()) as peer:
            eventually(lambda: "kind" in str(handshakes(node)))
            assert not status(peer).has_quorum


def test_clients_on_this_machine_use_a_unix_socket(tmp_path: Path):
    """It needs no key; the file goes with the node."""
    path, key = tmp_path / "a.sock", tmp_path / "key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    config = configs(tmp_path, "a", clients_listen=f"unix:{path}", key_file=key)["a"]
    with Node(config, store=MemoryStore()) as node:
        with client_of(node, "default", address=config.clients_address) as client:
            assert client.leader(lambda report: report.lease_ns).address == config.listen
        assert path.is_socket()
        assert node.stop()
        assert not path.exists()


def test_a_unix_socket_is_for_the_users_in_the_settings(tmp_path: Path):
    others = [os.geteuid() + 1]
    config = configs(tmp_path, "a", clients_listen=f"unix:{tmp_path / 'a.sock'}", client_uids=others)["a"]
    with Node(config, store=MemoryStore()) as node:
        client = BareClient(node, address=config.clients_address)
        client.refusal()
        client.stop()
        assert eventually(lambda: "uid" in handshakes(node))


def test_a_taken_address_for_clients_ends_the_start(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config = configs(tmp_path, "a", clients_listen=address)["a"]
        node = Node(config, store=MemoryStore())
        with pytest.raises(BindError, match=f"cannot listen on {address}"):
            node.start()
        assert node.state == "new"


def handshakes(node: Node) -> list[str]:
    """The outcomes of handshakes that others began."""
    families = node.metrics.registry.collect()
    samples = [sample for family in families if family.name == "wire_handshakes" for sample in family.samples]
    return [sample.labels["outcome"] for sample in samples if sample.labels["direction"] == "in"]


def test_a_client_without_the_key_is_not_let_in(tmp_path: Path):
    key = tmp_path / "key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    config = configs(tmp_path, "a", key_file=key)["a"]
    with Node(config, store=MemoryStore()) as node:
        with client_of(node, "default", security=Keyed(key)) as client:
            assert client.leader(lambda report: report.lease_ns).leader_id == "a"
        client = BareClient(node)
        assert isinstance(client.refusal(), Refusal)
        client.stop()
