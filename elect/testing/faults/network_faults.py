"""What befalls the network."""

from functools import partial
from typing import TYPE_CHECKING

from elect.testing.simulation.simulation_options import Span

if TYPE_CHECKING:
    from elect.testing.faults.nemesis import Nemesis


LONG = Span(low=0.02, high=8.0)
SHORT = Span(low=0.001, high=3.0)
_RETRANSMISSION = Span(low=0.0, high=2.0)
_SLOW = Span(low=0.01, high=0.9)
_FLAPPING = Span(low=0.0, high=3.0)


def cut_one_way(nemesis: "Nemesis") -> None:
    """One direction is a black hole for a while."""
    path = nemesis.path()
    nemesis.network.cut(path.source, path.target)
    nemesis.later(LONG, mend, nemesis, [(path.source, path.target)])


def cut_both_ways(nemesis: "Nemesis") -> None:
    """Two nodes don't reach each other."""
    path = nemesis.path()
    ways = [(path.source, path.target), (path.target, path.source)]
    for way in ways:
        nemesis.network.cut(*way)
    nemesis.later(LONG, mend, nemesis, ways)


def partition(nemesis: "Nemesis") -> None:
    """Any set of nodes is cut off from the others."""
    group = [node_id for node_id in nemesis.ids if nemesis.rng.random() < 0.5]
    split(nemesis, [way for way in nemesis.network.paths if (way[0] in group) != (way[1] in group)])


def isolate(nemesis: "Nemesis") -> None:
    """One node, a leader rather, is alone."""
    node_id = nemesis.victim()
    split(nemesis, [way for way in nemesis.network.paths if node_id in way])


def leave_hub(nemesis: "Nemesis") -> None:
    """All reach one node, and nobody else."""
    hub = nemesis.node_id()
    split(nemesis, [way for way in nemesis.network.paths if hub not in way])


def leave_chain(nemesis: "Nemesis") -> None:
    """Each reaches its two neighbours, and nobody else."""
    place = {node_id: number for number, node_id in enumerate(nemesis.rng.sample(nemesis.ids, len(nemesis.ids)))}
    split(nemesis, [way for way in nemesis.network.paths if abs(place[way[0]] - place[way[1]]) > 1])


def split(nemesis: "Nemesis", ways: list[tuple[str, str]], span: Span = LONG) -> None:
    """Cut these ways, and mend them together."""
    for way in ways:
        nemesis.network.cut(*way)
    nemesis.later(span, mend, nemesis, ways)


def mend(nemesis: "Nemesis", ways: list[tuple[str, str]]) -> None:
    """Let frames through again; TCP sends what it held after a while."""
    for way in ways:
        nemesis.network.mend(*way, retransmission=_RETRANSMISSION)


def partition_one_way(nemesis: "Nemesis") -> None:
    """Any set of nodes is heard by the others, and does not hear them."""
    group = [node_id for node_id in nemesis.ids if nemesis.rng.random() < 0.5]
    split(nemesis, [way for way in nemesis.network.paths if way[0] not in group and way[1] in group])


def leave_bridge(nemesis: "Nemesis") -> None:
    """Two groups reach each other only through one node that is in both."""
    bridge, *others = nemesis.rng.sample(nemesis.ids, len(nemesis.ids))
    group = others[: len(others) // 2]
    ways = [way for way in nemesis.network.paths if bridge not in way]
    split(nemesis, [way for way in ways if (way[0] in group) != (way[1] in group)])


def flap(nemesis: "Nemesis") -> None:
    """One direction comes and goes."""
    path = nemesis.path()
    way = (path.source, path.target)
    for _ in range(nemesis.rng.randint(2, 6)):
        nemesis.later(_FLAPPING, nemesis.network.cut, *way)
        nemesis.later(_FLAPPING, mend, nemesis, [way])
    nemesis.later(Span(low=_FLAPPING.high, high=_FLAPPING.high), mend, nemesis, [way])


def misorder(nemesis: "Nemesis") -> None:
    """One direction doubles frames and changes their order. TCP never does; the protocol bears it."""
    path = nemesis.path()
    nemesis.note(f"misorder {path}")
    path.duplication, path.reordering = nemesis.rng.random() / 2, nemesis.rng.random() / 2
    nemesis.later(LONG, setattr, path, "duplication", nemesis.options.duplication)
    nemesis.later(LONG, setattr, path, "reordering", nemesis.options.reordering)


def clog(nemesis: "Nemesis") -> None:
    """One connection waits for a retransmission; its dialer may give up on it meanwhile."""
    for link in nemesis.links(2):
        nemesis.note(f"clog {link}")
        link.clog(SHORT.draw(nemesis.rng))
        if nemesis.rng.random() < 0.5:
            nemesis.later(SHORT, link.dialer.notice, link)


def redial(nemesis: "Nemesis") -> None:
    """The dialer closes, for a reason of its own."""
    for link in nemesis.links(1):
        nemesis.note(f"redial {link}")
        link.dialer.notice(link)


def hang_up(nemesis: "Nemesis") -> None:
    """The acceptor closes, for a reason of its own."""
    for link in nemesis.links(1):
        acceptor = link.acceptor
        if acceptor is not None:
            nemesis.note(f"hang up {link}")
            link.break_off()
            acceptor.links.end(link, is_end_of_stream=False)


def reset(nemesis: "Nemesis") -> None:
    """A box in the middle resets a connection; each end hears of it when it does."""
    for link in nemesis.links(1):
        nemesis.note(f"reset {link}")
        link.break_off()
        if link.acceptor is not None and nemesis.rng.random() < 0.8:
            nemesis.later(SHORT, partial(link.acceptor.links.end, link, is_end_of_stream=False))
        nemesis.later(SHORT, link.dialer.notice, link)


def close_by_proxy(nemesis: "Nemesis") -> None:
    """A proxy closes a living node's connection: its end of stream is a lie, and its dialer hears of it late."""
    for link in nemesis.links(3):
        if link.path.is_proxied:
            nemesis.note(f"proxy closes {link}")
            link.finish()
            nemesis.later(SHORT, link.dialer.notice, link)


def slow_down(nemesis: "Nemesis") -> None:
    """One direction takes up to its time."""
    path = nemesis.path()
    nemesis.note(f"slow {path}")
    path.delay = _SLOW
    nemesis.later(LONG, setattr, path, "delay", nemesis.options.delay)


def lose(nemesis: "Nemesis") -> None:
    """One direction loses frames, as a full outbox does."""
    path = nemesis.path()
    nemesis.note(f"lossy {path}")
    path.loss = nemesis.rng.random()
    nemesis.later(LONG, setattr, path, "loss", nemesis.options.loss)
