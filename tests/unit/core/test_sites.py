"""The state of a cluster: one that is sealed elects nobody any more, one that stands by elects nobody yet."""

from dataclasses import replace

import pytest

from elect.core.changes import ChangeRefusal, ChangeRefused, RemoveMember, Seal
from elect.core.configuration import NO_MEMBERS, ClusterState, Configuration
from elect.core.events import Elected, LossReason, Lost
from elect.core.membership_messages import Install
from elect.core.messages import Follow, Heartbeat, Lead, RefusalReason, Refuse
from elect.core.promotion import FLOOR_MAX, SEEN_TERM_MAX, PromotionRefusal, PromotionRefused, floor_above
from elect.core.snapshot import WhyNoLeader
from tests.unit.core.desk import DURATION, INTERVAL, PROMISED, vote
from tests.unit.core.member_desk import MemberDesk, members

SEAL = Seal(successor="b.example:7000")
ACTIVE = Configuration.initial("abc")
STANDBY = Configuration.initial("abc", is_standby=True)
SEALED = replace(ACTIVE, term=1, version=1, state=ClusterState.SEALED, successor="b.example:7000")
FLOOR = 3_000_000


def sealing() -> MemberDesk:
    """Node `b` of `a`, `b`, `c` leads in term 1, and has the seal that it made on its disk."""
    desk = MemberDesk().elected()
    desk.written()
    desk.change(SEAL)
    desk.written()
    return desk


def beaten(desk: MemberDesk, peer: str) -> MemberDesk:
    """The peer shows the configuration of this node, and acknowledges its latest heartbeat."""
    desk.shown[peer] = desk.own.id
    desk.beat(peer, supports="b")
    return desk


def refusal_of(desk: MemberDesk, peer: str) -> RefusalReason:
    return next(entry.reason for entry in desk.entries(peer) if isinstance(entry, Refuse))


def why(desk: MemberDesk) -> WhyNoLeader:
    return desk.elector.snapshot(desk.now).elections[0].waiting


# A seal.


def test_a_leader_seals_and_sends_it_to_all_at_once():
    desk = sealing()
    assert desk.own == SEALED
    assert desk.installs("a") == desk.installs("c") == [SEALED]


def test_a_seal_is_complete_when_a_quorum_reports_it():
    desk = sealing()
    assert desk.election.leading.is_told and desk.elector.snapshot(desk.now).leases_over_at == 0
    desk.report("a", root_term=1)
    lost = Lost(election="default", term=1, at=desk.now, reason=LossReason.SEALED)
    assert desk.events(Lost) == [lost]
    assert desk.elector.snapshot(desk.now).leases_over_at == desk.now + PROMISED


def test_a_seal_below_a_later_vote_is_not_complete():
    """A leader of term 2 may have made a newer configuration, with the vote of `a`."""
    desk = sealing()
    desk.report("a", root_term=2)
    assert desk.elector.snapshot(desk.now).leases_over_at == 0
    desk.report("c", root_term=2)  # no voter is left that could have made it
    assert desk.elector.snapshot(desk.now).leases_over_at > desk.now


def test_a_seal_is_not_complete_before_it_is_on_the_own_disk():
    desk = MemberDesk().elected()
    desk.written()
    desk.change(SEAL)
    desk.report("a", root_term=1)
    assert desk.election.leading.is_told
    desk.written()
    assert not desk.election.leading.is_told


def test_a_sealed_node_lets_its_promises_run_out():
    desk = MemberDesk().following("a", term=1)
    desk.install(SEALED)
    for _ in range(6):
        desk.tick(INTERVAL)
        beaten(desk, "a")
    assert desk.state.support.supported == () and desk.election.following is None
    heartbeats = desk.tick(INTERVAL) and desk.messages("a", Heartbeat)
    assert [heartbeat.ack for heartbeat in heartbeats] == [None]


def test_a_sealed_node_neither_votes_nor_follows():
    desk = MemberDesk(members=SEALED).supported_unwilling()
    desk.say("a", vote(9))
    assert refusal_of(desk, "a") is RefusalReason.NOT_ACTIVE
    desk = MemberDesk().supported_unwilling()
    desk.install(SEALED)
    desk.say("c", Lead(election="default", term=9))
    assert refusal_of(desk, "c") is RefusalReason.NOT_ACTIVE
    assert desk.election.is_idle and desk.election.term == 0


@pytest.mark.parametrize(("configuration", "waiting"), [(SEALED, WhyNoLeader.SEALED), (STANDBY, WhyNoLeader.STANDBY)])
def test_a_cluster_that_is_not_active_has_no_candidate(configuration, waiting):
    desk = MemberDesk(members=configuration).supported()
    desk.pass_time(3 * DURATION)
    assert desk.election.term == 0 and not desk.state.is_willing
    assert why(desk) is waiting


def test_a_lease_that_lapsed_does_not_come_back_with_a_seal():
    desk = sealing()
    desk.now = desk.state.support.peers["a"].counted_until
    assert [lost.reason for lost in desk.tick().events if isinstance(lost, Lost)] == [LossReason.LEASE_LAPSED]
    desk.tick(INTERVAL)
    beaten(desk, "a")
    beaten(desk, "c")
    assert desk.events(Elected) == []
    desk.tick(2 * INTERVAL)
    assert desk.election.leadership is None


def test_a_leader_that_hears_of_a_seal_makes_it_its_own():
    """It leads in term 1, and the seal is of term 0: another leader may lead in between."""
    desk = MemberDesk().elected()
    desk.written()
    desk.receive("a", Install(configuration=replace(SEALED, term=0)))
    desk.written()
    desk.tick(INTERVAL)
    assert desk.own == SEALED


def test_every_node_asks_for_the_reports_that_it_lacks():
    desk = MemberDesk().supported_unwilling()
    desk.install(SEALED)
    desk.tick(INTERVAL)
    assert desk.installs("a") == desk.installs("c") == [SEALED]
    desk.report("a", root_term=1)
    desk.tick(INTERVAL)
    assert desk.installs("c") == [] and desk.elector.snapshot(desk.now).leases_over_at > 0


def test_a_seal_that_was_lost_binds_nobody():
    """A leader of a later term did not hear of it, and makes the configuration before newer."""
    desk = MemberDesk().supported_unwilling()
    desk.install(SEALED)
    desk.say("a", Lead(election="default", term=2))
    desk.install(replace(ACTIVE, term=2))
    desk.say("a", Lead(election="default", term=2))
    desk.written()
    assert desk.election.following.leader == "a"
    beaten(desk, "a")
    assert desk.state.support.peers["a"].promised_until == desk.now + PROMISED


def test_a_refusal_without_an_active_cluster_is_not_final():
    desk = MemberDesk().elected()
    refuse = Refuse(election="default", term=1, own_term=1, reason=RefusalReason.NOT_ACTIVE, is_to_lead=True)
    desk.connect("a")
    beaten(desk, "a")
    desk.say("a", refuse)
    assert "default" in desk.state.support.peers["a"].leads


@pytest.mark.parametrize(
    ("configuration", "refusal"), [(SEALED, ChangeRefusal.SEALED), (STANDBY, ChangeRefusal.STANDBY)]
)
def test_members_change_in_an_active_cluster_only(configuration, refusal):
    desk = MemberDesk(members=configuration)
    with pytest.raises(ChangeRefused) as caught:
        desk.change(RemoveMember(node_id="c"))
    assert caught.value.refusal is refusal


def test_a_sealed_cluster_is_sealed_already():
    desk = MemberDesk(members=SEALED)
    desk.change(Seal(successor="elsewhere"))
    assert desk.own == SEALED


def test_a_pending_change_is_dropped_with_a_seal():
    desk = MemberDesk(voters="abcde").elected()
    desk.written()
    desk.change(RemoveMember(node_id="e"))
    desk.written()
    assert desk.state.membership.pending is not None
    desk.change(SEAL)
    assert desk.state.membership.pending is None and desk.own.voters == tuple("abcde")


# A promotion.


def promoted(floor: int = FLOOR) -> Configuration:
    """The configuration of a promotion with this floor."""
    active = replace(ACTIVE, version=1, floor=floor, promotion_floor=floor)
    return replace(active, term=floor // 1_000_000)


def test_a_promoted_node_campaigns_above_the_floor():
    desk = MemberDesk(members=STANDBY).supported()
    desk.take(desk.elector.promote(desk.now, FLOOR))
    assert desk.own == promoted() and desk.latest.write.configuration == desk.own
    assert desk.election.campaign.term == FLOOR + 1


def test_peers_that_died_before_a_promotion_do_not_disagree():
    desk = MemberDesk(members=STANDBY).supported()
    desk.shown = dict.fromkeys("ac", STANDBY.id)
    desk.take(desk.elector.promote(desk.now, FLOOR))
    desk.tick(2 * PROMISED)
    assert why(desk) is WhyNoLeader.NO_QUORUM


def test_a_promotion_is_done_once():
    desk = MemberDesk(members=STANDBY)
    for floor in (FLOOR, FLOOR, 2 * FLOOR, 7):
        desk.take(desk.elector.promote(desk.now, floor))
        assert desk.own == promoted()
    later = replace(promoted(), term=FLOOR + 9, version=4)
    desk.install(later)
    desk.take(desk.elector.promote(desk.now, 2 * FLOOR))
    assert desk.own == later


def test_the_higher_of_two_promotions_counts():
    desk = MemberDesk(members=STANDBY)
    desk.install(promoted())
    desk.install(promoted(2 * FLOOR))
    desk.install(promoted())
    assert desk.own == promoted(2 * FLOOR)


def test_what_a_leader_made_outlasts_each_later_promotion():
    """A node behind a cut link would take back a change of the voters, and elect by the former majority."""
    desk = MemberDesk(members=STANDBY)
    changed = replace(promoted(), members=members("abcd").members, term=FLOOR + 1, version=2)
    desk.install(changed)
    desk.install(promoted(FLOOR_MAX))
    assert desk.own == changed


@pytest.mark.parametrize("floor", [0, -1_000_000, FLOOR + 1, FLOOR_MAX + 1_000_000, 2**53, True, 3e6])
def test_a_wrong_floor_is_refused(floor):
    desk = MemberDesk(members=STANDBY)
    with pytest.raises(PromotionRefused, match="a multiple of 1,000,000 above 0") as caught:
        desk.elector.promote(desk.now, floor)
    assert caught.value.refusal is PromotionRefusal.FLOOR and desk.own == STANDBY


def test_a_floor_is_above_each_term_that_the_node_knows():
    desk = MemberDesk(members=STANDBY).supported()
    desk.say("a", Follow(election="jobs", term=FLOOR, session=desk.number("a")))
    with pytest.raises(PromotionRefused, match="above 3,000,000"):
        desk.elector.promote(desk.now, FLOOR)
    assert desk.elector.snapshot(desk.now).highest_term == FLOOR
    desk.take(desk.elector.promote(desk.now, floor_above(FLOOR)))
    assert desk.own.floor == 4_000_000


@pytest.mark.parametrize(
    ("configuration", "refusal", "text"),
    [
        (ACTIVE, PromotionRefusal.NEVER_STANDBY, "never was a standby cluster"),
        (SEALED, PromotionRefusal.SEALED, "go to b.example:7000"),
        (replace(SEALED, successor=""), PromotionRefusal.SEALED, "go to the cluster that has taken over"),
        (NO_MEMBERS, PromotionRefusal.NEVER_STANDBY, "in no cluster yet"),
    ],
)
def test_only_a_standby_cluster_is_promoted(configuration, refusal, text):
    desk = MemberDesk(members=configuration)
    with pytest.raises(PromotionRefused, match=text) as caught:
        desk.elector.promote(desk.now, FLOOR)
    assert caught.value.refusal is refusal and desk.own == configuration


def test_nodes_that_disagree_are_not_promoted():
    desk = MemberDesk(members=STANDBY).supported()
    desk.shown["a"] = ACTIVE.id  # its file has no mirror
    desk.beat("a")
    with pytest.raises(PromotionRefused, match=r"do not agree.*\[mirror\] to all or to none") as caught:
        desk.elector.promote(desk.now, FLOOR)
    assert caught.value.refusal is PromotionRefusal.DISPUTED


@pytest.mark.parametrize(("term", "floor"), [(0, 1_000_000), (1, 2_000_000), (1_000_000, 2_000_000)])
def test_a_floor_is_a_step_above_the_term_or_more(term, floor):
    assert floor_above(term) == floor


def test_a_term_that_leaves_no_room_has_no_floor():
    assert floor_above(SEEN_TERM_MAX) == FLOOR_MAX
    with pytest.raises(PromotionRefused, match="no room for a floor") as caught:
        floor_above(SEEN_TERM_MAX + 1)
    assert caught.value.refusal is PromotionRefusal.FLOOR
