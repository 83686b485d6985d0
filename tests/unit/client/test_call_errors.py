"""The errors after which a call is repeated."""

import doctest
import errno
import http.client
import socket
import ssl
import sys
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType

import pytest

from elect import LeadershipLost, LeadershipTimeout, LossReason, NotLeader
from elect.client import call_errors
from elect.client.call_errors import CallOutcome, outcome_of


class LibraryError(Exception):
    """An error of a library that is no OSError, as those of urllib3 and httpx."""


def create_connection(error: OSError) -> None:
    raise error


def _connect(error: OSError) -> None:
    raise error


def send(error: OSError) -> None:
    raise error


def raised(place: Callable[[OSError], None], error: OSError) -> OSError:
    """Return the error as it comes out of a function."""
    with suppress(OSError):
        place(error)
    return error


def refused() -> OSError:
    return raised(create_connection, ConnectionRefusedError(errno.ECONNREFUSED, "refused"))


def unreachable(place: Callable[[OSError], None]) -> OSError:
    return raised(place, OSError(errno.EHOSTUNREACH, "no route"))


def timed_out(place: Callable[[OSError], None]) -> OSError:
    return raised(place, TimeoutError("timed out"))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def following(error: Exception, context: Exception) -> Exception:
    """Return an error that was raised while another one was handled."""
    error.__context__ = context
    return error


def of_httpx(error: Exception) -> Exception:
    """The chain of `httpx`: two errors that are no OSErrors, and the inner one hides its cause."""
    return caused(LibraryError(), suppressed(LibraryError(), error))


def suppressed(error: Exception, context: Exception) -> Exception:
    """Return the error as `raise error from None` raises it while another one is handled."""
    error.__context__, error.__cause__ = context, None
    return error


def of_requests(error: Exception) -> Exception:
    """The chain of `requests`: an OSError without a number, whose cause is lost, and errors that are none."""
    return following(OSError("HTTPConnectionPool: Max retries exceeded"), caused(LibraryError(), error))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NotLeader("default"), CallOutcome.NOT_LEADER),
        (LeadershipLost("default", 1, LossReason.LEASE_LAPSED), CallOutcome.INTERRUPTED),
        (LeadershipTimeout("default", "x", 1), CallOutcome.OTHER),
        (refused(), CallOutcome.NOT_SENT),
        (unreachable(create_connection), CallOutcome.NOT_SENT),
        (unreachable(_connect), CallOutcome.NOT_SENT),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), CallOutcome.NOT_SENT),
        (urllib.error.URLError(refused()), CallOutcome.NOT_SENT),
        (caused(OSError("wrapped"), refused()), CallOutcome.NOT_SENT),
        (of_httpx(refused()), CallOutcome.NOT_SENT),
        (of_requests(caused(LibraryError(), refused())), CallOutcome.NOT_SENT),
        (timed_out(create_connection), CallOutcome.NOT_SENT),
        (raised(create_connection, TimeoutError(errno.ETIMEDOUT, "timed out")), CallOutcome.NOT_SENT),
        (urllib.error.URLError(timed_out(create_connection)), CallOutcome.NOT_SENT),
        (of_httpx(timed_out(create_connection)), CallOutcome.NOT_SENT),
        (of_requests(caused(LibraryError(), timed_out(create_connection))), CallOutcome.NOT_SENT),
        (timed_out(_connect), CallOutcome.INTERRUPTED),
        (timed_out(send), CallOutcome.INTERRUPTED),
        (unreachable(send), CallOutcome.INTERRUPTED),
        (raised(send, ConnectionRefusedError(errno.ECONNREFUSED, "refused")), CallOutcome.INTERRUPTED),
        (OSError(errno.ENETUNREACH, "no route"), CallOutcome.INTERRUPTED),
        (of_httpx(unreachable(send)), CallOutcome.INTERRUPTED),
        (of_requests(unreachable(send)), CallOutcome.INTERRUPTED),
        (following(OSError(), following(LibraryError(), http.client.RemoteDisconnected())), CallOutcome.INTERRUPTED),
        (of_requests(http.client.IncompleteRead(b"")), CallOutcome.INTERRUPTED),
        (ConnectionResetError(), CallOutcome.INTERRUPTED),
        (BrokenPipeError(), CallOutcome.INTERRUPTED),
        (TimeoutError(), CallOutcome.INTERRUPTED),
        (urllib.error.URLError(TimeoutError()), CallOutcome.INTERRUPTED),
        (http.client.RemoteDisconnected(), CallOutcome.INTERRUPTED),
        (http.client.IncompleteRead(b""), CallOutcome.INTERRUPTED),
        (http.client.BadStatusLine(""), CallOutcome.INTERRUPTED),
        (ssl.SSLEOFError(), CallOutcome.INTERRUPTED),
        (FileNotFoundError(errno.ENOENT, "no file"), CallOutcome.OTHER),
        (PermissionError(), CallOutcome.OTHER),
        (following(http.client.RemoteDisconnected(), refused()), CallOutcome.INTERRUPTED),
        (of_requests(following(http.client.RemoteDisconnected(), refused())), CallOutcome.INTERRUPTED),
        (following(ValueError(), refused()), CallOutcome.OTHER),
        (following(FileNotFoundError(errno.ENOENT, "no file"), refused()), CallOutcome.OTHER),
        (suppressed(OSError("of the application"), refused()), CallOutcome.OTHER),
        (http.client.InvalidURL(), CallOutcome.OTHER),
    ],
)
def test_outcome_of_an_error(error, outcome):
    assert outcome_of(error) is outcome


def test_errors_that_cause_each_other_end():
    first, second = OSError("first"), OSError("second")
    first.__cause__, second.__cause__ = second, first
    assert outcome_of(first) is CallOutcome.OTHER


def test_a_server_that_closes_is_named_by_httpx_alone(monkeypatch):
    httpx = ModuleType("httpx")
    httpx.RemoteProtocolError = LibraryError
    monkeypatch.setitem(sys.modules, "httpx", httpx)
    assert outcome_of(LibraryError()) is CallOutcome.INTERRUPTED


def test_examples():
    assert not doctest.testmod(call_errors).failed
