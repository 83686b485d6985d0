"""A mirror of real nodes, and of a source that the test plays."""

import math
import secrets
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from elect import (
    ConfigError,
    Consistency,
    IdentityError,
    Mirror,
    MirrorBootstrapping,
    MirrorChange,
    MirrorPhase,
    MirrorStale,
    MirrorStopped,
    Node,
    StoreError,
    StrongReadRefused,
    within,
)
from elect.cli import main
from elect.core.configuration import Configuration
from elect.core.messages import TERM_MAX
from elect.mirror.mirror_content import ChangeBatch
from elect.mirror.mirror_follower import MirrorFollower
from elect.mirror.mirror_machine import MirrorMachine
from elect.observing.mirror_messages import MembersEntry
from elect.storage.store import MemoryStore
from tests.mirroring import CLUSTER, CLUSTER_ID, MEMBERS, RandomChanges, check_sequence, mirror_of, source
from tests.nodes import Cluster, configs, eventually, running, status

QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}


def named_store(node_ids: str = "abc") -> MemoryStore:
    """A store of a cluster that has its id from the start."""
    store = MemoryStore()
    store.configuration = replace(Configuration.initial(node_ids), cluster_id=CLUSTER_ID)
    return store


def nodes_of(directory: Path) -> dict[str, Node]:
    return {each: Node(config, store=named_store()) for each, config in configs(directory, **QUICK).items()}


def addresses(nodes: Cluster) -> list[str]:
    return [node.config.listen for node in nodes.nodes.values()]


def test_a_mirror_follows_a_cluster_through_a_change_of_leader(tmp_path: Path):
    seen = []
    with running(nodes_of(tmp_path)) as nodes:
        leader = nodes.leader()
        with Mirror(addresses(nodes), cluster="test", data_dir=tmp_path / "m", on_change=seen.append) as mirror:
            assert mirror.wait(60).phase is MirrorPhase.FOLLOWING
            first = eventually(lambda: (found := mirror.leader("default", within(60))).value and found)
            assert (first.value.node_id, first.value.metadata) == (leader.config.node, leader.config.metadata)
            assert 0 <= first.age < 60
            assert mirror.members().value.node_ids == ("a", "b", "c")
            assert {member.address for member in mirror.members().value.members} == {*addresses(nodes)}
            served = nodes[mirror.status().source_node]
            assert [each["name"] for each in status(served).to_dict()["mirrors"]] == ["mirror/mirror"]
            assert served.metrics.registry.get_sample_value("elect_mirrors") == 1
            leader.resign(timeout=10)
            eventually(lambda: (found := mirror.leader().value) and found.term > first.value.term)
            assert mirror.elections().value["default"] == mirror.leader().value
            assert mirror.status().to_dict()["state"] == "following"
        assert [each.revision for each in seen] == sorted(each.revision for each in seen)


def test_a_mirror_resumes_after_a_restart(tmp_path: Path):
    changes = RandomChanges(1)
    with source() as made:
        for _ in range(200):
            changes.make(made)
        first, second = [], []
        with mirror_of(made.listens, data_dir=tmp_path, on_change=first.append) as mirror:
            mirror.wait(60)
            changes.make(made)
            # Of its calls, too: a stop drops those that wait.
            eventually(lambda: len(first) and first[-1].revision == made.log.revision)
            known = mirror.elections().value
        for _ in range(200):
            changes.make(made)
        with mirror_of(made.listens, data_dir=tmp_path, on_change=second.append) as mirror:
            assert {*mirror.elections().value} == {*known}
            eventually(lambda: len(second) and second[-1].revision == made.log.revision)
            assert mirror.status().snapshots == 0
        assert check_sequence(first, made.history) == 1
        assert check_sequence(second, made.history, begins_at=first[-1].revision) == 0


def test_a_source_that_lost_the_changes_sends_a_snapshot(tmp_path: Path):
    changes, seen = RandomChanges(2), []
    with source(kept_max=16) as made:
        with mirror_of(made.listens, data_dir=tmp_path) as mirror:
            mirror.wait(60)
        for _ in range(100):
            changes.make(made)
        with mirror_of(made.listens, data_dir=tmp_path, on_change=seen.append) as mirror:
            eventually(lambda: mirror.status().revision == made.log.revision)
            assert mirror.status().snapshots == 1
            eventually(lambda: len(seen) > len(mirror.elections().value))


def test_reads_say_how_old_they_are(tmp_path: Path):
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        made.change("default", 3, "a")
        mirror.wait(60)
        eventually(lambda: mirror.leader().value)
        with pytest.raises(StrongReadRefused, match=made.listens):
            mirror.leader("default", "strong")
        made.age_ns = 3_600_000_000_000  # its node is cut off from its quorum
        eventually(lambda: mirror.state.phase is MirrorPhase.DEGRADED)
        with pytest.raises(MirrorStale, match="degraded"):
            mirror.leader("default", within(1))
        assert mirror.leader("default", within(7_200)).value.node_id == "a"
    with pytest.raises(MirrorStopped):
        mirror.leader()


def test_a_read_beside_the_snapshot_of_another_node(tmp_path: Path):
    """The age is not that of the node before."""
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        mirror.wait(60)
        made.stop()
        eventually(lambda: mirror.state.phase is MirrorPhase.DISCONNECTED)

        def apply_it(follower: MirrorFollower, _: float) -> None:
            follower.machine.applied(
                ChangeBatch(
                    source_cluster_id=CLUSTER_ID,
                    stream=b"t" * 16,
                    revision=1,
                    entries=[MembersEntry(configuration=MEMBERS)],
                    is_snapshot=True,
                )
            )

        with pytest.raises(MirrorStale, match="inf s old"):
            mirror._read(apply_it, within(3_600))


def test_a_promotion_is_durable_and_final(tmp_path: Path):
    with source() as made:
        made.change("default", 1_234_567, "a")
        with mirror_of(made.listens, data_dir=tmp_path) as mirror:
            mirror.wait(60)
            promotion = mirror.promote()
            assert (promotion.floor, promotion.highest_term) == (3_000_000, 1_234_567)
            assert mirror.promote() == promotion
            eventually(lambda: not len(made.server))
        with mirror_of(made.listens, data_dir=tmp_path) as mirror:
            assert mirror.wait(60).phase is MirrorPhase.PROMOTED
            assert mirror.promotion == promotion
            assert mirror.leader().value.term == 1_234_567
            made.change("default", 1_234_568, "b")
            assert mirror.status().attempts == 0
    assert "is to be promoted" in (tmp_path / "audit.log").read_text()


def test_a_status_beside_a_promotion_contradicts_nothing(tmp_path: Path, monkeypatch):
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        assert mirror.wait(60).phase is MirrorPhase.FOLLOWING
        machine, phases = mirror._follower.machine, list[MirrorPhase]()
        state = machine.state

        def be_promoted_after(as_of: int | None, now: int) -> object:
            found = state(as_of, now)
            phases.append(found.phase)
            if len(phases) == 1:
                mirror.promote()
            return found

        monkeypatch.setattr(machine, "state", be_promoted_after)
        found = mirror.status()
        assert phases[0] is MirrorPhase.FOLLOWING
        assert (found.state.phase, found.promotion) == (MirrorPhase.PROMOTED, mirror.promotion)


def test_nothing_is_applied_after_a_promotion(tmp_path: Path, monkeypatch):
    """The promotion comes while a batch is on its way to the disk."""
    is_there, may_go, next_batch = threading.Event(), threading.Event(), MirrorMachine.next_batch

    def wait_first(self) -> ChangeBatch | None:
        batch = next_batch(self)
        if batch is not None and batch.revision > 1:
            is_there.set()
            may_go.wait(60)
        return batch

    monkeypatch.setattr(MirrorMachine, "next_batch", wait_first)
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        mirror.wait(60)
        made.change("default", 7, "a")
        assert is_there.wait(60)
        promotion = mirror.promote()
        may_go.set()
        eventually(lambda: "elect-mirror" not in {thread.name for thread in threading.enumerate()})
        assert (promotion.revision, mirror.status().revision, mirror.leader().value) == (1, 1, None)
        assert "refused a write" not in mirror.status().last_error  # the store would be the second to notice


def test_a_program_may_stop_the_mirror_in_its_callback(tmp_path: Path):
    stopped = threading.Event()

    def stop(_: MirrorChange) -> None:
        mirror.stop()
        stopped.set()

    with source() as made:
        mirror = mirror_of(made.listens, data_dir=tmp_path, on_change=stop).start()
        assert stopped.wait(60)
        assert eventually(mirror.stop)


def test_a_promotion_before_a_snapshot_has_to_be_forced(tmp_path: Path):
    with mirror_of("127.0.0.1:9", data_dir=tmp_path) as mirror:
        with pytest.raises(MirrorBootstrapping):
            mirror.promote()
        assert mirror.state.phase is MirrorPhase.DISCONNECTED
        assert mirror.state.lag == math.inf
        assert mirror.promote(force=True, highest_term=5).floor == 2_000_000


def test_a_data_dir_is_for_one_mirror_of_one_source(tmp_path: Path):
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        mirror.wait(60)
        with pytest.raises(StoreError, match="in use by process"):
            mirror_of(made.listens, data_dir=tmp_path).start()
        mirror.stop()
        with pytest.raises(IdentityError, match="a mirror of cluster 'source', not to one of 'other'"):
            Mirror([made.listens], cluster="other", data_dir=tmp_path).start()
        with pytest.raises(IdentityError, match="with id 0001"):
            Mirror([made.listens], cluster=CLUSTER, data_dir=tmp_path, source_cluster_id=bytes(16)).start()


def secured(directory: Path, **settings: object) -> Node:
    return Node(configs(directory, "a", **settings)["a"], store=named_store("a"))


@pytest.mark.parametrize("way", ["key", "tls"])
def test_both_ends_are_proven(tmp_path: Path, way: str):
    key = tmp_path / "key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    assert main(["certs", "-d", str(tmp_path), "--cluster", "test", "a", "--mirror", "east"]) == 0

    def table(stem: str) -> dict[str, Path]:
        return {"certificate": tmp_path / f"{stem}.pem", "key": tmp_path / f"{stem}.key", "ca": tmp_path / "ca.pem"}

    node = secured(tmp_path, **({"key_file": key} if way == "key" else {"tls": table("a")}))
    security = {"key_file": key} if way == "key" else {"tls": table("mirror-east")}
    made = {"cluster": "test", "data_dir": tmp_path / "m"}
    with node:
        with Mirror([node.config.listen], name="east", security=security, **made) as mirror:
            mirror.wait(60)
        if way == "tls":
            with pytest.raises(ConfigError, match="not for node 'mirror/west/0'"):
                Mirror([node.config.listen], name="west", security=security, **made).start()
        with Mirror([node.config.listen], **made) as mirror:
            eventually(lambda: mirror.status().last_error)
            assert mirror.state.phase is MirrorPhase.DISCONNECTED
            assert mirror.error is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"source": []}, r"source is \[\]: 1 to 64 addresses"),
        ({"source": ["10.0.0.1:7101"]}, "without authentication"),
        ({"source": ["unix:/run/elect/a.sock"]}, "a Unix socket serves clients alone"),
        ({"source_cluster_id": "zz"}, "source_cluster_id is 'zz': 16 bytes"),
        ({"source_cluster_id": b"short"}, "16 bytes"),
        ({"name": "a/b"}, "name is 'a/b'"),
        ({"security": {"keyfile": "x"}}, "only key_file, tls, pins, insecure are known"),
        ({"security": ["tls"]}, "a table of key_file, tls, pins, insecure is needed"),
        ({"data_dir": b"m"}, "the path of a directory is needed"),
        ({"data_dir": ""}, "the path of a directory is needed"),
    ],
)
def test_settings_that_break_a_rule_are_refused(tmp_path: Path, settings: dict[str, object], problem: str):
    with pytest.raises(ConfigError, match=problem):
        Mirror(**{"source": ["127.0.0.1:1"], "cluster": "test", "data_dir": tmp_path, **settings})


@pytest.mark.parametrize("cluster_id", ["zz", b"short", 5])
def test_an_own_cluster_id_that_is_none_is_refused(tmp_path: Path, cluster_id: object):
    mirror = mirror_of("127.0.0.1:9", data_dir=tmp_path)
    mirror.cluster_id = cluster_id
    with pytest.raises(ConfigError, match=r"^cluster_id is .*16 bytes"):
        mirror.start()
    mirror.cluster_id = b""
    with mirror:
        pass


@pytest.mark.parametrize("highest_term", [5.0, True, "5", -1, TERM_MAX + 1, TERM_MAX])
def test_a_highest_term_that_is_none_is_refused(tmp_path: Path, highest_term: object):
    with mirror_of("127.0.0.1:9", data_dir=tmp_path) as mirror:
        with pytest.raises((TypeError, ValueError), match=r"highest.term (that is known )?is"):
            mirror.promote(force=True, highest_term=highest_term)
        assert mirror.promotion is None
    with mirror_of("127.0.0.1:9", data_dir=tmp_path) as mirror:
        assert mirror.promotion is None


def test_arguments_of_other_types_are_refused(tmp_path: Path):
    with pytest.raises(TypeError, match="on_change"):
        mirror_of("127.0.0.1:9", data_dir=tmp_path, on_change=7)  # type: ignore[arg-type]
    with mirror_of("127.0.0.1:9", data_dir=tmp_path) as mirror:
        with pytest.raises(ValueError, match='"eventual", "strong" or within'):
            mirror.leader(consistency="often")
        with pytest.raises(TypeError, match="within"):
            mirror.leader(consistency=5)
        with pytest.raises(ValueError, match="seconds is 0"):
            within(0)
        for age_max in (math.nan, -1, "5", True):
            with pytest.raises((TypeError, ValueError), match="age_max is"):
                Consistency(age_max=age_max)
        with pytest.raises(MirrorStopped, match="new one"):
            mirror.start()
