"""The handshake: who dials whom, in which version, and why it may be refused. Values and judgements, no bytes.

The dialer sends MAGIC and a Hello; the acceptor judges it with `review` and answers MAGIC and a Welcome, or MAGIC and
a Reject. Both carry their end's own view of the connection's two addresses: where the views agree nothing between the
ends terminates the connection, and the end of the stream comes from the other end's operating system itself.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from wire.errors import Refusal, RejectCode
from wire.identity import (
    Identity,
    LinkNumber,
    PeerIdentity,
    check_attributes,
    check_counter,
    check_name,
    check_store,
)

MAGIC = b"\x89wire\r\n\x1a"
"""Not text, and changed by whatever changes line ends or the eighth bit."""

VERSION_MIN = 1
VERSION_MAX = 1
"""The protocol versions that this code speaks."""

HELLO_BYTES_MAX = 8_192
"""Longest frame of a handshake: what a stranger can make this end hold."""

TEXT_LENGTH_MAX = 256

PEER_KIND = "peer"


def _check_text(what: str, text: str) -> None:
    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"{what} has {len(text)} characters; {TEXT_LENGTH_MAX} are allowed")


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
    """

    version: int
    node: str
    incarnation: int
    store: bytes
    local: str
    remote: str
    attributes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("node", self.node)
        check_counter("incarnation", self.incarnation)
        check_store(self.store)
        _check_text("local", self.local)
        _check_text("remote", self.remote)
        check_attributes(self.attributes)

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
        retryable: whether the same Hello may succeed later.
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
        return Refusal(code, self.reason, is_retryable=self.retryable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """The dialer's last frame before it closes on purpose: for the other end's log, nothing rests on it."""

    reason: str

    def __post_init__(self) -> None:
        _check_text("reason", self.reason)


def hello(identity: Identity, *, to: str, number: LinkNumber, kind: str, local: str, remote: str) -> Hello:
    """What this node says when it dials."""
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
    )


def welcome(identity: Identity, said: Hello, *, local: str, remote: str) -> Welcome:
    """What this node answers to a Hello that `review` let pass."""
    return Welcome(
        version=min(said.version_max, VERSION_MAX),
        node=identity.node,
        incarnation=identity.incarnation,
        store=identity.store,
        local=local,
        remote=remote,
        attributes=dict(identity.attributes),
    )


def review(said: Hello, identity: Identity, *, kinds: Collection[str], is_known_peer: Callable[[str], bool]) -> None:
    """Judge a Hello as its acceptor; Refusal names the first thing that is wrong with it."""
    if said.version_max < VERSION_MIN or said.version_min > VERSION_MAX:
        theirs, ours = f"{said.version_min}-{said.version_max}", f"{VERSION_MIN}-{VERSION_MAX}"
        raise _no(RejectCode.VERSION, f"versions {theirs} are offered, {ours} are spoken here")
    if said.cluster != identity.cluster:
        raise _no(RejectCode.CLUSTER, f"this is cluster {identity.cluster!r}, not {said.cluster!r}")
    if said.node == identity.node:
        raise _no(RejectCode.SELF, f"this is node {identity.node!r} itself, or another of the same name")
    if said.to not in ("", identity.node):
        raise _no(RejectCode.WRONG_NODE, f"this is node {identity.node!r}, not {said.to!r}")
    if not is_known_peer(said.node):
        raise _no(RejectCode.UNKNOWN_PEER, f"node {said.node!r} is not known here", is_retryable=True)
    if said.kind not in kinds:
        raise _no(RejectCode.KIND, f"kind {said.kind!r} is not served here")


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
