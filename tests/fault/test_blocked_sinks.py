"""Three nodes whose output goes nowhere, each in another way: they lead, are heard, and stop as ever."""

import http.client
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.fault.test_full_pipes import ELECT, Muted
from tests.nodes import DEADLINE_S, IN_TURN, eventually
from wire.common.deadline import now_s

BLOCKED_S = 5.0
TIMING = {name: f"{value}s" for name, value in IN_TURN.items()}

LOUD = ("--events", "--log-level", "debug")


class Mute(Muted):
    """Node a writes into a full pipe, b to a full disk, and c has neither stdout nor stderr."""

    def start(self, node: str) -> None:
        command = [*ELECT, "run", "-c", str(self.cluster.nodes[node].path), *LOUD]
        if node == "c":
            command = ["sh", "-c", 'exec "$@" 1>&- 2>&-', "sh", *command]
        with Path("/dev/full").open("wb") as full:
            output = {"a": self.write_end, "b": full, "c": None}[node]
            self.processes[node] = subprocess.Popen(command, stdout=output, stderr=output)

    def settle(self) -> None:
        """Wait until every node supports every other one, and one of them leads."""
        eventually(lambda: all(map(self.is_joined, self.processes)))
        eventually(lambda: any(map(self.is_leader, self.processes)))
        eventually(lambda: len(self.views()) == 1)

    def leadership(self) -> tuple[str, int]:
        """The leader and its term, as all nodes see them."""
        [found] = self.views()
        return found

    def views(self) -> set[tuple[str, int]]:
        """The leader and its term, as each node sees them."""
        return {(each["leader"], each["leader_term"]) for node in "abc" for each in self.status(node)["elections"]}

    def longest_silence_s(self) -> float:
        """The longest time since one node heard another."""
        return max(peer["last_heard"] for node in "abc" for peer in self.status(node)["peers"])

    def dropped(self, node: str) -> float:
        """The metric of lines that were dropped."""
        host, _, port = self.cluster.http[node].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=DEADLINE_S)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        [value] = re.findall(r"^elect_log_records_dropped_total ([\d.e+]+)$", text, re.MULTILINE)
        return float(value)


def measure(mute: Mute, blocked_s: float) -> dict[str, float]:
    """Watch the nodes while their output is blocked, and stop them: the longest silence and the longest stop."""
    mute.settle()
    before, silence_s, end_s = mute.leadership(), 0.0, now_s() + blocked_s
    while now_s() < end_s:
        silence_s = max(silence_s, mute.longest_silence_s())
        time.sleep(0.02)
    assert mute.leadership() == before
    dropped = {f"dropped by {node}": mute.dropped(node) for node in "abc"}
    stop_s = 0.0
    for process in mute.processes.values():
        began_s = now_s()
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
        stop_s = max(stop_s, now_s() - began_s)
    return {"longest silence": silence_s, "longest stop": stop_s, **dropped}


@pytest.mark.long
def test_a_sink_that_blocks_delays_no_heartbeat_and_no_stop(tmp_path):
    mute = Mute(tmp_path, TIMING)
    try:
        for node in "abc":
            mute.start(node)
        found = measure(mute, BLOCKED_S)  # the leader is the same at the end
    finally:
        mute.close()
    assert found["dropped by b"] > 0
