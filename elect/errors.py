"""The exceptions of elect. Each has its data as attributes; `__str__` makes the text of them.

ElectError
├── ConfigError (ValueError)            a setting breaks a rule
├── NotLeader                           this node does not lead
│   └── LeadershipLost                  it led, and no longer does
├── LeadershipTimeout (TimeoutError)    a wait was over before its condition was true
├── BindError (OSError)                 the node cannot listen on its address
├── StoreError (OSError)                the disk failed, or the store is damaged
│   └── StoreGone                       the data directory of a running node was removed or replaced
├── IdentityError                       a store belongs to another node
├── ThreadError (RuntimeError)          the system cannot start a thread
├── Stopped (RuntimeError)              the node is not started, or no longer runs
└── Forked (RuntimeError)               the node runs in the process that this one was forked from
"""

import os
from collections.abc import Mapping
from datetime import date, time

from elect.core.events import LossReason
from elect.leader import Leader


class ElectError(Exception):
    """The base class of all exceptions of elect."""


class ConfigError(ElectError, ValueError):
    """A setting breaks a rule.

    Attributes:
        field: the name of the setting in `Config`; "file" for a file that cannot be read.
        value: its value; "***" for a secret.
        rule: the rule that it breaks, with the numbers of an inequality.
        source: its place, as in "node.toml: [timing] support_duration"; empty for a keyword argument.
    """

    def __init__(self, field: str, value: object, rule: str, source: str = "") -> None:
        super().__init__(field, value, rule, source)
        self.field = field
        self.value = value
        self.rule = rule
        self.source = source

    def __str__(self) -> str:
        if self.field == "file":
            return f"{self.value} {self.rule}"
        is_missing = self.value is None and self.source  # in a file and in the environment nothing is None
        return f"{self.source or self.field} is {'missing' if is_missing else repr(_plain(self.value))}: {self.rule}"


def _plain(value: object) -> object:
    """Return the value as the user wrote it, without the types that hold it here."""
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
        election: the name of the election.
        leader: the leader that this node knows, or None.
    """

    def __init__(self, election: str, leader: Leader | None = None) -> None:
        super().__init__(election, leader)
        self.election = election
        self.leader = leader

    def __str__(self) -> str:
        known = f"{self.leader.node_id} leads in term {self.leader.term}" if self.leader else "no leader is known"
        return f"this node does not lead election {self.election!r}; {known}"


class LeadershipLost(NotLeader):
    """This node led, and no longer does.

    Attributes:
        token: the term in which it led.
        reason: why it lost leadership, or None.
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
    """A wait was over before its condition was true. A command that was posted is still carried out.

    Attributes:
        election: the name of the election; empty: all of them.
        awaited: the condition, as in "leadership", "a leader" or "the resignation".
        timeout: the wait, seconds.
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
    """The node cannot listen on its address. Arguments: errno, text, address (`filename`)."""

    def __str__(self) -> str:
        return f"cannot listen on {self.filename}: {self.strerror}"


class StoreError(ElectError, OSError):
    """The disk failed, or the store is damaged. Arguments: errno (or None), text, path (`filename`)."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class StoreGone(StoreError):
    """The data directory of a running node was removed or replaced: new votes would be lost."""


class IdentityError(ElectError):
    """A store belongs to another node, cluster or program.

    Attributes:
        subject: the store.
        found: its owner.
        expected: the owner that was expected.
    """

    def __init__(self, subject: str, found: str, expected: str) -> None:
        super().__init__(subject, found, expected)
        self.subject = subject
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.subject} belongs to {self.found}, not to {self.expected}"


class ThreadError(ElectError, RuntimeError):
    """The system cannot start a thread.

    Attributes:
        thread: its name.
        cause: the error of the system.
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
    "running": ("is already started", "a node starts once"),
    "stopping": ("is stopping", _ANOTHER),
    "stopped": ("is stopped", _ANOTHER),
    "failed": ("has failed", _ANOTHER),
}
"""For each state of a node: the state in words, and what a caller can do."""


class _NodeError(ElectError, RuntimeError):
    def __init__(self, node_id: str, *details: str) -> None:
        super().__init__(node_id, *details)
        self.node_id = node_id


class Stopped(_NodeError):
    """The node is not started or no longer runs, or it is started a second time.

    Attributes:
        node_id: the id of the node.
        state: of the node: "new", "running", "stopping", "stopped" or "failed".
        detail: the cause of the state, or empty.
    """

    def __init__(self, node_id: str, state: str = "stopped", detail: str = "") -> None:
        super().__init__(node_id, state, detail)
        self.state = state
        self.detail = detail

    def __str__(self) -> str:
        state, remedy = _STATES[self.state]
        return f"node {self.node_id} {state}{f' ({self.detail})' if self.detail else ''}; {remedy}"


class Forked(_NodeError):
    """This process was forked from the one that runs the node. Here the node leads nothing and cannot be used.

    Attributes:
        node_id: the id of the node.
    """

    def __str__(self) -> str:
        return f"node {self.node_id} runs in the process that this one was forked from; make a new one here"
