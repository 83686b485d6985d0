"""The errors after which a call of the leader is repeated. Pure."""

import errno
import socket
import sys
from collections.abc import Iterator
from enum import Enum

from elect.core.elect_error import ElectError
from elect.errors import LeadershipLost, NotLeader

_NOT_SENT = (ConnectionRefusedError, socket.gaierror)
_UNREACHED = {
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EADDRNOTAVAIL,
}
"""The errors of a connect. Those of a connection that was open before are others."""

_FROM_LIBRARIES = (("ssl", "SSLError"), ("http.client", "IncompleteRead"), ("http.client", "BadStatusLine"))
"""Errors of a broken connection that are none of ConnectionError. Their modules are not imported for this: an error of
one that is not loaded cannot come."""


class CallOutcome(Enum):
    """The outcome of a call, as far as its error shows it.

    Attributes:
        NOT_LEADER: the node that was called does not lead, and has done nothing.
        NOT_SENT: there was no connection, so nothing was done.
        INTERRUPTED: the connection broke, and the leader may have done it.
        OTHER: an error of the application, which is passed on.
    """

    NOT_LEADER = "not_leader"
    NOT_SENT = "not_sent"
    INTERRUPTED = "interrupted"
    OTHER = "other"


def outcome_of(error: Exception) -> CallOutcome:
    """Return the outcome of a call that raised an error.

        >>> outcome_of(ConnectionRefusedError())
        <CallOutcome.NOT_SENT: 'not_sent'>
        >>> outcome_of(ConnectionResetError())
        <CallOutcome.INTERRUPTED: 'interrupted'>
        >>> outcome_of(ValueError())
        <CallOutcome.OTHER: 'other'>

    An OSError can be wrapped in another one, as `urllib.error.URLError` does, or be its cause.
    """
    if isinstance(error, NotLeader):
        return CallOutcome.INTERRUPTED if isinstance(error, LeadershipLost) else CallOutcome.NOT_LEADER
    if isinstance(error, ElectError):
        return CallOutcome.OTHER
    errors = list(_wrapped(error))
    if any(isinstance(each, _NOT_SENT) or each.errno in _UNREACHED for each in errors):
        return CallOutcome.NOT_SENT
    is_broken = any(isinstance(each, ConnectionError | TimeoutError) for each in errors)
    return CallOutcome.INTERRUPTED if is_broken or _is_from_library(error) else CallOutcome.OTHER


def _wrapped(error: BaseException) -> Iterator[OSError]:
    """Yield an OSError, and those that it wraps."""
    seen: list[BaseException] = []
    inner: object = error
    while isinstance(inner, OSError) and inner not in seen:
        seen.append(inner)
        yield inner
        reason: object = getattr(inner, "reason", None)
        inner = reason if isinstance(reason, OSError) else inner.__cause__


def _is_from_library(error: Exception) -> bool:
    for module, name in _FROM_LIBRARIES:
        kind: object = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(error, kind):
            return True
    return False
