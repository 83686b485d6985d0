"""`elect exec` on several nodes: never two programs at one time, whatever happens to the one that runs it."""

import signal

import pytest

from tests.fault.exec_cluster import PATIENCE_S, ExecCluster, is_alive
from tests.nodes import eventually
from wire.common.deadline import now_s

STOPPED_S = 10.0
GRACE = ("--grace", "0.05")


def kill(cluster: ExecCluster, node: str) -> None:
    """Kill the wrapper, and start it again: later it leads again."""
    cluster.processes[node].kill()
    cluster.processes[node].wait(PATIENCE_S)
    cluster.start(node)


def resign(cluster: ExecCluster, node: str) -> None:
    """Make the node resign. On a busy machine it may just have lost its leadership by itself."""
    assert cluster.ask(node, "/resign", "POST")[0]


def terminate(cluster: ExecCluster, node: str) -> None:
    """End the wrapper, and start it again: it hands over when its program is dead."""
    cluster.processes[node].terminate()
    cluster.processes[node].wait(PATIENCE_S)
    cluster.start(node)


WAYS = (kill, *[resign] * 6, terminate, *[resign] * 6)
"""A process that starts takes long, compared with a resignation."""


@pytest.mark.parametrize(
    "hand_overs", [pytest.param(25, marks=pytest.mark.long), pytest.param(100, marks=pytest.mark.slow)]
)
def test_no_two_programs_run_through_hand_overs(tmp_path, hand_overs):
    """Each program ignores SIGTERM, and has a grandchild and a daemon that do, too. One wrapper is stopped for 10 s."""
    with ExecCluster(tmp_path, "abcde", options=GRACE) as cluster:
        first = cluster.wait_for_start()
        cluster.settle()
        stopped = cluster.processes[first.node]
        stopped.send_signal(signal.SIGSTOP)
        begun = now_s()
        assert cluster.wait_for_start(first).node != first.node
        assert not is_alive(first.pid)
        for number in range(hand_overs):
            start = cluster.starts()[-1]
            WAYS[number % len(WAYS)](cluster, start.node)
            assert cluster.wait_for_start(start).token >= start.token
        eventually(lambda: now_s() > begun + STOPPED_S)
        stopped.send_signal(signal.SIGCONT)
        eventually(lambda: cluster.ask(first.node, "/replica")[0] == 200, PATIENCE_S)
        assert len(cluster.starts()) > hand_overs + 1
