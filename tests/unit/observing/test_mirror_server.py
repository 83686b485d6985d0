"""The server of mirrors, on links that the test plays."""

from dataclasses import replace
from typing import get_args

import pytest

from elect.bridge.dispatcher import PublishedEvent
from elect.clock import NS_PER_S
from elect.core.configuration import Configuration
from elect.core.events import Event, Installed, LeaderChanged, LossReason, Lost
from elect.core.membership_messages import Message
from elect.joining.join_messages import JOIN_MESSAGES
from elect.leader import Leader
from elect.observing.change_log import ChangeLog
from elect.observing.mirror_messages import (
    OF_SOURCES,
    Applied,
    Changes,
    LeaderEntry,
    SealAnswer,
    SealRequest,
    SnapshotPart,
    SourceHeartbeat,
    SourceRefusal,
    SourceWelcome,
    Subscribe,
)
from elect.observing.mirror_server import (
    HANDSHAKE_NS,
    MESSAGES_A_TURN,
    MIRRORS_MAX,
    PATIENCE_NS,
    REFUSED_NS,
    MirrorServer,
)
from elect.observing.mirror_session import BYTES_TO_RESUME, BYTES_UNDER_WAY_MAX, MESSAGES_UNDER_WAY_MAX
from elect.observing.observer_messages import CLIENT_MESSAGES
from wire.io.link_events import LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.schema import kind_of
from wire.protocol.wire_errors import WireError

ID = bytes(range(16))
FIRST = LinkNumber(0, 1)
MIRROR = "mirror/m/1"
SUBSCRIBE = Subscribe(version=1)
FORBIDDEN = (*get_args(Message), *JOIN_MESSAGES, *CLIENT_MESSAGES, *OF_SOURCES)
LONG = {"text": "x" * 2_000}


class Source:
    """A server whose links, state and time the test sets."""

    def __init__(self, kept_max: int = 10_000) -> None:
        self.now = 0
        self.id: bytes | None = ID
        self.is_second = False
        self.outboxes: dict[str, list[object]] = {}
        self.cuts: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.answers: list[object] = []
        self.wakes = 0
        self.log = ChangeLog(Configuration.initial("abc"), kept_max=kept_max)
        self.server = MirrorServer(
            self, self.log, self, clock=lambda: self.now, count_refused=self.refused.append, on_seal=self.seal
        )

    def send(self, peer: str, number: LinkNumber, message: object) -> bool:
        self.outboxes.setdefault(peer, []).append(message)
        return True

    def cut(self, peer: str, number: LinkNumber, error: WireError) -> None:
        self.cuts.append((peer, error.reason))

    def wake(self) -> None:
        self.wakes += 1

    def cluster_id(self) -> bytes | None:
        return self.id

    def is_standby(self) -> bool:
        return self.is_second

    def address(self, node_id: str) -> str | None:
        return {"b": "10.0.0.2:1"}.get(node_id)

    def quorum_age_ns(self) -> int:
        return 5

    def seal(self, mirror: str, successor: str, answer) -> None:
        self.asked.append((mirror, successor))
        self.answers.append(answer)

    def accept(self, *messages: object, peer: str = MIRROR, kind: str = "mirror") -> None:
        identity = PeerIdentity(node=peer, incarnation=0, store=bytes(16), attributes={})
        self.server.receive(
            LinkAccepted(
                peer=peer, number=FIRST, kind=kind, identity=identity, is_trusted=False, local="a:1", remote="b:1"
            )
        )
        self.say(*messages, peer=peer)

    def say(self, *messages: object, peer: str = MIRROR) -> None:
        for message in messages:
            self.server.receive(MessageReceived(peer=peer, number=FIRST, message=message))

    def end(self, peer: str = MIRROR) -> None:
        self.server.receive(LinkEnded(peer=peer, number=FIRST, is_end_of_stream=True, error=None, bye=None))

    def change(self, count: int = 1, **leader: object) -> None:
        for _ in range(count):
            term = self.log.revision
            found = Leader(node_id="a", term=term, **leader)
            event = LeaderChanged(election="x", term=term, leader="a", at=0)
            self.server.note_published([PublishedEvent(event, leader=found)])

    def take(self, peer: str = MIRROR) -> list[object]:
        """Run the turns that are due soon, and return what the mirror reads."""
        for passed in (0, PATIENCE_NS):
            self.now += passed
            while self.server.turn() == 0:
                pass
        return self.outboxes.pop(peer, [])


def test_a_new_mirror_gets_a_snapshot_and_then_changes():
    source = Source()
    source.change(3)
    source.accept(SUBSCRIBE)
    welcome, part = source.take()
    assert welcome == SourceWelcome(version=1, cluster_id=ID, stream=source.log.stream, revision=4, is_resumed=False)
    members, leader = part.entries
    assert (part.revision, part.total, part.first) == (4, 2, 0)
    assert [member.address for member in members.configuration.members] == [None, "10.0.0.2:1", None]
    assert leader == LeaderEntry(election="x", term=3, leader_id="a")
    source.change(2)
    (changes,) = source.take()
    assert (changes.first, [entry.term for entry in changes.entries]) == (5, [4, 5])


def test_changes_wait_until_an_election_is_over():
    source = Source()
    source.accept(SUBSCRIBE)
    source.take()
    source.change()
    assert source.server.turn() == pytest.approx(PATIENCE_NS / NS_PER_S)
    source.now += PATIENCE_NS // 2
    source.change()
    assert source.server.turn() == pytest.approx(PATIENCE_NS / 2 / NS_PER_S)
    assert source.outboxes == {}
    source.now += PATIENCE_NS // 2
    source.server.turn()
    assert [len(message.entries) for message in source.outboxes[MIRROR]] == [2]


def test_a_mirror_that_comes_back_gets_the_rest():
    source = Source()
    source.log.keep()
    source.change(9)
    source.accept(Subscribe(version=1, source_cluster_id=ID, stream=source.log.stream, revision=7))
    welcome, changes = source.take()
    assert welcome.is_resumed
    assert (changes.first, len(changes.entries)) == (8, 3)


@pytest.mark.parametrize(("stream", "revision"), [(b"o" * 16, 9), (None, 1), (None, 99)])
def test_a_mirror_whose_changes_are_gone_gets_a_snapshot(stream: bytes | None, revision: int):
    source = Source(kept_max=4)
    source.log.keep()
    source.change(9)
    source.accept(Subscribe(version=1, stream=stream or source.log.stream, revision=revision))
    welcome, part = source.take()
    assert not welcome.is_resumed
    assert isinstance(part, SnapshotPart)


def test_a_mirror_that_falls_behind_is_sent_to_a_snapshot():
    source = Source(kept_max=4)
    source.accept(SUBSCRIBE)
    source.take()
    source.change(9)
    (part,) = source.take()
    assert isinstance(part, SnapshotPart)
    assert part.revision == 10
    assert source.server.reports()[0].snapshots == 2


def test_events_of_other_things_are_no_changes():
    source = Source()
    other: list[Event] = [Lost(election="x", term=1, at=0, reason=LossReason.RESIGNED)]
    source.server.note_published([PublishedEvent(each) for each in other])
    assert source.log.revision == 1
    source.server.note_published([PublishedEvent(Installed(configuration=Configuration.initial("ab"), at=0))])
    assert source.log.revision == 2
    assert source.wakes == 0


@pytest.mark.parametrize("length", [0, 2_000])
def test_the_bytes_and_messages_under_way_are_bounded(length: int):
    """Pause at the limit, resume at three quarters of it."""
    source = Source()
    source.accept(SUBSCRIBE)
    source.take()
    sent = 1
    for _ in range(200):
        source.change(metadata={"text": "ü" * length})
        sent += len(source.take())
    session = source.server._sessions[MIRROR, FIRST]
    assert session.is_paused
    if length:
        assert BYTES_UNDER_WAY_MAX <= session._bytes < BYTES_UNDER_WAY_MAX + 20_000
    else:
        assert sent == MESSAGES_UNDER_WAY_MAX
    done = 0
    while session.is_paused:
        assert {type(message) for message in source.take()} <= {SourceHeartbeat}
        done += 1
        source.say(Applied(messages=done, revision=1, sent=0))
    assert session._bytes <= BYTES_TO_RESUME
    assert len(session._sizes) <= MESSAGES_UNDER_WAY_MAX * 3 // 4
    assert any(isinstance(message, Changes | SnapshotPart) for message in source.take())


def test_a_mirror_that_reads_nothing_holds_no_other_up():
    source = Source()
    for number in range(11):
        source.accept(SUBSCRIBE, peer=f"mirror/m/{number}")
    source.take()
    for number in range(2_000):
        source.change(metadata=LONG)
        source.take("mirror/m/10")
        source.say(Applied(messages=number + 2, revision=number + 2, sent=number), peer="mirror/m/10")
    reports = {report.lag for report in source.server.reports()}
    assert {report.lag for report in source.server.reports()[:10]} == {2_000 + 1}
    assert source.server.reports()[10].lag == 0
    assert reports == {0, 2_001}


def test_a_turn_sends_a_bounded_number_of_messages():
    source = Source()
    for number in range(20):
        source.accept(SUBSCRIBE, peer=f"mirror/m/{number}")
    source.outboxes.clear()
    assert source.server.turn() == 0
    assert sum(map(len, source.outboxes.values())) == MESSAGES_A_TURN
    for _ in range(4):
        source.server.turn()
    assert len(source.outboxes) == 20  # each had its turn


def test_mirrors_that_always_lack_something_get_the_same():
    source = Source()
    peers = [f"mirror/m/{number}" for number in range(3 * MESSAGES_A_TURN)]
    for peer in peers:
        source.accept(SUBSCRIBE, peer=peer)
    source.take()
    source.outboxes.clear()
    got = dict.fromkeys(peers, 0)
    for turn in range(30):
        source.change(20, metadata=LONG)
        source.now += PATIENCE_NS
        source.server.turn()
        for peer in peers:
            found = [message for message in source.outboxes.pop(peer, []) if isinstance(message, Changes)]
            got[peer] += len(found)
            if found:
                source.say(Applied(messages=1 + got[peer], revision=found[-1].first, sent=turn), peer=peer)
    assert {*got.values()} == {9, 10}  # the changes of the first turn wait for the second


def test_each_applied_is_answered():
    source = Source()
    source.accept(SUBSCRIBE)
    source.take()
    source.say(Applied(messages=1, revision=1, sent=77))
    assert source.take() == [SourceHeartbeat(revision=1, sent=77, age_ns=5)]
    assert source.take() == []
    report = source.server.reports()[0]
    assert report.to_dict() == {
        "name": "mirror/m",
        "revision": 1,
        "lag": 0,
        "bytes_under_way": 0,
        "snapshots": 1,
    }


@pytest.mark.parametrize(
    ("peer", "message", "code"),
    [
        (MIRROR, Subscribe(version=2), "other_version"),
        (MIRROR, Subscribe(version=1, source_cluster_id=b"o" * 16), "other_cluster"),
        (MIRROR, Subscribe(version=1, cluster_id=ID), "other_cluster"),
        ("client/m/1", SUBSCRIBE, "not_observer"),
    ],
)
def test_hard_refusals(peer: str, message: Subscribe, code: str):
    source = Source()
    source.accept(message, peer=peer)
    (refusal,) = source.take(peer)
    assert (type(refusal), refusal.code) == (SourceRefusal, code)
    source.say(SUBSCRIBE, peer=peer)  # it was under way
    assert source.take(peer) == source.cuts == []
    assert not len(source.server)
    source.now += REFUSED_NS
    source.take(peer)
    assert source.cuts == [(peer, "idle_timeout")]


def test_soft_refusals():
    source = Source()
    source.id = None
    source.accept(SUBSCRIBE)
    assert source.take()[0].code == "no_id_yet"
    source.id, source.is_second = ID, True
    source.accept(SUBSCRIBE, peer="mirror/z/1")
    assert source.take("mirror/z/1")[0].code == "standby"
    source.is_second = False
    for number in range(MIRRORS_MAX):
        source.accept(SUBSCRIBE, peer=f"mirror/x/{number}")
    source.accept(SUBSCRIBE, peer="mirror/y/1")
    assert source.take("mirror/y/1")[0].code == "busy"
    source.end("mirror/x/3")
    source.accept(SUBSCRIBE, peer="mirror/y/2")
    assert isinstance(source.take("mirror/y/2")[0], SourceWelcome)


def test_a_link_without_a_subscribe_is_cut():
    source = Source()
    source.accept()
    assert source.server.turn() == pytest.approx(HANDSHAKE_NS / NS_PER_S)
    source.now = HANDSHAKE_NS
    source.take()
    assert source.cuts == [(MIRROR, "idle_timeout")]


@pytest.mark.parametrize("cls", FORBIDDEN, ids=kind_of)
@pytest.mark.parametrize("is_subscribed", [False, True])
def test_what_only_a_node_may_send_ends_the_link(cls: type, is_subscribed: bool):
    source = Source()
    source.accept(*([SUBSCRIBE] if is_subscribed else []))
    source.say(object.__new__(cls))
    assert (source.refused, source.cuts) == ([kind_of(cls)], [(MIRROR, "order")])
    source.say(SUBSCRIBE)
    assert source.server.turn() is None


@pytest.mark.parametrize(
    "messages",
    [
        [SUBSCRIBE, SUBSCRIBE],
        [Applied(messages=0, revision=0, sent=0)],
        [SealRequest(successor="x")],
        [SUBSCRIBE, Applied(messages=9, revision=0, sent=0)],
        [SUBSCRIBE, SealRequest(successor="x"), SealRequest(successor="x")],
    ],
)
def test_what_a_mirror_may_not_send_now_ends_the_link(messages: list[object]):
    source = Source()
    source.accept(*messages)
    assert source.cuts == [(MIRROR, "order")]


def test_links_of_clients_are_not_its_own():
    source = Source()
    source.accept(SUBSCRIBE, kind="client")
    source.end()
    assert (source.take(), source.cuts) == ([], [])


def test_a_seal_is_asked_for_and_answered():
    source = Source()
    source.accept(SUBSCRIBE, SealRequest(successor="10.1.0.1:7101"))
    source.take()
    assert source.asked == [(MIRROR, "10.1.0.1:7101")]
    answer = SealAnswer(outcome="sealed", highest_term=9)
    source.answers[0](answer)
    assert source.take() == [answer]
    source.end()
    source.answers[0](replace(answer, text="too late"))
    assert source.take() == []
