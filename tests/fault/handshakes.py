"""Measurements of the handshakes and the memory of a cluster of processes."""

import urllib.request
from contextlib import suppress
from pathlib import Path

from elect.testing.real_processes import ProcessCluster
from tests.nodes import eventually


def settle(cluster: ProcessCluster) -> str:
    """Return the leader, once each node has accepted a link of each other node."""
    leader = cluster.wait_for_leader().node
    for node in cluster.nodes:
        eventually(lambda node=node: _is_linked(cluster, node))
    cluster.wait_until_quiet(0.5)
    return leader


def _is_linked(cluster: ProcessCluster, node: str) -> bool:
    with suppress(OSError):  # two of three elect, and the last one may not listen yet
        return refused(cluster, node).get("ok", 0) >= len(cluster.nodes) - 1
    return False


def resident_bytes(cluster: ProcessCluster, node: str) -> int:
    """Return the memory that a node's process has now."""
    return int(Path(f"/proc/{cluster.nodes[node].pid}/statm").read_text().split()[1]) * 4096


def refused(cluster: ProcessCluster, node: str) -> dict[str, float]:
    """Return the number of handshakes at a node, by how they ended."""
    with urllib.request.urlopen(f"http://{cluster.http[node]}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    prefix = 'wire_handshakes_total{direction="in",outcome="'
    return {
        line[len(prefix) :].split('"')[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(prefix)
    }
