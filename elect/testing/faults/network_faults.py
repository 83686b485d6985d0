"""The faults of the network."""

from functools import partial

from elect.testing.faults.fault_context import FaultContext
from elect.testing.simulation.simulation_options import Span

LONG = Span(low=0.02, high=8.0)
SHORT = Span(low=0.001, high=3.0)
_RETRANSMISSION = Span(low=0.0, high=2.0)
_SLOW = Span(low=0.01, high=0.9)
_FLAPPING = Span(low=0.0, high=3.0)


def cut_one_way(context: FaultContext) -> None:
    """Cut one direction: nothing arrives, and no socket closes."""
    path = context.path()
    split(context, [(path.source, path.target)])


def cut_both_ways(context: FaultContext) -> None:
    """Cut both directions between two nodes."""
    path = context.path()
    split(context, [(path.source, path.target), (path.target, path.source)])


def partition(context: FaultContext) -> None:
    """Cut any set of nodes off from the others."""
    group = [node_id for node_id in context.ids if context.rng.random() < 0.5]
    split(context, [way for way in context.network.paths if (way[0] in group) != (way[1] in group)])


def isolate(context: FaultContext) -> None:
    """Cut one node off, often a leader."""
    node_id = context.victim()
    split(context, [way for way in context.network.paths if node_id in way])


def leave_hub(context: FaultContext) -> None:
    """Leave only the links of one node."""
    hub = context.node_id()
    split(context, [way for way in context.network.paths if hub not in way])


def leave_chain(context: FaultContext) -> None:
    """Leave each node only the links to its two neighbours."""
    place = {node_id: number for number, node_id in enumerate(context.rng.sample(context.ids, len(context.ids)))}
    between = [way for way in context.network.paths if {*way} <= place.keys()]
    split(context, [way for way in between if abs(place[way[0]] - place[way[1]]) > 1])


def split(context: FaultContext, ways: list[tuple[str, str]], span: Span = LONG) -> None:
    """Cut these directions, and mend them together later."""
    for way in ways:
        context.network.cut(*way)
    context.later(span, mend, context, ways)


def mend(context: FaultContext, ways: list[tuple[str, str]]) -> None:
    """Mend a cut; TCP sends the held frames up to two seconds later."""
    for way in ways:
        context.network.mend(*way, retransmission=_RETRANSMISSION)


def partition_one_way(context: FaultContext) -> None:
    """Cut the frames to any set of nodes, and not the frames from it."""
    group = [node_id for node_id in context.ids if context.rng.random() < 0.5]
    split(context, [way for way in context.network.paths if way[0] not in group and way[1] in group])


def leave_bridge(context: FaultContext) -> None:
    """Leave two groups that reach only one node in common."""
    bridge, *others = context.rng.sample(context.ids, len(context.ids))
    group = others[: len(others) // 2]
    ways = [way for way in context.network.paths if bridge not in way]
    split(context, [way for way in ways if (way[0] in group) != (way[1] in group)])


def flap(context: FaultContext) -> None:
    """Cut and mend one direction several times."""
    path = context.path()
    way = (path.source, path.target)
    for _ in range(context.rng.randint(2, 6)):
        context.later(_FLAPPING, context.network.cut, *way)
        context.later(_FLAPPING, mend, context, [way])
    context.later(Span(low=_FLAPPING.high, high=_FLAPPING.high), mend, context, [way])


def misorder(context: FaultContext) -> None:
    """Repeat and reorder frames in one direction. TCP never does this; the protocol tolerates it."""
    path = context.path()
    context.note(f"misorder {path}")
    path.duplication, path.reordering = context.rng.random() / 2, context.rng.random() / 2
    context.later(LONG, setattr, path, "duplication", context.options.duplication)
    context.later(LONG, setattr, path, "reordering", context.options.reordering)


def clog(context: FaultContext) -> None:
    """Hold a connection's frames until a retransmission; its dialer may close it before that."""
    for link in context.links(2):
        context.note(f"clog {link}")
        link.clog(SHORT.draw(context.rng))
        if context.rng.random() < 0.5:
            context.later(SHORT, link.dialer.notice_end, link)


def redial(context: FaultContext) -> None:
    """Close a connection by its dialer."""
    for link in context.links(1):
        context.note(f"redial {link}")
        link.dialer.notice_end(link)


def hang_up(context: FaultContext) -> None:
    """Close a connection by its acceptor."""
    for link in context.links(1):
        acceptor = link.acceptor
        if acceptor is not None:
            context.note(f"hang up {link}")
            link.break_off()
            acceptor.links.receive_end(link, is_end_of_stream=False)


def reset(context: FaultContext) -> None:
    """Reset a connection by a middlebox; each end notices at its own time."""
    for link in context.links(1):
        context.note(f"reset {link}")
        link.break_off()
        if link.acceptor is not None and context.rng.random() < 0.8:
            context.later(SHORT, partial(link.acceptor.links.receive_end, link, is_end_of_stream=False))
        context.later(SHORT, link.dialer.notice_end, link)


def close_by_proxy(context: FaultContext) -> None:
    """Close connections of a living node by a proxy: the end of stream is false, and the dialer notices late."""
    for link in context.links(3):
        if link.path.is_proxied:
            context.note(f"proxy closes {link}")
            link.finish()
            context.later(SHORT, link.dialer.notice_end, link)


def slow_down(context: FaultContext) -> None:
    """Delay the frames in one direction."""
    path = context.path()
    context.note(f"slow {path}")
    path.delay = _SLOW
    context.later(LONG, setattr, path, "delay", context.options.delay)


def lose(context: FaultContext) -> None:
    """Lose frames in one direction, as a full outbox does."""
    path = context.path()
    context.note(f"lossy {path}")
    path.loss = context.rng.random()
    context.later(LONG, setattr, path, "loss", context.options.loss)
