"""The errors after which a call of the leader is repeated. Pure."""

import errno
import socket
import sys
import traceback
from collections.abc import Iterator
from enum import Enum

from elect.core.elect_error import ElectError
from elect.errors import LeadershipLost, NotLeader

_NO_CONNECTION = {
    errno.ECONNREFUSED,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EADDRNOTAVAIL,
}
"""The errors of a connect. Linux raises most of them on an open connection as well, when its network reports them."""

_CONNECTING = {"create_connection", "sock_connect"}
"""The functions that do nothing but connect: those of `socket`, asyncio, urllib3, gevent and eventlet."""

_CONNECTS = {"connect", "_connect", "_real_connect", "_internal_connect"}
"""The functions that may do more, as that of `http.client`: there the connect is the call that has no Python frame."""

CHAIN_MAX = 16
"""Errors that wrap each other: those of `requests` are four."""

_FROM_LIBRARIES = (
    ("ssl", "SSLError"),
    ("http.client", "IncompleteRead"),
    ("http.client", "BadStatusLine"),
    ("httpx", "RemoteProtocolError"),
)
"""Errors of a broken connection that are none of ConnectionError. Their modules are not imported for this: an error of
one that is not loaded cannot come."""


class CallOutcome(Enum):
    """The outcome of a call, as far as its error shows it.

    Attributes:
        NOT_LEADER: the node that was called does not lead, and has done nothing.
        NOT_SENT: no connection came about, so nothing was done.
        INTERRUPTED: the connection broke, and the leader may have done it.
        OTHER: an error of the application, which is passed on.
    """

    NOT_LEADER = "not_leader"
    NOT_SENT = "not_sent"
    INTERRUPTED = "interrupted"
    OTHER = "other"


def outcome_of(error: Exception) -> CallOutcome:
    """Return the outcome of a call that raised an error.

        >>> outcome_of(socket.gaierror())
        <CallOutcome.NOT_SENT: 'not_sent'>
        >>> outcome_of(ConnectionResetError())
        <CallOutcome.INTERRUPTED: 'interrupted'>
        >>> outcome_of(ValueError())
        <CallOutcome.OTHER: 'other'>

    Nothing was sent if a function that connects raised the error, as its traceback shows. The same error elsewhere can
    be that of an open connection whose host has gone. A program that calls `connect` of a socket itself uses
    `socket.create_connection` instead, or does it in a function of its own that is named `connect`.

    The OSError can be wrapped: by `reason` of a `urllib.error.URLError`, or as the `__cause__` of any error, as in
    `httpx`. The errors of `requests` are OSErrors without a number that were raised while another one was handled.
    """
    if isinstance(error, NotLeader):
        return CallOutcome.INTERRUPTED if isinstance(error, LeadershipLost) else CallOutcome.NOT_LEADER
    if isinstance(error, ElectError):
        return CallOutcome.OTHER
    for each in _wrapped(error):  # the first one counts: those within it may be of an attempt before
        if _is_of_a_connect(each):
            return CallOutcome.NOT_SENT
        if _is_of_a_connection(each):
            return CallOutcome.INTERRUPTED
    return CallOutcome.OTHER


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those that it wraps."""
    inner = _first_wrapped(error)
    yield error
    for _ in range(CHAIN_MAX):
        if inner is None:
            return
        yield inner
        inner = inner.__cause__ or inner.__context__  # httpx hides the latter


def _first_wrapped(error: BaseException) -> BaseException | None:
    """Return the error that this one wraps.

    An error of the application that was raised while another one was handled stands for itself, unlike an OSError
    without a number, which is that of a library.
    """
    if isinstance(error, OSError):
        reason: object = getattr(error, "reason", None)
        if isinstance(reason, OSError):
            return reason
        if error.errno is None and not error.__suppress_context__:
            return error.__context__
    return error.__cause__


def _is_of_a_connect(error: BaseException) -> bool:
    if isinstance(error, socket.gaierror):
        return True
    is_of_none = isinstance(error, OSError) and error.errno in _NO_CONNECTION
    if not is_of_none and not isinstance(error, TimeoutError):
        return False
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    # A function that may do more can have timed out when it waited for an answer.
    return not _CONNECTING.isdisjoint(names) or (is_of_none and not _CONNECTS.isdisjoint(names[-1:]))


def _is_of_a_connection(error: BaseException) -> bool:
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError) and error.errno in _NO_CONNECTION:
        return True
    for module, name in _FROM_LIBRARIES:
        kind: object = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(error, kind):
            return True
    return False
