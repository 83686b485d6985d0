"""PROTOCOL.md, section 4: Campaigning; section 6: When to campaign."""

import pytest

from elect.core.events import Campaigned, Elected, Role
from elect.core.messages import Abandon, RefusalReason, Refuse, Resign, Standing, Vote
from elect.core.options import OffsetRule
from elect.core.ready import Ballot
from elect.core.snapshot import WhyNoLeader
from tests.unit.core.desk import DURATION, INTERVAL, MS, TURN, Desk, vote

WILLING = Standing()
UNWILLING = Standing(willing=False)


def refuse(term: int, own_term: int, reason: RefusalReason = RefusalReason.TERM) -> Refuse:
    return Refuse(election="default", term=term, own_term=own_term, reason=reason)


def waiting(desk: Desk) -> WhyNoLeader:
    return desk.elector.snapshot(desk.now).elections[0].waiting


def surrounded(desk: Desk, a: Standing = UNWILLING, c: Standing = UNWILLING) -> Desk:
    """Connected and supported by both, which support each other."""
    desk.connect("a", "c")
    desk.tick(INTERVAL)
    desk.beat("a", supports="bc", standing=a, acks=False)
    desk.beat("c", supports="ab", standing=c, acks=False)
    desk.beat("a", supports="bc", standing=a)
    desk.beat("c", supports="ab", standing=c)
    return desk


def test_votes_are_requested_while_the_own_vote_is_written():
    desk = Desk().supported()
    assert desk.pending[-1].ballots == {"default": Ballot(term=1, voted_for="b")}
    desk.say("a", desk.grant("a", 1))
    desk.say("c", desk.grant("c", 1))
    assert desk.election.role is Role.CANDIDATE, "even with everybody else's"
    desk.written()
    assert desk.election.role is Role.LEADER


def test_the_term_is_above_everything_it_was_told_of():
    desk = Desk(ballots={"default": Ballot(term=4, voted_for="a")}).supported()
    assert desk.election.term == 5
    desk.say("a", refuse(5, 9))
    desk.say("c", refuse(5, 7))
    assert desk.events(Campaigned)[0].outcome == "refused"
    desk.tick(2 * TURN)
    assert desk.entries("a")[0] == Vote(election="default", term=10, offset=0)


def test_a_campaign_waits_two_turns_for_a_possible_majority():
    desk = Desk().supported()
    desk.say("a", refuse(1, 0))
    assert desk.election.role is Role.CANDIDATE
    ends_at = desk.election.campaign.ends_at
    desk.tick(ends_at - desk.now)
    assert desk.events(Campaigned)[0].outcome == "timed_out"


def test_a_grant_of_an_abandoned_term_elects_nobody():
    desk = Desk().supported()
    desk.written()
    desk.tick(2 * TURN)
    assert desk.election.role is Role.FOLLOWER
    desk.say("a", desk.grant("a", 1))
    assert desk.election.role is Role.FOLLOWER


def test_a_vote_that_is_not_on_disk_elects_nobody():
    desk = Desk().supported()
    desk.failed()
    desk.say("a", desk.grant("a", 1))
    desk.say("c", desk.grant("c", 1))
    assert desk.election.role is Role.CANDIDATE


def test_a_failed_campaign_waits_randomly_below_two_turns():
    waits = set()
    for term in range(1, 30):
        desk = Desk(ballots={"default": Ballot(term=term, voted_for=None)}).supported()
        desk.elector.state.rng.seed(term)
        desk.say("a", refuse(term + 1, 0))
        desk.say("c", refuse(term + 1, 0))
        waits.add(desk.election.retry_at - desk.now)
    assert len(waits) > 20
    assert all(0 <= wait < 2 * TURN for wait in waits)


def test_without_a_quorums_support_nobody_campaigns():
    desk = Desk(voters="abcde")
    desk.connect("a")
    for _ in range(10):
        desk.tick(INTERVAL)
        desk.beat("a", supports="b")
    assert desk.election.role is Role.FOLLOWER
    assert waiting(desk) is WhyNoLeader.NO_QUORUM


def test_the_best_standing_campaigns_at_once():
    assert surrounded(Desk(node_id="b"), a=UNWILLING, c=WILLING).election.role is Role.CANDIDATE


def test_the_next_best_waits_one_turn_per_place():
    desk = surrounded(Desk(node_id="b"), a=WILLING, c=WILLING)
    assert waiting(desk) is WhyNoLeader.NOT_ITS_TURN
    desk.tick(TURN - 2 * MS)
    assert desk.election.role is Role.FOLLOWER
    desk.tick(2 * MS)
    assert desk.election.role is Role.CANDIDATE


@pytest.mark.parametrize(
    ("own", "other", "is_first"),
    [
        (Standing(priority=2), Standing(priority=1, offset=99), True),
        (Standing(priority=1, offset=99), Standing(priority=2), False),
        (Standing(offset=5), Standing(offset=4), True),
        (Standing(offset=4), Standing(offset=5), False),
        (Standing(), Standing(), False),
        (Standing(), Standing(priority=0), True),
    ],
)
def test_priority_then_offset_then_node_id(own, other, is_first):
    desk = surrounded(Desk(node_id="b", standing=own), a=other)
    assert (desk.election.role is Role.CANDIDATE) == is_first


def test_whom_no_quorum_supports_is_not_waited_for():
    desk = Desk(voters="abcde")
    desk.connect("a", "c", "d", "e")
    for supports in ("", "bcde"):
        for peer in "acde":
            desk.beat(peer, supports=supports.replace(peer, ""), standing=WILLING if peer == "a" else UNWILLING)
    assert desk.election.role is Role.CANDIDATE


def test_a_known_leader_that_a_quorum_supports_is_left_alone():
    desk = Desk()
    desk.connect("a", "c")
    desk.know("c", "a", term=4)
    for _ in range(30):
        desk.tick(INTERVAL)
        desk.beat("c", supports="ab", standing=UNWILLING)
    assert desk.election.role is Role.FOLLOWER, "one link is cut; the third node still supports the leader"
    assert waiting(desk) is WhyNoLeader.LEADER_ELSEWHERE
    desk.beat("c", supports="b", standing=UNWILLING)
    assert desk.election.role is Role.CANDIDATE
    assert desk.election.term == 5


def test_knowledge_of_a_resigned_leader_delays_no_campaign():
    desk = Desk().following("a", 3)
    desk.take(desk.elector.set_paused(desk.now, is_paused=False))
    desk.beat("a", supports="bc", standing=WILLING)
    desk.beat("c", supports="ab", standing=UNWILLING)
    desk.know("c", "a", term=3)
    desk.say("a", Resign(election="default", term=3))
    assert desk.election.role is Role.CANDIDATE, "the resigned come last"


def test_a_named_successor_campaigns_one_turn_before_others():
    for successor, is_first in (("b", True), ("c", False), (None, True)):
        desk = Desk().following("a", 3)
        desk.take(desk.elector.set_paused(desk.now, is_paused=False))
        desk.beat("a", supports="bc")
        desk.beat("c", supports="ab", standing=Standing(priority=9) if successor == "b" else UNWILLING)
        desk.say("a", Resign(election="default", term=3, successor=successor))
        assert (desk.election.role is Role.CANDIDATE) == is_first
        desk.tick(TURN)
        assert desk.election.role is Role.CANDIDATE


def test_a_voter_is_asked_again_once_it_knows_of_the_resignation():
    desk = Desk().following("a", 3)
    desk.take(desk.elector.set_paused(desk.now, is_paused=False))
    desk.beat("a", supports="bc")
    desk.beat("c", supports="ab", standing=UNWILLING)
    desk.know("c", "a", term=3, number=1)
    desk.say("a", Resign(election="default", term=3, successor="b"))
    bound = Refuse(election="default", term=4, own_term=3, reason=RefusalReason.BOUND, leader="a")
    desk.say("c", bound)
    desk.say("a", refuse(4, 3))
    assert desk.election.role is Role.CANDIDATE, "c may still grant"
    desk.know("c", None, term=3, number=2)
    assert desk.entries("c") == [Vote(election="default", term=4, offset=0)]
    desk.say("c", bound)
    assert desk.events(Campaigned)[0].outcome == "refused", "once"


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda desk: desk.elector.set_paused(desk.now, is_paused=True), WhyNoLeader.PAUSED),
        (lambda desk: desk.elector.set_healthy(desk.now, is_healthy=False), WhyNoLeader.UNHEALTHY),
        (lambda desk: desk.elector.set_storing(desk.now, is_storing=False), WhyNoLeader.STORE_FAILING),
        (lambda desk: desk.elector.set_rank(desk.now, priority=0), WhyNoLeader.WITNESS),
        (lambda desk: desk.elector.leave(desk.now, "default"), WhyNoLeader.NOT_STANDING),
    ],
)
def test_whoever_is_unwilling_does_not_campaign_and_says_so(prepare, why):
    desk = Desk()
    desk.take(prepare(desk))
    surrounded(desk)
    desk.tick(3 * INTERVAL)
    assert desk.election.role is Role.FOLLOWER
    assert waiting(desk) is why
    assert desk.elector.state.rank.willing is False


def test_a_candidate_that_is_paused_abandons():
    desk = Desk().supported()
    desk.take(desk.elector.set_paused(desk.now, is_paused=True))
    assert desk.events(Campaigned)[0].outcome == "paused"


def test_the_boot_fence_keeps_from_campaigning_and_its_end_wakes():
    desk = Desk(promise_ns=DURATION)
    surrounded(desk)
    assert waiting(desk) is WhyNoLeader.BOOT_FENCE
    while desk.elector.state.is_fenced:
        assert desk.election.role is Role.FOLLOWER
        desk.beat("a", supports="bc", standing=UNWILLING)
        desk.beat("c", supports="ab", standing=UNWILLING)
        desk.tick(max(desk.latest.wake_at - desk.now, 0))
    assert desk.election.role is Role.CANDIDATE


def test_a_new_round_starts_when_support_returns():
    desk = Desk().supported()
    desk.tick(2_000 * MS)
    assert desk.election.role is Role.FOLLOWER
    assert waiting(desk) is WhyNoLeader.NO_QUORUM
    roles = set()
    for _ in range(3):
        desk.tick(INTERVAL)
        desk.beat("a", supports="bc", standing=UNWILLING)
        roles.add(desk.election.role)
    assert Role.CANDIDATE in roles


def test_elections_of_a_dead_leader_are_shared_without_messages(monkeypatch):
    monkeypatch.setattr("elect.core.state.scale.UNANSWERED_FIRST", 300)
    names = tuple(f"e{n}" for n in range(240))
    shares = []
    for node_id in "bc":
        desk = Desk(node_id=node_id, elections=names)
        other = "c" if node_id == "b" else "b"
        desk.connect(other)
        desk.tick(INTERVAL)
        desk.beat(other, supports=node_id, acks=False)
        desk.beat(other, supports=node_id)
        assert desk.latest.write is not None
        shares.append(set(desk.latest.write.ballots))
    assert shares[0].isdisjoint(shares[1])
    assert shares[0] | shares[1] == set(names)
    assert min(map(len, shares)) > 80


def test_elections_are_bounded(monkeypatch):
    monkeypatch.setattr("elect.core.state.node_state.ELECTIONS_MAX", 2)
    desk = Desk(elections=("default", "second")).supported()
    with pytest.raises(ValueError, match="no more than 2"):
        desk.elector.enter(desk.now, "third")
    desk.say("a", Vote(election="fourth", term=1, offset=0))
    assert desk.latest.send == ()


def test_a_learner_s_or_strangers_grant_is_not_counted():
    desk = Desk().supported()
    desk.written()
    assert desk.events(Elected) == []
    desk.links["z"] = 1
    desk.say("z", desk.grant("z", 1))
    assert desk.election.role is Role.CANDIDATE


def outranked(offset_rule: OffsetRule = OffsetRule.PREFER) -> Desk:
    """A candidate in term 1; then "a", which is better, asks in that term, too."""
    desk = surrounded(Desk(offset_rule=offset_rule, standing=Standing(offset=5)))
    assert desk.election.campaign is not None
    desk.beat("a", supports="bc", standing=Standing(priority=2, offset=4))
    desk.say("a", vote(1, offset=4))
    return desk


def test_a_candidate_gives_way_to_a_better_one_in_its_term():
    desk = outranked()
    assert desk.events(Campaigned)[0].outcome == "yielded"
    assert desk.entries("a")[-1] == refuse(1, 1, RefusalReason.YIELDS)
    desk.say("a", vote(2, offset=4))
    assert desk.election.ballot == Ballot(term=2, voted_for="a")


def test_no_candidate_gives_way_to_one_it_could_not_vote_for():
    desk = outranked(OffsetRule.REQUIRE)
    assert desk.election.role is Role.CANDIDATE
    assert desk.entries("a") == [refuse(1, 1, RefusalReason.TERM)]


def test_a_candidate_gives_way_to_no_worse_one():
    desk = Desk().supported()
    desk.beat("a", supports="bc", standing=UNWILLING)
    desk.say("a", vote(1))
    assert desk.election.role is Role.CANDIDATE


def test_each_rival_that_gives_way_costs_one_more_term():
    desk = Desk().supported()
    desk.say("a", refuse(1, 1, RefusalReason.YIELDS))
    assert desk.election.campaign.term == 2
    assert desk.entries("c") == [Abandon(election="default", term=1), vote(2)]
    desk.say("a", refuse(2, 2, RefusalReason.YIELDS))
    assert desk.election.campaign.term == 2
    desk.say("c", refuse(2, 2, RefusalReason.YIELDS))
    assert desk.election.campaign.term == 3


def test_an_unwilling_candidate_does_not_stand_again():
    desk = Desk().supported()
    desk.take(desk.elector.set_storing(desk.now, is_storing=False))
    desk.say("a", refuse(1, 1, RefusalReason.YIELDS))
    assert desk.election.role is Role.FOLLOWER
