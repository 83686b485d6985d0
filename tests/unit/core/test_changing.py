"""The leader of `default` changes the voters: one at a time, each when the one before has settled."""

import pytest

from elect.core.changes import AddMember, ChangeRefusal, ChangeRefused, RemoveMember
from elect.core.configuration import MemberKind
from elect.core.membership_messages import Install
from elect.core.messages import Follow, Number
from elect.core.ready import Ballot
from tests.unit.core.desk import DURATION, INTERVAL, MS, PROMISED
from tests.unit.core.member_desk import UNWILLING, MemberDesk, members

LEARNER, REMOVAL = AddMember(node_id="x"), RemoveMember(node_id="e")


def leader(**options) -> MemberDesk:
    """Node `b` of `a` to `e` leads, and nothing has changed yet."""
    desk = MemberDesk(voters="abcde", **options).elected()
    desk.written()
    return desk


def restamped(change=REMOVAL, **options) -> MemberDesk:
    """The first change of a voter waits, and the members with the leader's term are on its disk."""
    desk = leader(**options)
    desk.change(change)
    desk.written()
    assert (desk.own.term, desk.own.version, desk.own.voters) == (1, 0, tuple("abcde"))
    return desk


def refused(desk: MemberDesk, change) -> ChangeRefused:
    with pytest.raises(ChangeRefused) as caught:
        desk.change(change)
    return caught.value


def test_only_a_leader_on_a_lease_changes_members():
    desk = MemberDesk(voters="abc").supported()
    assert refused(desk, LEARNER).refusal is ChangeRefusal.NOT_LEADER
    desk = leader()
    desk.tick(DURATION)
    assert desk.election.leadership is not None  # its lease may come back
    assert refused(desk, LEARNER).refusal is ChangeRefusal.NOT_LEADER


def test_the_leader_of_another_election_changes_nothing():
    desk = MemberDesk(voters="a", node_id="a", elections=("jobs",))
    desk.written()
    assert desk.state.elections["jobs"].leading.is_told
    assert refused(desk, LEARNER).refusal is ChangeRefusal.NOT_LEADER


def test_a_change_of_no_vote_is_made_at_once():
    desk = leader()
    desk.change(LEARNER)
    assert (desk.own.term, desk.own.version, desk.own.floor) == (1, 1, 0)
    assert (desk.own.voters, "x" in desk.own.node_ids) == (tuple("abcde"), True)
    assert desk.latest.write.configuration is desk.own
    desk.change(AddMember(node_id="y", kind=MemberKind.OBSERVER))
    assert (desk.own.version, desk.own.node_ids) == (2, tuple("abcdexy"))


def test_the_first_change_of_a_voter_waits_for_the_term():
    desk = restamped()
    desk.settle()
    assert (desk.own.term, desk.own.version, desk.own.voters) == (1, 1, tuple("abcd"))
    assert desk.state.membership.pending is None


def test_a_later_change_of_the_term_is_made_at_once():
    desk = restamped()
    desk.settle()
    desk.settle()
    desk.change(RemoveMember(node_id="d"))
    assert (desk.own.version, desk.own.voters) == (2, tuple("abc"))


def test_a_waiting_change_outlasts_one_of_no_vote():
    desk = restamped()
    desk.change(LEARNER)
    desk.settle()
    assert (desk.own.version, desk.own.voters) == (2, tuple("abcd"))


def test_a_waiting_change_ends_with_the_leadership():
    desk = restamped()
    desk.take(desk.elector.resign(desk.now, "default"))
    desk.tick(INTERVAL)
    assert desk.state.membership.pending is None


def test_a_repeated_change_changes_nothing():
    desk = restamped()
    version = desk.own.id
    assert desk.change(REMOVAL).write is None
    assert (desk.own.id, desk.state.membership.pending) == (version, REMOVAL)
    desk.change(LEARNER)
    assert desk.change(LEARNER).write is None
    assert desk.own.version == 1


def test_one_voter_changes_at_a_time():
    desk = restamped()
    error = refused(desk, RemoveMember(node_id="d"))
    assert error.refusal is ChangeRefusal.IN_PROGRESS
    assert "1 of 5 voters are known to have it, 3 are needed" in str(error)
    desk.settle()
    assert refused(desk, RemoveMember(node_id="d")).refusal is ChangeRefusal.IN_PROGRESS


# The preconditions: each test is red without one of them.


def test_a_quorum_has_to_have_installed():
    desk = restamped()
    desk.report("a")
    desk.pass_time(2 * PROMISED)
    assert desk.own.version == 0
    desk.report("c")
    desk.pass_time(PROMISED - INTERVAL)
    assert desk.own.version == 0  # old leases run out since then
    desk.pass_time(INTERVAL)
    desk.tick()
    assert desk.own.version == 1


def test_a_report_is_asked_for_until_it_comes():
    desk = restamped()
    assert [desk.installs(peer) for peer in desk.peers] == [[desk.own]] * 4
    desk.report("a")
    for _ in range(3):
        desk.shown = dict.fromkeys("acde", desk.own.id)
        desk.tick(INTERVAL)
        assert [desk.installs(peer) for peer in desk.peers] == [[], [desk.own], [desk.own], [desk.own]]
        desk.beat_all()


def test_nobody_is_asked_before_anything_changes():
    desk = MemberDesk(voters="abc", members=members("abc", term=3, version=8)).elected()
    desk.written()
    for _ in range(3):
        desk.pass_time(INTERVAL)
        desk.tick()
        assert [send.message for send in desk.latest.send if isinstance(send.message, Install)] == []


def test_installed_is_exactly_this_configuration():
    desk = restamped()
    desk.report("a", of=members("abcde", term=0, version=7))
    desk.report("c", of=members("abcde"))
    desk.pass_time(2 * PROMISED)
    assert (desk.own.version, desk.election.leading.is_told) == (0, True)


def test_the_configuration_is_on_the_disk_of_the_leader():
    desk = leader()
    desk.change(REMOVAL)
    write = desk.pending.pop()
    assert [desk.installs(peer) for peer in desk.peers] == [[]] * 4
    desk.report("a")
    desk.report("c")
    desk.pass_time(2 * PROMISED)
    assert desk.own.version == 0
    desk.take(desk.elector.written(desk.now, write.number))
    desk.pass_time(PROMISED)
    desk.tick()
    assert desk.own.version == 1


def test_those_who_installed_have_to_follow():
    desk = leader()
    for peer in "ac":  # they are heard in another session, and have not followed in it
        desk.sessions[peer] += 1
        desk.beat(peer, supports="b")
    desk.change(REMOVAL)
    desk.written()
    desk.report("a")
    desk.report("c")
    desk.pass_time(2 * PROMISED)
    assert (desk.own.version, desk.election.leading.is_told) == (0, True)
    for peer in "ac":
        desk.say(peer, Follow(election="default", term=1, session=Number(1, desk.sessions[peer])))
    desk.pass_time(PROMISED + INTERVAL)
    desk.tick()
    assert desk.own.version == 1


@pytest.mark.parametrize("is_silent", [False, True])
def test_those_who_installed_have_to_follow_in_the_end(is_silent):
    desk = restamped(RemoveMember(node_id="e", is_forced=True))
    desk.report("a")
    desk.report("c")
    desk.pass_time(PROMISED - INTERVAL, without="ac" if is_silent else "")
    for peer in "" if is_silent else "ac":
        desk.sessions[peer] += 1
        desk.beat(peer, supports="b", standing=UNWILLING)
    desk.pass_time(2 * INTERVAL, without="ac" if is_silent else "")
    desk.tick()
    assert (desk.own.version, desk.election.leading.is_told) == (0, True)


def test_old_leases_have_to_run_out():
    desk = restamped()
    desk.report("a")
    desk.report("c")
    due_at = desk.now + PROMISED
    desk.pass_time(PROMISED - 2 * MS)
    assert desk.latest.wake_at == due_at
    assert desk.own.version == 0
    desk.tick(MS)
    assert desk.own.version == 0
    desk.tick(MS)
    assert desk.own.version == 1


def test_the_wait_is_as_long_as_any_promise():
    desk = restamped()
    desk.report("a", duration=3 * DURATION)
    desk.report("c")
    desk.pass_time(3 * PROMISED - INTERVAL)
    assert desk.own.version == 0
    desk.pass_time(INTERVAL)
    desk.tick()
    assert desk.own.version == 1


def test_the_lease_has_to_hold_after_the_wait():
    desk = restamped()
    desk.report("a")
    desk.report("c")
    desk.tick(2 * DURATION)
    assert (desk.own.version, desk.election.leadership) == (0, None)


def test_the_floor_is_the_highest_term_that_a_quorum_knows():
    desk = restamped(ballots={"jobs": Ballot(term=4, voted_for=None)})
    desk.report("a", term=7)
    desk.report("c", term=5)
    desk.pass_time(PROMISED)
    desk.tick()
    assert (desk.own.version, desk.own.floor) == (1, 7)


def test_the_floor_knows_the_terms_of_the_leader():
    desk = restamped(ballots={"jobs": Ballot(term=9, voted_for=None)})
    desk.settle()
    assert (desk.own.version, desk.own.floor) == (1, 9)
    desk.settle()
    desk.change(RemoveMember(node_id="d"))
    assert (desk.own.version, desk.own.floor) == (2, 9)


def test_a_new_term_is_put_on_the_members_first():
    desk = MemberDesk(voters="abc", members=members("abc", term=3, version=8, floor=2)).elected()
    desk.written()
    assert desk.election.term == 4  # above that of the configuration
    desk.change(RemoveMember(node_id="c"))
    assert desk.own == members("abc", term=4, version=8, floor=2)
    desk.settle()
    assert desk.own == members("ab", term=4, version=9, floor=4)
