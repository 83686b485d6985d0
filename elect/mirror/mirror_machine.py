"""MirrorMachine: follows a source. Pure: it is given messages and the time, and gives back messages and batches.

Theory of operation. `connected` begins a link with a Subscribe. `receive` takes the messages of the source; those with
data wait in order. `next_batch` returns the next part of them that is applied at once, and `applied` is called when it
is durable. So an application that does not keep up lets messages wait, the source is not told that they are done with,
and it pauses. A link that ends loses what waits, and the next Subscribe names the last change that was applied.

The age of the knowledge rests on no clock but the mirror's own. Each Applied carries its time, and the source answers
with its latest revision. Once all changes up to that one are applied, the mirror knows all that the source knew when
the Applied was sent. The source adds the time for which it may lack news itself. After a clock that went back nothing
says how old the knowledge is, until the source answers again.

Source: FORMAT.md, section 13.8.
"""

import math
from collections import deque

from elect.clock import NS_PER_S
from elect.core.promotion import SEEN_TERM_MAX
from elect.mirror.mirror_content import ChangeBatch, MirrorContent, highest_in
from elect.mirror.mirror_values import MirrorChange, MirrorPhase, MirrorState
from elect.observing.mirror_messages import (
    HARD,
    MIRROR_VERSION,
    Applied,
    Changes,
    MirrorEntry,
    RefusalCode,
    SealAnswer,
    SnapshotPart,
    SourceHeartbeat,
    SourceRefusal,
    SourceWelcome,
    Subscribe,
)
from wire.protocol.identity import printable

HANDSHAKE_NS = 5 * NS_PER_S
"""The time from the link to the answer to the Subscribe."""

INTERVAL_NS = 500_000_000
"""Between two Applied, where nothing comes."""

SOON_NS = 20_000_000
"""Between two Applied, where much comes: half of the frames that a source takes within a second."""

DEGRADED_NS = 3 * NS_PER_S
"""Six heartbeats: the mirror is behind when it has not been level with the source for this time."""

ISOLATED_NS = 10 * NS_PER_S
"""A source that hears from no quorum for this time may know nothing of what its cluster does; another node may."""

WAITING_MAX = 256
"""Messages that wait; twice as many as a source has under way."""

BATCH_ENTRIES_MAX = 4_096
"""Changes that are applied at once: one write of the disk, some milliseconds."""

STALLED_APPLIED = 60
"""Applied in a row, 30 s, for which nothing came to apply, and the source did not say that there is nothing. Another
node may be of more use. They are counted, not timed: a process that was stopped for a while blames no source."""

TOLD_MAX = 64
"""Heartbeats that wait for their revision to be applied."""


class SourceProblem(Exception):  # noqa: N818 - it ends a link, and no more
    """The reason to end a link.

    Attributes:
        code: a word.
        text: a sentence.
        is_hard: a retry changes nothing.
    """

    def __init__(self, code: str, text: str) -> None:
        self.code = printable(code)
        self.text = printable(text)
        super().__init__(f"{self.code}: {self.text}")
        self.is_hard = code in HARD


class MirrorMachine:
    """The state of one mirror.

    Args:
        content: what was applied before.
        source_cluster_id: the id that the source must have; empty: the one in the content, or the first one.
        cluster_id: the id of the mirror's own cluster; empty: it has none.
    """

    def __init__(self, content: MirrorContent, *, source_cluster_id: bytes = b"", cluster_id: bytes = b"") -> None:
        self.content = content
        self.source_revision = 0
        self.snapshots = 0
        self._expected_id = source_cluster_id or content.source_cluster_id
        self._cluster_id = cluster_id
        self._as_of: int | None = None
        self._connected_at: int | None = None
        self._noted_at = 0
        self._is_full = False
        self._begin_link()

    def _begin_link(self) -> None:
        self._welcome: SourceWelcome | None = None
        self._is_id_new = False
        self._is_snapshot_due = False
        self._waiting: deque[SnapshotPart | Changes] = deque()
        self._done = self._done_told = 0
        self._sent_at: int | None = None
        self._sent_max = -1
        self._told: deque[tuple[int, int]] = deque()
        self._source_age_ns = 0
        self._parts: list[MirrorEntry] = []
        self._total = 0
        self._parts_revision = 0
        self._parts_most = 0
        self._in_vain = 0

    # The link.

    @property
    def is_welcome(self) -> bool:
        """Whether the source has accepted the Subscribe of this link."""
        return self._welcome is not None

    @property
    def has_waiting(self) -> bool:
        """Whether there is something to apply."""
        return bool(self._waiting) or self._is_id_new

    @property
    def is_busy(self) -> bool:
        """Whether something waits to be applied, or was applied and the source does not know."""
        return self.has_waiting or self._done > self._done_told

    def connected(self, now: int) -> Subscribe:
        """Begin a link; return the first message to send."""
        self._begin_link()
        self.note_time(now)
        self._connected_at = now
        return self.subscribe_message()

    def subscribe_message(self) -> Subscribe:
        """Return the message that says what was applied; nothing, where only a snapshot makes room for more."""
        return Subscribe(
            version=MIRROR_VERSION,
            source_cluster_id=self._expected_id,
            cluster_id=self._cluster_id,
            stream=b"" if self._is_full else self.content.stream,
            revision=0 if self._is_full else self.content.revision,
        )

    def disconnected(self) -> None:
        """End the link; what waits is dropped, and is asked for again."""
        self._begin_link()
        self._connected_at = None

    def receive(self, message: object, now: int) -> SealAnswer | None:
        """Take a message of the source; return it if it is the answer to a SealRequest.

        Raises:
            SourceProblem: the link is to end.
        """
        self.note_time(now)
        match message:
            case SourceRefusal():
                raise SourceProblem(message.code, message.text)
            case SourceWelcome() if self._welcome is None:
                self._accept(message)
            case SnapshotPart() | Changes() if self._welcome is not None:
                self._take(message)
            case SourceHeartbeat() if self._welcome is not None:
                self._note_heartbeat(message, now)
            case SealAnswer() if self._welcome is not None:
                return message
            case _:
                raise SourceProblem("order", f"{type(message).__name__} came when it must not")
        return None

    def check(self, now: int) -> None:
        """Raise SourceProblem if the source has not answered in time, stalls, or is cut off from its cluster."""
        self.note_time(now)
        if self._source_age_ns >= ISOLATED_NS and self._is_held(now):
            raise SourceProblem("isolated", "the source has heard from no quorum of its cluster for too long")
        if self._welcome is None and self._connected_at is not None and now - self._connected_at >= HANDSHAKE_NS:
            raise SourceProblem("timeout", "no answer to the Subscribe")
        if self._in_vain >= STALLED_APPLIED:
            raise SourceProblem("stalled", "the source sends nothing to apply, and does not say that there is nothing")

    def note_time(self, now: int) -> None:
        """Forget the times that were noted if the clock has gone back; this is called without a link, too."""
        if now < self._noted_at:
            self._as_of = None
            self._told.clear()
            if self._connected_at is not None:
                self._connected_at = now
        self._noted_at = now

    def _is_held(self, now: int) -> bool:
        return self._connected_at is not None and now - self._connected_at >= ISOLATED_NS

    def applied_message(self, now: int) -> Applied | None:
        """Return the Applied that is due now, or None."""
        if self._welcome is None or (self._sent_at is not None and 0 <= now - self._sent_at < self._pause_ns):
            return None
        self._in_vain = 0 if self._waiting else self._in_vain + 1  # a program that is slow blames no source
        self._sent_at, self._done_told = now, self._done
        self._sent_max = max(self._sent_max, now)  # the clock may have jumped back
        return Applied(messages=self._done, revision=self.content.revision, sent=now)

    @property
    def _pause_ns(self) -> int:
        return SOON_NS if self._done > self._done_told else INTERVAL_NS

    # The data.

    def next_batch(self) -> ChangeBatch | None:
        """Return the next changes that are applied at once, or None.

        Raises:
            SourceProblem: the source broke the order, or is behind what was applied.
        """
        content, welcome = self.content, self._welcome
        assert welcome is not None or not self._waiting
        if welcome is not None and self._is_id_new:
            return ChangeBatch(source_cluster_id=welcome.cluster_id, stream=content.stream, revision=content.revision)
        while welcome is not None and self._waiting:
            message = self._waiting[0]
            if isinstance(message, Changes):
                return self._next_changes(welcome)
            self._waiting.popleft()
            self._done += 1
            if self._add_part(message):
                return self._snapshot(welcome)
        return None

    def applied(self, batch: ChangeBatch) -> list[MirrorChange]:
        """Note that a batch is durable; return the changes for the program."""
        self._in_vain = self._parts_most = 0
        if not batch.entries:
            self._is_id_new = False
            self.content.source_cluster_id = batch.source_cluster_id
            return []
        if batch.stream != self.content.stream:
            self._as_of = None  # of another node, which may have known more
        changes = self.content.apply(batch)
        self.snapshots += batch.is_snapshot
        self._is_full = self._is_full and not batch.is_snapshot
        while self._told and self._told[0][0] <= batch.revision:
            self._note_level(self._told.popleft()[1])
        return changes

    def _take(self, message: SnapshotPart | Changes) -> None:
        if len(self._waiting) >= WAITING_MAX:
            raise SourceProblem("order", "the source sends more than this mirror has room for")
        highest = max(map(highest_in, message.entries))
        if highest > SEEN_TERM_MAX:
            raise SourceProblem("term", f"the source has the term {highest}; {SEEN_TERM_MAX} is the highest one")
        self._waiting.append(message)

    def _accept(self, welcome: SourceWelcome) -> None:
        content = self.content
        if welcome.version != MIRROR_VERSION:
            text = f"the source speaks version {welcome.version}, not {MIRROR_VERSION}; install the same elect"
            raise SourceProblem(RefusalCode.OTHER_VERSION, text)
        if welcome.cluster_id != (self._expected_id or welcome.cluster_id):
            text = f"the source has the id {welcome.cluster_id.hex()}, not {self._expected_id.hex()}"
            raise SourceProblem(RefusalCode.OTHER_CLUSTER, f"{text}; correct the addresses")
        if welcome.cluster_id == self._cluster_id:
            raise SourceProblem(RefusalCode.OTHER_CLUSTER, "a cluster does not mirror itself; correct the addresses")
        is_known = welcome.stream == content.stream and welcome.revision >= content.revision
        if welcome.is_resumed and not is_known:
            raise SourceProblem("order", "the source resumes at a change that this mirror has not applied")
        self._welcome, self._expected_id = welcome, welcome.cluster_id
        self._is_id_new = not content.source_cluster_id
        self._is_snapshot_due = not welcome.is_resumed
        self.source_revision = welcome.revision

    def _note_heartbeat(self, heartbeat: SourceHeartbeat, now: int) -> None:
        if heartbeat.sent > self._sent_max:
            raise SourceProblem("order", "a heartbeat answers what was not sent")
        self.source_revision = max(self.source_revision, heartbeat.revision)
        self._source_age_ns = heartbeat.age_ns
        if heartbeat.sent > now:
            return  # the clock has gone back since
        as_of = heartbeat.sent - heartbeat.age_ns
        if heartbeat.revision <= self.content.revision and not self._is_snapshot_due:
            self._note_level(as_of)
        elif len(self._told) < TOLD_MAX:
            self._told.append((heartbeat.revision, as_of))

    def _note_level(self, as_of: int) -> None:
        self._in_vain = 0
        self._as_of = as_of if self._as_of is None else max(self._as_of, as_of)

    def _next_changes(self, welcome: SourceWelcome) -> ChangeBatch:
        if self._is_snapshot_due or self._parts:
            raise SourceProblem("order", "a change came instead of a snapshot")
        entries, expected = list[MirrorEntry](), self.content.revision + 1
        while self._waiting and len(entries) < BATCH_ENTRIES_MAX:
            message = self._waiting[0]
            if not isinstance(message, Changes):
                break
            if message.first != expected + len(entries):
                raise SourceProblem("gap", f"change {message.first} came, {expected + len(entries)} is next")
            self._waiting.popleft()
            self._done += 1
            entries += message.entries
        if not self.content.has_room(entries):
            self._is_full = True
            raise SourceProblem("elections", "the source has had more elections than this mirror remembers")
        return ChangeBatch(
            source_cluster_id=welcome.cluster_id,
            stream=welcome.stream,
            revision=expected - 1 + len(entries),
            entries=tuple(entries),
        )

    def _add_part(self, part: SnapshotPart) -> bool:
        """Add a part of a snapshot; return whether it was the last one."""
        if part.first == 0:
            self._parts, self._total, self._parts_revision = [], part.total, part.revision
        is_next = part.first == len(self._parts) and (part.total, part.revision) == (self._total, self._parts_revision)
        if not is_next or not (self._is_snapshot_due or part.first == 0 or self._parts):
            raise SourceProblem("gap", f"part {part.first} of a snapshot came, {len(self._parts)} is next")
        self._is_snapshot_due = True
        self._parts += part.entries
        if len(self._parts) > self._parts_most:  # a snapshot that begins again and again brings nothing
            self._parts_most, self._in_vain = len(self._parts), 0
        return len(self._parts) == self._total

    def _snapshot(self, welcome: SourceWelcome) -> ChangeBatch:
        entries, self._parts = self._parts, []
        reason = self.content.why_behind(entries)
        if reason:
            raise SourceProblem("behind", f"the source is behind what this mirror has seen: {reason}")
        self._is_snapshot_due = False
        return ChangeBatch(
            source_cluster_id=welcome.cluster_id,
            stream=welcome.stream,
            revision=self._parts_revision,
            entries=self.content.completed(entries),
            is_snapshot=True,
        )

    # The state.

    @property
    def as_of(self) -> int | None:
        """The latest time at which the mirror knew all that the source knew; None: not known."""
        return self._as_of

    def state(self, as_of: int | None, now: int) -> MirrorState:
        """Return the state at a time. Another thread reads `as_of` first, and then the time, which is not below it."""
        age_ns = age_at(as_of, now)
        lag = math.inf if age_ns is None else age_ns / NS_PER_S
        if self.content.promotion is not None:
            return MirrorState(phase=MirrorPhase.PROMOTED, lag=lag)
        if self._welcome is None:
            return MirrorState(phase=MirrorPhase.DISCONNECTED, lag=lag)
        if not self.content.is_bootstrapped:
            return MirrorState(phase=MirrorPhase.BOOTSTRAPPING, done=len(self._parts), total=self._total)
        is_level = age_ns is not None and age_ns <= DEGRADED_NS
        return MirrorState(phase=MirrorPhase.FOLLOWING if is_level else MirrorPhase.DEGRADED, lag=lag)


def age_at(as_of: int | None, now: int) -> int | None:
    """Return the time for which a mirror may lack changes; None: not known, as after a clock that went back."""
    return None if as_of is None or now < as_of else now - as_of
