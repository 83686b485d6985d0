"""PROTOCOL.md, section 4: the boot fence ends early, and the set of peers that it waits for."""

from dataclasses import replace

import pytest

from elect.core.configuration import Configuration
from elect.core.messages import ConfigurationId, Grant, Heartbeat, RefusalReason, Refuse
from elect.core.ready import Ballot, Meeting
from tests.unit.core.desk import DURATION, INTERVAL, MS, PROMISED, Desk, vote

VOTED = {"default": Ballot(term=3, voted_for="a")}
WAITED_FOR = Meeting(is_acknowledged=True)


def restarted(peers: str = "ac", **options: object) -> Desk:
    """A node that voted before its restart, and acknowledged these peers."""
    return Desk(**{"promise_ns": DURATION, "ballots": VOTED, "meetings": dict.fromkeys(peers, WAITED_FOR), **options})  # type: ignore[arg-type]


def is_fenced(desk: Desk) -> bool:
    desk.say("a", vote(4))
    grants = [entry for entry in desk.held_back("a") if isinstance(entry, Grant)]
    refusals = [entry.reason for entry in desk.entries("a") if isinstance(entry, Refuse)]
    assert bool(grants) != (refusals == [RefusalReason.BOOT_FENCE])
    return not grants


def hear(desk: Desk, *peers: str) -> Desk:
    desk.connect(*peers)
    for peer in peers:
        desk.beat(peer, acks=False)
    return desk


def test_the_fence_ends_when_every_peer_has_dialed():
    desk = hear(restarted(), "a")
    assert is_fenced(desk)
    desk.connect("c")
    assert is_fenced(desk)
    desk.beat("c", acks=False)
    assert not is_fenced(desk)
    assert desk.elector.snapshot(desk.now).fence_until < desk.now + MS


def test_a_peer_that_was_never_acknowledged_is_not_waited_for():
    assert not is_fenced(hear(restarted("a"), "a"))


def test_a_peer_with_another_list_has_not_dialed():
    desk = hear(restarted(), "a")
    desk.connect("c")
    other: ConfigurationId = replace(Configuration.initial("bc").id, version=1)
    desk.receive("c", replace(desk.heartbeat(), configuration=other))
    assert is_fenced(desk)


def test_a_node_that_never_voted_keeps_its_whole_fence():
    desk = hear(restarted(ballots={}), "a", "c")
    assert is_fenced(desk)
    desk.tick(PROMISED)
    assert not is_fenced(desk)


@pytest.mark.parametrize("is_over", [False, True])
def test_a_voter_that_is_alone_keeps_its_whole_fence(is_over):
    desk = Desk(node_id="a", voters="a", promise_ns=DURATION, ballots=VOTED)
    desk.tick(PROMISED - (not is_over))
    assert (desk.election.campaign is not None) is is_over


def test_a_node_that_left_the_list_is_waited_for():
    desk = hear(restarted("acz"), "a", "c")
    assert is_fenced(desk)
    desk.tick(PROMISED)
    assert desk.latest.write.meetings == {"z": Meeting()}
    desk.written()
    desk.tick(INTERVAL)
    assert desk.latest.write is None


def acks(desk: Desk) -> list[bool]:
    desk.tick(INTERVAL)
    return [beat.ack is not None for beat in desk.messages("a", Heartbeat)]


def test_no_ack_leaves_before_the_peer_is_waited_for_on_disk():
    desk = Desk()
    desk.take(desk.elector.link_opened(desk.now, "a", desk.ack("a").link))
    desk.connect("c")
    desk.links["a"] = 1
    desk.take(desk.elector.link_accepted(desk.now, "a", replace(desk.ack("a").link, incarnation=1), is_trusted=True))
    assert desk.latest.write.meetings == {"a": WAITED_FOR}
    desk.beat("a", acks=False)
    assert desk.latest.write is None
    assert acks(desk) == [False]
    desk.failed()
    assert acks(desk) == [False]
    desk.take(desk.elector.set_storing(desk.now, is_storing=True))
    desk.written()
    assert [beat.ack is not None for beat in desk.messages("a", Heartbeat)] == [True]


def struck(desk: Desk) -> bool:
    """Return whether `a` was struck off at the latest tick."""
    return desk.latest.write is not None and desk.latest.write.meetings == {"a": Meeting()}


def test_a_peer_is_struck_off_a_fence_after_its_session_ended():
    desk = hear(Desk(), "a")
    desk.tick(2 * PROMISED - 1)
    assert not struck(desk)
    desk.tick(INTERVAL)
    assert struck(desk)


def test_nothing_is_struck_off_while_the_disk_fails():
    desk = hear(Desk(), "a")
    desk.take(desk.elector.set_storing(desk.now, is_storing=False))
    desk.tick(3 * PROMISED)
    assert not struck(desk)
    desk.take(desk.elector.set_storing(desk.now, is_storing=True))
    desk.tick(INTERVAL)
    assert struck(desk)


def test_nothing_is_struck_off_inside_the_fence():
    desk = hear(restarted(), "c")
    desk.tick(PROMISED - MS - 1)
    assert desk.latest.write is None
    desk.tick(INTERVAL)
    assert struck(desk)


def test_a_peer_that_is_back_is_acknowledged_by_its_last_write():
    """The write that strikes it off may end after it is heard again: then it is not waited for on disk."""
    desk = hear(Desk(), "a")
    desk.tick(2 * PROMISED + INTERVAL)
    assert struck(desk)
    desk.beat("a", acks=False)
    strike, again = desk.pending
    assert again.meetings == {"a": WAITED_FOR}
    desk.take(desk.elector.written(desk.now, strike.number))
    assert acks(desk) == [False]
    desk.take(desk.elector.written(desk.now, again.number))
    assert [beat.ack is not None for beat in desk.messages("a", Heartbeat)] == [True]


def test_an_earlier_write_of_the_same_peer_lets_no_ack_leave():
    desk = hear(Desk(), "a")
    peer = desk.elector.state.support.peers["a"]
    desk.elector.state.write_meeting(peer)
    desk.tick()
    desk.tick(2 * PROMISED + INTERVAL)
    desk.beat("a", acks=False)
    same, strike, again = desk.pending
    assert [write.meetings["a"].is_acknowledged for write in (same, strike, again)] == [True, False, True]
    desk.take(desk.elector.written(desk.now, same.number))
    assert acks(desk) == [False]


def test_a_peer_that_is_forgotten_is_waited_for():
    """Its former store may hold a vote for a leader that counts on this node."""
    desk = restarted()
    desk.take(desk.elector.forget(desk.now, "c"))
    assert desk.latest.write.meetings == {"c": WAITED_FOR}
    hear(desk, "a")
    assert is_fenced(desk)
