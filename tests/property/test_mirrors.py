"""Whatever the link, the source and the mirrors do: each mirror applies the changes in order, each once."""

from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from elect.bridge.dispatcher import PublishedEvent
from elect.core.configuration import Configuration
from elect.core.events import LeaderChanged
from elect.leader import Leader
from elect.mirror.mirror_content import MirrorContent
from elect.mirror.mirror_machine import MirrorMachine, SourceProblem
from elect.mirror.mirror_values import ChangeOrigin, MirrorChange, MirrorPhase
from elect.observing import change_entries, mirror_session
from elect.observing.change_log import ChangeLog
from elect.observing.mirror_messages import MIRROR_KIND, MIRROR_MESSAGES, Changes, SnapshotPart
from elect.observing.mirror_server import MirrorServer
from wire.io.link_events import LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.codec import Codec
from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.wire_errors import WireError

ID = bytes(range(16))
ELECTIONS = ("x", "y", "z")
PLACES = st.integers(0, 2)
KEPT = 12
CODEC = Codec(*MIRROR_MESSAGES)
BOUNDS = {
    (change_entries, "MESSAGE_BYTES"): 100,
    (mirror_session, "BYTES_UNDER_WAY_MAX"): 400,
    (mirror_session, "BYTES_TO_RESUME"): 300,
    (mirror_session, "MESSAGES_UNDER_WAY_MAX"): 8,
}
"""So small that a dozen changes reach all of them."""

LARGEST = 400
"""The members take more than a message holds otherwise."""

TURNS_MAX = 500


@dataclass
class Follower:
    """One mirror: what is durable, what it applied, and the two directions of its link."""

    name: str
    content: MirrorContent = field(default_factory=MirrorContent)
    seen: list[MirrorChange] = field(default_factory=list)
    number: LinkNumber | None = None
    onward: deque[bytes] = field(default_factory=deque)
    back: deque[bytes] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.machine = MirrorMachine(self.content)


class MirrorWorld(RuleBasedStateMachine):
    """A source with a small memory, and three mirrors of it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = [patch.object(place, name, bound) for (place, name), bound in BOUNDS.items()]
        for each in self.patches:
            each.start()
        self.now = self.number = 0
        self.term = 0
        self.history: dict[tuple[bytes, int], tuple[str, int, str | None]] = {}
        self.followers = [Follower(f"mirror/m/{place}") for place in range(3)]
        self.restart_source()

    # The links of the source.

    def send(self, peer: str, number: LinkNumber, message: object) -> None:
        follower = next(each for each in self.followers if each.name == peer)
        assert follower.number == number
        follower.back.append(CODEC.encode(message))

    def cut(self, peer: str, number: LinkNumber, error: WireError) -> None:
        raise AssertionError(f"{peer} broke the order: {error}")

    def wake(self) -> None:
        """The turn comes when the machine wants it."""

    def cluster_id(self) -> bytes:
        return ID

    def is_standby(self) -> bool:
        return False

    def address(self, node_id: str) -> str | None:
        return None

    def quorum_age_ns(self) -> int:
        return 0

    # The source.

    @rule()
    def restart_source(self) -> None:
        """It comes back with what its cluster knows now, in another stream."""
        for each in self.followers:
            self._end(each)
        latest = {} if not self.history else self.server._log._latest
        self.log = ChangeLog(Configuration.initial("abc"), kept_max=KEPT)
        self.server = MirrorServer(self, self.log, self, clock=lambda: self.now, count_refused=self.cut)
        self.history[self.log.stream, 1] = ("", 0, None)
        for topic, change in latest.items():
            if topic:
                self._publish(topic, change.term, change.leader)

    def _publish(self, election: str, term: int, leader: Leader | None) -> None:
        event = LeaderChanged(election=election, term=term, leader=leader and leader.node_id, at=0)
        self.server.note_published([PublishedEvent(event, leader=leader)])
        self.history[self.log.stream, self.log.revision] = (election, term, leader and leader.node_id)

    @rule(
        election=st.sampled_from(ELECTIONS), leaders=st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=9)
    )
    def change(self, election: str, leaders: list[str | None]) -> None:
        for leader in leaders:
            self.term += leader is not None
            found = None if leader is None else Leader(node_id=leader, term=self.term)
            self._publish(election, self.term, found)

    @rule(count=st.integers(1, 5))
    def turn(self, count: int) -> None:
        for _ in range(count):
            self.server.turn()

    # The links.

    @rule(place=PLACES)
    def connect(self, place: int) -> None:
        follower = self.followers[place]
        if follower.number is not None:
            return
        self.number += 1
        follower.number = LinkNumber(0, self.number)
        identity = PeerIdentity(node=follower.name, incarnation=0, store=bytes(16), attributes={})
        self.server.receive(
            LinkAccepted(
                peer=follower.name,
                number=follower.number,
                kind=MIRROR_KIND,
                identity=identity,
                is_trusted=False,
                local="",
                remote="",
            )
        )
        follower.onward.append(CODEC.encode(follower.machine.connected(self.now)))

    @rule(place=PLACES)
    def cut_link(self, place: int) -> None:
        self._end(self.followers[place])

    @rule(place=PLACES)
    def crash(self, place: int) -> None:
        """A kill: only what was written is left."""
        follower = self.followers[place]
        self._end(follower)
        follower.content = deepcopy(follower.content)
        follower.machine = MirrorMachine(follower.content)

    def _end(self, follower: Follower) -> None:
        if follower.number is None:
            return
        number, follower.number = follower.number, None
        follower.onward.clear()
        follower.back.clear()
        follower.machine.disconnected()
        self.server.receive(LinkEnded(peer=follower.name, number=number, is_end_of_stream=True, error=None, bye=None))

    @rule(place=PLACES, onward=st.integers(0, 5), back=st.integers(0, 5))
    def deliver(self, place: int, onward: int, back: int) -> None:
        follower = self.followers[place]
        for _ in range(min(onward, len(follower.onward))):
            message = CODEC.decode(follower.onward.popleft())
            assert follower.number is not None
            self.server.receive(MessageReceived(peer=follower.name, number=follower.number, message=message))
        for _ in range(min(back, len(follower.back))):
            follower.machine.receive(CODEC.decode(follower.back.popleft()), self.now)

    @rule(place=PLACES, passed=st.sampled_from([0, 1, 50_000_000, 500_000_000]))
    def work(self, place: int, passed: int) -> None:
        """The mirror applies one batch, and says how far it is."""
        self.now += passed
        follower = self.followers[place]
        try:
            batch = follower.machine.next_batch() if follower.machine.is_welcome else None
        except SourceProblem as problem:
            assert problem.code == "behind"  # a source that has just come back may be
            self._end(follower)
            return
        if batch is not None:
            follower.seen += follower.machine.applied(batch)
        message = follower.machine.applied_message(self.now)
        if message is not None:
            follower.onward.append(CODEC.encode(message))

    # What holds.

    @invariant()
    def bytes_under_way_are_bounded(self) -> None:
        for session in self.server._sessions.values():
            assert session._bytes < 400 + LARGEST
            assert len(session._sizes) <= 8
        for follower in self.followers:
            data = [each for each in map(CODEC.decode, follower.back) if isinstance(each, SnapshotPart | Changes)]
            assert len(data) <= 8

    def teardown(self) -> None:
        """Once nothing disturbs them, all mirrors follow, and have seen what the source said."""
        try:
            for place, follower in enumerate(self.followers):
                self._settle(place, follower)
                self._check_sequence(follower)
        finally:
            for each in self.patches:
                each.stop()

    def _settle(self, place: int, follower: Follower) -> None:
        for _ in range(TURNS_MAX):
            self.connect(place)
            self.turn(1)
            self.deliver(place, 100, 100)
            self.work(place, 50_000_000)
            is_level = (follower.content.stream, follower.content.revision) == (self.log.stream, self.log.revision)
            if is_level and follower.machine.state(follower.machine.as_of, self.now).phase is MirrorPhase.FOLLOWING:
                break
        else:
            raise AssertionError("a mirror does not follow")
        known = {change.topic: change.leader for change in self.log.snapshot() if change.topic}
        found = {name: entry.leader_id or None for name, entry in follower.content.leaders.items()}
        assert found == {name: leader and leader.node_id for name, leader in known.items()}

    def _check_sequence(self, follower: Follower) -> None:
        stream, revision = b"", 0
        for change in follower.seen:
            if change.origin is ChangeOrigin.SNAPSHOT:
                assert change.stream != stream or change.revision >= revision
            else:
                assert (change.stream, change.revision) == (stream, revision + 1)
                expected = self.history[change.stream, change.revision]
                assert (change.election, change.term, change.leader and change.leader.node_id) == expected
            stream, revision = change.stream, change.revision


TestMirrors = MirrorWorld.TestCase
TestMirrors.settings = settings(max_examples=50, stateful_step_count=40)
