"""The errors after which a call is repeated."""

import doctest
import errno
import http.client
import socket
import ssl
import urllib.error

import pytest

from elect import LeadershipLost, LeadershipTimeout, NotLeader
from elect.client import call_errors
from elect.client.call_errors import CallOutcome, outcome_of

REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "refused")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NotLeader("default"), CallOutcome.NOT_LEADER),
        (LeadershipLost("default", 1, None), CallOutcome.INTERRUPTED),
        (LeadershipTimeout("default", "x", 1), CallOutcome.OTHER),
        (REFUSED, CallOutcome.NOT_SENT),
        (OSError(errno.EHOSTUNREACH, "no route"), CallOutcome.NOT_SENT),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), CallOutcome.NOT_SENT),
        (urllib.error.URLError(REFUSED), CallOutcome.NOT_SENT),
        (caused(OSError("wrapped"), REFUSED), CallOutcome.NOT_SENT),
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
        (caused(ValueError(), REFUSED), CallOutcome.OTHER),
        (http.client.InvalidURL(), CallOutcome.OTHER),
    ],
)
def test_outcome_of_an_error(error, outcome):
    assert outcome_of(error) is outcome


def test_errors_that_cause_each_other_end():
    first, second = OSError("first"), OSError("second")
    first.__cause__, second.__cause__ = second, first
    assert outcome_of(first) is CallOutcome.OTHER


def test_examples():
    assert not doctest.testmod(call_errors).failed
