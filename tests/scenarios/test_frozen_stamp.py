"""The trace that rule 8 prevents. No command of a play can break that rule, so this is a test."""

import pytest

from elect.core.messages import Heartbeat
from elect.testing.manual.manual_cluster import ManualCluster
from elect.testing.simulation.violation import InvariantViolation

MS = 1_000_000


def test_a_frame_stamped_before_a_freeze_breaks_a_promise():
    cluster = ManualCluster()
    cluster.elect("a")
    stamp_before_freeze = cluster.now
    cluster.wait(900 * MS)
    cluster.tick("a")
    frame = cluster.find("a", "b", Heartbeat)
    assert frame.message is not None
    message = frame.message
    cluster.input("b", lambda elector, now: elector.receive(stamp_before_freeze, "a", frame.link, message))
    cluster.input("b", lambda elector, now: elector.tick(stamp_before_freeze + 200 * MS))
    with pytest.raises(InvariantViolation, match="counted support is promised"):
        cluster.deliver("b", "a", Heartbeat)
