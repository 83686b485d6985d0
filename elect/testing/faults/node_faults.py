"""The faults of machines, disks, processes and applications."""

from collections.abc import Callable
from functools import partial

from elect.core.configuration import STORE_ID_LENGTH
from elect.core.elector import Elector
from elect.core.ready import Meeting, Ready
from elect.testing.faults.fault_context import FaultContext
from elect.testing.faults.network_faults import LONG, SHORT
from elect.testing.simulation.simulation_options import Span

_AT_ONCE = Span(low=0.0, high=0.3)
_LATE = Span(low=0.001, high=2.0)
"""Time for which an interpreter may keep a thread from running, s."""


def crash(context: FaultContext) -> None:
    """Kill a process, as kill -9 does: its sockets close."""
    _crash(context, closes=True)


def crash_machine(context: FaultContext) -> None:
    """Cut a machine's power: nothing closes."""
    _crash(context, closes=False)


def _crash(context: FaultContext, *, closes: bool) -> None:
    host = context.hosts[context.victim()]
    host.crash(closes=closes)
    context.later(LONG, host.start)


def restart_at_once(context: FaultContext) -> None:
    """Restart a node before its peers notice."""
    reboot(context, context.victim())


def reboot(context: FaultContext, node_id: str) -> None:
    """Kill a node or its machine, and start it at once."""
    context.note(f"reboot {node_id}")
    host = context.hosts[node_id]
    host.crash(closes=context.rng.random() < 0.3)
    context.later(_AT_ONCE, host.start)


def crash_all(context: FaultContext) -> None:
    """Kill all nodes at once."""
    for host in context.hosts.values():
        host.crash(closes=context.rng.random() < 0.5)
        context.later(SHORT, host.start)


def pause(context: FaultContext, node_id: str = "") -> None:
    """Stop a process, as SIGSTOP does."""
    process = context.hosts[node_id or context.victim()].process
    if process is not None:
        process.pause()
        context.later(SHORT, process.resume)


def stall(context: FaultContext, node_id: str = "") -> None:
    """Stall the orchestrator thread, while other threads run."""
    process = context.hosts[node_id or context.victim()].process
    if process is not None:
        process.stall()
        context.later(_LATE, process.end_stall)


def suspend(context: FaultContext) -> None:
    """Suspend a machine; CLOCK_BOOTTIME runs on."""
    _halt(context, LONG, stops_clock=False)


def freeze(context: FaultContext) -> None:
    """Stop a machine and its clock, as a hypervisor does."""
    _halt(context, SHORT, stops_clock=True)


def _halt(context: FaultContext, span: Span, *, stops_clock: bool) -> None:
    host = context.hosts[context.victim()]
    host.halt(stops_clock=stops_clock)
    context.later(span, host.wake)


def stall_disk(context: FaultContext) -> None:
    """Stall a disk: no write ends."""
    node_id = context.victim()
    context.note(f"stall disk of {node_id}")
    context.hosts[node_id].disk.stalled_until = context.now + LONG.draw(context.rng)


def fail_disk(context: FaultContext) -> None:
    """Fail every write of a disk until it is repaired."""
    node_id = context.victim()
    disk = context.hosts[node_id].disk
    context.note(f"fail disk of {node_id}")
    disk.is_failing = True
    context.later(LONG, disk.repair)


def fail_writes(context: FaultContext, node_id: str = "") -> None:
    """Fail the next one or two writes, and no later ones."""
    node_id = node_id or context.victim()
    context.note(f"fail writes of {node_id}")
    context.hosts[node_id].disk.fails_left = context.rng.randint(1, 2)


def wipe(context: FaultContext) -> None:
    """Lose a disk: at most one in a world, and only if every other node has met its node.

    A node that has met a voter refuses it with another store. A node that has not met it would accept the vote of a
    voter that has forgotten its votes, and P1 would be lost (section 7). A node whose list was edited keeps its disk: a
    new store accepts any list, and a node that is cut off cannot compare it.
    """
    node_id = context.victim()
    hosts = context.hosts
    store_id = hosts[node_id].disk.store_id
    store = hosts[node_id].disk.store_id.to_bytes(STORE_ID_LENGTH)
    is_first = all(host.disk.store_id == store_id for host in hosts.values())
    others = [host for host in hosts.values() if host.node_id != node_id]
    is_met = all(host.disk.meetings.get(node_id, Meeting()).store_id == store for host in others)
    is_listed = hosts[node_id].listed == context.ids
    if len(others) > 1 and is_first and is_met and is_listed:
        hosts[node_id].wipe()
        context.later(SHORT, hosts[node_id].start)


def relist(context: FaultContext) -> None:
    """Start a node with another list of voters in its settings; its store has a configuration and keeps it.

    It strikes one node at a time.
    """
    hosts, rng = context.hosts, context.rng
    host = hosts[context.victim()]
    is_wrong_already = any(each.listed != host.listed for each in hosts.values())
    if len(hosts) < 2 or is_wrong_already or host.is_wiped or not host.disk.incarnation:
        return
    others = rng.sample([node_id for node_id in hosts if node_id != host.node_id], len(hosts) - 1)
    count = rng.randrange(len(others))
    host.crash(closes=rng.random() < 0.5)
    host.list_voters(tuple(sorted((host.node_id, *others[:count]))))
    context.later(_AT_ONCE, host.start)
    context.later(LONG, host.correct_voters)


def change_clock(context: FaultContext) -> None:
    """Change the rate of a clock."""
    bound = context.options.drift
    context.hosts[context.node_id()].set_drift(context.rng.choice((-bound, 0.0, bound)))


# Applications and operators.


def resign(context: FaultContext) -> None:
    """Resign an election to any voter, or to none."""
    election = context.election()
    node_id = context.leader(election) or context.node_id()
    to = context.rng.choice((None, context.rng.choice(context.hosts[node_id].listed or (None,))))
    context.tell(node_id, f"resigns {election} to {to}", resignation(election, to))


def resignation(election: str, to: str | None) -> Callable[[Elector, int], Ready]:
    """Return the input by which a node resigns to a voter; to none, if that one is no voter any more."""
    return lambda elector, now: elector.resign(now, election, to=to if to in elector.state.voters else None)


def leave(context: FaultContext) -> None:
    """Leave an election, and enter it again later."""
    election, node_id = context.election(), context.victim()
    context.tell(node_id, f"leaves {election}", lambda elector, now: elector.leave(now, election))
    context.later(LONG, context.tell, node_id, f"enters {election}", lambda elector, now: elector.enter(now, election))


def withhold(context: FaultContext, node_id: str = "") -> None:
    """Stop a node's candidacy until later: by command, or by its health hook."""
    node_id = node_id or context.victim()
    if context.rng.random() < 0.5:
        context.tell(node_id, "is paused by its operator", lambda elector, now: elector.set_paused(now, is_paused=True))
        context.later(LONG, _resume, context, node_id)
    else:
        context.note(f"{node_id} is unhealthy")
        context.hosts[node_id].set_healthy(is_healthy=False)
        context.later(LONG, partial(context.hosts[node_id].set_healthy, is_healthy=True))


def _resume(context: FaultContext, node_id: str) -> None:
    context.tell(node_id, "is resumed by its operator", lambda elector, now: elector.set_paused(now, is_paused=False))


def change_rank(context: FaultContext) -> None:
    """Change a node's priority and offset."""
    node_id, priority, offset = context.node_id(), context.rng.randrange(4), context.rng.randrange(3)
    context.set_standing(node_id, f"has priority {priority}, offset {offset}", priority=priority, offset=offset)
