"""A mirror that votes, follows or claims support is refused and counted by real processes, and changes no election."""

import itertools
import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from elect.clock import NS_PER_S
from elect.core.configuration import Configuration
from elect.core.membership_messages import Install, Message
from elect.core.messages import (
    Ack,
    Batch,
    Follow,
    Grant,
    Heartbeat,
    Knowledge,
    Known,
    Lead,
    Number,
    Resign,
    Standing,
    Vote,
)
from elect.observing.mirror_messages import MIRROR_KIND, MIRROR_MESSAGES, SourceWelcome, Subscribe
from elect.testing.real_processes import Plan, ProcessCluster
from tests.fault.handshakes import settle
from tests.nodes import eventually
from wire.io.open_link import OpenLink
from wire.io.sockets import shut
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import Bye, Heard
from wire.protocol.identity import Identity
from wire.protocol.limits import Limits
from wire.protocol.schema import kind_of

CODEC = Codec(*get_args(Message), *MIRROR_MESSAGES, Bye, Heard)
INSTANCES = itertools.count()
FOUNDED = Configuration.initial("abc")


@contextmanager
def mirror_link(address: str) -> Iterator[OpenLink]:
    identity = Identity(cluster="processes", node=f"mirror/hostile/{next(INSTANCES)}", incarnation=0, store=bytes(16))
    dialing = Dialing(to="", kind=MIRROR_KIND, identity=identity, codec=CODEC, limits=Limits(), is_two_way=True)
    link = dialing.dial(Address.parse(address), lambda: 1)
    try:
        yield link
    finally:
        shut(link.channel.sock)


def read(link: OpenLink, kind: type) -> object:
    """The next message of a kind."""
    messages = link.early
    while True:
        for message in messages:
            if isinstance(message, kind):
                return message
        data = link.channel.read()
        assert data, f"the link ended without a {kind.__name__}"
        messages = link.connection.receive(data)


def hostile(configuration: Configuration, term: int) -> list[object]:
    """Messages with which a node would take part in an election of this term."""
    link = Number(1, 1)
    entries = (
        Vote(election="default", term=term, offset=0),
        Grant(election="default", term=term, session=link, link=link),
        Lead(election="default", term=term),
        Follow(election="default", term=term, session=link),
        Resign(election="default", term=term),
    )
    ack = Ack(link=link, session=link, sent=1, duration=NS_PER_S)
    heartbeat = Heartbeat(
        sent=1,
        duration=NS_PER_S,
        ack=ack,
        supports=("a", "b", "c"),
        standing=Standing(priority=1_000_000),
        configuration=configuration.id,
    )
    known = Known(election="default", term=term, leader="a", incarnation=1)
    return [
        *(Batch(configuration=configuration.id, entries=(each,)) for each in entries),
        heartbeat,
        Knowledge(number=1, whole=True, entries=(known,)),
        Install(configuration=Configuration(members=configuration.members, term=term, version=9)),
    ]


def status(address: str) -> dict[str, object]:
    with urllib.request.urlopen(f"http://{address}/status", timeout=10) as answer:
        return json.load(answer)


def has_id(address: str) -> bool:
    membership = status(address).get("membership")
    return isinstance(membership, dict) and membership["cluster_id"] is not None


def refused(address: str) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    name = "elect_mirror_messages_refused_total{"
    return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name)}


@pytest.mark.long
def test_a_mirror_has_no_say_in_real_processes(tmp_path: Path):
    with ProcessCluster(Plan(directory=tmp_path, with_http=True)) as running:
        leader = running.wait_for_leader()
        settle(running)
        eventually(lambda: has_id(running.http["a"]) and has_id(running.http["b"]) and has_id(running.http["c"]))
        since = len(running.events)
        messages = hostile(FOUNDED, (leader.term or 0) + 1)
        other = next(each for each in running.addresses if each != leader.node)
        for address in (running.addresses[leader.node], running.addresses[other]):
            for message in messages:
                with mirror_link(address) as link:
                    link.channel.write(link.connection.send(Subscribe(version=1)))
                    assert isinstance(read(link, SourceWelcome), SourceWelcome)
                    link.channel.write(link.connection.send(message))
                    assert read(link, Bye).reason == "order"
        expected = Counter(kind_of(type(message)) for message in messages)
        assert [refused(address) for address in (running.http[leader.node], running.http[other])] == [expected] * 2
        assert [each for each in running.events[since:] if each.event in ("elected", "lost", "leader")] == []
