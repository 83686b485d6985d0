"""The steps of a promotion, in their order, with a mirror that only notes its calls."""

import errno
import os
from dataclasses import replace

import pytest

from elect.core.configuration import ClusterState, Configuration
from elect.core.messages import Follow
from elect.core.promotion import SEEN_TERM_MAX, PromotionRefusal, PromotionRefused
from elect.errors import ConfigError, LeadershipTimeout, Stopped, StoreError, ThreadError
from elect.mirror.mirror_errors import MirrorBootstrapping, MirrorStopped, SealFailed
from elect.mirror.mirror_values import Promotion
from elect.sites.promotion_time import SEAL_S_MAX
from elect.sites.seal_record import NAME
from elect.sites.site_promoter import SitePromoter
from elect.sites.site_values import MirrorUnavailable, PromotionNotDone, PromotionStep
from elect.sites.source_settings import MIRROR_DIRECTORY
from tests.unit.core.desk import PROMISED
from tests.unit.sites.noting_site import FLOOR, Site
from tests.unit.sites.promoted_nodes import promoted

TOO_LOW = PromotionRefused(PromotionRefusal.FLOOR, "a higher one is needed")


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path)


def test_steps_are_made_in_order(site):
    made = site.promote()
    assert site.calls == [
        ("seal", "x:1, y:1", SEAL_S_MAX),  # whole addresses, as many as the source takes
        ("record", False, 7_654_321),
        ("install", FLOOR),
        "wake",
    ]
    assert made.steps == tuple(PromotionStep)
    assert (made.floor, made.source_highest_term, made.was_sealed) == (FLOOR, 7_654_321, True)


def test_the_source_is_told_names_in_ascii(site):
    """It takes no other letters, and would refuse the seal. A peer may advertise any text."""
    addresses = ["bücher.example:1", "bücher:7101", "ü" * 70 + ":1", "z\n:1", "0.0.0.0:1", "y:1"]
    made = SitePromoter(site.context, site, site.promote_cluster, lambda: addresses)
    made.promote(is_forced=False, seconds=60)
    assert ("seal", "xn--bcher-kva.example:1, xn--bcher-kva:7101, y:1", 10) in site.calls


def test_a_refused_promotion_leaves_the_source_alone(site):
    site.mirror.stream = ""
    with pytest.raises(MirrorBootstrapping):
        site.promote()
    assert site.calls == []
    site.mirror, site.error = None, "the disk is full"
    with pytest.raises(MirrorUnavailable, match="the disk is full"):
        site.promote()
    assert site.calls == []


def test_nodes_that_disagree_seal_nothing(site):
    """One node lacks its section [mirror]: the promotion would be refused after the seal."""
    site.desk.shown["a"] = Configuration.initial("abc").id
    site.desk.beat("a")
    for is_forced in (False, True):
        with pytest.raises(PromotionRefused, match="do not agree"):
            site.promote(is_forced=is_forced)
    assert site.calls == []


def test_a_cluster_without_a_quorum_seals_nothing(site):
    site.desk.now += PROMISED + 1
    with pytest.raises(PromotionNotDone, match="done: nothing") as caught:
        site.promote(seconds=0.01)
    assert site.calls == [] and caught.value.result.floor == 0
    assert site.promote(is_forced=True).floor == FLOOR


def test_a_stopped_mirror_promotes_nothing(site):
    """The terms of the source are not known: a floor that knows nothing of them may be below."""
    site.mirror.is_stopped = True
    for is_forced in (False, True):
        with pytest.raises(MirrorUnavailable, match="it is stopped"):
            site.promote(is_forced=is_forced)
    assert site.calls == []


def test_a_mirror_that_stops_meanwhile_promotes_nothing(site):
    site.on_seal = lambda: setattr(site.mirror, "is_stopped", True)
    with pytest.raises(PromotionNotDone, match=r"it is stopped.*; done: sealed") as caught:
        site.promote()
    assert [each[0] for each in site.calls] == ["seal"]
    assert caught.value.result.source_highest_term == 7_654_321
    assert isinstance(caught.value.__cause__, MirrorUnavailable)


def test_a_promotion_by_another_node_meanwhile_counts(site):
    def promote_elsewhere() -> None:
        site.mirror.is_stopped = True
        site.context.configuration = replace(
            site.context.configuration, state=ClusterState.ACTIVE, promotion_floor=12_000_000
        )

    site.on_seal = promote_elsewhere
    made = site.promote()
    assert (made.floor, made.was_sealed) == (12_000_000, True)


def test_a_promotion_that_another_one_overtakes_is_done(site):
    """Nodes are promoted at once: this one hears of the first leader before it gets the configuration."""
    site.on_seal = lambda: site.desk.say("a", Follow(election="jobs", term=FLOOR + 1, session=site.desk.number("a")))
    site.context.wait_for = lambda find, timeout: site.desk.install(promoted(FLOOR))
    site.refusals = [TOO_LOW] * 2  # the configuration comes between the refusal and the look at it, too
    made = site.promote()
    assert [each[0] for each in site.calls[:-1]] == ["seal", "record", "install", "install", "install"]
    assert made.steps == tuple(PromotionStep)


def test_a_configuration_that_does_not_come_is_not_done(site):
    site.on_seal = lambda: site.desk.say("a", Follow(election="jobs", term=FLOOR + 1, session=site.desk.number("a")))
    site.refusals = [TOO_LOW] * 1_000
    with pytest.raises(PromotionNotDone, match="done: sealed, recorded"):
        site.promote(seconds=0.01)


@pytest.mark.parametrize("refusal", PromotionRefusal)
def test_a_refusal_of_a_node_that_is_not_behind_is_raised(site, refusal):
    """It comes after the seal, so it is none that changes nothing."""
    site.refusals = [PromotionRefused(refusal, "no")]
    with pytest.raises(PromotionNotDone, match="no; done: sealed, recorded") as caught:
        site.promote()
    assert isinstance(caught.value.__cause__, PromotionRefused)
    assert [each[0] for each in site.calls[:-1]] == ["seal", "record", "install"]


def test_terms_without_room_for_a_floor_seal_nothing(site):
    site.mirror.seen = SEEN_TERM_MAX + 1
    with pytest.raises(PromotionRefused, match="no room for a floor"):
        site.promote()
    assert site.calls == []


def test_a_term_of_the_own_cluster_raises_the_floor(site):
    """Without that the core would refuse the floor after the seal. The configuration of a peer does not come."""
    site.desk.say("a", Follow(election="jobs", term=8_000_000, session=site.desk.number("a")))
    site.promote(seconds=0.01)
    assert site.calls[1] == ("record", False, 8_000_000)
    site.mirror = None
    assert site.promote(is_forced=True, seconds=0.01).floor == 9_000_000


def test_a_node_whose_peers_are_promoted_waits_for_them(site):
    """It has heard of a leader of the promoted cluster, and its own configuration comes a moment later."""
    site.desk.say("a", Follow(election="jobs", term=FLOOR + 1, session=site.desk.number("a")))
    site.context.wait_for = lambda find, timeout: site.desk.install(promoted(FLOOR))
    site.promote()
    assert [each[0] for each in site.calls[:-1]] == ["install"]


def test_a_node_that_has_yet_to_write_a_promotion_seals_nothing(site):
    site.desk.install(promoted(FLOOR))
    assert site.context.configuration.state is ClusterState.STANDBY
    site.promote()
    assert [each[0] for each in site.calls[:-1]] == ["install"]


def test_a_recorded_promotion_without_a_quorum_says_so(site):
    site.mirror.promotion = Promotion(floor=FLOOR, highest_term=7)
    site.desk.now += PROMISED + 1
    with pytest.raises(PromotionNotDone, match="done: recorded"):
        site.promote(seconds=0.01)
    assert site.calls == []


def test_a_promotion_goes_on_without_a_seal(site):
    site.failure = SealFailed([("a:1", "timed out")])
    made = site.promote()
    assert site.calls[1:3] == [("record", False, 0), ("install", FLOOR)]  # the mirror has seen the terms
    assert not made.was_sealed
    assert "a:1: timed out" in made.not_sealed


def test_force_seals_although_the_mirror_could_not_start(site):
    site.mirror = None
    made = site.promote(is_forced=True)
    assert site.calls == [("seal", "x:1, y:1", SEAL_S_MAX), ("install", FLOOR), "wake"]
    assert made.steps == (PromotionStep.SEALED, PromotionStep.INSTALLED)


def test_force_counts_the_terms_that_are_stored(site):
    """The mirror cannot start, as its key is wrong, and has followed the source before."""
    site.mirror, site.stored, site.failure = None, 4_000_017, SealFailed([("a:1", "timed out")])
    made = site.promote(is_forced=True)
    assert (made.floor, made.source_highest_term) == (6_000_000, 4_000_017)
    assert ("install", 6_000_000) in site.calls
    site.install(promoted(6_000_000))
    assert site.promote().source_highest_term == 4_000_017


def test_stored_terms_without_room_for_a_floor_seal_nothing(site):
    site.mirror, site.stored = None, SEEN_TERM_MAX + 1
    with pytest.raises(PromotionRefused, match="no room for a floor"):
        site.promote(is_forced=True)
    assert site.calls == []


def test_a_repeated_promotion_knows_of_the_seal(site):
    site.has_no_quorum = True
    with pytest.raises(PromotionNotDone):
        site.promote()
    site.has_no_quorum = False
    site.install(promoted(FLOOR))
    made = site.promote()
    assert made.steps == (PromotionStep.SEALED, PromotionStep.INSTALLED)
    assert (made.was_sealed, made.not_sealed, made.source_highest_term) == (True, "", 7_654_321)


def test_a_repeated_promotion_knows_why_there_is_no_seal(site):
    site.failure = SealFailed([("a:1", "timed out")])
    site.promote()
    site.install(promoted(FLOOR))
    made = site.promote()
    assert (made.was_sealed, made.not_sealed, made.source_highest_term) == (False, "a:1: timed out", 5)


def test_another_node_says_that_it_has_not_asked(site):
    site.install(promoted(FLOOR))
    assert "this node has not asked it" in site.promote().not_sealed


def test_a_seal_outlasts_a_kill_and_the_source(site):
    """The node was killed before it recorded the term that the source named, and the source is lost since."""
    site.on_seal = lambda: setattr(site.mirror, "is_stopped", True)
    with pytest.raises(PromotionNotDone):
        site.promote()
    again = Site(site.context.config.data_dir)
    again.failure = SealFailed([("a:1", "timed out")])
    made = again.promote()
    assert made.was_sealed
    assert ("record", False, 7_654_321) in again.calls


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"source_highest_term": true, "not_sealed": ""}',
        b'{"source_highest_term": 9007199254740991, "not_sealed": ""}',
        b'{"source_highest_term": 1, "not_sealed": 2}',
    ],
)
def test_a_damaged_record_of_the_seal_is_none(site, content):
    directory = site.context.config.data_dir / MIRROR_DIRECTORY
    directory.mkdir()
    (directory / NAME).write_bytes(content)
    site.install(promoted(FLOOR))
    assert not site.promote().was_sealed


def test_a_disk_that_takes_nothing_seals_nothing(site):
    """It would not take the record of the promotion either. A mirror that could not start makes none."""
    (site.context.config.data_dir / MIRROR_DIRECTORY).write_text("no directory")
    for is_forced in (False, True):
        with pytest.raises(StoreError, match="not a directory; this call has sealed nothing"):
            site.promote(is_forced=is_forced)
    assert site.calls == [] and site.audit == "" and not site.promotion_audit.is_open
    site.mirror = None
    assert site.promote(is_forced=True).was_sealed


@pytest.mark.parametrize("has_mirror", [False, True])
def test_a_full_disk_seals_nothing(site, has_mirror, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    site.mirror = site.mirror if has_mirror else None
    for is_forced in (False, True) if has_mirror else (True,):
        with pytest.raises(StoreError, match="No space left; this call has sealed nothing"):
            site.promote(is_forced=is_forced)
    assert site.calls == [] and site.audit == "" and not site.promotion_audit.is_open


FAILURES = [
    StoreError(errno.EIO, "disk I/O error", "mirror.sqlite3"),
    MirrorBootstrapping(),
    Stopped("b", "stopping"),
    LeadershipTimeout("", "the promotion", 1.0),
    ThreadError("elect-mirror", "can't start new thread"),
]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("step", ["record", "install"])
def test_each_error_after_the_seal_says_what_is_done(site, failure, step):
    def fail(*_: object, **__: object) -> None:
        raise failure

    if step == "record":
        site.mirror.promote = fail
    else:
        site.promoter._promote = fail
    done = (PromotionStep.SEALED,) if step == "record" else (PromotionStep.SEALED, PromotionStep.RECORDED)
    with pytest.raises(PromotionNotDone, match=f"; done: {', '.join(done)}. ") as caught:
        site.promote()
    assert caught.value.result.steps == done
    assert site.audit.count(f"is not known to be done: {caught.value}") == 1


def test_an_error_after_an_unanswered_seal_says_so(site):
    """The source may be sealed: that is neither a refusal nor `done: nothing`."""
    site.failure = SealFailed([("a:1", "timed out")])
    site.on_seal = lambda: setattr(site.mirror, "is_stopped", True)
    with pytest.raises(PromotionNotDone, match=r"done: unknown; the source is not known to be sealed \(a:1: timed out"):
        site.promote()
    site.desk.now += PROMISED + 1
    with pytest.raises(MirrorUnavailable):
        site.promote()
    site.mirror.is_stopped = False
    with pytest.raises(PromotionNotDone, match="done: unknown; the source is not known to be sealed"):
        site.promote(seconds=0.01)


def test_a_mirror_that_stops_before_the_seal_is_a_refusal(site):
    site.failure = MirrorStopped("m")
    with pytest.raises(MirrorUnavailable):
        site.promote()
    assert "done: nothing" in site.audit


def test_ctrl_c_after_the_seal_says_what_is_done(site):
    def be_interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    site.mirror.promote = be_interrupted
    with pytest.raises(KeyboardInterrupt) as caught:
        site.promote()
    assert "done: sealed. Repeat it" in caught.value.__notes__[0]
    assert "done: sealed. Repeat it" in site.audit


def test_a_repeat_without_a_quorum_says_what_was_done_before(site):
    site.mirror.promote = lambda **_: (_ for _ in ()).throw(StoreError(errno.EIO, "disk I/O error", "mirror.sqlite3"))
    with pytest.raises(PromotionNotDone):
        site.promote()
    site.desk.now += PROMISED + 1
    with pytest.raises(PromotionNotDone, match=r"done: sealed\. "):
        site.promote(seconds=0.01)


def test_a_seal_without_an_answer_before_a_kill_is_known(site):
    site.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        site.promote()
    site.install(promoted(FLOOR))
    assert "ended before an answer came" in site.promote().not_sealed


def test_force_promotes_without_a_source(site):
    site.mirror, site.has_source = None, False
    made = site.promote(is_forced=True)
    assert site.calls == [("install", 1_000_000), "wake"]
    assert "[mirror] is not in the settings" in made.not_sealed


def test_force_promotes_without_keys_for_the_source(site):
    site.mirror, site.failure = None, ConfigError("key_file", "k", "no such file")
    assert "no such file" in site.promote(is_forced=True).not_sealed


def test_a_promotion_that_is_late_says_how_far_it_came(site):
    site.has_no_quorum = True
    with pytest.raises(PromotionNotDone, match="done: sealed, recorded") as caught:
        site.promote()
    assert caught.value.result.floor == FLOOR
    assert site.calls[-1] == "wake"
