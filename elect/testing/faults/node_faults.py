"""What befalls machines, disks and processes."""

from typing import TYPE_CHECKING

from elect.core.ready import Meeting
from elect.storage.store import STORE_ID_LENGTH
from elect.testing.faults.network_faults import LONG, SHORT
from elect.testing.simulation.simulation_options import Span

if TYPE_CHECKING:
    from elect.testing.faults.nemesis import Nemesis

_AT_ONCE = Span(low=0.0, high=0.3)
_LATE = Span(low=0.001, high=2.0)
"""For how long an interpreter may keep a thread from running, s."""


def crash(nemesis: "Nemesis") -> None:
    """Kill -9: the sockets close."""
    host = nemesis.hosts[nemesis.victim()]
    host.crash(closes=True)
    nemesis.later(LONG, host.start)


def crash_machine(nemesis: "Nemesis") -> None:
    """The power is gone: nothing closes."""
    host = nemesis.hosts[nemesis.victim()]
    host.crash(closes=False)
    nemesis.later(LONG, host.start)


def restart_at_once(nemesis: "Nemesis") -> None:
    """A node comes back before anybody has missed it."""
    reboot(nemesis, nemesis.victim())


def reboot(nemesis: "Nemesis", node_id: str) -> None:
    """Kill this node, or its machine, and start it at once."""
    nemesis.note(f"reboot {node_id}")
    host = nemesis.hosts[node_id]
    host.crash(closes=nemesis.rng.random() < 0.3)
    nemesis.later(_AT_ONCE, host.start)


def crash_all(nemesis: "Nemesis") -> None:
    """All nodes, at once."""
    for host in nemesis.hosts.values():
        host.crash(closes=nemesis.rng.random() < 0.5)
        nemesis.later(SHORT, host.start)


def pause(nemesis: "Nemesis", node_id: str = "") -> None:
    """SIGSTOP."""
    process = nemesis.hosts[node_id or nemesis.victim()].process
    if process is not None:
        process.pause()
        nemesis.later(SHORT, process.resume)


def stall(nemesis: "Nemesis", node_id: str = "") -> None:
    """The protocol's thread does not get its turn, while others do."""
    process = nemesis.hosts[node_id or nemesis.victim()].process
    if process is not None:
        process.stall()
        nemesis.later(_LATE, process.catch_up)


def suspend(nemesis: "Nemesis") -> None:
    """The lid is closed; CLOCK_BOOTTIME runs on."""
    host = nemesis.hosts[nemesis.victim()]
    host.halt(stops_clock=False)
    nemesis.later(LONG, host.wake)


def freeze(nemesis: "Nemesis") -> None:
    """A hypervisor stops the machine, and its clock."""
    host = nemesis.hosts[nemesis.victim()]
    host.halt(stops_clock=True)
    nemesis.later(SHORT, host.wake)


def stall_disk(nemesis: "Nemesis") -> None:
    """Nothing completes."""
    node_id = nemesis.victim()
    nemesis.note(f"stall disk of {node_id}")
    nemesis.hosts[node_id].disk.stalled_until = nemesis.now + LONG.draw(nemesis.rng)


def fail_disk(nemesis: "Nemesis") -> None:
    """Every write fails."""
    node_id = nemesis.victim()
    disk = nemesis.hosts[node_id].disk
    nemesis.note(f"fail disk of {node_id}")
    disk.is_failing = True
    nemesis.later(LONG, disk.repair)


def fail_writes(nemesis: "Nemesis", node_id: str = "") -> None:
    """The next write or two fail, and what waits behind them does not."""
    node_id = node_id or nemesis.victim()
    nemesis.note(f"fail writes of {node_id}")
    nemesis.hosts[node_id].disk.fails_left = nemesis.rng.randint(1, 2)


def wipe(nemesis: "Nemesis") -> None:
    """A disk is lost for good: at most one, and only when every other node has met it.

    Who has met a voter refuses it under another store. Who has not would take the vote of one that has forgotten what
    it voted, and then nothing keeps P1 (section 7); and two that have forgotten each other would take each other's.
    A node whose list was edited is left alone, too: a new store takes any list, and a node that is cut off can't know.
    """
    node_id = nemesis.victim()
    hosts = nemesis.hosts
    store_id = hosts[node_id].disk.store_id
    store = hosts[node_id].disk.store_id.to_bytes(STORE_ID_LENGTH)
    is_first = all(host.disk.store_id == store_id for host in hosts.values())
    others = [host for host in hosts.values() if host.node_id != node_id]
    is_met = all(host.disk.meetings.get(node_id, Meeting()).store_id == store for host in others)
    is_listed = hosts[node_id].voters == nemesis.ids
    if len(others) > 1 and is_first and is_met and is_listed:
        hosts[node_id].wipe()
        nemesis.later(SHORT, hosts[node_id].start)


def relist(nemesis: "Nemesis") -> None:
    """A node is started with another list of voters, which its store refuses; or by force, which the others do.

    At most one node at a time, and never by force with a list of which it is the majority: then the operator has made
    a second cluster, and the first one must be over.
    """
    hosts, rng = nemesis.hosts, nemesis.rng
    host = hosts[nemesis.victim()]
    is_wrong_already = any(each.voters != host.voters for each in hosts.values())
    if len(hosts) < 2 or is_wrong_already or host.is_wiped or not host.disk.voters:
        return
    is_forced = len(hosts) > 2 and rng.random() < 0.3
    others = rng.sample([node_id for node_id in hosts if node_id != host.node_id], len(hosts) - 1)
    count = rng.randrange(int(is_forced), len(others))
    host.crash(closes=rng.random() < 0.5)
    host.list_voters(tuple(sorted((host.node_id, *others[:count]))), is_replacing=is_forced)
    nemesis.later(_AT_ONCE, host.start)
    nemesis.later(LONG, host.correct_voters)


def change_clock(nemesis: "Nemesis") -> None:
    """A clock runs at another rate."""
    bound = nemesis.options.drift
    nemesis.hosts[nemesis.node_id()].set_drift(nemesis.rng.choice((-bound, 0.0, bound)))
