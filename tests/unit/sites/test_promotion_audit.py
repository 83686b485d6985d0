"""The lines about a promotion in the audit file of the node that was asked: asked, and the outcome once."""

import pytest

from elect.mirror.mirror_errors import MirrorStopped
from elect.monitoring import audit
from elect.sites.promotion_audit import NAME
from elect.sites.site_values import PromotionNotDone
from tests.unit.sites.noting_site import FLOOR, Site
from tests.unit.sites.promoted_nodes import promoted

ASKED = "node b was asked by an operator to promote this standby cluster"
DONE = f"the promotion that node b was asked for is done: terms begin above {FLOOR:,}; the source is sealed"
NOT_DONE = "the promotion that node b was asked for is not known to be done: "


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path)


def lines(site: Site) -> list[str]:
    """Return the lines without their times."""
    return [line.partition(" ")[2] for line in site.audit.splitlines()]


@pytest.mark.parametrize("is_forced", [False, True])
def test_the_first_line_is_there_before_the_seal(site, is_forced):
    found = []
    site.on_seal = lambda: found.extend(lines(site))
    site.promote(is_forced=is_forced)
    assert found == [f"{ASKED}, forced" if is_forced else ASKED]
    assert len(lines(site)) == 2 and lines(site)[1].startswith(DONE)


def test_a_refused_promotion_has_no_line(site):
    site.mirror.is_stopped = True
    with pytest.raises(Exception, match="it is stopped"):
        site.promote()
    assert not site.audit and not site.promotion_audit.is_open


def test_a_repeated_promotion_adds_the_outcome_once(site):
    site.has_no_quorum = True
    with pytest.raises(PromotionNotDone):
        site.promote()
    site.install(promoted(FLOOR))
    with pytest.raises(PromotionNotDone):
        site.promote()
    site.has_no_quorum = False
    for _ in range(2):
        site.promote()
    asked, *late, done = lines(site)
    assert asked == ASKED and done.startswith(DONE)
    assert len(late) == 2 and all(each.startswith(NOT_DONE) and "done: sealed" in each for each in late)


def test_a_node_that_was_killed_adds_the_outcome(site):
    """The others promote their cluster before it comes back."""
    site.failure = MirrorStopped("a kill")
    with pytest.raises(Exception, match="it is stopped"):
        site.promote()
    again = Site(site.context.config.data_dir)
    again.install(promoted(FLOOR))
    for _ in range(2):
        again.promote()
    assert sum("is done: terms begin above" in line for line in lines(site)) == 1


def test_a_node_that_was_not_asked_before_adds_nothing(site):
    site.install(promoted(FLOOR))
    site.promote()
    site.has_no_quorum = True
    with pytest.raises(PromotionNotDone):
        site.promote()
    assert site.audit == ""


def test_a_line_that_was_not_written_is_added_later(site, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(audit, "NAME", "no/such/directory")
        site.promote()
    assert (site.context.config.data_dir / NAME).exists()
    site.install(promoted(FLOOR))
    site.promote()
    assert lines(site)[0].startswith(DONE)
    assert not (site.context.config.data_dir / NAME).exists()
