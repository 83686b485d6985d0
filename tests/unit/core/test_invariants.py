"""Each rule of a node's own consistency can be broken, and is then named."""

import pytest

from elect.core import invariants
from elect.core.messages import Number
from elect.core.ready import Ballot
from elect.core.state.election_state import Following
from elect.core.state.scale import LeaseGroups
from tests.unit.core.desk import DURATION, Desk


def break_parts(desk):
    desk.election.following = Following(leader="a", term=1, session=Number(7, 1))


def break_term(desk):
    desk.election.ballot = Ballot(term=99, voted_for="a")


def break_disk(desk):
    desk.election.durable = Ballot(term=99, voted_for=None)


def break_base(desk):
    desk.election.follow_term_min = 99


def break_session(desk):
    desk.election.become_follower(Following(leader="a", term=1, session=Number(7, 99)))


def break_groups(desk):
    desk.elector.state.index.lease_groups = LeaseGroups()


def break_ghost(desk):
    desk.election.leadership = None


def break_vacant(desk):
    desk.elector.state.index.vacant["default"] = None


def break_campaigns(desk):
    desk.elector.state.index.campaigns.live.add("default")


def break_count(desk):
    desk.elector.state.support.peers["a"].opened = None


def break_expiry(desk):
    desk.elector.state.now += 2 * DURATION


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (break_parts, "plays one part"),
        (break_term, "in its own term"),
        (break_disk, "disk is never ahead"),
        (break_base, "base is at most"),
        (break_session, "only while the session lives"),
        (break_groups, "shares its lease's end"),
        (break_ghost, "shares its lease's end"),
        (break_vacant, "vacant elections"),
        (break_campaigns, "candidacies are listed"),
        (break_count, "only on an open link"),
        (break_expiry, "expired is expired"),
    ],
)
def test_a_node_that_contradicts_itself_is_told_how(damage, rule):
    desk = Desk().elected()
    invariants.check(desk.elector.state)
    damage(desk)
    with pytest.raises(invariants.InvariantError, match=rule):
        invariants.check(desk.elector.state)
