"""PROTOCOL.md, section 4: Voting, Boot fence, One step."""

import pytest

from elect.core.events import Role
from elect.core.messages import Batch, ConfigurationId, Number, RefusalReason, Refuse
from elect.core.options import OffsetRule
from elect.core.ready import Ballot
from tests.unit.core.desk import INTERVAL, MS, PROMISED, TURN, Desk, vote


def reason(desk: Desk, peer: str) -> RefusalReason:
    (entry,) = desk.entries(peer)
    assert isinstance(entry, Refuse)
    assert not entry.is_to_lead
    return entry.reason


def test_a_grant_waits_until_term_and_candidate_are_on_disk():
    desk = Desk().supported_unwilling()
    desk.say("a", vote(5))
    assert desk.latest.write.ballots == {"default": Ballot(term=5, voted_for="a")}
    assert desk.entries("a") == []
    assert desk.held_back("a") == [desk.given("a", 5)]


def test_a_grant_on_disk_is_repeated_at_once():
    desk = Desk().supported_unwilling()
    desk.say("a", vote(5))
    desk.say("a", vote(5))
    assert desk.held_back("a") == [desk.given("a", 5)], "not on disk yet: written again"
    desk.written()
    desk.say("a", vote(5))
    assert desk.latest.write is None
    assert desk.entries("a") == [desk.given("a", 5)]


def test_one_vote_a_term():
    desk = Desk().supported_unwilling()
    desk.say("a", vote(5))
    desk.written()
    desk.lose("a")
    desk.say("c", vote(5))
    assert reason(desk, "c") is RefusalReason.TERM
    assert desk.election.ballot == Ballot(term=5, voted_for="a")


def test_one_vote_a_term_before_the_write_and_after_it_failed():
    desk = Desk().supported_unwilling()
    desk.say("a", vote(5))
    desk.lose("a")
    desk.say("c", vote(5))
    assert reason(desk, "c") is RefusalReason.TERM
    desk.failed()
    desk.say("c", vote(5))
    assert reason(desk, "c") is RefusalReason.TERM, "a failed write is not rolled back"


def test_a_term_adopted_without_a_vote_is_nobodys():
    desk = Desk(ballots={"default": Ballot(term=5, voted_for=None)}).supported_unwilling()
    desk.say("a", vote(5))
    assert reason(desk, "a") is RefusalReason.TERM


def test_a_vote_beside_a_lower_term_is_not_given_again():
    desk = Desk(ballots={"default": Ballot(term=5, voted_for="a", lowered_to=4)}).supported_unwilling()
    desk.say("a", vote(5))
    assert reason(desk, "a") is RefusalReason.TERM


def test_an_older_term_is_refused_and_changes_nothing():
    desk = Desk(ballots={"default": Ballot(term=5, voted_for="c")}).supported_unwilling()
    desk.say("a", vote(4))
    (entry,) = desk.entries("a")
    assert entry == Refuse(election="default", term=4, own_term=5, reason=RefusalReason.TERM)
    assert desk.latest.write is None


def test_a_refusal_adopts_no_term():
    desk = Desk().following("a", 3)
    desk.say("c", vote(9))
    assert desk.entries("c") == [], "held"
    desk.tick(TURN)
    assert reason(desk, "c") is RefusalReason.BOUND
    assert desk.election.term == 3
    assert desk.entries("c")[0].leader == "a"


def test_a_vote_for_the_own_leader_ends_following_its_older_term():
    desk = Desk().following("a", 3)
    desk.say("a", vote(4))
    assert desk.held_back("a") == [desk.given("a", 4)]
    assert (desk.election.following.term, desk.election.following.is_elected) == (4, False)
    assert desk.election.follow_term_min == 4


def test_the_boot_fence_refuses_until_the_longest_promise_ends():
    desk = Desk(promise_ns=1_000 * MS)
    desk.connect("a", "c")
    desk.say("a", vote(1))
    assert reason(desk, "a") is RefusalReason.BOOT_FENCE
    assert desk.elector.tick(desk.now).wake_at <= desk.now + PROMISED
    desk.tick(PROMISED - 1)
    desk.say("a", vote(1))
    assert reason(desk, "a") is RefusalReason.BOOT_FENCE
    desk.tick(1)
    desk.say("a", vote(1))
    assert desk.held_back("a") == [desk.given("a", 1)]


def test_a_new_store_has_no_fence():
    desk = Desk(promise_ns=0)
    desk.connect("a", "c")
    desk.say("a", vote(1))
    assert desk.held_back("a") == [desk.given("a", 1)]


def test_a_leader_votes_and_steps_down_only_without_a_lease():
    desk = Desk().elected()
    desk.say("a", vote(9))
    assert reason(desk, "a") is RefusalReason.LEADING
    desk.tick(2_000 * MS)
    assert desk.election.role is Role.FOLLOWER
    desk.say("a", vote(9))
    assert desk.held_back("a") == [desk.given("a", 9)]


def test_a_suspended_leader_that_grants_releases_its_followers():
    desk = Desk().elected()
    term = desk.election.term
    lapse_at = desk.elector.snapshot(desk.now).elections[0].lease_until
    desk.tick(lapse_at - desk.now)
    assert desk.election.role is Role.LEADER
    desk.say("a", vote(9))
    assert desk.election.role is Role.FOLLOWER
    assert [entry.term for entry in desk.entries("c")] == [term]


def test_a_grant_ends_a_candidacy():
    desk = Desk().supported()
    assert desk.election.role is Role.CANDIDATE
    desk.say("a", vote(9))
    assert desk.election.role is Role.FOLLOWER
    assert desk.held_back("a") == [desk.given("a", 9)]


def test_a_resigning_leader_grants_no_vote_before_lost():
    desk = Desk().elected()
    desk.take(desk.elector.resign(desk.now, "default"))
    desk.say("a", vote(9))
    assert reason(desk, "a") is RefusalReason.LEADING


@pytest.mark.parametrize("digest", [b"another!", b"\0" * 8])
def test_a_vote_in_another_configuration_is_refused(digest):
    desk = Desk().supported_unwilling()
    desk.receive("a", Batch(configuration=ConfigurationId(0, 0, digest), entries=(vote(5),)))
    assert reason(desk, "a") is RefusalReason.CONFIGURATION


def test_with_offset_rule_require_a_candidate_behind_is_refused():
    desk = Desk(offset_rule=OffsetRule.REQUIRE).supported_unwilling()
    desk.take(desk.elector.set_rank(desk.now, offset=10))
    desk.say("a", vote(5, offset=9))
    assert reason(desk, "a") is RefusalReason.OFFSET
    desk.say("a", vote(5, offset=10))
    assert desk.held_back("a") == [desk.given("a", 5)]


def test_the_default_rule_grants_a_candidate_behind():
    desk = Desk().supported_unwilling()
    desk.take(desk.elector.set_rank(desk.now, offset=10))
    desk.say("a", vote(5, offset=9))
    assert desk.held_back("a") == [desk.given("a", 5)]


def test_a_stranger_is_not_listened_to():
    desk = Desk().supported_unwilling()
    desk.links["z"] = 1
    desk.say("z", vote(5))
    assert desk.latest.send == ()
    desk.take(desk.elector.link_ended(desk.now, "z", Number(1, 1), is_end_of_stream=True))
    assert desk.election.term == 0


def test_what_an_older_link_still_holds_is_discarded():
    desk = Desk().supported_unwilling()
    desk.connect("a")
    desk.receive("a", Batch(configuration=desk.configuration.id, entries=(vote(5),)), link=1)
    assert desk.election.term == 0
    desk.tick(INTERVAL)
    assert desk.election.term == 0
