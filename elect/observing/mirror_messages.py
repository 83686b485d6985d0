"""The messages on a link of kind `mirror`, as values.

The dialer, a mirror at another site, subscribes once. The acceptor, a node of the source cluster, sends all that it
knows, or the changes since the last one that the mirror has applied; and from then on each change. The mirror says
how far it has come, so that the bytes under way have a bound.

Source: FORMAT.md, section 13.8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from elect.core.configuration import ADDRESS_LENGTH_MAX, CLUSTER_ID_LENGTH, Configuration
from elect.core.messages import INTEGER_MAX, NAME_LENGTH_MAX, TERM_MAX, check_name, check_range
from elect.observing.observer_messages import check_leader_id, check_metadata, check_text

MIRROR_KIND = "mirror"
"""The kind of the two-way links on which mirrors follow a source cluster."""

MIRROR_VERSION = 1
"""The version of these messages. A source and a mirror of different ones do not talk to each other."""

STREAM_LENGTH = 16

ENTRIES_MAX = 100_000
"""Entries of a snapshot: as many elections as a node has at most, and the members."""

MESSAGE_ENTRIES_MAX = 512
"""Entries of one message; the source ends a message at a size before that."""

TEXT_LENGTH_MAX = 500
"""Characters of a refusal, of an answer and of a successor: some addresses, and a sentence."""


class RefusalCode(StrEnum):
    """The reasons for which a source refuses a mirror. One that this version does not know is retried.

    Attributes:
        OTHER_CLUSTER: the source is of another cluster than the mirror follows, or of the mirror's own.
        OTHER_VERSION: it speaks another version of these messages.
        NOT_OBSERVER: the other end is no mirror: its id is another one, or it sent a message that only a node sends.
        PROMOTED: the cluster of the mirror was promoted, and follows nothing any more.
        BUSY: the source has no room for another mirror now.
        NO_ID_YET: the source cluster has no id yet: its first leader has not chosen one.
        STANDBY: the source cluster follows another site itself, and elects nobody.
    """

    OTHER_CLUSTER = "other_cluster"
    OTHER_VERSION = "other_version"
    NOT_OBSERVER = "not_observer"
    PROMOTED = "promoted"
    BUSY = "busy"
    NO_ID_YET = "no_id_yet"
    STANDBY = "standby"


HARD = frozenset({RefusalCode.OTHER_CLUSTER, RefusalCode.OTHER_VERSION, RefusalCode.NOT_OBSERVER, RefusalCode.PROMOTED})
"""The refusals that a retry does not change: somebody has to change something first."""


class SealOutcome(StrEnum):
    """The answer to a request to seal a cluster.

    Attributes:
        SEALED: it is sealed for good; no leader of it can come to be.
        FAILED: it is not known to be sealed; the request may be repeated.
        UNSUPPORTED: that node cannot do it.
        FORBIDDEN: mirrors may not do it.
    """

    SEALED = "sealed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    FORBIDDEN = "forbidden"


def _check_bytes(name: str, value: bytes, length: int) -> None:
    if len(value) not in (0, length):
        raise ValueError(f"{name} has {len(value)} bytes; {length} or none are needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderEntry:
    """The leader of an election.

    Attributes:
        election: its name.
        term: the leader's term; without a leader, the highest term that the source knows, or 0.
        leader_id: the id of the leader; empty: the source knows none.
        address: the address that the leader advertises; empty: not known.
        metadata: that of the leader.
    """

    election: str
    term: int
    leader_id: str = ""
    address: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("election", self.election)
        check_range("term", self.term, TERM_MAX)
        check_leader_id(self.leader_id)
        check_text("address", self.address, ADDRESS_LENGTH_MAX)
        check_metadata(self.metadata)

    @property
    def size(self) -> int:
        """About the number of bytes that it takes on a link."""
        texts = (self.election, self.leader_id, self.address, *self.metadata, *self.metadata.values())
        return 32 + sum(len(text.encode()) + 3 for text in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersEntry:
    """The members of the source cluster, each with its address as far as the source knows it."""

    configuration: Configuration

    @property
    def size(self) -> int:
        """About the number of bytes that it takes on a link."""
        members = self.configuration.members
        return 96 + sum(48 + len(member.node_id) + len(member.address or "") for member in members)


MirrorEntry = LeaderEntry | MembersEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """The first message of a mirror: what it follows, and how far it has come.

    Attributes:
        version: of these messages.
        source_cluster_id: the id of the cluster that it follows; empty: it takes the first one that it meets.
        cluster_id: the id of the mirror's own cluster; empty: it has none.
        stream: the stream of the last change that it has applied; empty: it has applied none.
        revision: the revision of that change.
    """

    version: int
    source_cluster_id: bytes = b""
    cluster_id: bytes = b""
    stream: bytes = b""
    revision: int = 0

    def __post_init__(self) -> None:
        check_range("version", self.version, INTEGER_MAX)
        _check_bytes("source_cluster_id", self.source_cluster_id, CLUSTER_ID_LENGTH)
        _check_bytes("cluster_id", self.cluster_id, CLUSTER_ID_LENGTH)
        _check_bytes("stream", self.stream, STREAM_LENGTH)
        check_range("revision", self.revision, INTEGER_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The mirror has come this far. It says so at least twice a second: a sign of life, and a question for another.

    Attributes:
        messages: the number of SnapshotPart and Changes of this link that it has done with.
        revision: the last change that it has applied.
        sent: the time on the mirror's clock (ns).
    """

    messages: int
    revision: int
    sent: int

    def __post_init__(self) -> None:
        for name in ("messages", "revision", "sent"):
            check_range(name, getattr(self, name), INTEGER_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealRequest:
    """The mirror asks the source cluster to elect nobody any more.

    Attributes:
        successor: the addresses to which the source sends people from then on, as text.
    """

    successor: str

    def __post_init__(self) -> None:
        check_text("successor", self.successor, TEXT_LENGTH_MAX)
        if not self.successor.isprintable():
            raise ValueError(f"successor is {self.successor!r}; only printable text is allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWelcome:
    """The answer to a Subscribe that is accepted.

    Attributes:
        version: of these messages.
        cluster_id: the id of the source cluster.
        stream: random bytes: this run of this node. Its revisions count from 1.
        revision: the last change of the stream.
        is_resumed: the changes after those that the mirror has applied follow; otherwise a snapshot does.
    """

    version: int
    cluster_id: bytes
    stream: bytes
    revision: int
    is_resumed: bool

    def __post_init__(self) -> None:
        check_range("version", self.version, INTEGER_MAX)
        check_range("revision", self.revision, INTEGER_MAX)
        for name, value, length in (
            ("cluster_id", self.cluster_id, CLUSTER_ID_LENGTH),
            ("stream", self.stream, STREAM_LENGTH),
        ):
            if len(value) != length:
                raise ValueError(f"{name} has {len(value)} bytes; {length} are needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRefusal:
    """The answer to a Subscribe that is not accepted.

    Attributes:
        code: one of RefusalCode, or a word of a later version.
        text: a sentence.
    """

    code: str
    text: str

    def __post_init__(self) -> None:
        check_text("code", self.code, NAME_LENGTH_MAX)
        check_text("text", self.text, TEXT_LENGTH_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPart:
    """A part of all that the source knows at one revision. The part with `first` 0 begins a new snapshot.

    Attributes:
        revision: the last change that the snapshot contains.
        total: the number of entries of the whole snapshot.
        first: the place of the first entry of this part, from 0.
        entries: some of them.
    """

    revision: int
    total: int
    first: int
    entries: tuple[MirrorEntry, ...]

    def __post_init__(self) -> None:
        check_range("revision", self.revision, INTEGER_MAX)
        check_range("total", self.total, ENTRIES_MAX + 1, 1)
        check_range("entries", len(self.entries), MESSAGE_ENTRIES_MAX, 1)
        check_range("first", self.first, self.total - len(self.entries))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Changes in the order in which the source learned of them.

    Attributes:
        first: the revision of the first one; each later one is one higher.
        entries: the changes.
    """

    first: int
    entries: tuple[MirrorEntry, ...]

    def __post_init__(self) -> None:
        check_range("entries", len(self.entries), MESSAGE_ENTRIES_MAX, 1)
        check_range("first", self.first, INTEGER_MAX - len(self.entries), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHeartbeat:
    """The answer to an Applied: with the changes up to `revision` the mirror knows all that the source knew.

    Attributes:
        revision: the last change of the stream.
        sent: that of the Applied.
        age_ns: the time for which the node has not heard from a quorum of its cluster.
    """

    revision: int
    sent: int
    age_ns: int = 0

    def __post_init__(self) -> None:
        for name in ("revision", "sent", "age_ns"):
            check_range(name, getattr(self, name), INTEGER_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealAnswer:
    """The answer to a SealRequest.

    Attributes:
        outcome: one of SealOutcome, or a word of a later version.
        text: a sentence.
        highest_term: the highest term that the node has ever seen, or 0.
    """

    outcome: str
    text: str = ""
    highest_term: int = 0

    def __post_init__(self) -> None:
        check_text("outcome", self.outcome, NAME_LENGTH_MAX)
        check_text("text", self.text, TEXT_LENGTH_MAX)
        check_range("highest_term", self.highest_term, TERM_MAX)


OF_MIRRORS = (Subscribe, Applied, SealRequest)
"""The messages that a mirror sends."""

OF_SOURCES = (SourceWelcome, SourceRefusal, SnapshotPart, Changes, SourceHeartbeat, SealAnswer)
"""The messages that a source sends."""

MIRROR_MESSAGES = (*OF_MIRRORS, *OF_SOURCES)
"""The messages that the codec of a listener carries for links of kind `mirror`."""
