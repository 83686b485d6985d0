"""A newer configuration is installed: candidacies end, leaderships may, and nobody hears of it before it is on disk."""

from dataclasses import replace

import pytest

from elect.core.configuration import Configuration, Member, MemberKind
from elect.core.events import Campaigned, Elected, Installed, LossReason, Lost
from elect.core.membership_messages import Install
from elect.core.messages import Batch, Heartbeat, Lead, RefusalReason, Refuse
from elect.core.ready import Ballot
from tests.unit.core.desk import COUNTED, DURATION, INTERVAL, MS, vote
from tests.unit.core.member_desk import UNWILLING, MemberDesk, learner, members, store

NEXT = members("abc", learner("d"), term=1, version=1)


def shown_by(desk: MemberDesk, peer: str) -> list[Configuration]:
    return [message.configuration for message in desk.messages(peer, Heartbeat)]


def offered(desk: MemberDesk, configuration: Configuration, peer: str = "a"):
    """A peer sends a configuration."""
    return desk.receive(peer, Install(configuration=configuration))


def connected(**options) -> MemberDesk:
    desk = MemberDesk(**options).supported_unwilling()
    desk.written()
    return desk


def test_a_newer_configuration_is_installed():
    desk = connected()
    offered(desk, NEXT)
    assert desk.own is desk.latest.write.configuration
    assert desk.own == NEXT
    assert list(desk.state.support.peers) == ["a", "c", "d"]
    assert [peer.id for peer in desk.state.other_voters] == ["a", "c"]


@pytest.mark.parametrize(
    "other",
    [
        replace(NEXT, term=0, version=9),
        replace(NEXT, version=0),
        members("abd", term=1, version=1),
        Configuration(term=9),
        replace(NEXT, version=2, cluster_id=store("x")),
    ],
)
def test_no_other_one_is(other):
    desk = connected(members=replace(NEXT, cluster_id=store("i")), voters="abc")
    before = desk.own
    assert offered(desk, replace(other, cluster_id=other.cluster_id or store("i"))).write is None
    assert desk.own is before


def test_a_node_of_no_cluster_installs_any():
    desk = MemberDesk(members=Configuration(), voters="")
    assert (desk.state.is_voter, list(desk.state.support.peers), desk.tick(DURATION).send) == (False, [], ())
    desk.install(members("abc"))
    assert (desk.state.is_voter, list(desk.state.support.peers)) == (True, ["a", "c"])
    assert desk.events(Installed) == [Installed(configuration=members("abc"), at=desk.now)]


# It is shown when it is on disk.


def test_it_is_shown_when_it_is_on_disk():
    desk = connected()
    before = desk.own
    offered(desk, NEXT)
    desk.tick(INTERVAL)
    assert shown_by(desk, "c") == [members("abc").id]
    assert (desk.reports("a"), desk.events(Installed)) == ([], [])
    desk.written()
    assert shown_by(desk, "c") == [NEXT.id]
    assert [report.configuration for report in desk.reports("a")] == [NEXT.id]
    assert desk.events(Installed) == [Installed(configuration=NEXT, at=desk.now, former=before)]


def test_one_that_another_has_replaced_is_not_shown():
    desk = connected()
    offered(desk, NEXT)
    offered(desk, replace(NEXT, version=2))
    desk.take(desk.elector.written(desk.now, desk.pending.pop(0).number))
    assert (desk.events(Installed), desk.state.membership.is_written) == ([], False)
    desk.written()
    assert [event.configuration.version for event in desk.events(Installed)] == [2]


def test_a_failed_write_is_repeated():
    desk = connected()
    offered(desk, NEXT)
    desk.failed()
    desk.take(desk.elector.set_storing(desk.now, is_storing=False))
    assert desk.latest.write is None
    desk.take(desk.elector.set_storing(desk.now, is_storing=True))
    assert desk.latest.write.configuration is desk.own
    desk.written()
    assert shown_by(desk, "c") == [NEXT.id]


def test_a_vote_waits_for_the_configuration():
    desk = connected()
    desk.say("a", vote(1))
    desk.written()
    desk.take(desk.elector.install(desk.now, NEXT))
    desk.shown["a"] = NEXT.id
    desk.say("a", vote(1))  # the vote is on disk, the configuration is not
    assert (desk.entries("a"), desk.held_back("a")) == ([], [desk.given("a", 1)])


# It is handed on.


def test_it_is_handed_to_one_that_shows_an_older_one():
    desk = connected()
    desk.install(NEXT)
    assert desk.installs("a") == []
    desk.beat("a")
    assert desk.installs("a") == [NEXT]
    desk.beat("a")
    assert desk.installs("a") == []
    desk.now += INTERVAL
    desk.beat("a")
    assert desk.installs("a") == [NEXT]
    desk.shown["a"] = replace(NEXT, version=2).id
    desk.now += INTERVAL
    desk.beat("a")
    assert desk.installs("a") == []


def test_the_list_in_the_settings_is_never_sent():
    desk = connected()
    desk.shown["a"] = members("ab").id
    desk.beat("a")
    assert desk.installs("a") == []


def test_it_is_reported_each_time_that_it_is_asked_for():
    desk = connected(ballots={"jobs": Ballot(term=8, voted_for=None)})
    desk.install(NEXT)
    offered(desk, NEXT)
    (report,) = desk.reports("a")
    assert (report.configuration, report.term, report.duration) == (NEXT.id, 8, DURATION)
    offered(desk, members("abc", term=0, version=1))
    assert [report.configuration for report in desk.reports("a")] == [NEXT.id]


def test_an_install_leaves_before_the_vote_that_needs_it():
    desk = MemberDesk(members=NEXT, voters="abc")
    desk.shown["c"] = members("abc").id
    desk.connect("c")
    desk.beat("c", acks=False, standing=UNWILLING)
    desk.tick(INTERVAL)
    desk.beat("c", supports="b", standing=UNWILLING)
    sent = [type(send.message) for send in desk.latest.send]
    assert sent[:2] == [Install, Batch]
    assert desk.election.campaign is not None


# Candidacies end.


def test_a_candidacy_ends():
    desk = MemberDesk(voters="abcde").supported()
    desk.written()
    desk.say("a", desk.grant("a", 1))
    desk.take(desk.elector.install(desk.now, members("abcd", term=1, version=1)))
    assert [event.outcome for event in desk.events(Campaigned)] == ["configuration"]
    assert all(peer.abandons for peer in desk.state.support.peers.values())  # the former voter's, too
    desk.say("c", desk.grant("c", 1))
    assert (desk.election.leadership, desk.election.campaign) == (None, None)


# Leaderships may end.


def leader(**options) -> MemberDesk:
    desk = MemberDesk(grace_ns=0, **options).elected()
    desk.written()
    return desk


@pytest.mark.parametrize(
    "after",
    [
        members("ac", term=2, version=1),
        members("ac", learner("b"), term=2, version=1),
        members("ac", Member(node_id="b", kind=MemberKind.OBSERVER, is_voter=False), term=2, version=1),
        members("ac", Member(node_id="b", kind=MemberKind.WITNESS), term=2, version=1),
        members("ac", Member(node_id="b", store_id=store("x")), term=2, version=1),
    ],
)
def test_a_leader_that_may_lead_no_longer_steps_down(after):
    desk = leader(store_id=store("b"))
    desk.take(desk.elector.install(desk.now, after))
    assert [event.reason for event in desk.events(Lost)] == [LossReason.CONFIGURATION]
    assert desk.latest.leases == {"default": None}
    desk.written()
    assert [send for send in desk.latest.send if isinstance(send.message, Heartbeat)]
    desk.tick(DURATION)
    assert not any(event for event in desk.events(Elected))


def test_a_leader_at_or_below_the_floor_needs_its_lease():
    desk = leader()
    desk.take(desk.elector.install(desk.now, members("abc", learner("d"), term=2, version=1, floor=1)))
    assert desk.election.leading.is_told
    desk = leader()
    desk.tick(COUNTED)  # it may come back
    assert not desk.election.leading.is_told
    desk.take(desk.elector.install(desk.now, members("abc", learner("d"), term=2, version=1, floor=1)))
    assert desk.election.leadership is None
    assert desk.election.resigned == ("b", 1)


def test_a_leader_above_the_floor_may_get_its_lease_back():
    desk = leader()
    desk.tick(COUNTED)
    desk.take(desk.elector.install(desk.now, members("abc", learner("d"), term=2, version=1, floor=0)))
    assert desk.election.leadership is not None


def test_the_lease_is_of_the_voters_from_then_on():
    desk = leader(voters="abcde")
    lease_of_five = desk.election.leading.followers
    desk.take(desk.elector.install(desk.now, members("abc", term=2, version=1)))
    (lease,) = desk.latest.leases.values()
    assert (lease.followers, lease.quorum) == (frozenset("ac"), 2)
    assert lease_of_five == frozenset("acde")
    desk = leader()
    desk.lose("c")
    desk.take(desk.elector.install(desk.now, members("abcde", term=2, version=1)))
    assert desk.latest.leases["default"].quorum == 3
    desk = MemberDesk(voters="ab", grace_ns=0).elected()
    desk.written()
    desk.take(desk.elector.install(desk.now, members("abcd", term=2, version=1)))  # two of four
    assert (desk.latest.leases, desk.election.leading.is_told) == ({"default": None}, False)


# Voters count by their newest configuration.


def test_a_peer_with_a_newer_one_is_not_counted():
    desk = leader()
    desk.shown["a"] = desk.shown["c"] = NEXT.id
    until = desk.state.support.peers["a"].counted_until
    desk.pass_time(INTERVAL)
    assert desk.state.support.peers["a"].counted_until == until
    offered(desk, NEXT)
    desk.pass_time(INTERVAL)
    assert desk.state.support.peers["a"].counted_until > until


def test_a_peer_with_an_older_one_is_counted():
    desk = leader()
    desk.install(NEXT)
    until = desk.state.support.peers["a"].counted_until
    desk.pass_time(INTERVAL)
    assert desk.state.support.peers["a"].counted_until > until


def test_a_peer_with_another_one_of_that_name_is_not_counted():
    desk = leader()
    desk.install(NEXT)
    desk.shown["a"] = members("abd", term=1, version=1).id
    until = desk.state.support.peers["a"].counted_until
    desk.pass_time(INTERVAL)
    assert desk.state.support.peers["a"].counted_until == until


# Votes.


@pytest.mark.parametrize("shown", [members("abc"), replace(NEXT, version=2)])
def test_a_vote_is_given_in_the_own_configuration_only(shown):
    desk = connected()
    desk.install(NEXT)
    desk.shown["a"] = shown.id
    desk.say("a", vote(1))
    (refuse,) = desk.entries("a")
    assert isinstance(refuse, Refuse)
    assert refuse.reason is RefusalReason.CONFIGURATION


def test_a_learner_that_a_candidate_makes_a_voter_votes():
    desk = MemberDesk(members=members("ac", learner("b"), term=1), voters="abc").supported_unwilling()
    desk.written()
    desk.say("a", vote(2))
    assert [entry.reason for entry in desk.entries("a")] == [RefusalReason.NOT_VOTER]
    offered(desk, members("abc", term=1, version=1))
    desk.shown["a"] = desk.own.id
    desk.say("a", vote(2))
    assert desk.held_back("a") == [desk.given("a", 2)]


def test_no_vote_is_given_at_or_below_the_floor():
    desk = connected()
    desk.install(members("abc", term=1, version=1, floor=5))
    desk.shown["a"] = desk.own.id
    desk.say("a", vote(5))
    assert [entry.reason for entry in desk.entries("a")] == [RefusalReason.TERM]
    desk.say("a", vote(6))
    assert desk.held_back("a") == [desk.given("a", 6)]


def test_a_candidate_begins_above_the_floor():
    desk = MemberDesk(members=members("abc", term=1, version=1, floor=5), voters="abc").supported()
    assert desk.election.term == 6


def test_a_leader_below_the_floor_is_followed():
    desk = connected()
    desk.install(members("abc", term=1, version=1, floor=5))
    desk.say("a", Lead(election="default", term=1))
    assert desk.election.following is not None


def test_a_held_vote_is_answered_anew():
    desk = MemberDesk().following("a", 1)
    desk.written()
    desk.say("c", vote(2))
    assert desk.entries("c") == []
    desk.take(desk.elector.install(desk.now, NEXT))
    assert [entry.reason for entry in desk.entries("c")] == [RefusalReason.CONFIGURATION]


def test_a_witness_votes_and_never_leads():
    desk = MemberDesk(members=members("ac", Member(node_id="b", kind=MemberKind.WITNESS)), voters="abc").supported()
    assert (desk.election.campaign, desk.state.is_willing, desk.state.is_voter) == (None, False, True)
    assert desk.messages("a", Heartbeat) == [] or not desk.messages("a", Heartbeat)[0].standing.willing
    desk.now += MS
    desk.say("a", vote(1))
    assert desk.held_back("a") == [desk.given("a", 1)]
