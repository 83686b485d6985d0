"""The messages of the handshake, and the rules by which each end judges the other one's. Values, no bytes.

The dialer sends MAGIC and a Hello. The acceptor judges it with `judge_hello` and answers MAGIC and a Welcome, or MAGIC
and a Reject. Hello and Welcome carry their end's own view of the connection's two addresses. Where the views agree, no
proxy terminates the connection, and the end of the stream comes from the other end's operating system itself.

With shared keys (`wire.protocol.keys`), Hello and Welcome name them. A Proof of each end follows
(`wire.protocol.frame_auth`). An end with keys accepts no end without them.

Source: FORMAT.md, sections 4 and 5; section 4.4 (ids with a slash); section 7.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from wire.protocol.address import UNIX
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
"""The first bytes. A path that changes line ends or drops the eighth bit changes them: the handshake fails there."""

VERSION_MIN = VERSION_MAX = 1
"""The protocol versions that this code supports."""

HELLO_BYTES_MAX = 8_192
"""Longest frame of a handshake: a stranger can make this end hold this much. All fields at their bounds fit in."""

TEXT_LENGTH_MAX = 256
"""The longest text of a refusal: one line of a log."""

NONCE_BYTES = 32
"""With this length no two handshakes ever have the same nonce."""

KEY_IDS_MAX = 8
"""Above the 2 of this version: a later version may hold more keys."""

PEER_KIND = "peer"

Judge = Callable[[PeerIdentity], Refusal | None]
"""Returns why a program refuses the other end, or None to accept it. Called on threads of wire; must not raise."""


def accept_any_peer(_: PeerIdentity) -> Refusal | None:
    """Return None for every peer."""
    return None


def _check_text(what: str, text: str) -> None:
    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"{what} has {len(text)} characters; {TEXT_LENGTH_MAX} are allowed")


def _check_nonce(nonce: bytes, keys: Collection[bytes]) -> None:
    if len(nonce) != (NONCE_BYTES if keys else 0):
        raise ValueError(f"nonce has {len(nonce)} bytes; {NONCE_BYTES} are needed with keys, 0 without")
    if len(keys) > KEY_IDS_MAX or any(len(key) != KEY_ID_BYTES for key in keys):
        raise ValueError(f"keys: at most {KEY_IDS_MAX} ids of {KEY_ID_BYTES} bytes are allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The dialer's first frame.

    Attributes:
        version_min: the oldest protocol version that the dialer supports.
        version_max: the newest.
        cluster: name of the dialer's cluster.
        node: the dialer's id.
        to: id of the node that the dialer expects at this address; empty when it has none in mind.
        incarnation: the dialer's durable count of starts.
        counter: the dialer's number for this link, within the incarnation.
        store: random id of the dialer's store.
        kind: the dialer's part, such as "peer"; an acceptor serves some kinds.
        local: the dialer's address, as the dialer sees it.
        remote: the acceptor's address, as the dialer sees it.
        attributes: small texts.
        nonce: fresh random bytes, where there are keys.
        keys: ids of the keys that the dialer holds, the preferred one first.
        is_two_way: whether both ends send after the handshake; otherwise only the dialer does.
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
            raise ValueError(f"version_min is {self.version_min}; 0 to version_max ({self.version_max}) is allowed")
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
        """Return the number of the link."""
        return LinkNumber(self.incarnation, self.counter)

    @property
    def identity(self) -> PeerIdentity:
        """Return the identity that the dialer claims."""
        return PeerIdentity(node=self.node, incarnation=self.incarnation, store=self.store, attributes=self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The acceptor's consent; on a one-way link without keys its last frame.

    Attributes:
        version: the protocol version of the link.
        node: the acceptor's id.
        incarnation: the acceptor's durable count of starts.
        store: random id of the acceptor's store.
        local: the acceptor's address, as the acceptor sees it.
        remote: the dialer's address, as the acceptor sees it.
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
        """Return the identity that the acceptor claims."""
        return PeerIdentity(node=self.node, incarnation=self.incarnation, store=self.store, attributes=self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """The acceptor's refusal, its last frame.

    Attributes:
        code: one of RejectCode, or a later version's.
        reason: a sentence for a log.
        retryable: whether a later attempt may be accepted.
    """

    code: str
    reason: str
    retryable: bool

    def __post_init__(self) -> None:
        check_name("code", self.code)
        _check_text("reason", self.reason)

    @classmethod
    def of(cls, refusal: Refusal) -> "Reject":
        """Return the message that carries a refusal."""
        return cls(code=str(refusal.code), reason=refusal.text[:TEXT_LENGTH_MAX], retryable=refusal.is_retryable)

    @property
    def refusal(self) -> Refusal:
        """Return the refusal that this message carries."""
        try:
            code = RejectCode(self.code)
        except ValueError:
            code = RejectCode.OTHER
        return Refusal(code, printable(self.reason), is_retryable=self.retryable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The message by which each end proves after the Welcome that it holds the key."""

    tag: bytes

    def __post_init__(self) -> None:
        if len(self.tag) != PROOF_BYTES:
            raise ValueError(f"tag has {len(self.tag)} bytes; {PROOF_BYTES} are needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """An end's last frame before it closes on purpose. It is for the other end's log; no rule depends on it."""

    reason: str

    def __post_init__(self) -> None:
        _check_text("reason", self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The keepalive of a two-way link: how many frames with a payload its sender has read since the handshake."""

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
    """Return the Hello of this node as a dialer; `ring` and a fresh `nonce` go together."""
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
    received: Hello,
    *,
    local: str,
    remote: str,
    nonce: bytes = b"",
    ring: KeyRing | None = None,
) -> Welcome:
    """Return the Welcome to a Hello that `judge_hello` accepted; `ring` and a fresh `nonce` go together."""
    key = ring.find(received.keys) if ring is not None else None
    return Welcome(
        version=min(received.version_max, VERSION_MAX),
        node=identity.node,
        incarnation=identity.incarnation,
        store=identity.store,
        local=local,
        remote=remote,
        attributes=dict(identity.attributes),
        nonce=nonce,
        key=b"" if key is None else key.id,
    )


def judge_hello(
    received: Hello,
    identity: Identity,
    *,
    kinds: Collection[str],
    is_known_peer: Callable[[str], bool],
    judge: Judge = accept_any_peer,
    ring: KeyRing | None = None,
    two_way: Collection[str] = (),
    many: Collection[str] = (),
) -> None:
    """Judge a Hello as its acceptor; Refusal names the first thing that is wrong with it.

    Args:
        received: the dialer's Hello.
        identity: the acceptor's.
        kinds: the kinds that are served on one-way links.
        is_known_peer: whether a node of this id may connect.
        judge: called last, with the identity that the dialer claims.
        ring: the acceptor's keys, if it has any.
        two_way: the kinds that are served on two-way links.
        many: those of them whose dialers have ids with a slash; no other kind has.
    """
    _judge_version(received)
    # Clusters may share networks and port ranges, and use the same node ids: an address in a wrong file is enough.
    if received.cluster != identity.cluster:
        raise _no(RejectCode.CLUSTER, f"this is cluster {identity.cluster!r}, not {received.cluster!r}")
    # Before anything about nodes: a dialer without a key is told nothing about them.
    _judge_keys(received, ring)
    # A node that dials its own address, perhaps in another spelling, or two nodes that were given one id.
    if received.node == identity.node:
        code = RejectCode.OWN_STORE if received.store == identity.store else RejectCode.SELF
        raise _no(code, f"this is node {identity.node!r} itself, or another of the same name")
    # The dialer's configuration is wrong, and means another node: what it sends must not be taken as sent to this one.
    if received.to not in ("", identity.node):
        raise _no(RejectCode.WRONG_NODE, f"this is node {identity.node!r}, not {received.to!r}")
    # Retryable: the dialer may be added here later.
    if not is_known_peer(received.node):
        raise _no(RejectCode.UNKNOWN_PEER, f"node {received.node!r} is not known here", is_retryable=True)
    _judge_kind(received, two_way if received.is_two_way else kinds, is_of_many=received.kind in many)
    # The program last: it sees only ends that may talk to it in this protocol.
    if (refusal := judge(received.identity)) is not None:
        raise refusal


def _judge_version(received: Hello) -> None:
    """The version first: the other fields of a version that is not supported here may mean something else."""
    if received.version_max < VERSION_MIN or received.version_min > VERSION_MAX:
        theirs = f"{received.version_min}-{received.version_max}"
        raise _no(RejectCode.VERSION, f"versions {theirs} are offered, {VERSION_MIN}-{VERSION_MAX} are accepted")


def _judge_keys(received: Hello, ring: KeyRing | None) -> None:
    """Both ends have keys or neither has: with a fallback a stranger could leave the keys out."""
    if ring is None and received.keys:
        raise _no(RejectCode.KEY, "this end has no keys: the other one must have none either")
    if ring is not None and not received.keys:
        raise _no(RejectCode.KEY, "this end has keys: the other one must have one of them")
    if ring is not None and ring.find(received.keys) is None:
        raise _no(RejectCode.KEY, "none of the keys that are offered is held here")


def _judge_kind(received: Hello, served: Collection[str], *, is_of_many: bool) -> None:
    # The two ends must agree on who sends: on a one-way link a byte of the acceptor is a fault.
    if received.kind not in served:
        ways = "two-way" if received.is_two_way else "one-way"
        raise _no(RejectCode.KIND, f"kind {received.kind!r} is not served here, not on {ways} links")
    # A certificate for NAME is good for every NAME/INSTANCE: so those kinds are apart from the ones of nodes.
    owner, slash, instance = received.node.rpartition("/")
    if not (owner and instance) if is_of_many else slash:
        raise _no(RejectCode.KIND, f"kind {received.kind!r} is not for the id {received.node!r}: see its slash")


def judge_welcome(answer: Welcome, *, to: str) -> None:
    """Judge a Welcome as its dialer; Refusal names what is wrong with it."""
    # The certificate of a client is good for any such id: with it a client could answer in place of a node.
    if "/" in answer.node:
        raise _no(RejectCode.WRONG_NODE, f"{answer.node!r} answers, which has a slash and is no node")
    # The acceptor chose among the versions offered: another one is its fault, and this end does not support it.
    if not VERSION_MIN <= answer.version <= VERSION_MAX:
        raise _no(RejectCode.VERSION, f"version {answer.version} is answered, which was not offered")
    # An acceptor that does not check `to` itself: what is sent to one node must not reach another.
    if to not in ("", answer.node):
        raise _no(RejectCode.WRONG_NODE, f"node {answer.node!r} answers, not {to!r}")


def stale_link(received: Hello, highest: LinkNumber) -> Refusal:
    """Return the refusal of a link whose number isn't above the highest that was accepted from its dialer.

    A Hello that was delayed in the network must not replace a newer link. The next attempt has a higher number.
    """
    return _no(RejectCode.STALE_LINK, f"link {received.number} is not above {highest}", is_retryable=True)


def are_views_equal(received: Hello | Welcome, *, local: str, remote: str) -> bool:
    """Return whether the other end sees the two addresses that this end sees, each from its own side.

    A proxy, or a translation of addresses, gives them different views. A Unix socket has no addresses to compare.
    """
    return received.local == remote and received.remote == local and not local.startswith(UNIX)


def _no(code: RejectCode, text: str, *, is_retryable: bool = False) -> Refusal:
    return Refusal(code, text, is_retryable=is_retryable)
