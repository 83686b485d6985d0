"""PROTOCOL.md, section 3: sessions, promises, acks."""

from dataclasses import replace

from elect.core.events import PeerChanged
from elect.core.messages import Ack, ConfigurationId, Heartbeat, Number
from tests.unit.core.desk import COUNTED, DURATION, INTERVAL, MS, PROMISED, Desk


def peer_of(desk: Desk, peer: str = "a"):
    return desk.elector.state.support.peers[peer]


def test_a_promise_lasts_from_the_receipt_and_longer_than_asked():
    desk = Desk()
    desk.connect("a")
    desk.beat("a", acks=False)
    assert peer_of(desk).promised_until == desk.now + PROMISED
    assert peer_of(desk).session == Number(7, 1)


def test_a_first_heartbeat_is_answered_at_once_with_the_new_set():
    desk = Desk()
    desk.connect("a", "c")
    desk.beat("a", acks=False)
    (beat,) = desk.messages("c", Heartbeat)
    assert beat.supports == ("a",)
    (beat,) = desk.messages("a", Heartbeat)
    assert beat.ack == Ack(link=Number(1, 1), session=Number(7, 1), sent=desk.now, duration=DURATION)
    desk.beat("a", acks=False)
    assert desk.latest.send == ()


def test_heartbeats_leave_each_interval_and_do_not_pile_up():
    desk = Desk()
    desk.connect("a")
    desk.tick(INTERVAL)
    assert len(desk.messages("a", Heartbeat)) == 1
    desk.tick(INTERVAL - 1)
    assert desk.latest.send == ()
    desk.tick(10 * INTERVAL)
    assert len(desk.messages("a", Heartbeat)) == 1
    desk.tick(1)
    assert desk.latest.send == ()


def test_expired_is_expired():
    desk = Desk()
    desk.connect("a")
    desk.beat("a", acks=False)
    desk.tick(PROMISED)
    assert peer_of(desk).session is None
    desk.beat("a", acks=False)
    assert peer_of(desk).session == Number(7, 2)


def test_a_heartbeat_that_was_overtaken_is_ignored():
    desk = Desk()
    desk.connect("a")
    late = desk.heartbeat(supports="c")
    desk.beat("a", supports="b", acks=False)
    desk.receive("a", late)
    assert peer_of(desk).supported_ids == ("b",)


def test_an_ack_counts_from_the_send_and_for_less_than_asked():
    desk = Desk()
    desk.connect("a")
    sent = peer_of(desk).sent_latest
    desk.beat("a", acks=True)
    assert peer_of(desk).counted_until == sent + COUNTED
    assert desk.events(PeerChanged) == [PeerChanged(peer="a", supported=True, at=desk.now)]


def test_support_that_ends_is_told_with_its_moment():
    desk = Desk()
    desk.connect("a")
    desk.beat("a")
    until = peer_of(desk).counted_until
    desk.tick(DURATION)
    assert desk.events(PeerChanged) == [PeerChanged(peer="a", supported=False, at=until)]


def test_an_ack_of_another_link_stamp_or_duration_counts_nothing():
    desk = Desk()
    desk.connect("a")
    good = desk.ack("a")
    for bad in (
        replace(good, link=Number(7, 2)),
        replace(good, sent=good.sent + INTERVAL),
        replace(good, duration=DURATION + 1),
    ):
        desk.now += MS
        desk.receive("a", desk.heartbeat(ack=bad))
        assert peer_of(desk).counted_until == 0
    desk.now += MS
    desk.receive("a", desk.heartbeat(ack=good))
    assert peer_of(desk).counted_until > 0


def test_an_ack_of_an_older_session_counts_nothing():
    desk = Desk()
    desk.connect("a")
    old = desk.ack("a")
    desk.sessions["a"] = 5
    desk.beat("a")
    desk.now += MS
    desk.receive("a", desk.heartbeat(ack=old))
    assert peer_of(desk).counted_session == Number(1, 5)


def test_an_ack_under_another_configuration_counts_nothing():
    desk = Desk()
    desk.connect("a")
    desk.now += MS
    beat = replace(desk.heartbeat(ack=desk.ack("a")), configuration=ConfigurationId(0, 0, b"another!"))
    desk.receive("a", beat)
    assert peer_of(desk).counted_until == 0
    desk.tick(INTERVAL)
    assert desk.elector.snapshot(desk.now).elections[0].waiting.value == "configuration"
    assert not desk.elector.snapshot(desk.now).peers[0].is_configuration_same


def test_the_longest_promise_is_on_disk_before_it_is_given():
    desk = Desk()
    desk.connect("a")
    desk.now += MS
    desk.receive("a", desk.heartbeat(duration=5 * DURATION))
    assert peer_of(desk).session is None
    assert desk.pending[-1].promise_ns == 5 * DURATION
    desk.tick(1)
    assert desk.latest.write is None
    desk.written()
    desk.now += MS
    desk.receive("a", desk.heartbeat(duration=5 * DURATION))
    assert peer_of(desk).session is not None


def test_an_unwritten_promise_is_retried_at_the_next_heartbeat():
    desk = Desk()
    desk.connect("a")
    desk.now += MS
    desk.receive("a", desk.heartbeat(duration=5 * DURATION))
    desk.failed()
    assert desk.latest.write is None
    desk.now += MS
    desk.receive("a", desk.heartbeat(duration=5 * DURATION))
    assert desk.latest.write.promise_ns == 5 * DURATION


def test_nothing_is_acknowledged_on_a_link_that_has_ended():
    desk = Desk()
    desk.connect("a", is_trusted=False)
    desk.beat("a", acks=False)
    desk.take(desk.elector.link_ended(desk.now, "a", Number(1, 1), is_end_of_stream=True))
    desk.tick(INTERVAL)
    (beat,) = desk.messages("a", Heartbeat)
    assert (beat.ack, beat.supports) == (None, ("a",))


def test_links_of_strangers_are_ignored():
    desk = Desk()
    for ready in (
        desk.elector.link_accepted(desk.now, "z", Number(1, 1), is_trusted=True),
        desk.elector.link_opened(desk.now, "z", Number(7, 1)),
        desk.elector.link_closing(desk.now, "z", Number(7, 1)),
        desk.elector.link_closing(desk.now, "a", Number(7, 1)),
        desk.elector.written(desk.now, 99),
        desk.elector.resign(desk.now, "unheard of"),
        desk.elector.acknowledge(desk.now, "unheard of", 1),
        desk.elector.leave(desk.now, "unheard of"),
    ):
        assert ready.send == () and ready.events == ()


def test_an_ack_omits_a_heartbeat_whose_promise_is_not_on_disk():
    desk = Desk()
    desk.connect("a")
    desk.beat("a", acks=False)
    before = desk.now
    desk.now += MS
    desk.receive("a", desk.heartbeat(duration=5 * DURATION))
    peer = desk.elector.state.support.peers["a"]
    assert desk.elector.state.support.ack(peer).sent == before
    assert desk.elector.state.support.ack(peer).duration == DURATION
    assert peer.promised_until < desk.now + 5 * DURATION


def test_a_longer_promise_alone_is_written():
    desk = quiet_desk()
    desk.now += MS
    desk.receive("a", desk.heartbeat(ack=desk.ack("a"), duration=5 * DURATION))
    assert desk.latest.write is not None
    assert desk.latest.write.promise_ns == 5 * DURATION


def test_renewed_support_that_ends_sooner_is_reported_at_its_end():
    desk = quiet_desk()
    desk.sessions["a"] += 1
    old = desk.ack("a", sent=desk.now - COUNTED + 20 * MS)
    desk.now += MS
    desk.receive("a", desk.heartbeat(ack=old))
    assert desk.latest.events == ()
    desk.now += 20 * MS
    desk.beat("c")
    assert [event.peer for event in desk.events(PeerChanged)] == ["a"]


def quiet_desk() -> Desk:
    """One whose peers both support it, and had nothing new to say since its latest heartbeats."""
    desk = Desk()
    desk.connect("a", "c")
    desk.written()
    desk.tick(INTERVAL)
    for _ in range(10):
        desk.beat("a")
        desk.beat("c")
        desk.written()
        desk.tick(INTERVAL)
    assert desk.beat("a").events == ()
    return desk
