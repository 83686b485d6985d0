"""Clients that watch the leader: a process beside the nodes that bench/clients.py measures.

Each client notes when it first knew of each term. Each line of the input is a term. It is answered with the number of
clients that know the term now or have known it, and the moments at which they first did, s of the boot clock, in JSON.

Usage: python client_program.py full|bare CLUSTER COUNT NICE ADDRESS...
"""

import json
import os
import sys
import threading
from pathlib import Path

from elect import Client
from elect.clock import now_ns

sys.path.insert(0, str(Path(__file__).parent.parent))

TIMEOUT_S = 120.0


class FullClient:
    """An elect.Client, and the moments at which it first knew of each term."""

    def __init__(self, cluster: str, addresses: list[str]) -> None:
        self.known: dict[int, float] = {}
        self._client = Client(addresses, cluster=cluster)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        self._client.leader(timeout=TIMEOUT_S)  # its link is kept
        for leader in self._client.watch():
            if leader is not None:
                self.known.setdefault(leader.term, now_ns() / 1e9)


def main() -> None:
    """Run the clients until the input ends."""
    kind, cluster, count, priority, *addresses = sys.argv[1:]
    os.nice(int(priority))
    if kind == "full":
        clients = [FullClient(cluster, addresses) for _ in range(int(count))]
    else:
        from watching.bare_clients import BareClients  # noqa: PLC0415 - found by the line above

        clients = BareClients(int(count), cluster, addresses).links
    for line in sys.stdin:
        known = [client.known.get(int(line)) for client in clients]
        print(json.dumps([each for each in known if each is not None]), flush=True)
    os._exit(0)  # the links end with the process


if __name__ == "__main__":
    main()
