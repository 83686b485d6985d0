"""Peers that list other voters, and peers that lost their votes.

Source: PROTOCOL.md, section 7.
"""

from dataclasses import replace

import pytest

from elect.core.configuration import Configuration
from elect.core.events import LossReason, Lost, Objection, PeerObjected, Role
from elect.core.messages import ConfigurationId, Number, RefusalReason, Refuse, Vote
from elect.core.ready import Meeting
from elect.core.rules.agreement import STRANGER_PROMISES
from elect.core.snapshot import WhyNoLeader
from tests.unit.core.desk import DURATION, INTERVAL, Desk

FIRST, SECOND = bytes(16), bytes([1]) * 16
OTHER_LIST = Configuration.initial("abcd").id


def waiting(desk: Desk) -> WhyNoLeader:
    return desk.elector.snapshot(desk.now).elections[0].waiting


def refuse(desk: Desk, objection: Objection = Objection.UNKNOWN_NODE, peer: str = "a") -> list[object]:
    return list(desk.take(desk.elector.dial_refused(desk.now, peer, objection, "no")).events)


@pytest.mark.parametrize("objection", [Objection.UNKNOWN_NODE, Objection.OTHER_STORE])
def test_a_leader_that_a_peer_refuses_leads_no_more(objection):
    desk = Desk().elected()
    events = refuse(desk, objection)
    assert [event.reason for event in events if isinstance(event, Lost)] == [LossReason.CONFIGURATION]
    assert desk.elector.state.is_disputed


def test_a_refused_node_is_no_candidate_until_it_is_let_in():
    desk = Desk()
    refuse(desk)
    desk.take(desk.elector.link_accepted(desk.now, "a", Number(1, 1), is_trusted=True))
    for peer in "ac":
        desk.beat(peer, acks=False)
    desk.tick(10 * INTERVAL)
    assert desk.election.role is Role.FOLLOWER
    assert waiting(desk) is WhyNoLeader.CONFIGURATION
    desk.take(desk.elector.link_opened(desk.now, "a", Number(7, 99)))
    assert not desk.elector.state.is_disputed


def test_a_refused_node_grants_no_vote():
    desk = Desk().supported_unwilling()
    refuse(desk, peer="c")
    desk.say("a", Vote(election="default", term=5, offset=0))
    (answer,) = desk.entries("a")
    assert isinstance(answer, Refuse)
    assert answer.reason is RefusalReason.CONFIGURATION
    assert desk.latest.write is None


def test_a_peer_with_another_list_of_the_same_version_objects():
    desk = Desk().supported_unwilling()
    show(desk, OTHER_LIST)
    (peer,) = [peer for peer in desk.elector.snapshot(desk.now).peers if peer.node_id == "c"]
    assert (peer.objection, peer.detail) == (Objection.OTHER_VOTERS, OTHER_LIST.digest.hex())
    assert peer.is_configuration_same is False
    show(desk, desk.configuration.id)
    assert not desk.elector.state.is_disputed


def test_a_peer_that_lost_its_store_objects_to_nothing():
    """Otherwise its last objection would hold for ever: no later agreement ends it."""
    desk = started_with(Meeting(store_id=FIRST, objection=Objection.OTHER_VOTERS))
    desk.take(desk.elector.store_lost(desk.now, "a"))
    assert not desk.elector.state.is_disputed
    assert desk.latest.write.meetings == {"a": Meeting(store_id=FIRST)}


def test_a_refusal_outlasts_a_heartbeat_with_the_same_list():
    desk = Desk().supported_unwilling()
    refuse(desk, Objection.OTHER_STORE, peer="c")
    show(desk, desk.configuration.id)
    assert desk.elector.state.is_disputed


def test_a_newer_or_older_list_is_no_objection():
    desk = Desk().supported_unwilling()
    show(desk, replace(OTHER_LIST, version=1))
    assert not desk.elector.state.is_disputed


def test_it_is_not_known_who_agrees_before_they_are_heard():
    desk = Desk()
    assert [peer.is_configuration_same for peer in desk.elector.snapshot(desk.now).peers] == [None, None]


def test_each_objection_is_told_and_written_once():
    desk = Desk()
    assert [event for event in refuse(desk) if isinstance(event, PeerObjected)]
    assert desk.latest.write.meetings == {"a": Meeting(objection=Objection.UNKNOWN_NODE)}
    assert [event for event in refuse(desk) if isinstance(event, PeerObjected)] == []
    assert desk.latest.write is None


def show(desk: Desk, configuration: ConfigurationId) -> None:
    desk.now += 1
    desk.receive("c", replace(desk.heartbeat(), configuration=configuration))


def started_with(meeting: Meeting) -> Desk:
    return Desk(meetings={"a": meeting})


def test_an_objection_outlives_a_restart():
    desk = started_with(Meeting(objection=Objection.UNKNOWN_NODE))
    assert desk.elector.state.is_disputed
    assert [event.objection for event in desk.events(PeerObjected)] == [Objection.UNKNOWN_NODE]


def test_a_peer_is_heard_once_its_store_is_on_disk():
    desk = Desk()
    desk.take(desk.elector.link_accepted(desk.now, "a", Number(1, 50), is_trusted=True, store_id=FIRST))
    assert desk.latest.write.meetings == {"a": Meeting(store_id=FIRST, is_acknowledged=True)}
    desk.links["a"] = 50
    desk.beat("a", acks=False)
    assert desk.elector.state.support.peers["a"].session is None
    desk.written()
    desk.beat("a", acks=False)
    assert desk.elector.state.support.peers["a"].session is not None


def test_a_failed_meeting_is_written_when_the_disk_is_good_again():
    desk = Desk()
    desk.take(desk.elector.link_accepted(desk.now, "a", Number(1, 50), is_trusted=True, store_id=FIRST))
    desk.failed()
    desk.take(desk.elector.set_storing(desk.now, is_storing=False))
    desk.take(desk.elector.set_storing(desk.now, is_storing=True))
    assert desk.latest.write.meetings == {"a": Meeting(store_id=FIRST, is_acknowledged=True)}


def test_a_link_of_another_store_is_ignored_until_forget():
    desk = started_with(Meeting(store_id=FIRST))
    peer = desk.elector.state.support.peers["a"]
    desk.take(desk.elector.link_accepted(desk.now, "a", Number(1, 1), is_trusted=True, store_id=SECOND))
    desk.take(desk.elector.link_opened(desk.now, "a", Number(7, 1), SECOND))
    assert (peer.accepted, peer.opened) == (None, None)
    desk.take(desk.elector.forget(desk.now, "a"))
    desk.take(desk.elector.link_accepted(desk.now, "a", Number(1, 2), is_trusted=True, store_id=SECOND))
    assert peer.accepted == Number(1, 2)


def test_a_peer_that_is_supported_is_not_forgotten():
    """A promise to it would end early, and who follows it would be bound for good."""
    desk = Desk().following("a", 3)
    with pytest.raises(ValueError, match="stop it first"):
        desk.elector.forget(desk.now, "a")
    assert desk.election.following is not None


def test_only_another_voter_can_be_forgotten():
    with pytest.raises(ValueError, match="'z' is not another voter"):
        Desk().elector.forget(0, "z")


def test_a_node_that_never_voted_waits_if_a_stranger_counts_it():
    desk = Desk(node_id="a", voters="a", promise_ns=DURATION)
    desk.take(desk.elector.stranger_refused(desk.now, "z"))
    desk.tick(2 * INTERVAL)
    assert waiting(desk) is WhyNoLeader.CONFIGURATION
    desk.tick(STRANGER_PROMISES * DURATION)
    assert not desk.elector.state.is_disputed


def test_a_node_that_has_voted_goes_on_whatever_strangers_say():
    desk = Desk(node_id="a", voters="a")
    desk.tick(INTERVAL)
    desk.written()
    desk.take(desk.elector.stranger_refused(desk.now, "z"))
    assert not desk.elector.state.is_disputed
