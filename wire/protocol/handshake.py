"""The handshake: who dials whom, in which version, and why it may be refused. Values and judgements, no bytes.

The dialer sends MAGIC and a Hello; the acceptor judges it with `review` and answers MAGIC and a Welcome, or MAGIC and
a Reject. Both carry their end's own view of the connection's two addresses: where the views agree nothing between the
ends terminates the connection, and the end of the stream comes from the other end's operating system itself.

With shared keys (`wire.protocol.keys`), the Hello names those that the dialer holds and the Welcome the one to
use; a Proof of each end follows (`wire.protocol.frame_auth`). An end with keys takes nobody without.

Source: FORMAT.md, sections 4 and 5; section 7.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from wire.protocol.frame_auth import PROOF_BYTES
from wire.protocol.identity import (
    Identity,
    LinkNumber,
    PeerIdentity,
    check_attributes,
    check_counter,
    check_name,
    check_store,
    printable,
)
from wire.protocol.keys import KEY_ID_BYTES, KeyRing
from wire.protocol.wire_errors import Refusal, RejectCode

MAGIC = b"\x89wire\r\n\x1a"
"""Not text, and changed by whatever changes line ends or the eighth bit."""

VERSION_MIN = 1
VERSION_MAX = 1
"""The protocol versions that this code speaks."""

HELLO_BYTES_MAX = 8_192
"""Longest frame of a handshake: what a stranger can make this end hold."""

TEXT_LENGTH_MAX = 256

NONCE_BYTES = 32

KEY_IDS_MAX = 8
"""A later version may hold more keys than this one."""

PEER_KIND = "peer"


Judge = Callable[[PeerIdentity], Refusal | None]
"""Why a program does not take the other end, or None: it does. Called on wire's threads; must not raise."""


def take_anybody(_: PeerIdentity) -> Refusal | None:
    """Refuse nobody."""
    return None


def _check_text(what: str, text: str) -> None:
    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"{what} has {len(text)} characters; {TEXT_LENGTH_MAX} are allowed")


def _check_nonce(nonce: bytes, keys: Collection[bytes]) -> None:
    if len(nonce) != (NONCE_BYTES if keys else 0):
        raise ValueError(f"nonce has {len(nonce)} bytes; with a key {NONCE_BYTES} are needed, without none")
    if len(keys) > KEY_IDS_MAX or any(len(key) != KEY_ID_BYTES for key in keys):
        raise ValueError(f"more than {KEY_IDS_MAX} keys, or an id that has not {KEY_ID_BYTES} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The dialer's first frame.

    Attributes:
        version_min: the oldest protocol version that it speaks.
        version_max: the newest.
        cluster: name of its cluster.
        node: its id.
        to: id of the node that it means to reach; empty when it doesn't know.
        incarnation: its durable count of starts.
        counter: its number for this link, within the incarnation.
        store: its store's random id.
        kind: what it is to the acceptor.
        local: its own address, as it sees it.
        remote: the acceptor's address, as it sees it.
        attributes: small texts.
        nonce: fresh random bytes, where there are keys.
        keys: ids of the keys that it holds, the one it prefers first.
        is_two_way: after the handshake both ends speak; otherwise the dialer alone does.
    """

    version_min: int
    version_max: int
    cluster: str
    node: str
    to: str
    incarnation: int
    counter: int
    store: bytes
    kind: str
    local: str
    remote: str
    attributes: dict[str, str] = field(default_factory=dict)
    nonce: bytes = b""
    keys: tuple[bytes, ...] = ()
    is_two_way: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.version_min <= self.version_max:
            raise ValueError(f"versions {self.version_min} to {self.version_max} are no range")
        check_name("cluster", self.cluster)
        check_name("node", self.node)
        check_name("to", self.to, is_empty_allowed=True)
        check_counter("incarnation", self.incarnation)
        check_counter("counter", self.counter)
        check_store(self.store)
        check_name("kind", self.kind)
        _check_text("local", self.local)
        _check_text("remote", self.remote)
        check_attributes(self.attributes)
        _check_nonce(self.nonce, self.keys)

    @property
    def number(self) -> LinkNumber:
        """The link's number."""
        return LinkNumber(self.incarnation, self.counter)

    @property
    def identity(self) -> PeerIdentity:
        """Who the dialer says it is."""
        return PeerIdentity(node=self.node, incarnation=self.incarnation, store=self.store, attributes=self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The acceptor's yes, its last frame.

    Attributes:
        version: the protocol version to speak.
        node: its id.
        incarnation: its durable count of starts.
        store: its store's random id.
        local: its own address, as it sees it.
        remote: the dialer's address, as it sees it.
        attributes: small texts.
        nonce: fresh random bytes, where there is a key.
        key: id of the key to use, one of the Hello's; empty where there is none.
    """

    version: int
    node: str
    incarnation: int
    store: bytes
    local: str
    remote: str
    attributes: dict[str, str] = field(default_factory=dict)
    nonce: bytes = b""
    key: bytes = b""

    def __post_init__(self) -> None:
        check_name("node", self.node)
        check_counter("incarnation", self.incarnation)
        check_store(self.store)
        _check_text("local", self.local)
        _check_text("remote", self.remote)
        check_attributes(self.attributes)
        _check_nonce(self.nonce, (self.key,) if self.key else ())

    @property
    def identity(self) -> PeerIdentity:
        """Who the acceptor says it is."""
        return PeerIdentity(node=self.node, incarnation=self.incarnation, store=self.store, attributes=self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """The acceptor's no, its last frame.

    Attributes:
        code: why; one of RejectCode, or a later version's.
        reason: a sentence.
        retryable: whether a later try may be let in.
    """

    code: str
    reason: str
    retryable: bool

    def __post_init__(self) -> None:
        check_name("code", self.code)
        _check_text("reason", self.reason)

    @classmethod
    def of(cls, refusal: Refusal) -> "Reject":
        """The frame that carries a refusal."""
        return cls(code=str(refusal.code), reason=refusal.text[:TEXT_LENGTH_MAX], retryable=refusal.is_retryable)

    @property
    def refusal(self) -> Refusal:
        """The refusal that this frame carried."""
        try:
            code = RejectCode(self.code)
        except ValueError:
            code = RejectCode.OTHER
        return Refusal(code, printable(self.reason), is_retryable=self.retryable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What each end says after the Welcome, where there is a key: that it holds the key."""

    tag: bytes

    def __post_init__(self) -> None:
        if len(self.tag) != PROOF_BYTES:
            raise ValueError(f"tag has {len(self.tag)} bytes; {PROOF_BYTES} are needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """An end's last frame before it closes on purpose: for the other end's log, nothing rests on it."""

    reason: str

    def __post_init__(self) -> None:
        _check_text("reason", self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """On a two-way link each end's sign of life: how many frames with a payload it has read since the handshake."""

    frames: int

    def __post_init__(self) -> None:
        check_counter("frames", self.frames)


def hello(
    identity: Identity,
    *,
    to: str,
    number: LinkNumber,
    kind: str,
    local: str,
    remote: str,
    nonce: bytes = b"",
    ring: KeyRing | None = None,
    is_two_way: bool = False,
) -> Hello:
    """What this node says when it dials; with its keys, if it has any, goes a fresh nonce."""
    return Hello(
        version_min=VERSION_MIN,
        version_max=VERSION_MAX,
        cluster=identity.cluster,
        node=identity.node,
        to=to,
        incarnation=number.incarnation,
        counter=number.counter,
        store=identity.store,
        kind=kind,
        local=local,
        remote=remote,
        attributes=dict(identity.attributes),
        nonce=nonce,
        keys=() if ring is None else ring.ids,
        is_two_way=is_two_way,
    )


def welcome(
    identity: Identity,
    said: Hello,
    *,
    local: str,
    remote: str,
    nonce: bytes = b"",
    ring: KeyRing | None = None,
) -> Welcome:
    """What this node answers to a Hello that `review` let pass; with its keys, if it has any, goes a fresh nonce."""
    key = ring.find(said.keys) if ring is not None else None
    return Welcome(
        version=min(said.version_max, VERSION_MAX),
        node=identity.node,
        incarnation=identity.incarnation,
        store=identity.store,
        local=local,
        remote=remote,
        attributes=dict(identity.attributes),
        nonce=nonce,
        key=b"" if key is None else key.id,
    )


def review(
    said: Hello,
    identity: Identity,
    *,
    kinds: Collection[str],
    is_known_peer: Callable[[str], bool],
    judge: Judge = take_anybody,
    ring: KeyRing | None = None,
    two_way: Collection[str] = (),
) -> None:
    """Judge a Hello as its acceptor; Refusal names the first thing that is wrong with it.

    Args:
        said: what the dialer said.
        identity: the acceptor's.
        kinds: what it serves and does not speak to.
        is_known_peer: whether a node of this id may connect.
        judge: asked last, of who the dialer says it is.
        ring: its keys, if it has any.
        two_way: the kinds that it serves and speaks to.
    """
    if said.version_max < VERSION_MIN or said.version_min > VERSION_MAX:
        theirs, ours = f"{said.version_min}-{said.version_max}", f"{VERSION_MIN}-{VERSION_MAX}"
        raise _no(RejectCode.VERSION, f"versions {theirs} are offered, {ours} are spoken here")
    if said.cluster != identity.cluster:
        raise _no(RejectCode.CLUSTER, f"this is cluster {identity.cluster!r}, not {said.cluster!r}")
    _review_keys(said, ring)
    if said.node == identity.node:
        raise _no(RejectCode.SELF, f"this is node {identity.node!r} itself, or another of the same name")
    if said.to not in ("", identity.node):
        raise _no(RejectCode.WRONG_NODE, f"this is node {identity.node!r}, not {said.to!r}")
    if not is_known_peer(said.node):
        raise _no(RejectCode.UNKNOWN_PEER, f"node {said.node!r} is not known here", is_retryable=True)
    if said.kind not in (two_way if said.is_two_way else kinds):
        ways = "two-way" if said.is_two_way else "one-way"
        raise _no(RejectCode.KIND, f"kind {said.kind!r} is not served here, not on {ways} links")
    refusal = judge(said.identity)
    if refusal is not None:
        raise refusal


def _review_keys(said: Hello, ring: KeyRing | None) -> None:
    if ring is None and said.keys:
        raise _no(RejectCode.KEY, "this end has no keys: the other one must have none either")
    if ring is not None and not said.keys:
        raise _no(RejectCode.KEY, "this end has keys: without one nobody is let in")
    if ring is not None and ring.find(said.keys) is None:
        raise _no(RejectCode.KEY, "none of the keys that are offered is held here")


def review_welcome(answer: Welcome, *, to: str) -> None:
    """Judge a Welcome as its dialer; Refusal names what is wrong with it."""
    if not VERSION_MIN <= answer.version <= VERSION_MAX:
        raise _no(RejectCode.VERSION, f"version {answer.version} is answered, which was not offered")
    if to not in ("", answer.node):
        raise _no(RejectCode.WRONG_NODE, f"node {answer.node!r} answers, not {to!r}")


def stale(said: Hello, highest: LinkNumber) -> Refusal:
    """The refusal of a link whose number isn't above the highest that was accepted from its dialer."""
    return _no(RejectCode.STALE_LINK, f"link {said.number} is not above {highest}", is_retryable=True)


def are_views_equal(said: Hello | Welcome, *, local: str, remote: str) -> bool:
    """Whether the other end sees the two addresses that this end sees, each from its own side."""
    return said.local == remote and said.remote == local


def _no(code: RejectCode, text: str, *, is_retryable: bool = False) -> Refusal:
    return Refusal(code, text, is_retryable=is_retryable)
