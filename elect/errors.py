"""Everything that this package raises. The data comes first, as attributes; the text is made of it by `__str__`.

ElectError
├── ConfigError (ValueError)            a setting breaks a rule
├── NotLeader                           asked to act as the leader; somebody else is, or nobody
│   └── LeadershipLost                  it was the leader, and is not any more
├── LeadershipTimeout (TimeoutError)    did not come to lead, or to know a leader, in time
├── BindError (OSError)                 the address can't be listened on
├── StoreError (OSError)                the disk failed, or what is on it is damaged
│   └── StoreGone                       the data directory of a running node was removed or replaced
├── IdentityError                       a store or a peer is somebody else's
├── ThreadError (RuntimeError)          the system has no thread to give
├── Stopped (RuntimeError)              the node does not run: not yet, or not any more
└── Forked (RuntimeError)               this process was forked from the node's
"""

import os
from collections.abc import Mapping
from datetime import date, time

from elect.core.events import LossReason
from elect.leader import Leader


class ElectError(Exception):
    """What all errors of this package have in common."""


class ConfigError(ElectError, ValueError):
    """A setting breaks a rule.

    Attributes:
        field: the setting, by its name in `Config`.
        value: what it was given; "***" for a secret.
        rule: what it must be, the numbers of an inequality included.
        source: where it was given, as in "node.toml: [timing] support_duration"; empty for a keyword argument.
    """

    def __init__(self, field: str, value: object, rule: str, source: str = "") -> None:
        super().__init__(field, value, rule, source)
        self.field = field
        self.value = value
        self.rule = rule
        self.source = source

    def __str__(self) -> str:
        is_missing = self.value is None and self.source  # in a file and in the environment nothing is None
        return f"{self.source or self.field} is {'missing' if is_missing else repr(_plain(self.value))}: {self.rule}"


def _plain(value: object) -> object:
    """The value as the one who wrote it sees it, without the types that hold it here."""
    match value:
        case Mapping():
            return {_plain(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case os.PathLike():
            return os.fspath(value)
        case date() | time():  # TOML has them; datetime is a date
            return str(value)
        case _:
            return value


class NotLeader(ElectError):
    """This node does not lead.

    Attributes:
        election: in which election.
        leader: who does, as far as is known, or None.
    """

    def __init__(self, election: str, leader: Leader | None = None) -> None:
        super().__init__(election, leader)
        self.election = election
        self.leader = leader

    def __str__(self) -> str:
        who = f"{self.leader.node_id} does, in term {self.leader.term}" if self.leader else "no leader is known"
        return f"this node does not lead election {self.election!r}; {who}"


class LeadershipLost(NotLeader):
    """This node led, and does not any more.

    Attributes:
        token: the term that it led in.
        reason: why it ended.
    """

    def __init__(self, election: str, token: int, reason: LossReason | None, leader: Leader | None = None) -> None:
        super().__init__(election, leader)
        self.args = (election, token, reason, leader)
        self.token = token
        self.reason = reason

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        return f"leadership of election {self.election!r} in term {self.token} was lost{why}"


class LeadershipTimeout(ElectError, TimeoutError):
    """What was waited for did not happen in time.

    Attributes:
        election: in which election; empty: in all of them.
        awaited: what: "leadership", "a leader", "the resignation".
        timeout: seconds that it had.
    """

    def __init__(self, election: str, awaited: str, timeout: float) -> None:
        super().__init__()
        self.args = (election, awaited, timeout)
        self.election = election
        self.awaited = awaited
        self.timeout = timeout

    def __str__(self) -> str:
        where = f" in election {self.election!r}" if self.election else ""
        return f"{self.awaited}{where} did not come within {self.timeout:g} s"


class BindError(ElectError, OSError):
    """The address can't be listened on. Arguments: errno, text, address (`filename`)."""

    def __str__(self) -> str:
        return f"cannot listen on {self.filename}: {self.strerror}"


class StoreError(ElectError, OSError):
    """The disk failed, or what is on it is damaged. Arguments: errno (or None), text, path (`filename`)."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class StoreGone(StoreError):
    """The data directory of a running node was removed or replaced: votes written now would be lost."""


class IdentityError(ElectError):
    """Something is somebody else's: a store, or a peer's name.

    Attributes:
        subject: what: a file, a peer.
        found: whose it is.
        expected: whose it should be.
    """

    def __init__(self, subject: str, found: str, expected: str) -> None:
        super().__init__(subject, found, expected)
        self.subject = subject
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.subject} belongs to {self.found}, not to {self.expected}"


class ThreadError(ElectError, RuntimeError):
    """A thread cannot be started: the system has none to give.

    Attributes:
        thread: its name.
        cause: what the system says.
    """

    def __init__(self, thread: str, cause: str) -> None:
        super().__init__(thread, cause)
        self.thread = thread
        self.cause = cause

    def __str__(self) -> str:
        return (
            f"thread {self.thread} cannot be started ({self.cause}): raise the limit of threads"
            " (ulimit -u, pids.max of the control group), or end other threads, and try again"
        )


_ANOTHER = "a node starts once: make a new one"
_STATES = {
    "new": ("is not started yet", "call start() first"),
    "running": ("is started already, and runs", "a node starts once"),
    "stopping": ("is stopping", _ANOTHER),
    "stopped": ("is stopped", _ANOTHER),
    "failed": ("has failed", _ANOTHER),
}
"""A node's states in words, and what a caller can do who needs another."""


class Stopped(ElectError, RuntimeError):
    """The node does not run: not yet, or not any more; or it was to be started again.

    Attributes:
        node_id: which.
        state: of its life: "new", "running", "stopping", "stopped" or "failed".
        detail: what led there, where the state alone does not say it.
    """

    def __init__(self, node_id: str, state: str = "stopped", detail: str = "") -> None:
        super().__init__(node_id, state, detail)
        self.node_id = node_id
        self.state = state
        self.detail = detail

    def __str__(self) -> str:
        state, remedy = _STATES[self.state]
        return f"node {self.node_id} {state}{f' ({self.detail})' if self.detail else ''}; {remedy}"


class Forked(ElectError, RuntimeError):
    """This process was forked from the one that runs the node: here the node leads nothing and can't be used.

    Attributes:
        node_id: which.
    """

    def __init__(self, node_id: str) -> None:
        super().__init__(node_id)
        self.node_id = node_id

    def __str__(self) -> str:
        return f"node {self.node_id} runs in the process that this one was forked from; make a new one here"
