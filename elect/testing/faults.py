"""What can go wrong, by name: each fault befalls somebody, and is undone after a while."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.testing.options import Span

if TYPE_CHECKING:
    from elect.testing.nemesis import Nemesis

_LONG = Span(low=0.02, high=8.0)
_SHORT = Span(low=0.001, high=3.0)
_RETRANSMISSION = Span(low=0.0, high=2.0)
_SLOW = Span(low=0.01, high=0.9)


def _cut_one_way(nemesis: "Nemesis") -> None:
    path = nemesis.path()
    nemesis.network.cut(path.source, path.target)
    nemesis.later(_LONG, _mend, nemesis, [(path.source, path.target)])


def _cut_both_ways(nemesis: "Nemesis") -> None:
    path = nemesis.path()
    ways = [(path.source, path.target), (path.target, path.source)]
    for way in ways:
        nemesis.network.cut(*way)
    nemesis.later(_LONG, _mend, nemesis, ways)


def _partition(nemesis: "Nemesis") -> None:
    group = [node_id for node_id in nemesis.ids if nemesis.rng.random() < 0.5]
    _split(nemesis, [way for way in nemesis.network.paths if (way[0] in group) != (way[1] in group)])


def _isolate(nemesis: "Nemesis") -> None:
    node_id = nemesis.victim()
    _split(nemesis, [way for way in nemesis.network.paths if node_id in way])


def _strip_leader(nemesis: "Nemesis") -> None:
    """Leave a leader a bare quorum, so that every vote counts, and then shake the one who gives it."""
    leader = nemesis.leader(nemesis.election()) or nemesis.node_id()
    others = nemesis.rng.sample([node_id for node_id in nemesis.ids if node_id != leader], len(nemesis.ids) - 1)
    lost = others[: (len(nemesis.ids) - 1) // 2]
    ways = [way for way in nemesis.network.paths if leader in way and not {*lost}.isdisjoint(way)]
    _split(nemesis, ways, Span(low=2.0, high=8.0))
    shake = nemesis.rng.choice((_reboot, _redial_to, _redial_to, None))
    if shake is not None:
        nemesis.later(Span(low=1.2, high=2.5), shake, nemesis, leader, others[-1])


def _redial_to(nemesis: "Nemesis", leader: str, supporter: str) -> None:
    for link in tuple(nemesis.network.path(leader, supporter).links):
        nemesis.note(f"redial {link}")
        link.dialer.notice(link)


def _reboot(nemesis: "Nemesis", leader: str, supporter: str) -> None:
    nemesis.note(f"reboot {supporter} under {leader}")
    host = nemesis.hosts[supporter]
    host.crash(closes=nemesis.rng.random() < 0.3)
    nemesis.later(Span(low=0.0, high=0.3), host.start)


def _leave_hub(nemesis: "Nemesis") -> None:
    hub = nemesis.node_id()
    _split(nemesis, [way for way in nemesis.network.paths if hub not in way])


def _leave_chain(nemesis: "Nemesis") -> None:
    place = {node_id: number for number, node_id in enumerate(nemesis.rng.sample(nemesis.ids, len(nemesis.ids)))}
    _split(nemesis, [way for way in nemesis.network.paths if abs(place[way[0]] - place[way[1]]) > 1])


def _split(nemesis: "Nemesis", ways: list[tuple[str, str]], span: Span = _LONG) -> None:
    for way in ways:
        nemesis.network.cut(*way)
    nemesis.later(span, _mend, nemesis, ways)


def _mend(nemesis: "Nemesis", ways: list[tuple[str, str]]) -> None:
    for way in ways:
        nemesis.network.mend(*way, retransmission=_RETRANSMISSION)


def _clog(nemesis: "Nemesis") -> None:
    """One connection waits for a retransmission; its dialer may give up on it meanwhile."""
    for link in nemesis.links(2):
        nemesis.note(f"clog {link}")
        link.clog(_SHORT.draw(nemesis.rng))
        if nemesis.rng.random() < 0.5:
            nemesis.later(_SHORT, link.dialer.notice, link)


def _redial(nemesis: "Nemesis") -> None:
    """The dialer closes, for a reason of its own."""
    for link in nemesis.links(1):
        nemesis.note(f"redial {link}")
        link.dialer.notice(link)


def _hang_up(nemesis: "Nemesis") -> None:
    """The acceptor closes, for a reason of its own."""
    for link in nemesis.links(1):
        acceptor = link.acceptor
        if acceptor is not None:
            nemesis.note(f"hang up {link}")
            link.break_off()
            acceptor.put(link, acceptor.cut_off, link)


def _reset(nemesis: "Nemesis") -> None:
    """A box in the middle resets a connection; each end hears of it when it does."""
    for link in nemesis.links(1):
        nemesis.note(f"reset {link}")
        link.break_off()
        if link.acceptor is not None and nemesis.rng.random() < 0.8:
            nemesis.later(_SHORT, link.acceptor.put, link, link.acceptor.cut_off, link)
        nemesis.later(_SHORT, link.dialer.notice, link)


def _close_by_proxy(nemesis: "Nemesis") -> None:
    """A proxy closes a living node's connection: its end of stream is a lie, and its dialer hears of it late."""
    for link in nemesis.links(3):
        if link.path.is_proxied:
            nemesis.note(f"proxy closes {link}")
            link.finish()
            nemesis.later(_SHORT, link.dialer.notice, link)


def _slow_down(nemesis: "Nemesis") -> None:
    path = nemesis.path()
    nemesis.note(f"slow {path}")
    path.delay = _SLOW
    nemesis.later(_LONG, setattr, path, "delay", nemesis.options.delay)


def _lose(nemesis: "Nemesis") -> None:
    path = nemesis.path()
    nemesis.note(f"lossy {path}")
    path.loss = nemesis.rng.random()
    nemesis.later(_LONG, setattr, path, "loss", nemesis.options.loss)


def _crash(nemesis: "Nemesis") -> None:
    host = nemesis.hosts[nemesis.victim()]
    host.crash(closes=True)
    nemesis.later(_LONG, host.start)


def _crash_machine(nemesis: "Nemesis") -> None:
    host = nemesis.hosts[nemesis.victim()]
    host.crash(closes=False)
    nemesis.later(_LONG, host.start)


def _restart_at_once(nemesis: "Nemesis") -> None:
    _reboot(nemesis, nemesis.node_id(), nemesis.victim())


def _crash_all(nemesis: "Nemesis") -> None:
    for host in nemesis.hosts.values():
        host.crash(closes=nemesis.rng.random() < 0.5)
        nemesis.later(_SHORT, host.start)


def _pause(nemesis: "Nemesis") -> None:
    process = nemesis.hosts[nemesis.victim()].process
    if process is not None:
        process.pause()
        nemesis.later(_SHORT, process.resume)


def _stall_disk(nemesis: "Nemesis") -> None:
    node_id = nemesis.victim()
    nemesis.note(f"stall disk of {node_id}")
    nemesis.hosts[node_id].disk.stalled_until = nemesis.now + _LONG.draw(nemesis.rng)


def _fail_disk(nemesis: "Nemesis") -> None:
    node_id = nemesis.victim()
    disk = nemesis.hosts[node_id].disk
    nemesis.note(f"fail disk of {node_id}")
    disk.is_failing = True
    nemesis.later(_LONG, disk.repair)


def _change_clock(nemesis: "Nemesis") -> None:
    bound = nemesis.options.drift
    nemesis.hosts[nemesis.node_id()].set_drift(nemesis.rng.choice((-bound, 0.0, bound)))


def _resign(nemesis: "Nemesis") -> None:
    election = nemesis.election()
    node_id = nemesis.leader(election) or nemesis.node_id()
    to = nemesis.rng.choice((None, nemesis.node_id()))
    nemesis.tell(node_id, f"resigns {election} to {to}", lambda elector, now: elector.resign(now, election, to=to))


def _leave(nemesis: "Nemesis") -> None:
    election, node_id = nemesis.election(), nemesis.victim()
    nemesis.tell(node_id, f"leaves {election}", lambda elector, now: elector.leave(now, election))
    nemesis.later(_LONG, nemesis.tell, node_id, f"enters {election}", lambda elector, now: elector.enter(now, election))


def _withhold(nemesis: "Nemesis") -> None:
    node_id = nemesis.victim()
    set_to = _set_paused if nemesis.rng.random() < 0.5 else _set_unhealthy
    nemesis.tell(node_id, "withholds itself", set_to(True))
    nemesis.later(_LONG, nemesis.tell, node_id, "stands again", set_to(False))


def _set_paused(is_paused: bool) -> Callable[[Elector, int], Ready]:
    return lambda elector, now: elector.set_paused(now, is_paused)


def _set_unhealthy(is_unhealthy: bool) -> Callable[[Elector, int], Ready]:
    return lambda elector, now: elector.set_healthy(now, not is_unhealthy)


def _restand(nemesis: "Nemesis") -> None:
    node_id, priority, offset = nemesis.node_id(), nemesis.rng.randrange(4), nemesis.rng.randrange(3)
    text = f"has priority {priority}, offset {offset}"
    nemesis.tell(node_id, text, lambda elector, now: elector.set_standing(now, priority=priority, offset=offset))


FAULTS: dict[str, Callable[["Nemesis"], None]] = {
    "cut one way": _cut_one_way,
    "cut both ways": _cut_both_ways,
    "partition": _partition,
    "isolate": _isolate,
    "strip the leader": _strip_leader,
    "leave a hub": _leave_hub,
    "leave a chain": _leave_chain,
    "clog": _clog,
    "redial": _redial,
    "hang up": _hang_up,
    "reset": _reset,
    "close by proxy": _close_by_proxy,
    "slow down": _slow_down,
    "lose": _lose,
    "crash": _crash,
    "crash machine": _crash_machine,
    "restart at once": _restart_at_once,
    "crash all": _crash_all,
    "pause": _pause,
    "stall disk": _stall_disk,
    "fail disk": _fail_disk,
    "change clock": _change_clock,
    "resign": _resign,
    "leave": _leave,
    "withhold": _withhold,
    "restand": _restand,
}
"""Every fault by the name that `Faults.kinds` knows it by."""
