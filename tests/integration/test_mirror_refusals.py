"""A mirror that is refused for good says so and stops; everything else is tried again, until it works."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from elect import Mirror, MirrorPhase, MirrorTimeout, SourceRefused
from elect.mirror import mirror_follower, mirror_machine
from elect.mirror.mirror_machine import MirrorMachine
from elect.observing.mirror_messages import SealAnswer, SourceHeartbeat, SourceRefusal
from elect.observing.mirror_server import MirrorServer
from tests.fault.mirror_program import NoWait
from tests.mirroring import CLUSTER, CLUSTER_ID, BareSource, mirror_of, source
from tests.nodes import eventually

OTHER_ID = b"o" * 16


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    monkeypatch.setattr(mirror_follower, "SourceBackoff", NoWait)


def refusing(code: str, times: int) -> Callable[..., SourceRefusal | None]:
    """A source that refuses a mirror some times."""
    left = [times]

    def refuse(*_: object) -> SourceRefusal | None:
        left[0] -= 1
        return SourceRefusal(code=code, text="for a test") if left[0] >= 0 else None

    return refuse


def check_refused(mirror: Mirror, code: str) -> None:
    """It surfaces at once, and the thread has ended."""
    with pytest.raises(SourceRefused) as raised:
        mirror.wait(60)
    assert mirror.error is raised.value
    assert raised.value.code == code
    assert code in mirror.status().error
    assert mirror.state.phase is MirrorPhase.DISCONNECTED
    eventually(lambda: "elect-mirror" not in {thread.name for thread in threading.enumerate()})
    assert mirror.status().attempts == 1


@pytest.mark.parametrize("settings", [{"source_cluster_id": OTHER_ID}, {"cluster": "another"}])
def test_a_source_of_another_cluster(tmp_path: Path, settings: dict[str, object]):
    with source() as made, Mirror([made.listens], **{"cluster": CLUSTER, "data_dir": tmp_path, **settings}) as mirror:
        check_refused(mirror, "other_cluster")


def test_a_source_that_was_made_anew_under_the_same_name(tmp_path: Path):
    with source() as made:
        with mirror_of(made.listens, data_dir=tmp_path) as mirror:
            mirror.wait(60)
        made.id = OTHER_ID
        with mirror_of(made.listens, data_dir=tmp_path) as mirror:
            check_refused(mirror, "other_cluster")
            assert mirror.members().value.node_ids == ("a", "b", "c")


def test_a_cluster_does_not_mirror_itself(tmp_path: Path):
    with source() as made:
        mirror = mirror_of(made.listens, data_dir=tmp_path)
        mirror.cluster_id = CLUSTER_ID
        with mirror:
            check_refused(mirror, "other_cluster")


def test_a_source_of_another_version(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(mirror_machine, "MIRROR_VERSION", 2)
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        check_refused(mirror, "other_version")


def test_an_end_that_is_no_observer(tmp_path: Path, monkeypatch):
    """It sends what only a source may send."""
    monkeypatch.setattr(MirrorMachine, "applied_message", lambda *_: SourceHeartbeat(revision=1, sent=1))
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        check_refused(mirror, "not_observer")
        assert made.refused == ["sourceheartbeat"]


def test_a_source_that_says_that_this_site_was_promoted(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(MirrorServer, "_refusal", refusing("promoted", 99))
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        check_refused(mirror, "promoted")


@pytest.mark.parametrize("code", ["busy", "no_id_yet", "word_of_a_later_version"])
def test_a_soft_refusal_is_tried_again(tmp_path: Path, monkeypatch, code: str):
    monkeypatch.setattr(MirrorServer, "_refusal", refusing(code, 3))
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        assert mirror.wait(60).phase is MirrorPhase.FOLLOWING
        assert code in mirror.status().last_error
        assert mirror.error is None
        assert mirror.status().attempts == 4


def test_a_source_that_is_not_there_yet_is_tried_again(tmp_path: Path):
    with source() as gone:
        address = gone.listens
    with mirror_of(address, data_dir=tmp_path) as mirror:
        with pytest.raises(MirrorTimeout, match="disconnected"):
            mirror.wait(0.05)
        assert "refused" in mirror.status().last_error
        with source(address=address) as made:
            assert mirror.wait(60).phase is MirrorPhase.FOLLOWING
            made.change("default", 1, "a")
            eventually(lambda: mirror.leader().value)
        eventually(lambda: mirror.state.phase is MirrorPhase.DISCONNECTED)


def test_a_node_that_is_behind_is_left_for_another(tmp_path: Path):
    with source() as behind, source(node_id="b") as made:
        behind.change("default", 6, "a")
        made.change("default", 7, "b")
        with mirror_of(made.listens, data_dir=tmp_path) as mirror:
            mirror.wait(60)
        with mirror_of(behind.listens, made.listens, data_dir=tmp_path) as mirror:
            mirror.wait(60)
            assert mirror.status().source_node == "b"
            assert "behind" in mirror.status().last_error
            assert mirror.leader().value.term == 7


def test_a_seal_is_answered_by_the_node_that_can(tmp_path: Path):
    asked = []

    def seal(mirror: str, successor: str, answer: Callable[[SealAnswer], None]) -> None:
        asked.append(successor)
        answer(SealAnswer(outcome="sealed", text="done", highest_term=9))

    def make(address: str, other: BareSource) -> Mirror:
        return mirror_of("127.0.0.1:9", other.listens, address, data_dir=tmp_path)

    with source() as cannot, source(node_id="b", on_seal=seal) as can, make(can.listens, cannot) as mirror:
        assert mirror.seal("10.1.0.1:7101", timeout=60).highest_term == 9
        assert asked == ["10.1.0.1:7101"]
