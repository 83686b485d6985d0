"""The network: one path for each direction between two nodes, and its faults."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, get_args

from elect.core.membership_messages import Message
from elect.testing.simulation.simulation_options import Span
from elect.testing.world.world import World
from wire.protocol.codec import Codec

if TYPE_CHECKING:
    from elect.testing.world.simulated_link import SimulatedLink

PATIENCE = Span(low=0.8, high=6.0)
"""The time after which a dialer closes a link on a cut path."""

_CALM = 0.005
"""The longest delay of a healed network, s."""

_FRAME_BYTES_MAX = 64 * 1024
"""The largest frame that `wire` accepts."""

_CODEC = Codec(*get_args(Message))


def encoded(message: Message) -> Message:
    """Encode and decode a message, as the wire does.

    Raises:
        ValueError: it does not fit into a frame, or it is decoded as another message.
    """
    payload = _CODEC.encode(message)
    decoded = _CODEC.decode(payload)
    if len(payload) > _FRAME_BYTES_MAX or decoded != message:
        raise ValueError(f"{message} takes {len(payload)} bytes and is decoded as {decoded}")
    return message


class Path:
    """One direction between two nodes.

    Attributes:
        delay: of a frame.
        is_cut: nothing arrives; sent frames are held, as by TCP.
        encode: encodes and decodes each message, or None.
        is_proxied: a proxy terminates the links of this direction.
        links: connections that the operating systems still have.
    """

    __slots__ = (
        "delay",
        "duplication",
        "encode",
        "is_cut",
        "is_proxied",
        "links",
        "loss",
        "reordering",
        "source",
        "target",
    )

    def __init__(self, world: World, source: str, target: str) -> None:
        options = world.options
        self.source = source
        self.target = target
        self.delay = options.delay
        self.loss = options.loss
        self.duplication = options.duplication
        self.reordering = options.reordering
        self.encode = encoded if options.is_encoded else None
        self.is_cut = False
        self.is_proxied = world.rng.random() < options.untrusted
        self.links: dict[SimulatedLink, None] = {}

    def __str__(self) -> str:
        return f"{self.source}->{self.target}"


class SimulatedNetwork:
    """All paths between the nodes of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        ids = world.options.node_ids
        self.paths = {(a, b): Path(world, a, b) for a in ids for b in ids if a != b}

    def add(self, node_id: str) -> None:
        """Add the paths between a new node and every other one."""
        for other in self._world.hosts:
            if other != node_id:
                for way in ((node_id, other), (other, node_id)):
                    self.paths[way] = Path(self._world, *way)

    def path(self, source: str, target: str) -> Path:
        """Return the path from one node to another."""
        return self.paths[source, target]

    def links(self) -> list["SimulatedLink"]:
        """Return every link alive, in a stable order."""
        return [link for path in self.paths.values() for link in path.links]

    def cut(self, source: str, target: str) -> None:
        """Cut one direction; its dialers close their links after `PATIENCE`."""
        path = self.paths[source, target]
        if path.is_cut:
            return
        path.is_cut = True
        self._world.note("net", f"cut {path}")
        for link in (*path.links, *self.paths[target, source].links):
            self._world.scheduler.after(PATIENCE.draw(self._world.rng), self._give_up, link)

    def _give_up(self, link: "SimulatedLink") -> None:
        """Close a link that is still cut, unless the dialer's machine is halted."""
        if (link.path.is_cut or link.back.is_cut) and not self._world.hosts[link.path.source].is_halted:
            link.dialer.notice_end(link)

    def mend(self, source: str, target: str, *, retransmission: Span | None = None) -> None:
        """Undo a cut; TCP sends the held frames after a time drawn from `retransmission`."""
        path = self.paths[source, target]
        if not path.is_cut:
            return
        path.is_cut = False
        self._world.note("net", f"mend {path}")
        for link in path.links:
            if link.held:
                link.clog(0 if retransmission is None else retransmission.draw(self._world.rng))

    def partition(self, *groups: Iterable[str]) -> None:
        """Cut every path between two groups. A node that is in none is a group alone."""
        group_of = {node_id: number for number, group in enumerate(groups) for node_id in group}
        for source, target in self.paths:
            if group_of.get(source, source) != group_of.get(target, target):
                self.cut(source, target)

    def heal(self) -> None:
        """Undo every fault of the network, and make delays short."""
        options = self._world.options
        for path in self.paths.values():
            self.mend(path.source, path.target)
            path.delay = options.delay.capped(_CALM)
            path.loss = path.duplication = path.reordering = 0.0
            for link in tuple(path.links):
                link.is_silent = False
                link.release()
