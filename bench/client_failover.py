"""Measure the time from a leader's SIGKILL to the first call that reaches the next one, beside that of the election.

Three nodes are real processes with default timing, as in failover.py. Right after the kill this program calls
`Client.call` with a function that connects to the leader's address. The call ends when a connection to the next leader
is there. The election ends at that leader's `on_elected`, as in failover.py, on the same clock.

Usage: python bench/client_failover.py [--rounds 30]
"""

import argparse
import signal
import socket
import statistics

from failovers import failures
from failovers.failures import SETTLED_S, Situation

from elect import Client, Leader
from elect.clock import now_ns
from elect.testing.real_processes import ProcessCluster
from wire.protocol.address import Address

CLUSTER, TIMEOUT_S = "processes", 30.0
RATIO_MAX = 2.0
"""A call costs a probe of the next leader and a connection, a fraction of what the election itself takes."""


def connect(leader: Leader) -> Leader:
    """Connect to the leader's address, and return the leader."""
    address = Address.parse(leader.address or "")
    socket.create_connection((address.host, address.port), timeout=TIMEOUT_S).close()
    return leader


def fail_once(running: ProcessCluster, client: Client) -> tuple[float, float, str]:
    """Kill the leader; return the seconds until another one is elected and called, and the id of the killed one."""
    running.wait_until_quiet(SETTLED_S)
    before, since = client.leader(timeout=TIMEOUT_S), len(running.events)
    at = running.nodes[before.node_id].signal(signal.SIGKILL)
    after = client.call(connect, timeout=TIMEOUT_S, idempotent=True)
    called = now_ns() / 1e9
    while after.term <= before.term:  # reached before the kernel had carried out the kill
        after, called = client.call(connect, timeout=TIMEOUT_S, idempotent=True), now_ns() / 1e9
    elected = running.wait_for(lambda event: event.event == "on_elected" and event.boottime > at, since=since)
    return elected.boottime - at, called - at, before.node_id


def row(name: str, taken: list[float]) -> float:
    """Print a row of times in seconds; return the median."""
    ordered = sorted(1e3 * each for each in taken)
    median, p95 = statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    values = "".join(f"{each:>9.2f}" for each in (ordered[0], median, p95, ordered[-1]))
    print(f"{name:<32}{len(ordered):>3}{values}", flush=True)
    return median


def main() -> int:
    """Measure, print a table, and return 1 if a call takes more than twice the time of an election."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="number of kills")
    arguments = parser.parse_args()
    elections, calls = list[float](), list[float]()
    with failures.cluster(Situation()) as (running, _):
        failures.leader_of(running)
        with Client(list(running.addresses.values()), cluster=CLUSTER) as client:
            for _ in range(arguments.rounds):
                elected, called, killed = fail_once(running, client)
                elections.append(elected)
                calls.append(called)
                failures.restart(running, killed)
    titles = "".join(f"{title:>9}" for title in ("min", "median", "p95", "max"))
    print(f"{'milliseconds after SIGKILL':<32}{'n':>3}{titles}")
    election = row("on_elected of the next leader", elections)
    call = row("first call that reached it", calls)
    print(f"{'ratio of the medians':<32}{'':>3}{'':>9}{call / election:>9.2f}")
    return int(call > RATIO_MAX * election)


if __name__ == "__main__":
    raise SystemExit(main())
