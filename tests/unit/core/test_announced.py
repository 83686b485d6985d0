"""PROTOCOL.md, section 6, "Ranks as announced"."""

from elect.core.messages import Batch, Heartbeat, Number, Standing
from tests.unit.core.desk import INTERVAL, Desk
from tests.unit.core.test_asking import ended, following


def shown(desk: Desk, peer: str) -> Standing:
    """Return the rank in the latest heartbeat to a peer."""
    (heartbeat,) = desk.messages(peer, Heartbeat)
    assert isinstance(heartbeat, Heartbeat)
    return heartbeat.standing


def moved(desk: Desk) -> Desk:
    """All are connected and announced, then the offset of this node moves."""
    desk.supported_unwilling()
    desk.take(desk.elector.set_rank(desk.now, offset=7))
    return desk


def test_a_moved_offset_sends_nothing():
    assert moved(Desk()).latest.send == ()


def test_the_next_heartbeats_tell_all_peers_a_moved_offset():
    desk = moved(Desk())
    desk.tick(INTERVAL)
    assert [shown(desk, peer).offset for peer in "ac"] == [7, 7]


def test_a_heartbeat_before_its_time_repeats_the_rank():
    desk = moved(Desk())
    desk.take(desk.elector.link_ended(desk.now, "a", Number(1, 1), is_end_of_stream=True))
    assert shown(desk, "c").offset == 0


def test_a_new_link_is_told_the_rank_that_all_were_told():
    desk = moved(Desk())
    desk.take(desk.elector.link_opened(desk.now, "a", Number(7, 2)))
    assert shown(desk, "a").offset == 0


def test_a_node_that_becomes_unwilling_says_so_at_once():
    desk = Desk().supported()
    desk.take(desk.elector.set_rank(desk.now, priority=0, offset=3))
    assert [shown(desk, peer) for peer in "ac"] == [Standing(priority=0, offset=3, willing=False)] * 2


def test_a_new_rank_comes_before_the_vote_that_rests_on_it():
    desk = following()
    desk.take(desk.elector.set_rank(desk.now, offset=7))
    desk.now += INTERVAL
    ended(desk)
    sent = [type(send.message) for send in desk.latest.send if send.peer == "c"]
    assert sent[:2] == [Heartbeat, Batch]
    assert shown(desk, "c").offset == 7
