"""The exceptions of elect. Each has its data as attributes; `__str__` makes the text of them.

ElectError
├── ConfigError (ValueError)            a setting breaks a rule
├── NotLeader                           this node does not lead
│   └── LeadershipLost                  it led, and no longer does
├── LeadershipTimeout (TimeoutError)    a wait was over before its condition was true
│   └── LeaderUnavailable               a client found no leader
├── CallInterrupted                     a call of the leader broke off, and may have been carried out
├── BindError (OSError)                 the node cannot listen on its address
├── StoreError (OSError)                the disk failed, or the store is damaged
│   └── StoreGone                       the data directory of a running node was removed or replaced
├── IdentityError                       a store belongs to another node
├── ThreadError (RuntimeError)          the system cannot start a thread
├── ChangeRefused (ValueError)          a change of the members cannot be made
├── JoinError                           this node did not become a member of a cluster
│   ├── JoinRejected                    a member refuses it, and a retry changes nothing
│   │   ├── IdInUse                     another process has its id
│   │   ├── OtherCluster                the member is in another cluster
│   │   ├── OtherVersion                the member has no version of the protocol in common
│   │   ├── NotAuthorized               its key, certificate or token is not accepted
│   │   └── Amnesia                     the members know it with another store and another address
│   ├── JoinGaveUp                      all attempts are used up
│   └── JoinCancelled                   it was stopped before
├── Stopped (RuntimeError)              the node is not started, or no longer runs
│   └── ClientClosed                    the client is closed
└── Forked (RuntimeError)               the node runs in the process that this one was forked from
"""

import os
from collections.abc import Mapping
from datetime import date, time
from types import MappingProxyType

from elect.core.changes import ChangeRefused as ChangeRefused  # noqa: PLC0414 - it is exported from here
from elect.core.elect_error import ElectError as ElectError  # noqa: PLC0414 - it is exported from here
from elect.core.events import LossReason
from elect.leader import Leader


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
        known = "no leader is known; try again when one is elected: `elect status` says what it waits for"
        if self.leader is not None:
            known = f"{self.leader.node_id} leads in term {self.leader.term}; ask that node"
        return f"this node does not lead election {self.election!r}: {known}"


class LeadershipLost(NotLeader):
    """This node led, and no longer does.

    Attributes:
        token: the term in which it led.
        reason: why it lost leadership.
    """

    def __init__(self, election: str, token: int, reason: LossReason, leader: Leader | None = None) -> None:
        super().__init__(election, leader)
        self.args = (election, token, reason, leader)
        self.token = token
        self.reason = reason

    def __str__(self) -> str:
        return f"leadership of election {self.election!r} in term {self.token} was lost ({self.reason})"


class LeadershipTimeout(ElectError, TimeoutError):
    """A wait was over before its condition was true. A command that was posted is still carried out.

    Attributes:
        election: the name of the election; empty: all of them.
        awaited: the condition, as in "leadership", "a leader" or "the resignation".
        timeout: the longest wait, seconds; None: without limit, and another node leads than the awaited one.
    """

    def __init__(self, election: str, awaited: str, timeout: float | None) -> None:
        super().__init__()
        self.args = (election, awaited, timeout)
        self.election = election
        self.awaited = awaited
        self.timeout = timeout

    def __str__(self) -> str:
        where = f" in election {self.election!r}" if self.election else ""
        within = "" if self.timeout is None else f" within {self.timeout:g} s"
        return f"{self.awaited}{where} did not come{within}"


class LeaderUnavailable(LeadershipTimeout):
    """A client found no leader that is ready, within its timeout or before all endpoints refused it.

    Attributes:
        is_retryable: False: each endpoint refuses this client, until somebody changes a setting.
        retry_after_s: the time after which a new attempt is worth it, or None.
        hint: the leader as far as it is known, or None.
        tried: what each endpoint said last, by its address.
        loop: the ids of nodes that name each other as the leader in a circle, or empty.
        why: the sentence that says that the cluster is sealed, and where to go, or that it stands by; else empty.
    """

    is_retryable: bool = True
    retry_after_s: float | None = 1.0  # the longest wait for a new leader, with the default `support_duration`
    hint: Leader | None = None
    tried: Mapping[str, str] = MappingProxyType({})
    loop: tuple[str, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        head = super().__str__() if self.is_retryable else f"each endpoint refuses this client ({self.election!r})"
        hint = "" if self.hint is None else f"; {self.hint.node_id} at {self.hint.address} led in term {self.hint.term}"
        loop = f"; a loop of hints: {' -> '.join(self.loop)}" if self.loop else ""
        why = f"; {self.why}" if self.why else ""
        return head + why + hint + loop + "".join(f"; {address}: {text}" for address, text in self.tried.items())


class CallInterrupted(ElectError):
    """The connection to the leader broke while it was called: the call may have been carried out. See `__cause__`.

    Attributes:
        election: the name of the election.
        leader: the leader that was called.
    """

    is_retryable = False

    def __init__(self, election: str, leader: Leader) -> None:
        super().__init__(election, leader)
        self.election = election
        self.leader = leader

    def __str__(self) -> str:
        return (
            f"the call of {self.leader.node_id}, leader of election {self.election!r}, broke off"
            f" ({self.__cause__!r}) and may have been carried out; set idempotent=True if it can be repeated"
        )


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


class ClientClosed(Stopped):
    """The client is closed. `node_id` is its name."""

    def __str__(self) -> str:
        return f"client {self.node_id} is closed; make a new one"


class Forked(_NodeError):
    """This process was forked from the one that runs the node. Here the node leads nothing and cannot be used.

    Attributes:
        node_id: the id of the node.
    """

    def __str__(self) -> str:
        return f"node {self.node_id} runs in the process that this one was forked from; make a new one here"


class JoinError(ElectError):
    """This node did not become a member of a cluster.

    Attributes:
        node_id: the id of the node.
    """

    def __init__(self, node_id: str, *details: object) -> None:
        super().__init__(node_id, *details)
        self.node_id = node_id


class JoinRejected(JoinError):
    """A member refuses this node, and a retry changes nothing. The subclasses are the reasons.

    Attributes:
        node_id: the id of the node.
        address: of the member.
        text: the facts, as the member has them.
    """

    code = "rejected"
    remedy = "do what that node says, and start this one again"

    def __init__(self, node_id: str, address: str, text: str) -> None:
        super().__init__(node_id, address, text)
        self.address = address
        self.text = text

    def __str__(self) -> str:
        return f"{self.address} refuses node {self.node_id}: {self.text}; {self.remedy}"


class IdInUse(JoinRejected):
    """Another process has the id of this node."""

    code = "id_in_use"
    remedy = "stop the other process, or give this node another id"


class OtherCluster(JoinRejected):
    """The member is in another cluster."""

    code = "other_cluster"
    remedy = "correct the name of the cluster, or the seeds"


class OtherVersion(JoinRejected):
    """The member and this node have no version of the protocol in common."""

    code = "other_version"
    remedy = "install the same version of elect on both"


class NotAuthorized(JoinRejected):
    """The key, the certificate or the join token of this node is not accepted."""

    code = "not_authorized"
    remedy = "give this node the key file, the certificate or the token that the cluster accepts"


class Amnesia(JoinRejected):
    """The members know this node with another store, and not at this address."""

    code = "amnesia"
    remedy = "if the former store is lost, run `elect members replace` for this node; else start it on that store"


class JoinGaveUp(JoinError):
    """All attempts are used up.

    Attributes:
        node_id: the id of the node.
        attempts: the number of passes over the seeds.
        replies: the latest reply of each address, in words.
        choice: why this node formed no cluster.
    """

    def __init__(self, node_id: str, attempts: int, replies: Mapping[str, str], choice: str) -> None:
        super().__init__(node_id, attempts, replies, choice)
        self.attempts = attempts
        self.replies = replies
        self.choice = choice

    def __str__(self) -> str:
        replies = "".join(f"; {address} {reply}" for address, reply in self.replies.items())
        return (
            f"node {self.node_id} is in no cluster after attempt {self.attempts}, the last: {self.choice}{replies};"
            " start a seed, correct the seeds, or allow more attempts"
        )


class JoinCancelled(JoinError):
    """The join was stopped before it was over."""

    def __str__(self) -> str:
        return f"the join of node {self.node_id} was cancelled; start the node again to join"
