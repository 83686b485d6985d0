"""A message without an answer is repeated in every case: none is lost for good on a link that lives."""

from dataclasses import replace

from elect.core.messages import Follow, Knowledge, Lead, RefusalReason, Refuse, Resign, Resigned, Standing
from elect.core.options import OffsetRule
from elect.core.ready import Ballot
from tests.unit.core.desk import DURATION, INTERVAL, MS, Desk, vote


def refuse_lead(term: int, reason: RefusalReason) -> Refuse:
    return Refuse(election="default", term=term, own_term=term + 1, reason=reason, is_to_lead=True)


def test_a_peer_that_reconnects_prevents_no_repetition():
    desk = Desk().elected()
    desk.take(desk.elector.resign(desk.now, "default"))
    term = desk.election.term
    desk.take(desk.elector.acknowledge(desk.now, "default", term))
    again = 0
    for _ in range(20):
        desk.now += INTERVAL // 4
        desk.connect("c")
        desk.beat("c", acks=False)
        again += Resign(election="default", term=term) in desk.entries("a")
        desk.tick(INTERVAL // 4)
        again += Resign(election="default", term=term) in desk.entries("a")
    assert again >= 5


def test_a_candidate_that_refused_a_lead_is_asked_again():
    desk = Desk().elected()
    term = desk.election.term
    desk.connect("c")
    desk.beat("c")
    assert desk.entries("c") == [Lead(election="default", term=term)]
    desk.say("c", refuse_lead(term, RefusalReason.CANDIDATE))
    desk.tick(INTERVAL)
    assert desk.entries("c") == [Lead(election="default", term=term)]
    desk.say("c", refuse_lead(term, RefusalReason.TERM))
    desk.tick(INTERVAL)
    assert desk.entries("c") == []


def test_a_refused_lead_leaves_a_lead_that_may_be_followed_later():
    desk = Desk(ballots={"default": Ballot(term=2, voted_for="a")}).supported()
    assert desk.election.campaign.term == 3
    desk.say("a", Lead(election="default", term=2))
    desk.say("c", Lead(election="default", term=1))
    desk.say("c", Refuse(election="default", term=3, own_term=2, reason=RefusalReason.BOUND))
    desk.say("a", Refuse(election="default", term=3, own_term=2, reason=RefusalReason.LEADING))
    assert desk.election.following.leader == "a"


def test_a_refusal_shows_no_term_that_has_no_followers():
    desk = Desk(offset_rule=OffsetRule.REQUIRE, voters="ab").supported()
    desk.written()
    desk.say("a", type(vote(1))(election="default", term=1, offset=0))
    term = desk.election.term
    desk.say("a", Follow(election="default", term=term, session=desk.elector.state.support.peers["a"].session))
    owed = desk.elector.state.support.peers["a"].resigns
    assert owed == {"default": Resign(election="default", term=term)}
    refusal = Refuse(election="default", term=term + 1, own_term=term + 2, reason=RefusalReason.OFFSET)
    desk.say("a", refusal)
    assert owed, "its offset is better, its term may be higher, and it may follow the old term all the same"
    desk.say("a", Resigned(election="default", term=term))
    assert owed == {}


def test_receipt_on_an_older_link_does_not_count_on_this_link():
    desk = Desk().following("a", 3)
    late = replace(desk.heartbeat(supports="a", ack=desk.ack("c"), standing=Standing(willing=False)), heard=9)
    desk.connect("c")
    assert desk.messages("c", Knowledge), "all of it on a new link"
    desk.now += MS
    desk.receive("c", replace(late, sent=desk.now))
    again = 0
    for _ in range(3 * DURATION // INTERVAL):
        desk.beat("a", supports="bc", standing=Standing(willing=False))
        desk.tick(INTERVAL)
        again += len(desk.messages("c", Knowledge))
    assert again, "and again, since no peer reports its receipt"
