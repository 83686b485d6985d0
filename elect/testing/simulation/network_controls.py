"""The network of a simulation, as a test or a program cuts, slows and heals it."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain

from elect.testing.simulation.simulation_options import Span, nanoseconds
from elect.testing.world.host import Host
from elect.testing.world.process import Process
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.world import World
from wire.common import arguments


class NetworkControls:
    """The part of a simulation that changes its network."""

    _world: World

    def _host(self, node_id: str) -> Host:
        host = self._world.hosts.get(arguments.text("a node's id", node_id))
        if host is None:
            raise ValueError(f"no node has the id {node_id!r}; the nodes are {', '.join(self._world.hosts)}")
        return host

    def _process(self, node_id: str) -> Process:
        process = self._host(node_id).process
        if process is None:
            raise LookupError(f"node {node_id} does not run")
        return process

    def cut(self, source: str, target: str, *, both: bool = True) -> None:
        """Cut the direction from one node to another; with `both`, the other direction too."""
        for one, other in self._ways(source, target, both):
            self._world.network.cut(one, other)

    def mend(self, source: str, target: str, *, both: bool = True) -> None:
        """Undo a cut of one direction, or of both."""
        for one, other in self._ways(source, target, both):
            self._world.network.mend(one, other)

    def partition(self, *groups: Iterable[str]) -> None:
        """Cut everything between these groups. A node that is in none is a group alone."""
        parts = [[self._host(node_id).node_id for node_id in group] for group in groups]
        twice = [node_id for node_id, count in Counter(chain(*map(set, parts))).items() if count > 1]
        if twice:
            raise ValueError(f"groups have {', '.join(twice)} in more than one")
        self._world.network.partition(*parts)

    def heal(self) -> None:
        """Undo every fault of the network."""
        self._world.network.heal()

    def delay(self, low: float, high: float, source: str = "", target: str = "", *, both: bool = True) -> None:
        """Set the delay of frames from `low` to `high` s, everywhere or between two nodes."""
        delay = Span(low=low, high=high)
        for one, other in self._ways(source, target, both):
            self._world.network.path(one, other).delay = delay

    def loss(self, share: float, source: str = "", target: str = "", *, both: bool = True) -> None:
        """Drop this share of frames, everywhere or between two nodes."""
        for one, other in self._ways(source, target, both):
            self._world.network.path(one, other).loss = share_of(share)

    def duplication(self, share: float, source: str = "", target: str = "", *, both: bool = True) -> None:
        """Duplicate this share of frames, everywhere or between two nodes."""
        for one, other in self._ways(source, target, both):
            self._world.network.path(one, other).duplication = share_of(share)

    def reordering(self, share: float, source: str = "", target: str = "", *, both: bool = True) -> None:
        """Reorder this share of frames, everywhere or between two nodes."""
        for one, other in self._ways(source, target, both):
            self._world.network.path(one, other).reordering = share_of(share)

    def clog(self, seconds: float, source: str = "", target: str = "", *, both: bool = True) -> None:
        """Hold frames for `seconds`, as TCP does until a retransmission, everywhere or between two nodes."""
        held_ns = duration("seconds", seconds)
        for one, other in self._ways(source, target, both):
            for link in self._world.network.path(one, other).links:
                link.clog(held_ns)

    def redial(self, source: str, target: str) -> None:
        """Make a node close its link to another, and dial again."""
        for link in self._links(source, target):
            link.dialer.notice_end(link)

    def hang_up_by_proxy(self, source: str, target: str) -> None:
        """Make the proxy of an untrusted link close it while its dialer lives: the end of stream is false."""
        for link in self._links(source, target):
            if link.path.is_proxied:
                link.finish()
                self._world.scheduler.after(link.back.delay.draw(self._world.rng), link.dialer.notice_end, link)

    def _links(self, source: str, target: str) -> tuple[SimulatedLink, ...]:
        ways = self._ways(source, target, both=False)
        return tuple(link for way in ways for link in self._world.network.path(*way).links)

    def _ways(self, source: str, target: str, both: bool) -> list[tuple[str, str]]:
        arguments.flag("both", both)
        if source == target == "":
            return list(self._world.network.paths)
        if self._host(source) is self._host(target):
            raise ValueError(f"source and target are both {source}; there is no way between")
        return [(source, target), (target, source)] if both else [(source, target)]


def duration(name: str, seconds: float) -> int:
    """Return a caller's seconds as nanoseconds, checked."""
    return nanoseconds(arguments.number(name, seconds))


def share_of(share: float) -> float:
    """Return a caller's share, checked."""
    return arguments.number("share", share, 0, 1)
