"""The mirror of a node starts, and ends, as the state of its cluster says."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from elect.core.messages import Follow
from elect.core.promotion import PromotionRefusal, PromotionRefused
from elect.errors import ConfigError, LeadershipTimeout, StoreError
from elect.mirror.mirror_store import MIRROR_FILE, MirrorStore
from elect.mirror.mirror_values import MirrorPhase, MirrorState, MirrorStatus, Promotion
from elect.sites import site_mirror
from elect.sites.site_mirror import SiteMirror
from elect.sites.source_settings import MIRROR_DIRECTORY
from tests.unit.sites.promoted_nodes import STEP, PlayedNode, promoted


class PlayedMirror:
    """A mirror without a link.

    Attributes:
        failure: raised by the start.
        refusal: the reason why the source refuses it for good.
        last_error: of its latest link.
        highest_term: that it has seen.
        phase: in its status.
        is_running: it was started, and not stopped.
    """

    def __init__(self) -> None:
        self.cluster_id = b""
        self.failure: Exception | None = None
        self.promotion: Promotion | None = None
        self.refusal = ""
        self.last_error = ""
        self.highest_term = 0
        self.phase = MirrorPhase.FOLLOWING
        self.is_running = False

    def start(self) -> None:
        if self.failure is not None:
            raise self.failure
        self.is_running = True

    def stop(self, timeout: float) -> bool:
        self.is_running = False
        return True

    def status(self) -> MirrorStatus:
        state = MirrorState(phase=self.phase)
        return MirrorStatus(
            name="b", state=state, highest_term=self.highest_term, error=self.refusal, last_error=self.last_error
        )


class PlayedSite:
    """The mirror of a node that the test plays.

    Attributes:
        refusal: of each promotion; None: it is installed.
        has_no_quorum: it is installed after its time.
    """

    def __init__(self, directory, mirror: PlayedMirror) -> None:
        self.node = PlayedNode(directory)
        self.mirror = mirror
        self.refusal: PromotionRefusal | None = PromotionRefusal.DISPUTED
        self.has_no_quorum = False
        self.site = SiteMirror(self.node.context, self.promote)

    def promote(self, floor: int, timeout: float | None):
        if self.refusal is not None:
            raise PromotionRefused(self.refusal, "the nodes do not agree")
        if self.has_no_quorum:
            raise LeadershipTimeout("", "the promotion", 1.0)
        return promoted(floor)

    def review(self) -> str:
        """Return the state in the metrics after a review."""
        self.site.review()
        found = self.site.sample()
        assert found is not None
        return found.state


@pytest.fixture
def played(tmp_path, monkeypatch) -> PlayedSite:
    mirror = PlayedMirror()
    monkeypatch.setattr(site_mirror, "make_mirror", lambda _: mirror)
    return PlayedSite(tmp_path, mirror)


def test_a_promotion_elsewhere_ends_a_refused_one(played):
    played.mirror.promotion = Promotion(floor=2 * STEP, highest_term=7)
    assert played.review() == "stopped"
    assert "cannot be installed: the nodes do not agree" in played.site.error
    played.node.install(promoted(2 * STEP))
    assert played.review() == "promoted"
    assert not played.site.error and not played.mirror.is_running


def test_a_recorded_promotion_that_is_refused_is_stopped(played):
    """Its mirror follows nothing any more, and the cluster elects nobody: the metrics must not say that all is well."""
    played.mirror.promotion = Promotion(floor=2 * STEP, highest_term=7)
    played.mirror.phase = MirrorPhase.PROMOTED
    assert played.review() == "stopped"


def test_a_promotion_whose_configuration_comes_is_no_error(played, caplog):
    """Another node was promoted at the same time: its leader is heard of first."""
    played.mirror.promotion = Promotion(floor=2 * STEP, highest_term=7)
    played.refusal = PromotionRefusal.FLOOR
    desk = played.node.desk
    desk.say("a", Follow(election="jobs", term=2 * STEP + 1, session=desk.number("a")))
    assert played.review() == "following"
    assert not played.site.error and "cannot be installed" not in caplog.text


@pytest.mark.parametrize("is_recorded", [False, True])
def test_an_outcome_that_is_not_in_the_audit_file_is_added(played, is_recorded):
    """The node was asked and killed: it has recorded the promotion, or another node has promoted the cluster."""
    played.site.promotion_audit.begin()
    played.refusal, played.has_no_quorum = None, True
    if is_recorded:
        played.mirror.promotion = Promotion(floor=2 * STEP, highest_term=7)
    else:
        played.node.install(promoted(2 * STEP))
    with played.site.promotion_audit.asking():  # a call that goes on adds the line
        played.has_no_quorum = False
        played.review()
        played.has_no_quorum = True
    played.review()
    assert played.node.audit == ""
    played.has_no_quorum = False
    for _ in range(2):
        played.review()
    assert played.node.audit.count("was asked for is done: terms begin above 2,000,000") == 1


def test_the_outcome_of_a_cluster_that_was_sealed_since_is_added(played):
    played.site.promotion_audit.begin()
    played.refusal = PromotionRefusal.SEALED
    played.node.install(promoted(2 * STEP))
    played.review()
    assert "was asked for is done: terms begin above 2,000,000" in played.node.audit


def test_a_promotion_elsewhere_ends_a_failed_start(played):
    played.mirror.failure = StoreError(None, "the disk is damaged", "mirror")
    assert played.review() == "stopped"
    played.node.install(promoted(2 * STEP))
    assert played.review() == "promoted"


@pytest.mark.parametrize(("key_file", "name"), [("k", "mirror_key_file"), (None, "key_file")])
def test_a_wrong_file_is_named_as_in_the_settings(played, key_file, name):
    context = played.node.context
    context.config = replace(context.config, mirror_key_file=key_file)
    played.mirror.failure = ConfigError("key_file", "k", "it is missing")
    played.review()
    assert played.site.error == f"{name} is 'k': it is missing"


def test_a_promotion_elsewhere_ends_a_refusal_of_the_source(played):
    played.mirror.refusal = played.mirror.last_error = "other_cluster"
    assert played.review() == "stopped"
    played.node.install(promoted(2 * STEP))
    assert played.review() == "promoted"
    found = played.site.status()
    assert (found.error, found.last_error) == ("", "")


def test_a_mirror_that_has_seen_more_raises_the_floor(played):
    assert played.review() == "following"
    played.mirror.highest_term = 5 * STEP
    played.node.install(promoted(2 * STEP))
    assert played.review() == "promoted"
    assert played.node.desk.own == promoted(6 * STEP)


def test_a_node_that_was_killed_raises_the_floor_later(played):
    """It had installed the promotion of another node, and not done the rest."""
    store = MirrorStore(played.node.context.config.data_dir / MIRROR_DIRECTORY)
    store.open(source_cluster="orders")
    store.promote(6 * STEP, 5 * STEP)
    store.close()
    played.node.install(promoted(2 * STEP))
    assert played.review() == "promoted"
    assert played.node.desk.own == promoted(6 * STEP)


def test_terms_are_read_from_the_store_of_a_mirror_that_failed(played):
    assert played.site.stored_term() == 0
    store = MirrorStore(played.node.context.config.data_dir / MIRROR_DIRECTORY)
    store.open(source_cluster="orders")
    store.promote(6 * STEP, 5 * STEP)
    store.close()
    assert played.site.stored_term() == 5 * STEP


def test_a_promoted_node_with_a_damaged_mirror_goes_on(played):
    path = played.node.context.config.data_dir / MIRROR_DIRECTORY / "mirror.sqlite3"
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1_000)
    played.node.install(promoted(2 * STEP))
    assert played.review() == "promoted"
    assert played.node.desk.own == promoted(2 * STEP)


def test_a_promoted_node_with_a_locked_mirror_goes_on(played, monkeypatch, caplog):
    """The directory belongs to another user, as after a start with sudo."""
    stat = Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path.name == MIRROR_FILE:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    played.node.install(promoted(2 * STEP))
    assert played.review() == "promoted"
    assert "cannot read the terms that its mirror has seen: [Errno 13] Permission denied" in caplog.text


def test_terms_that_cannot_be_do_not_end_the_node(played):
    assert played.review() == "following"
    played.mirror.highest_term = 2**53 - 1
    played.node.install(promoted(2 * STEP))
    assert played.review() == "promoted"
    assert "no room for a floor" in played.site.error
    found = played.site.status()
    assert (found.state.phase, found.error) == (MirrorPhase.PROMOTED, played.site.error)
