"""The pace and the log of a dialer whose links end as soon as they are open."""

import itertools
import logging
import time

import pytest

from tests.integration.wire_ends import BareAcceptor, dialing
from wire import Limits, LinkOpened


def test_links_that_end_at_once_are_dialed_slower(caplog: pytest.LogCaptureFixture) -> None:
    """The waits grow although each handshake succeeds, and the log has a few lines of it."""
    limits = Limits(backoff_initial_s=0.01, backoff_max_s=10.0, keepalive_interval_s=0.005)
    with (
        caplog.at_level(logging.INFO, "wire"),
        BareAcceptor() as (address, accept),
        dialing(address, limits) as (_, told),
    ):
        opened_s = []
        for _ in range(7):
            accept().close()
            told.later(LinkOpened)
            opened_s.append(time.monotonic())
    waits = [after - before for before, after in itertools.pairwise(opened_s)]
    assert waits[-1] >= 0.01 * 2**5 / 2, "the wait is at most halved at random"
    assert len([record for record in caplog.records if "links do not last" in record.getMessage()]) == 1
    assert len(caplog.records) <= 9
