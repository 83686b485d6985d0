"""The parts of the time of a promotion, on a clock that only its waits move."""

import pytest

from elect.sites.site_values import PromotionNotDone, PromotionStep
from tests.unit.core.desk import PROMISED
from tests.unit.sites.noting_site import Site
from wire.common import deadline


@pytest.fixture
def site(tmp_path) -> Site:
    """A site of which no quorum is heard."""
    made = Site(tmp_path)
    made.desk.now += PROMISED + 1
    return made


def play_time(site, monkeypatch, on_wait=lambda now_s: None) -> list[float]:
    """Have each wait of the promoter last a second of a clock that only the waits move; return its times."""
    times = [1_000.0]

    def wait(find, timeout: float) -> None:
        times.append(times[-1] + 1)
        on_wait(times[-1])

    site.context.wait_for = wait
    monkeypatch.setattr(deadline, "now_s", lambda: times[-1])
    return times


def test_a_quorum_may_come_as_late_as_there_is_time(site, monkeypatch):
    """Two of three nodes are being restarted, which takes ten seconds."""
    times = play_time(site, monkeypatch, lambda now_s: site.desk.supported() if now_s == 1_010 else None)
    assert site.promote(seconds=30.0).steps == tuple(PromotionStep)
    assert times[-1] == 1_010


@pytest.mark.parametrize(("seconds", "passed"), [(30.0, 13.0), (60.0, 35.0), (8.0, 2.0)])
def test_time_for_the_later_steps_is_kept(site, monkeypatch, seconds, passed):
    """The error names the time that has passed."""
    play_time(site, monkeypatch)
    with pytest.raises(PromotionNotDone, match=f"not done after {passed:g} s; done: nothing"):
        site.promote(seconds=seconds)


def test_a_promotion_that_hangs_is_named_to_the_next(site):
    """A majority of the voters would not help: the disk takes the record of the first one too slowly."""
    held = []

    def promote_again() -> None:
        with pytest.raises(PromotionNotDone, match="another promotion at this node has not ended") as caught:
            site.promote(is_forced=True, seconds=0.001)
        held.append(str(caught.value))

    site.on_seal = promote_again
    assert site.promote(is_forced=True).was_sealed
    assert len(held) == 1 and "majority" not in held[0] and "done:" not in held[0]


def test_a_mirror_that_hangs_at_its_start_is_named(site):
    site.wait_begun = lambda timeout: False
    with pytest.raises(PromotionNotDone, match="the mirror of this node has not started") as caught:
        site.promote(seconds=0.001)
    assert "majority" not in str(caught.value)
