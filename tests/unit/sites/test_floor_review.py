"""The floor of a promoted cluster rises above what this node has seen, whenever it gets to that."""

import pytest

from elect.core.events import LossReason, Lost
from elect.sites.floor_review import FloorReview
from tests.unit.core.member_desk import MemberDesk
from tests.unit.sites.promoted_nodes import STANDBY, STEP, PlayedNode, promoted


@pytest.fixture
def node(tmp_path) -> PlayedNode:
    return PlayedNode(tmp_path)


@pytest.fixture
def floors(node) -> FloorReview:
    made = FloorReview(node.context)
    made.seen = 5 * STEP
    return made


def review(node: PlayedNode, floors: FloorReview) -> None:
    floors.review(node.context.configuration)


def test_a_higher_term_that_was_seen_raises_the_floor(node, floors):
    node.install(promoted(2 * STEP))
    review(node, floors)
    assert node.desk.own == promoted(6 * STEP)
    assert node.audit == ""  # it is not on disk yet
    node.publish()
    review(node, floors)
    review(node, floors)
    assert node.audit.count("has seen term 5000000 of the source: terms begin above 6000000") == 1
    assert not floors.error


@pytest.mark.parametrize("configuration", [STANDBY, promoted(6 * STEP)])
def test_a_floor_that_is_high_enough_stays(node, floors, configuration):
    node.install(configuration)
    review(node, floors)
    assert node.desk.own == configuration and node.audit == ""


def test_a_command_that_is_late_is_given_again(node, floors):
    node.install(promoted(2 * STEP))
    node.is_late = True
    review(node, floors)
    node.publish()
    assert node.desk.own == promoted(2 * STEP)
    node.is_late = False
    review(node, floors)
    node.publish()
    review(node, floors)
    assert node.desk.own == promoted(6 * STEP)
    assert "terms begin above 6000000" in node.audit


def test_a_leader_that_was_first_is_reported(node, floors):
    node.install(promoted(2 * STEP))
    node.change_members(2 * STEP)  # the node does not know it as installed yet
    review(node, floors)
    node.publish()
    review(node, floors)
    assert node.desk.own.promotion_floor == 2 * STEP
    assert "a leader with terms above 2000000 has changed the members since" in floors.error
    assert "seal the source, or stop it for good" in floors.error
    assert node.audit == ""


def test_a_higher_floor_ends_the_error(node, floors):
    """The leader of a promotion with a higher floor was slower, and counts."""
    node.change_members(2 * STEP)
    node.publish()
    review(node, floors)
    assert floors.error
    node.change_members(6 * STEP)
    node.publish()
    review(node, floors)
    assert not floors.error


@pytest.mark.parametrize("term", [2 * 10**12, 2**53 - 1])
def test_a_term_without_room_for_a_floor_is_reported(node, floors, term):
    floors.seen = term
    node.install(promoted(2 * STEP))
    review(node, floors)
    assert "no room for a floor" in floors.error and "stop it for good" in floors.error
    assert node.desk.own == promoted(2 * STEP)


def test_a_leadership_below_the_floor_is_resigned(node, floors):
    node.desk = MemberDesk().elected()
    assert node.desk.election.leading.term < 2 * STEP
    node.context.configuration, floors.seen = promoted(2 * STEP), 0
    posted = []
    node.context.post = posted.append
    node.is_late = True
    review(node, floors)
    assert not posted
    node.is_late = False
    review(node, floors)
    review(node, floors)
    assert len(posted) == 1
    node.desk.take(posted[0](node.desk.elector, node.desk.now))
    assert [each.reason for each in node.desk.events(Lost)] == [LossReason.CONFIGURATION]
