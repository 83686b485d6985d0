"""Measure whether mirrors that read nothing change the failover of their source.

Three nodes are real processes with default timing, as in failover.py. A round is one `kill -9` of the leader. Rounds
with and without mirrors alternate in one cluster, so that both see the same machine. A stuck mirror subscribes at a
node, and reads nothing from then on. Its node cuts it off after five seconds; it comes back before that.

Usage: python bench/mirrors.py [--mirrors 10] [--rounds 20]
"""

import argparse
import itertools
import signal
import statistics
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from failovers.failures import SETTLED_S, Situation, cluster, leader_of, restart

from elect.observing.mirror_messages import MIRROR_KIND, MIRROR_MESSAGES, SourceWelcome, Subscribe
from elect.testing.real_processes import ProcessCluster
from wire.io.open_link import OpenLink
from wire.io.sockets import shut
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import Bye, Heard
from wire.protocol.identity import Identity
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import WireError

STUCK_S = 4.0
"""Less than the time after which a node cuts off an end that reads nothing."""

RETRY_S = 0.2
_instances = itertools.count(1)


class StuckMirror:
    """A mirror of one node that subscribes and reads nothing.

    Attributes:
        is_welcome: the node serves it.
    """

    def __init__(self, address: str) -> None:
        self.is_welcome = threading.Event()
        self._address = Address.parse(address)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stuck-mirror")
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                link = self._dial()
            except (OSError, WireError):
                self._is_over.wait(RETRY_S)
                continue
            try:
                link.channel.write(link.connection.send(Subscribe(version=1)))
                if self._welcomed(link):
                    self.is_welcome.set()
                    self._is_over.wait(STUCK_S)
                else:
                    self._is_over.wait(RETRY_S)
            except (OSError, WireError):
                self._is_over.wait(RETRY_S)
            finally:
                shut(link.channel.sock)

    def _dial(self) -> OpenLink:
        return Dialing(
            to="",
            kind=MIRROR_KIND,
            identity=Identity(
                cluster="processes", node=f"mirror/stuck/{next(_instances)}", incarnation=0, store=bytes(16)
            ),
            codec=Codec(*MIRROR_MESSAGES, Bye, Heard),
            limits=Limits(),
            is_two_way=True,
        ).dial(self._address, lambda: 1)

    def _welcomed(self, link: OpenLink) -> bool:
        """Read the answer to the Subscribe, and nothing after it."""
        messages = link.early
        while True:
            for message in messages:
                if not isinstance(message, Heard):
                    return isinstance(message, SourceWelcome)
            messages = link.connection.receive(link.channel.read(512))


@contextmanager
def stuck(addresses: Sequence[str], count: int) -> Iterator[None]:
    """Have stuck mirrors at each node."""
    with ExitStack() as stack:
        mirrors = [StuckMirror(address) for address in addresses for _ in range(count)]
        for mirror in mirrors:
            stack.callback(mirror.stop)
        for mirror in mirrors:
            if not mirror.is_welcome.wait(60):
                raise TimeoutError("a node serves no mirror")
        yield


def kill(running: ProcessCluster) -> float:
    """Kill the leader; return the seconds until the next one is elected. The killed one is started again."""
    leader, since = leader_of(running), len(running.events)
    at = running.nodes[leader].signal(signal.SIGKILL)
    elected = running.wait_for(lambda event: event.event == "on_elected" and event.boottime > at, since=since)
    restart(running, leader)
    running.wait_until_quiet(SETTLED_S)
    return elected.boottime - at


def main() -> None:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirrors", type=int, default=10, help="at each node")
    parser.add_argument("--rounds", type=int, default=20, help="number of kills with mirrors, and without")
    arguments = parser.parse_args()
    without, beside = list[float](), list[float]()
    with cluster(Situation()) as (running, _):
        leader_of(running)
        running.wait_until_quiet(SETTLED_S)
        for _ in range(arguments.rounds):
            without.append(kill(running))
            with stuck([*running.addresses.values()], arguments.mirrors):
                running.wait_until_quiet(SETTLED_S)
                beside.append(kill(running))
    none, some = (1e3 * statistics.median(each) for each in (without, beside))
    print(f"milliseconds after SIGKILL until the next leader, medians of {len(without)} rounds each")
    print(f"without mirrors{none:>12.2f}")
    print(f"{arguments.mirrors} stuck at each node{some:>8.2f}   ratio {some / none:.2f}", flush=True)


if __name__ == "__main__":
    main()
