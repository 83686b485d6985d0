"""The contents of a corpus: every message of this version as a value, and whole conversations.

A value stays as it is once it has been recorded. When a message grows, the old value says what a reader of later
versions makes of the old bytes (the new field has its default), and another name is given to one with the new field.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from elect.core.configuration import ClusterState, Configuration, Member, MemberKind
from elect.core.membership_messages import Install, InstallReport
from elect.core.messages import (
    Abandon,
    Abandoned,
    Ack,
    Batch,
    ConfigurationId,
    Follow,
    Grant,
    Heartbeat,
    Knowledge,
    Known,
    Lead,
    Number,
    RefusalReason,
    Refuse,
    Resign,
    Resigned,
    Standing,
    Vote,
)
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.frame import HEADER_BYTES
from wire.protocol.handshake import MAGIC, Bye, Heard, Hello, Proof, Reject, Welcome, hello, welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.keys import KeyRing
from wire.protocol.wire_errors import Refusal, RejectCode

HANDSHAKE = Codec(Hello, Welcome, Reject, Proof)
LINK = Codec(Heartbeat, Batch, Knowledge, Install, InstallReport, Bye, Heard)

RING = KeyRing.parse("61" * 32)
NONCE = bytes(range(32))
ANN = Identity(
    cluster="orders", node="ann", incarnation=3, store=b"store of node an", attributes={"m.http": "http://a"}
)
BOB = Identity(cluster="orders", node="bob", incarnation=2**63 - 1, store=b"store of node bo")
HELLO = hello(ANN, to="bob", number=LinkNumber(3, 7), kind="peer", local="10.0.0.1:5", remote="[2001:db8::1]:6")
KEYED = replace(HELLO, nonce=NONCE, keys=RING.ids)
CONFIGURATION = ConfigurationId(7, 2, b"\x00\x01\x02\x03\xfc\xfd\xfe\xff")
HEARTBEAT = Heartbeat(
    sent=2**62,
    duration=1_000_000_000,
    ack=Ack(link=Number(3, 7), session=Number(1, 2), sent=123_456_789, duration=600_000_000_000),
    supports=("ann", "bob"),
    standing=Standing(priority=0, offset=2**63 - 1, willing=False),
    configuration=CONFIGURATION,
    said=5,
    heard=2**32,
    busy=True,
)

CODES = (
    *(
        "version",
        "cluster",
        "self",
        "wrong_node",
        "key",
        "certificate",
        "kind",
        "unknown_peer",
        "removed",
        "stale_link",
    ),
    *("full", "timeout", "malformed", "stopping", "other", "store", "id_in_use", "unformed", "own_store"),
    "user",
)
REASONS = ("boot_fence", "bound", "leading", "candidate", "yields", "term", "offset", "configuration", "not_voter")
"""A later one goes into a message of its own: these stand in what was recorded."""

MESSAGES: dict[str, object] = {
    "hello": HELLO,
    "hello to whoever answers": replace(HELLO, to="", attributes={}, version_min=0, version_max=2**31),
    "hello with keys": KEYED,
    "hello on a two-way link": replace(HELLO, kind="client", is_two_way=True),
    "welcome": welcome(BOB, HELLO, local="[2001:db8::1]:6", remote="10.0.0.1:5"),
    "welcome with a key": welcome(BOB, KEYED, local="b:1", remote="a:2", nonce=NONCE, ring=RING),
    "proof": Proof(tag=NONCE),
    **{
        f"reject {code}": Reject.of(Refusal(code, "because", is_retryable=place % 2 == 0))
        for place, code in enumerate(map(RejectCode, CODES))
    },
    "bye": Bye(reason="going home"),
    "heard": Heard(frames=2**40),
    "heartbeat": HEARTBEAT,
    "heartbeat to a stranger": replace(
        HEARTBEAT, ack=None, supports=(), standing=Standing(), said=0, heard=0, busy=False
    ),
    "batch of all but refusals": Batch(
        configuration=CONFIGURATION,
        entries=(
            Vote(election="default", term=1, offset=0),
            Grant(election="default", term=2**53 - 1, session=Number(4, 8), link=Number(2, 3)),
            Grant(election="default", term=2, session=None, link=Number(2, 3)),
            Abandon(election="default", term=7),
            Abandoned(election="default", term=7),
            Lead(election="x" * 64, term=3),
            Follow(election="default", term=4, session=Number(1, 2)),
            Resign(election="default", term=5),
            Resign(election="default", term=6, successor="bob"),
            Resigned(election="default", term=7),
        ),
    ),
    "batch of refusals": Batch(
        configuration=replace(CONFIGURATION, term=0, version=0),
        entries=tuple(
            Refuse(
                election="default",
                term=9,
                own_term=place,
                reason=reason,
                leader="bob" if place % 2 else None,
                is_to_lead=place % 3 == 0,
            )
            for place, reason in enumerate(map(RefusalReason, REASONS))
        ),
    ),
    "batch of nothing": Batch(configuration=CONFIGURATION, entries=()),
    "knowledge": Knowledge(
        number=1,
        whole=True,
        entries=(
            Known(election="default", term=4, leader="ann", incarnation=3, stands=True),
            Known(election="other", term=0, leader=None),
        ),
    ),
    "install": Install(
        configuration=Configuration(
            members=(
                Member(node_id="ann", store_id=NONCE[:16], address="[2001:db8::1]:7101"),
                Member(node_id="bob", kind=MemberKind.WITNESS),
                Member(node_id="cid", is_voter=False),
                Member(node_id="dee", kind=MemberKind.OBSERVER, is_voter=False),
            ),
            term=2**53 - 1,
            version=2**63 - 1,
            floor=7,
            cluster_id=NONCE[16:],
        )
    ),
    "install of a proposed id": Install(
        configuration=Configuration(members=(Member(node_id="ann"),), version=1, proposed_cluster_id=NONCE[16:])
    ),
    "report of an installation": InstallReport(configuration=CONFIGURATION, term=9, duration=600_000_000_000),
    "refusal without an active cluster": Batch(
        configuration=CONFIGURATION,
        entries=(Refuse(election="default", term=9, own_term=8, reason=RefusalReason.NOT_ACTIVE),),
    ),
    "install of a seal": Install(
        configuration=Configuration(
            members=(Member(node_id="ann"),),
            term=3_000_005,
            version=4,
            floor=3_000_000,
            state=ClusterState.SEALED,
            successor="b.example:7000",
            promotion_floor=3_000_000,
        )
    ),
    "install of a standby cluster": Install(configuration=Configuration.initial(("ann",), is_standby=True)),
    "report of a seal": InstallReport(configuration=CONFIGURATION, term=9, duration=1, root_term=2**53 - 1),
}


def codec_of(message: object) -> Codec:
    """Return the codec that has this message."""
    return HANDSHAKE if isinstance(message, Hello | Welcome | Reject | Proof) else LINK


def payloads(stream: bytes) -> Iterator[bytes]:
    """Return the payloads of the whole frames."""
    while stream:
        size = HEADER_BYTES + int.from_bytes(stream[:HEADER_BYTES], "big")
        yield stream[HEADER_BYTES:size]
        stream = stream[size:]


class _Repeating(Connection):
    """An end that repeats a recorded handshake: keys prove each byte, and a later version may send more."""

    def repeat(self, said: bytes) -> None:
        """Take the words from this conversation."""
        self._said = payloads(said[len(MAGIC) :])

    def _handshake_frame(self, message: Hello | Welcome | Reject | Proof) -> bytes:
        payload = next(self._said)
        return len(payload).to_bytes(HEADER_BYTES, "big") + payload


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conversation:
    """One connection from its first byte to its last: what each end says, and what the other one then hears.

    Attributes:
        said: the Hello.
        answer: the Welcome.
        ring: the keys that both ends hold.
    """

    said: Hello
    answer: Welcome
    ring: KeyRing | None = None

    def ends(self, cls: type[Connection] = Connection, frame_bytes_max: int = 65_536) -> tuple[Connection, Connection]:
        """Return the connections of dialer and acceptor, before the handshake."""
        dialer, acceptor = (
            cls(LINK, frame_bytes_max, is_dialer=is_dialer, ring=self.ring) for is_dialer in (True, False)
        )
        return dialer, acceptor

    def shake_hands(self, dialer: Connection, acceptor: Connection) -> tuple[bytes, bytes]:
        """All that the dialer says in it, and all that the acceptor does."""
        first = dialer.greet(self.said)
        list(acceptor.receive(first))
        back = acceptor.accept(self.answer)
        list(dialer.receive(back))
        proof = dialer.prove()
        list(acceptor.receive(proof))
        return first + proof, back

    def speak(self) -> tuple[bytes, bytes]:
        """All that the dialer says, and all that the acceptor does."""
        dialer, acceptor = self.ends()
        onward, back = self.shake_hands(dialer, acceptor)
        return onward + _last(dialer), back + (_last(acceptor) if self.said.is_two_way else b"")

    def hear(
        self, onward: bytes, back: bytes, cut: Callable[[bytes], list[bytes]]
    ) -> tuple[list[object], list[object]]:
        """Return the messages that acceptor and dialer receive in pieces of these bytes, when they send as recorded."""
        dialer, acceptor = ends = self.ends(_Repeating)
        for end, said in zip(ends, (onward, back), strict=True):
            assert isinstance(end, _Repeating)
            end.repeat(said)
        dialer.greet(self.said)
        heard: list[object] = []
        for piece in cut(onward):
            for message in acceptor.receive(piece):
                heard.append(message)
                if isinstance(message, Hello):
                    acceptor.accept(self.answer)
        acceptor.receive_end()
        told = [message for piece in cut(back) for message in dialer.receive(piece)]
        dialer.receive_end()
        return heard, told


def _last(end: Connection) -> bytes:
    return end.send(HEARTBEAT) + end.keepalive() + end.send(MESSAGES["knowledge"]) + end.close("going home")


LAST = [HEARTBEAT, MESSAGES["knowledge"], Bye(reason="going home")]

CONVERSATIONS = {
    "one way": Conversation(said=HELLO, answer=welcome(BOB, HELLO, local="b:1", remote="a:2")),
    "two ways": Conversation(
        said=replace(HELLO, is_two_way=True), answer=welcome(BOB, HELLO, local="b:1", remote="a:2")
    ),
    "one way with keys": Conversation(
        said=KEYED, answer=welcome(BOB, KEYED, local="b:1", remote="a:2", nonce=NONCE, ring=RING), ring=RING
    ),
    "two ways with keys": Conversation(
        said=replace(KEYED, is_two_way=True),
        answer=welcome(BOB, KEYED, local="b:1", remote="a:2", nonce=NONCE, ring=RING),
        ring=RING,
    ),
}
