"""The exit codes of the command, and the errors that lead to them."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from enum import IntEnum

from elect.cli.log_format import end_line
from elect.core.changes import ChangeRefusal
from elect.core.elect_error import ElectError
from elect.core.promotion import PromotionRefusal
from elect.errors import (
    Amnesia,
    IdInUse,
    JoinError,
    JoinGaveUp,
    JoinRejected,
    LeaderUnavailable,
    NotAuthorized,
    OtherCluster,
    OtherVersion,
)


class ExitCode(IntEnum):
    """The exit status of the process."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CANNOT_START = 3
    WARNED = 4
    NOT_LEADER = 10
    CHANGE_IN_PROGRESS = 11
    TOO_FEW_LIVE = 12
    ID_IN_USE = 13
    NOT_MEMBER = 14
    NOT_READY = 15
    LAST_VOTER = 16
    TOO_MANY = 17
    OTHER_CLUSTER = 18
    IS_LEADER = 19
    NOT_IN_TIME = 20
    OTHER_VERSION = 21
    NOT_AUTHORIZED = 22
    AMNESIA = 23
    JOIN_GAVE_UP = 24
    STANDBY = 25
    SEALED = 26
    SOURCE_UNKNOWN = 27
    NOT_STANDBY = 28
    DISPUTED = 29
    NOT_ACCEPTED = 30
    NO_LEADER = 69
    TRY_AGAIN = 75
    NOT_LET_IN = 77
    NOT_ELECTED = 117
    NO_LONGER_LEADS = 118
    NODE_FAILED = 119
    TIME_OVER = 124
    CANNOT_EXECUTE = 126
    COMMAND_NOT_FOUND = 127
    INTERRUPTED = 130
    BROKEN_PIPE = 141


EXIT_CODES = """exit codes:
  0    success
  1    failure: refused, not answered, or a check that found an error
  2    wrong usage, or an error in the configuration
  3    the node cannot start: its address is in use, its data directory is unusable, or no thread can be started
  130  interrupted
  141  the reader of the output has closed it
"""


MEMBERS_EXIT_CODES = """exit codes of a change that is not made:
  10   the node does not lead, and cannot reach the leader
  11   an earlier change is not finished
  12   too few voters would be left alive
  13   another node has this id
  14   no member has this id, and the leader knows of none that had it
  15   the learner is not ready
  16   it is the last voter
  17   the cluster has as many members as it can have
  18   the cluster has another id
  19   the leader would lose its vote; it has to hand over first
  20   no answer of a quorum in time; the change may still be made
  25   the cluster stands by, and has no leader before it is promoted
  26   the cluster is sealed, and has no leader any more

"""

REFUSALS: Mapping[str, ExitCode] = {
    ChangeRefusal.NOT_LEADER: ExitCode.NOT_LEADER,
    ChangeRefusal.IN_PROGRESS: ExitCode.CHANGE_IN_PROGRESS,
    ChangeRefusal.TOO_FEW_LIVE: ExitCode.TOO_FEW_LIVE,
    ChangeRefusal.ID_IN_USE: ExitCode.ID_IN_USE,
    ChangeRefusal.NOT_MEMBER: ExitCode.NOT_MEMBER,
    ChangeRefusal.NOT_READY: ExitCode.NOT_READY,
    ChangeRefusal.LAST_VOTER: ExitCode.LAST_VOTER,
    ChangeRefusal.TOO_MANY: ExitCode.TOO_MANY,
    ChangeRefusal.OTHER_CLUSTER: ExitCode.OTHER_CLUSTER,
    ChangeRefusal.LEADER: ExitCode.IS_LEADER,
    ChangeRefusal.STANDBY: ExitCode.STANDBY,
    ChangeRefusal.SEALED: ExitCode.SEALED,
    "timeout": ExitCode.NOT_IN_TIME,
}
"""The exit code of each code in the `refusal` of an HTTP answer."""

MIRROR_EXIT_CODES = """exit codes of elect mirror:
  1    status: a mirror does not follow, or is missing; else refused, or not answered
  10   the node does not lead, and cannot reach the leader, which makes the seal
  20   not done in time, or the node ended meanwhile; run the same command again: what is done stays done
  25   a standby cluster cannot be sealed
  26   the cluster is sealed, and cannot be promoted
  27   the mirror does not know the whole source, or does not work; --force promotes all the same
  28   the cluster is active, and never was a standby cluster; or the node is in none yet
  29   the nodes of the cluster do not agree on who votes

"""

SITE_REFUSALS: Mapping[str, ExitCode] = {
    **REFUSALS,
    "bootstrapping": ExitCode.SOURCE_UNKNOWN,
    "no_mirror": ExitCode.SOURCE_UNKNOWN,
    PromotionRefusal.SEALED: ExitCode.SEALED,
    PromotionRefusal.NEVER_STANDBY: ExitCode.NOT_STANDBY,
    PromotionRefusal.DISPUTED: ExitCode.DISPUTED,
}
"""The same of a promotion and a seal."""


DOCTOR_EXIT_CODES = """exit codes: that of the worst finding
  0    none, or notices
  1    an error
  2    wrong usage, or an error in the configuration
  3    the address of the node is not this machine's, or another program listens there
  4    a warning
"""

JOIN_EXIT_CODES = """exit codes of a node that does not become a member:
  13   another process has its id
  18   the members are in another cluster
  21   the members have another version of elect
  22   its key, its certificate or its join token is not accepted
  23   the members know it with another data directory and another address
  24   all attempts are used up
  30   the members refuse it for another reason, such as its kind or its address

"""

JOIN_ERRORS: Mapping[type[JoinError], ExitCode] = {
    IdInUse: ExitCode.ID_IN_USE,
    OtherCluster: ExitCode.OTHER_CLUSTER,
    OtherVersion: ExitCode.OTHER_VERSION,
    NotAuthorized: ExitCode.NOT_AUTHORIZED,
    Amnesia: ExitCode.AMNESIA,
    JoinGaveUp: ExitCode.JOIN_GAVE_UP,
    JoinRejected: ExitCode.NOT_ACCEPTED,
}
"""The exit code of each reason for which a node does not become a member; the last is of those that have no class."""


CLIENT_EXIT_CODES = """exit codes of a search for the leader:
  69   no leader was ready in time
  77   each node refuses this client: its key, its certificate, its user, its cluster or its version

"""

CALL_EXIT_CODES = """exit codes: those of CMD, and
  2    wrong usage, or an error in the configuration
  69   no leader was ready in time; CMD was not run
  75   CMD exited with 75 until the time was over
  77   each node refuses this client: its key, its certificate, its user, its cluster or its version
  124  CMD did not end in time
  126  CMD cannot be executed
  127  CMD was not found
  128  and more: a signal ended CMD; add its number
"""
"""As sysexits.h, timeout(1) and shells have them: the exit codes of CMD are passed through, and mostly small."""


EXEC_EXIT_CODES = """exit codes: those of CMD, and
  2    wrong usage, or an error in the configuration
  3    the node cannot start: its address is in use, its data directory is unusable, or no thread can be started
  117  this node did not lead within --try; CMD was not run
  118  with --once: leadership was lost while CMD ran, and CMD was ended
  119  the node or the process that supervises CMD has failed; CMD was ended
  126  CMD cannot be executed
  127  CMD was not found
  128  and more: a signal ended CMD, or this command before CMD was run; add its number
"""


class Failure(Exception):  # noqa: N818 - a result of a command, not a fault of this program
    """Ends the command with a message for the user.

    Attributes:
        code: the exit code.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


def unavailable(error: LeaderUnavailable) -> Failure:
    """Return the failure of a command that found no leader."""
    return Failure(str(error), ExitCode.NO_LEADER if error.is_retryable else ExitCode.NOT_LET_IN)


def failure_of(error: BaseException | None, code: ExitCode = ExitCode.FAILED) -> Exception:
    """Return the exception with which a command ends whose node has failed.

    Args:
        error: that of the node; None: one of its threads is gone without a word.
        code: the exit code; that of a node that does not become a member is its own.
    """
    if isinstance(error, JoinError):
        return error
    text = str(error) if isinstance(error, ElectError) else repr(error)
    why = "" if error is None else f": {text}"
    return Failure(f"the node has failed{why}; see its log", code)


def complain(message: str, code: ExitCode, *, is_json: bool = False) -> int:
    """Print one line to stderr that says why the command ends, and return the exit code.

    Args:
        message: why it ends.
        code: the exit code.
        is_json: the line is one of a log in JSON.
    """
    text = " ".join(message.split())
    with suppress(OSError):
        print(end_line(text, code) if is_json else f"elect: {text}", file=sys.stderr)
    return code
