"""The values that a mirror gives to the program: its state, changes, answers, and its promotion."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from elect.core.configuration import CLUSTER_ID_LENGTH, Configuration
from elect.errors import ConfigError
from elect.leader import Leader
from wire.common import arguments

Value = TypeVar("Value")


class MirrorPhase(StrEnum):
    """The states of a mirror.

    Attributes:
        BOOTSTRAPPING: it receives its first snapshot.
        FOLLOWING: it has applied all that the source knew a moment ago.
        DEGRADED: it has a link, and is behind.
        DISCONNECTED: it has no link.
        PROMOTED: it follows nothing any more.
    """

    BOOTSTRAPPING = "bootstrapping"
    FOLLOWING = "following"
    DEGRADED = "degraded"
    DISCONNECTED = "disconnected"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorState:
    """The state of a mirror.

    Attributes:
        phase: its name.
        done: the entries of the first snapshot that came; 0 in other phases.
        total: the entries of that snapshot; 0: not known.
        lag: the time for which the mirror may lack changes, s; infinite: not known.
    """

    phase: MirrorPhase
    done: int = 0
    total: int = 0
    lag: float = math.inf

    def __str__(self) -> str:
        match self.phase:
            case MirrorPhase.BOOTSTRAPPING:
                return f"{self.phase} ({self.done} of {self.total})"
            case MirrorPhase.DEGRADED:
                return f"{self.phase} ({self.lag:.1f} s behind)"
        return str(self.phase)


class ChangeOrigin(StrEnum):
    """The reason for a call of `on_change`.

    Attributes:
        STORED: the mirror was started, and knew this from before.
        SNAPSHOT: a snapshot has it, and the mirror knew something else. There may have been changes between.
        CHANGE: the source learned of it, at this revision.
    """

    STORED = "stored"
    SNAPSHOT = "snapshot"
    CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorChange:
    """A change of a leader or of the members, as the source learned of it.

    Attributes:
        origin: the reason for the call.
        stream: names the node of the source that numbers the changes, and its run.
        revision: the number of the change in that stream; of a snapshot the last change that it contains.
        election: the name of the election; empty: the members changed.
        term: the leader's term; without a leader, the highest term that the source knows.
        leader: the leader, or None.
        configuration: the members, if they changed.
    """

    origin: ChangeOrigin
    stream: bytes
    revision: int
    election: str = ""
    term: int = 0
    leader: Leader | None = None
    configuration: Configuration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[Value]):
    """An answer of a mirror.

    Attributes:
        value: the answer.
        age: in seconds; the answer was true at the source at some moment of this time; infinite: not known.
        revision: of the last change that was applied.
        phase: of the mirror.
    """

    value: Value
    age: float
    revision: int
    phase: MirrorPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """The age that an answer may have.

    Attributes:
        age_max: in seconds; 0: none, which only the source can give.

    Raises:
        TypeError, ValueError: it is no number, or below 0.
    """

    age_max: float = math.inf

    def __post_init__(self) -> None:
        arguments.number("age_max", self.age_max, 0, math.inf)


EVENTUAL = Consistency()
"""Any age: the latest that the mirror knows."""

STRONG = Consistency(age_max=0.0)
"""No age: a mirror refuses it, and names the source."""


def within(seconds: float) -> Consistency:
    """Return the consistency of an answer that is at most this old.

    Args:
        seconds: above 0. A link that is idle makes answers of about half a second and its round trip.

    Raises:
        TypeError, ValueError: it is no number, or not above 0.
    """
    age_max = arguments.bounded_seconds("seconds", seconds)
    if not age_max:
        raise ValueError("seconds is 0; a mirror is always behind its source: give a number above 0")
    return Consistency(age_max=age_max)


def consistency_of(value: object) -> Consistency:
    """Return a consistency; "eventual" and "strong" name two of them.

    Raises:
        TypeError, ValueError: it is none.
    """
    if isinstance(value, Consistency):
        return value
    if isinstance(value, str) and value in ("eventual", "strong"):
        return EVENTUAL if value == "eventual" else STRONG
    error = ValueError if isinstance(value, str) else TypeError
    raise error(f'consistency is {value!r}; "eventual", "strong" or within(seconds) is needed')


def cluster_id_of(name: str, value: object) -> bytes:
    """Return the id of a cluster, empty for None.

    Raises:
        ConfigError: it is none.
    """
    found = value
    if isinstance(value, str):
        try:
            found = bytes.fromhex(value)
        except ValueError:
            found = b""
    if found is None:
        return b""
    if not isinstance(found, bytes) or len(found) != CLUSTER_ID_LENGTH:
        raise ConfigError(name, value, f"{CLUSTER_ID_LENGTH} bytes, or as many pairs of hex digits, are needed")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The durable record of a promotion. It is made once, and never changes.

    Attributes:
        floor: the terms of the promoted cluster are above it.
        highest_term: the highest term that was ever seen from the source.
        source_cluster_id: the id of the source; empty: none was ever met.
        stream: that of the last change that was applied; empty: none was.
        revision: of that change.
    """

    floor: int
    highest_term: int
    source_cluster_id: bytes = b""
    stream: bytes = b""
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorStatus:
    """The work of a mirror, for people and metrics.

    Attributes:
        name: of the mirror.
        state: its state.
        source: the address of the node that it follows, or dials; empty: none.
        source_node: the id of that node; empty: no link.
        source_cluster_id: the id of the source, in hex; empty: none was ever met.
        stream: the stream of the last change that was applied, in hex.
        revision: of that change.
        source_revision: of the last change that the source is known to have.
        elections: the number of elections that are known.
        highest_term: the highest term that was ever seen from the source.
        attempts: dials since the last link that held.
        snapshots: the number of snapshots that were applied since the start.
        links: the number of links on which the source welcomed it since the start.
        callbacks_waiting: the number of changes that wait for `on_change`.
        last_error: why the last link ended, or the last dial failed; empty: neither did.
        error: the refusal that stopped this mirror; empty: none.
        promotion: the record of its promotion, or None.
    """

    name: str
    state: MirrorState
    source: str = ""
    source_node: str = ""
    source_cluster_id: str = ""
    stream: str = ""
    revision: int = 0
    source_revision: int = 0
    elections: int = 0
    highest_term: int = 0
    attempts: int = 0
    snapshots: int = 0
    links: int = 0
    callbacks_waiting: int = 0
    last_error: str = ""
    error: str = ""
    promotion: Promotion | None = field(default=None)

    def to_dict(self) -> Mapping[str, object]:
        """Return the content as JSON types."""
        made = self.promotion
        lag = self.state.lag
        return {
            "name": self.name,
            "state": self.state.phase.value,
            "bootstrap": {"done": self.state.done, "total": self.state.total},
            "lag": None if math.isinf(lag) else lag,
            "source": self.source,
            "source_node": self.source_node,
            "source_cluster_id": self.source_cluster_id,
            "stream": self.stream,
            "revision": self.revision,
            "source_revision": self.source_revision,
            "elections": self.elections,
            "highest_term": self.highest_term,
            "attempts": self.attempts,
            "snapshots": self.snapshots,
            "links": self.links,
            "callbacks_waiting": self.callbacks_waiting,
            "last_error": self.last_error,
            "error": self.error,
            "promotion": None if made is None else {"floor": made.floor, "highest_term": made.highest_term},
        }
