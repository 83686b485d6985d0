"""A member that comes under another store: the promise to the process with the former one may still be counted."""

import pytest

from elect.core.changes import ReplaceMember
from elect.core.configuration import Configuration, Member
from elect.core.events import Objection
from elect.core.messages import Heartbeat, Number
from elect.core.ready import Meeting
from elect.core.rules import agreement
from tests.unit.core.desk import DURATION, INTERVAL, MS, PROMISED, vote
from tests.unit.core.member_desk import MemberDesk, learner, members, store

OLD, NEW = store("o"), store("n")


def met(**options) -> MemberDesk:
    """Node `b` of three supports `c`, which it met under its former store, and `a`."""
    desk = MemberDesk(meetings={"c": Meeting(store_id=OLD)}, **options).supported_unwilling()
    desk.written()
    return desk


def replaced(desk: MemberDesk, store_id: bytes | None = NEW) -> MemberDesk:
    desk.install(members("ab", learner("c", store_id), term=1, version=1))
    return desk


def dial(desk: MemberDesk, peer: str = "c", store_id: bytes = NEW, counter: int = 1) -> Number:
    """A process dials from this store; it numbers its links from the start."""
    link = Number(1, counter)
    desk.take(desk.elector.link_accepted(desk.now, peer, link, is_trusted=True, store_id=store_id))
    desk.written()
    return link


def is_heard(desk: MemberDesk, link: Number, peer: str = "c") -> bool:
    desk.now += MS
    desk.take(desk.elector.receive(desk.now, peer, link, desk.heartbeat()))
    return desk.state.support.peers[peer].heartbeat is not None


@pytest.mark.parametrize(
    ("member", "store_id", "first", "objection"),
    [
        (None, NEW, None, Objection.UNKNOWN_NODE),
        (Member(node_id="c"), NEW, None, None),
        (Member(node_id="c"), NEW, NEW, None),
        (Member(node_id="c"), NEW, OLD, Objection.OTHER_STORE),
        (Member(node_id="c", store_id=NEW), NEW, OLD, None),
        (Member(node_id="c", store_id=NEW), OLD, OLD, Objection.OTHER_STORE),
        (learner("c"), NEW, OLD, None),
        (learner("c", OLD), NEW, None, Objection.OTHER_STORE),
    ],
)
def test_who_is_let_in(member, store_id, first, objection):
    assert agreement.objection_to(member, store_id, first) is objection


def test_what_came_from_the_former_store_is_forgotten():
    desk = met()
    peer = desk.state.support.peers["c"]
    session = peer.session
    replaced(desk)
    assert (peer.accepted, peer.opened, peer.heartbeat, peer.counted_session) == (None, None, None, None)
    assert (peer.store_id, peer.former_store, peer.session) == (NEW, OLD, session)
    assert not is_heard(desk, desk.number("c"))


def test_the_promise_to_the_former_store_binds():
    desk = MemberDesk(meetings={"c": Meeting(store_id=OLD)}).following("c", 1)
    desk.written()
    replaced(desk)
    desk.shown["a"] = desk.own.id
    dial(desk)
    desk.say("a", vote(2))
    assert (desk.entries("a"), desk.election.following.leader) == ([], "c")
    desk.pass_time(PROMISED)
    assert desk.election.following is None


def test_the_next_store_waits_until_nobody_counts_on_the_former():
    desk = replaced(met())
    link = dial(desk)
    assert not is_heard(desk, link)
    desk.pass_time(PROMISED)
    assert not is_heard(desk, link)  # a restart could not know of that promise
    desk.pass_time(PROMISED + INTERVAL)
    desk.written()
    assert is_heard(desk, link)
    assert desk.state.support.peers["c"].former_store is None
    assert desk.state.support.peers["c"].session is not None


def test_its_new_store_is_on_disk_before_it_is_heard():
    desk = replaced(met())
    link = dial(desk)
    desk.pass_time(2 * PROMISED)
    desk.tick(INTERVAL)
    assert desk.latest.write.meetings["c"].store_id == NEW
    assert not is_heard(desk, link)
    desk.written()
    assert is_heard(desk, link)


def test_this_node_dials_the_next_store_at_once():
    desk = replaced(met())
    desk.take(desk.elector.link_opened(desk.now, "c", Number(7, 9), store_id=OLD))
    assert desk.state.support.peers["c"].opened is None
    desk.take(desk.elector.link_opened(desk.now, "c", Number(7, 10), store_id=NEW))
    (heartbeat,) = desk.messages("c", Heartbeat)
    assert heartbeat.ack is None
    assert heartbeat.supports == ("a", "c")  # the promise to the former store


def test_a_learner_of_no_store_comes_under_any():
    desk = replaced(met(), None)
    dial(desk)
    peer = desk.state.support.peers["c"]
    assert (peer.store_id, peer.former_store) == (NEW, OLD)


def test_a_voter_comes_under_the_store_that_is_named():
    desk = replaced(met(), None)
    dial(desk, store_id=store("x"))
    desk.install(Configuration(members=(*members("ab").members, Member(node_id="c", store_id=NEW)), term=1, version=2))
    peer = desk.state.support.peers["c"]
    assert (peer.store_id, peer.former_store) == (NEW, OLD)
    dial(desk, store_id=store("x"), counter=2)
    assert peer.membership.waiting_link is None


def test_one_that_nobody_counts_on_is_heard_at_once():
    desk = MemberDesk(meetings={"c": Meeting(store_id=OLD)})
    replaced(desk)
    assert desk.state.support.peers["c"].former_store is None
    assert is_heard(desk, dial(desk))


def test_its_follows_count_no_longer():
    desk = MemberDesk(meetings={"c": Meeting(store_id=OLD)}, voters="abcde").elected()
    desk.written()
    desk.install(members("abcde", term=1, version=1))
    assert "c" in desk.election.leading.follows
    named = tuple(Member(node_id=each, store_id=NEW if each == "c" else None) for each in "abcde")
    desk.install(Configuration(members=named, term=1, version=2))
    assert "c" not in desk.election.leading.follows
    assert "c" not in desk.election.leading.followers


def restarted(**options) -> MemberDesk:
    """Node `b` restarts, with a promise to the former store of `c` that may be counted."""
    meetings = {"a": Meeting(is_acknowledged=True), "c": Meeting(store_id=OLD, is_acknowledged=True)}
    configuration = members("ab", learner("c", NEW), term=1, version=1)
    desk = MemberDesk(members=configuration, voters="abc", meetings=meetings, promise_ns=DURATION, **options)
    desk.state.elections["default"].vote_for("a", term=1)
    return desk


def test_the_fence_does_not_end_with_a_link_of_the_next_store():
    desk = restarted()
    link = dial(desk)
    desk.connect("a")
    desk.beat("a")
    assert not is_heard(desk, link)
    assert desk.state.is_fenced
    desk.tick(PROMISED)
    desk.tick(INTERVAL)
    desk.written()
    assert is_heard(desk, link)


def test_the_former_store_is_on_disk_until_then():
    desk = restarted()
    desk.take(desk.elector.dial_refused(desk.now, "c", Objection.OTHER_VOTERS, "x"))
    assert desk.latest.write.meetings["c"] == Meeting(
        store_id=OLD, objection=Objection.OTHER_VOTERS, is_acknowledged=True
    )
    desk.written()
    desk.tick(PROMISED)
    assert desk.latest.write.meetings["c"].store_id == NEW


def test_a_node_that_was_replaced_has_no_vote():
    desk = MemberDesk(store_id=OLD, grace_ns=0).elected()
    desk.written()
    desk.install(
        Configuration(members=(*members("ac").members[:1], Member(node_id="b", store_id=NEW)), term=1, version=1)
    )
    assert (desk.state.is_voter, desk.election.leadership) == (False, None)
    same = MemberDesk(store_id=NEW)
    same.install(
        Configuration(members=(*members("ac").members[:1], Member(node_id="b", store_id=NEW)), term=1, version=1)
    )
    assert same.state.is_voter


def test_a_leader_replaces_a_member_that_is_silent():
    desk = MemberDesk().elected()
    desk.written()
    desk.lose("c")
    desk.pass_time(DURATION, without="c")
    desk.change(ReplaceMember(node_id="c", store_id=NEW))
    desk.written()
    desk.report("a")
    desk.pass_time(PROMISED, without="c")
    desk.tick()
    assert desk.own.member("c") == learner("c", NEW)
