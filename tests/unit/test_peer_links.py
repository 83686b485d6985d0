"""The links of a node whose members change, without a connection."""

import pytest

from elect.bridge.admission import ADVERTISE, Admission
from elect.bridge.node_context import NodeContext
from elect.config.config import Config
from elect.core.changes import ReplaceMember, changed
from elect.core.configuration import Configuration, Member
from elect.runtime.dialers import limits
from elect.runtime.peer_links import PeerLinks
from elect.storage.store import MemoryStore
from wire.io.link_events import LinkOpened
from wire.protocol.identity import LinkNumber, PeerIdentity

MEMBERS = Configuration(
    members=(Member(node_id="a", address="a:1"), Member(node_id="b", address="b:1", store_id=b"b" * 16)), version=1
)


def config(**settings: float) -> Config:
    return Config(node="a", cluster="t", listen="127.0.0.1:0", data_dir="x", **settings)


def opened(peer: str, address: str) -> LinkOpened:
    identity = PeerIdentity(node=peer, incarnation=1, store=b"b" * 16, attributes={ADVERTISE: address})
    number = LinkNumber(incarnation=1, counter=1)
    return LinkOpened(peer=peer, number=number, identity=identity, is_trusted=True, local="a:9", remote=address)


@pytest.mark.parametrize("support_duration", [0.06, 0.6, 1, 2, 30])
def test_each_peer_is_dialed_in_a_support_duration(support_duration):
    """Also one whose host answered nothing until now, as that of a container that is started again."""
    made = limits(config(support_duration=support_duration, heartbeat_interval=0.02))
    assert made.connect_timeout_s + made.backoff_max_s <= support_duration
    assert 2 * made.backoff_max_s <= support_duration


def test_a_member_that_is_replaced_shows_its_address_no_longer():
    """Its process still has the link, and its address would be written over the one that came with the change."""
    context = NodeContext(config(), clock=lambda: 0)
    links = PeerLinks(
        context,
        opened=MemoryStore().open(cluster="t", node_id="a", promise_ns=0, configuration=MEMBERS),
        admission=Admission(MEMBERS, {}, lambda: 0, print, 1),
        deliver=print,
        share=lambda *_: {},
    )
    links.note_event(opened("b", "b:2"))
    assert links.linked_addresses() == {"b": "b:2"}
    links.set_members(changed(MEMBERS, ReplaceMember(node_id="b", address="b:3")))
    assert links.linked_addresses() == {}
    assert links.address_of("b") == "b:3"
