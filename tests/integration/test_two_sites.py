"""Two sites of real nodes: the second one follows the first one, and is promoted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from elect import (
    MirrorBootstrapping,
    MirrorPhase,
    MirrorUnavailable,
    Node,
    PromotionNotDone,
    PromotionRefused,
)
from elect.core.configuration import ClusterState, Configuration
from elect.core.promotion import FLOOR_STEP
from elect.sites.site_values import PromotionStep
from elect.storage.store import MemoryStore
from tests.nodes import DEADLINE_S, Cluster, configs, eventually, running

QUICK = {"heartbeat_interval": 0.1, "support_duration": 0.6}


@contextmanager
def site(directory: Path, node_ids: str, **settings: object) -> Iterator[Cluster]:
    """A site of real nodes, with stores on disk."""
    made = configs(directory, node_ids, cluster=directory.name, **QUICK, **settings)
    with running({each: Node(config) for each, config in made.items()}) as nodes:
        yield nodes


@contextmanager
def two_sites(directory: Path, **settings: object) -> Iterator[tuple[Cluster, Cluster]]:
    """A source that leads, and a standby that follows it."""
    with site(directory / "one", "abc") as one:
        one.leader()
        source = [str(node.address) for node in one.nodes.values()]
        with site(directory / "two", "xyz", mirror_source=source, mirror_cluster="one", **settings) as two:
            yield one, two


def await_following(two: Cluster) -> None:
    """Wait until each node of a standby site knows the leader of its source."""
    for node in two.nodes.values():
        eventually(lambda node=node: node.mirror and node.mirror.state.phase is MirrorPhase.FOLLOWING)
        eventually(lambda node=node: node.mirror.leader().value)


def audit_of(node: Node) -> str:
    file = Path(node.config.data_dir) / "audit.log"
    return file.read_text() if file.exists() else ""


def test_a_second_site_takes_over_from_a_source_that_it_seals(tmp_path: Path):
    with two_sites(tmp_path) as (one, two):
        await_following(two)
        former = one.leader().leadership
        assert two["x"].mirror.leader().value.term == former.token
        assert {node.leader for node in two.nodes.values()} == {None}
        made = two["y"].promote(timeout=DEADLINE_S)
        assert made.steps == (PromotionStep.SEALED, PromotionStep.RECORDED, PromotionStep.INSTALLED)
        assert made.source_highest_term >= former.token
        # The seal was complete: no node of the source led when the promotion went on.
        assert former.lost.is_set()
        for node in one.nodes.values():
            found = eventually(lambda node=node: (f := node._context.configuration).state is ClusterState.SEALED and f)
            assert str(two["y"].address) in found.successor
        leader = two.leader()
        assert leader.leadership.token > made.floor >= FLOOR_STEP
        # Again, at each node: nothing changes, and no mirror runs.
        for node in two.nodes.values():
            assert node.promote(timeout=DEADLINE_S).floor == made.floor
            eventually(lambda node=node: node.mirror is None)
            assert eventually(lambda node=node: node.status().to_dict()["mirror"])["state"] == "promoted"
        assert audit_of(two["y"]).count("that node y was asked for is done: terms begin above") == 1
        assert any("sealed for mirror/y" in audit_of(node) for node in one.nodes.values())


@pytest.mark.long
def test_nodes_that_are_promoted_at_once_all_succeed(tmp_path: Path):
    """The second to install hears of a leader above its floor before it gets the configuration of the first."""
    with two_sites(tmp_path) as (_, two):
        await_following(two)
        with ThreadPoolExecutor(max_workers=3) as pool:
            made = list(pool.map(lambda node: node.promote(timeout=DEADLINE_S), two.nodes.values()))
        assert {(each.floor, each.was_sealed, each.steps[-1]) for each in made} == {
            (made[0].floor, True, PromotionStep.INSTALLED)
        }
        for node in two.nodes.values():
            eventually(lambda node=node: node.mirror is None)
            assert not node.status().to_dict()["mirror"]["error"]


@pytest.mark.long
def test_a_refused_promotion_seals_nothing(tmp_path: Path):
    """One node of the standby site lacks its section [mirror], so the nodes do not agree on who votes."""
    with site(tmp_path / "one", "a") as one:
        leader = one.leader()
        mirror = {"mirror_source": [leader.config.listen], "mirror_cluster": "one"}
        made = configs(tmp_path / "two", "xyz", cluster="two", **QUICK, each={"x": mirror, "y": mirror})
        with Node(made["x"]) as node, Node(made["y"]), Node(made["z"]):
            eventually(lambda: node.mirror and node.mirror.leader().value)
            eventually(lambda: node._context.objections.get("z"))
            for is_forced in (False, True):
                with pytest.raises(PromotionRefused, match="do not agree"):
                    node.promote(force=is_forced, timeout=DEADLINE_S)
            assert node.mirror.promotion is None
        assert leader.is_leader
        assert leader._context.configuration.state is ClusterState.ACTIVE


@pytest.mark.long
def test_a_mirror_that_is_refused_takes_no_node_down(tmp_path: Path):
    """The first node to be promoted refuses without a snapshot; forced, its cluster elects."""
    with two_sites(tmp_path, mirror_cluster_id="00" * 16) as (one, two):
        node = two["x"]
        eventually(lambda: node.mirror and node.mirror.error)
        assert node.is_alive
        assert "other_cluster" in node.status().to_dict()["mirror"]["error"]
        assert node.metrics.registry.get_sample_value("elect_mirror_state", {"state": "stopped"}) == 1
        assert node.metrics.registry.get_sample_value("elect_cluster_state", {"state": "standby"}) == 1
        with pytest.raises(MirrorBootstrapping):
            node.promote(timeout=DEADLINE_S)
        assert {each._context.configuration.state for each in one.nodes.values()} == {ClusterState.ACTIVE}
        made = node.promote(force=True, timeout=DEADLINE_S)
        assert (made.was_sealed, made.floor) == (False, FLOOR_STEP)
        assert "other_cluster" in made.not_sealed
        assert two.leader().leadership.token > FLOOR_STEP
        with pytest.raises(PromotionRefused, match="never was a standby cluster"):
            one["a"].promote(timeout=DEADLINE_S)


@pytest.mark.long
def test_a_source_may_forbid_that_mirrors_seal_it(tmp_path: Path):
    with site(tmp_path / "one", "abc", clients_may_seal=False) as one:
        leader = one.leader()
        source = [str(node.address) for node in one.nodes.values()]
        with site(tmp_path / "two", "x", mirror_source=source, mirror_cluster="one") as two:
            await_following(two)
            made = two["x"].promote(timeout=DEADLINE_S)
            assert "may_seal is false" in made.not_sealed
            assert two.leader().leadership.token > made.floor > leader.leadership.token
            assert leader.is_leader


def test_a_damaged_mirror_takes_no_node_down(tmp_path: Path):
    store = tmp_path / "two" / "x" / "mirror" / "mirror.sqlite3"
    store.parent.mkdir(parents=True)
    store.write_bytes(b"no database" * 1_000)
    with site(tmp_path / "two", "x", mirror_source=["127.0.0.1:9"]) as two:
        node = two["x"]
        assert "damaged" in eventually(lambda: node.status().to_dict()["mirror"]["error"])
        assert (node.mirror, node.is_alive) == (None, True)
        with pytest.raises(MirrorUnavailable, match="damaged"):
            node.promote(timeout=DEADLINE_S)
        assert node.promote(force=True, timeout=DEADLINE_S).floor == FLOOR_STEP
        assert two.leader().is_leader


def test_a_forced_promotion_seals_without_a_mirror(tmp_path: Path):
    store = tmp_path / "two" / "x" / "mirror" / "mirror.sqlite3"
    store.parent.mkdir(parents=True)
    store.write_bytes(b"no database" * 1_000)
    with site(tmp_path / "one", "a") as one:
        former = one.leader().leadership
        source = [one.leader().config.listen]
        with site(tmp_path / "two", "x", mirror_source=source, mirror_cluster="one") as two:
            made = two["x"].promote(force=True, timeout=DEADLINE_S)
            assert made.was_sealed and former.lost.is_set()
            assert two.leader().leadership.token > made.floor > made.source_highest_term >= former.token


@pytest.mark.long
def test_the_node_that_has_seen_the_highest_term_counts(tmp_path: Path):
    """The node that is promoted knows nothing of the source; another one does."""
    source = MemoryStore()
    source.configuration = replace(Configuration.initial("a"), floor=5 * FLOOR_STEP)
    config = configs(tmp_path, "a", **QUICK)["a"]
    with Node(config, store=source) as one:
        former = eventually(lambda: one.leadership)
        wrong = {"mirror_cluster_id": "00" * 16}
        settings = {"mirror_source": [config.listen], "mirror_cluster": "test", "each": {"x": wrong, "z": wrong}}
        with site(tmp_path / "two", "xyz", **settings) as two:
            eventually(lambda: two["y"].mirror and two["y"].mirror.leader().value)
            assert two["x"].promote(force=True, timeout=DEADLINE_S).not_sealed
            for node in two.nodes.values():
                eventually(lambda node=node: node._context.configuration.promotion_floor == 7 * FLOOR_STEP)
            assert former.token < 7 * FLOOR_STEP
            # A node that was elected before it heard of that resigns.
            eventually(lambda: (held := two.leader().leadership) and held.token > 7 * FLOOR_STEP)
            assert "terms begin above 7000000" in audit_of(two["y"])


def test_a_promotion_without_a_quorum_is_finished_later(tmp_path: Path):
    made = configs(tmp_path / "two", "xyz", **QUICK, mirror_source=["127.0.0.1:9"])
    with Node(made["x"]) as node:
        with pytest.raises(PromotionNotDone) as caught:
            node.promote(force=True, timeout=1.0)
        assert caught.value.result.steps == (PromotionStep.RECORDED,)
        with Node(made["y"]) as other:
            leader = eventually(lambda: next((each for each in (node, other) if each.is_leader), None))
            assert leader.leadership.token > caught.value.result.floor
            assert node.promote(timeout=DEADLINE_S).floor == caught.value.result.floor
            asked, late, done = audit_of(node).splitlines()
            assert asked.endswith("promote this standby cluster, forced")
            assert "done: recorded" in late and "is done: terms begin above" in done


def test_an_active_cluster_uses_no_mirror(tmp_path: Path):
    config = configs(tmp_path, "a", **QUICK)["a"]
    with Node(config) as node:
        eventually(lambda: node.is_leader)
    with Node(replace(config, mirror_source=["127.0.0.1:9"])) as node:
        assert "is not used: this cluster is active" in eventually(lambda: node.status().to_dict()["mirror"]["error"])
        assert node.mirror is None
        eventually(lambda: node.is_leader)
