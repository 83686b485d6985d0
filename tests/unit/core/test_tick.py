"""A tick with the heartbeats that waited for it: one step."""

from elect.core.elector import TimedHeartbeat
from elect.core.messages import Heartbeat, Number
from elect.core.ready import Ready
from tests.unit.core.desk import INTERVAL, MS, PROMISED, Desk


def supported() -> Desk:
    desk = Desk()
    desk.connect("a", "c")
    for peer in desk.peers:
        desk.beat(peer)
    return desk


def tick(desk: Desk, *heard: tuple[int, str]) -> Ready:
    """Tick now, with a heartbeat of each of these peers that was read at that time."""
    waited = [
        TimedHeartbeat(at, peer, Number(1, desk.links[peer]), desk.heartbeat(ack=desk.ack(peer))) for at, peer in heard
    ]
    return desk.take(desk.elector.tick(desk.now, waited))


def test_each_heartbeat_counts_from_the_time_of_its_reading():
    desk = supported()
    desk.now += INTERVAL
    tick(desk, (desk.now - 7 * MS, "a"), (desk.now - 3 * MS, "c"))
    peers = desk.elector.state.support.peers
    assert peers["a"].promised_until == desk.now - 7 * MS + PROMISED
    assert peers["c"].promised_until == desk.now - 3 * MS + PROMISED


def test_the_heartbeats_of_one_step_answer_those_that_waited():
    desk = supported()
    desk.now += INTERVAL
    ready = tick(desk, (desk.now - 1, "a"), (desk.now, "c"))
    sent = [send.message for send in ready.send if isinstance(send.message, Heartbeat)]
    assert [beat.ack.sent for beat in sent] == [desk.now, desk.now]


def test_peers_are_steady_while_their_support_lasts_both_ways():
    desk = Desk().supported_unwilling()
    ends_at = min(peer.counted_until for peer in desk.elector.state.support.peers.values())
    assert desk.elector.are_steady("ac", ends_at - 1)
    assert not desk.elector.are_steady("ac", ends_at)
    assert not desk.elector.are_steady(["stranger"], desk.now)


def test_a_peer_whose_support_ended_is_not_steady():
    desk = supported()
    desk.tick(PROMISED)
    assert not desk.elector.are_steady("a", desk.now)
    desk.beat("a", acks=False)  # this node supports it again, and is not supported
    assert not desk.elector.are_steady("a", desk.now)
    desk.beat("a")
    assert desk.elector.are_steady("a", desk.now)


def test_a_waiting_heartbeat_of_a_link_that_ended_is_discarded():
    desk = supported()
    link = Number(1, desk.links["a"])
    desk.take(desk.elector.link_ended(desk.now, "a", link, is_end_of_stream=True))
    desk.now += INTERVAL
    tick(desk, (desk.now, "a"))
    assert desk.elector.state.support.peers["a"].session is None
