"""Real nodes that join a cluster by the addresses of its members."""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from elect import Config, Node
from elect.core.changes import ChangeRefused
from elect.core.configuration import MemberKind
from elect.errors import Amnesia, JoinGaveUp, JoinRejected, LeadershipTimeout, NotAuthorized, OtherCluster, Stopped
from elect.joining.join_exchange import JoinExchange
from elect.joining.join_token import make_token
from elect.monitoring.member_phase import MemberPhase
from elect.storage.store import MemoryStore
from tests.nodes import DEADLINE_S, Cluster, configs, eventually, status

pytestmark = pytest.mark.long

QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}


def seeded(tmp_path: Path, node_ids: str = "abc", **settings: object) -> dict[str, Config]:
    """Nodes that find each other by their addresses, all of them seeds."""
    listed = configs(tmp_path, node_ids, **QUICK, **settings)
    seeds = [config.listen for config in listed.values()]
    return {each: replace(config, peers={}, seeds=seeds) for each, config in listed.items()}


def voters(node: Node) -> str:
    return "".join(node._context.configuration.voters)


def is_ready(node: Node) -> bool:
    return node.lifecycle.phase is MemberPhase.READY


@contextmanager
def formed(every: dict[str, Config]) -> Iterator[Cluster]:
    """A cluster of nodes that started at the same time without data."""
    nodes = {each: Node(config, store=MemoryStore()) for each, config in every.items()}
    with ExitStack() as stack:
        for node in nodes.values():
            stack.enter_context(node)
        for node in nodes.values():
            eventually(lambda node=node: is_ready(node))
        eventually(lambda: {voters(node) for node in nodes.values()} == {"".join(nodes)})
        cluster = Cluster(nodes)
        cluster.settle()
        yield cluster


def test_nodes_with_the_same_seeds_form_one_cluster(tmp_path: Path):
    with formed(seeded(tmp_path)) as cluster:
        assert len({node._context.configuration.cluster_id for node in cluster.nodes.values()}) == 1
        cluster.hand_over(cluster.leader())


def test_a_member_restarts_without_its_seeds(tmp_path: Path):
    every, phases = seeded(tmp_path), []
    with formed(every) as cluster:
        gone, silent = cluster.followers()
        store = gone._store
        assert gone.stop()
        assert silent.stop()
        back = Node(replace(gone.config, seeds=["127.0.0.1:9"]), store=store)
        back.watch_lifecycle(lambda value: phases.append(str(value)))
        with back:
            eventually(lambda: back.leader)
            eventually(lambda: phases == ["restarting", "ready"])
            assert voters(back) == "abc"
            addresses = {peer["node"]: peer["address"] for peer in status(back).to_dict()["peers"]}
            assert addresses[silent.config.node] == silent.config.listen


def test_the_wiped_smallest_seed_joins_the_others(tmp_path: Path):
    every = seeded(tmp_path)
    with formed(every) as cluster:
        cluster_id = cluster["a"]._context.configuration.cluster_id
        cluster["a"].stop()
        with Node(every["a"], store=MemoryStore()) as back:
            eventually(lambda: is_ready(back))
            assert back._context.configuration.cluster_id == cluster_id
            assert voters(back) == "abc"


def test_a_wiped_node_that_is_its_only_seed_joins_the_others(tmp_path: Path):
    """It would form a second cluster, and lead there. The members dial it, and so it finds them."""
    every = seeded(tmp_path)
    first = replace(every["a"], seeds=[every["a"].listen])
    with ExitStack() as stack:
        begun = stack.enter_context(Node(first, store=MemoryStore()))
        others = [stack.enter_context(Node(every[each], store=MemoryStore())) for each in "bc"]
        eventually(lambda: voters(begun) == "abc")
        cluster_id = begun._context.configuration.cluster_id
        begun.stop()
        eventually(lambda: any(node.is_leader for node in others))
        back = stack.enter_context(Node(first, store=MemoryStore()))
        eventually(lambda: is_ready(back))
        assert back._context.configuration.cluster_id == cluster_id
        eventually(lambda: voters(back) == "abc")


def test_a_removed_node_joins_at_once_with_another_store(tmp_path: Path):
    """The members still have the links of its former store, with higher numbers."""
    with formed(seeded(tmp_path)) as cluster:
        gone = cluster.followers()[0]
        gone.stop()
        with Node(gone.config, store=gone._store) as again:
            eventually(lambda: is_ready(again) and again.leader)
            cluster.leader().members.remove(gone.config.node)
        with Node(gone.config, store=MemoryStore()) as back:
            eventually(lambda: is_ready(back), 10)


def test_a_join_that_is_refused_ends_the_node(tmp_path: Path):
    every = seeded(tmp_path, "ab")
    with formed({"a": replace(every["a"], seeds=[every["a"].listen])}):
        node = Node(replace(every["b"], cluster="other"), store=MemoryStore())
        node.start()
        eventually(lambda: node.state == "failed")
        assert isinstance(node.failure, OtherCluster)
        assert node.lifecycle.phase is MemberPhase.FAILED
        assert str(node.failure) in node.lifecycle.reason
        with pytest.raises(Stopped, match="other"):
            node.resign()
        assert node.stop(DEADLINE_S)


@pytest.mark.parametrize("is_at_its_place", [True, False])
def test_a_listed_voter_that_joins_is_replaced_first(tmp_path: Path, is_at_its_place: bool):
    """It has no votes, and the others may have met it before."""
    every = configs(tmp_path, "abc", **QUICK)
    seeds = [every[each].listen for each in "ab"]
    joining = replace(every["c"], peers={}, seeds=seeds)
    if not is_at_its_place:
        joining = replace(joining, listen="127.0.0.1:0")
    with ExitStack() as stack:
        nodes = {each: stack.enter_context(Node(every[each], store=MemoryStore())) for each in "ab"}
        Cluster(nodes).leader()
        node = stack.enter_context(Node(joining, store=MemoryStore()))
        if is_at_its_place:
            eventually(lambda: is_ready(node) and voters(node) == "abc")
            assert node._context.configuration.member("c").store_id == node._store.store_id
        else:
            eventually(lambda: node.state == "failed")
            assert isinstance(node.failure, Amnesia)


def test_a_witness_that_was_announced_as_a_voter_is_refused(tmp_path: Path):
    every = seeded(tmp_path, "ab")
    with formed({"a": replace(every["a"], seeds=[every["a"].listen])}) as cluster:
        cluster["a"].members.add("b", timeout=DEADLINE_S)
        witness = replace(every["b"], kind="witness")
        node = Node(witness, store=MemoryStore())
        node.start()
        eventually(lambda: node.state == "failed")
        assert type(node.failure) is JoinRejected
        assert 'set kind = "voter" there, or run `elect members remove`' in str(node.failure)
        assert node.stop(DEADLINE_S)
        cluster["a"].members.remove("b", timeout=DEADLINE_S)
        with Node(witness, store=MemoryStore()) as node:
            eventually(lambda: is_ready(node) and voters(node) == "ab")
            assert node._context.configuration.member("b").kind is MemberKind.WITNESS


def test_a_kind_that_is_not_used_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    every, store = seeded(tmp_path, "ab"), MemoryStore()
    with formed({"a": replace(every["a"], seeds=[every["a"].listen])}) as cluster:
        cluster["a"].members.add("b", kind="witness", timeout=DEADLINE_S)
        text = (
            "* the members have b as witness, and kind = voter in its settings is not used;"
            ' set kind = "witness" there, or run `elect members promote --kind voter`'
        )
        for count in (1, 2):  # when it joins, and at each start
            with Node(every["b"], store=store) as node:
                eventually(lambda node=node: is_ready(node))
                eventually(lambda count=count: [each.getMessage() for each in caplog.records].count(text) == count)


def test_a_node_joins_with_its_token(tmp_path: Path):
    key, secret = tmp_path / "key", "the-token-of-the-operators"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    every = seeded(tmp_path, "ab", key_file=key, operator_token=secret, join_token_required=True)
    with formed({"a": replace(every["a"], seeds=[every["a"].listen])}):
        with Node(every["b"], store=MemoryStore()) as node:
            eventually(lambda: node.state == "failed")
            assert isinstance(node.failure, NotAuthorized)
        expires_s = int(time.time()) + 3_600
        token = make_token(secret, cluster=every["b"].cluster, node_id="b", expires_s=expires_s, nonce=bytes(16))
        with Node(replace(every["b"], join_token=token), store=MemoryStore()) as node:
            eventually(lambda: is_ready(node))


def test_a_node_gives_up_when_its_attempts_are_used_up(tmp_path: Path):
    config = replace(seeded(tmp_path, "ab")["b"], join_attempts=2)
    with Node(config, store=MemoryStore()) as node:
        eventually(lambda: node.state == "failed")
        assert isinstance(node.failure, JoinGaveUp)


def test_a_node_that_joins_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is in a wait between two passes, which would take an hour."""
    is_waiting, wait = threading.Event(), JoinExchange.wait

    def wait_long(exchange: JoinExchange, seconds: float) -> None:
        is_waiting.set()
        wait(exchange, 3_600)

    monkeypatch.setattr(JoinExchange, "wait", wait_long)
    with Node(seeded(tmp_path, "ab")["b"], store=MemoryStore()) as node:
        eventually(is_waiting.is_set)
        assert node.lifecycle.phase is MemberPhase.JOINING
        assert node.stop()
    assert (node.state, node.failure) == ("stopped", None)


def test_nodes_leave_one_after_the_other(tmp_path: Path):
    """The leader leaves first: it hands over, and asks the next one."""
    with formed(seeded(tmp_path)) as cluster:
        for _ in range(2):
            leaver, phases = cluster.leader(), []
            leaver.watch_lifecycle(lambda value, phases=phases: phases.append(str(value)))
            assert leaver.leave(DEADLINE_S)
            assert leaver.state == "stopped"
            eventually(lambda phases=phases: phases == ["leaving", "removed"])
        (alone,) = (node for node in cluster.nodes.values() if node.state == "running")
        eventually(lambda: alone.is_leader)
        assert voters(alone) == alone.config.node
        with pytest.raises(ChangeRefused, match="last voter"):
            alone.leave()
        assert str(alone.lifecycle) == "ready"


def test_a_leave_that_is_not_done_in_time_changes_nothing(tmp_path: Path):
    with formed(seeded(tmp_path)) as cluster:
        leader = cluster.leader()
        for node in cluster.followers():
            node.stop()
        with pytest.raises(LeadershipTimeout):
            leader.leave(1.0)
        assert (leader.state, str(leader.lifecycle)) == ("running", "ready")
