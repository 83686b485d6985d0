"""A node that asks to join, without its protocol: the simulation's counterpart of `elect.joining`.

It asks one running node after the other. A leader makes it a member; another node names the leader. The answer leaves
once the new configuration is on the disks of a quorum. Requests and answers may be lost, late, or in vain.
"""

from typing import TYPE_CHECKING

from elect.core.changes import AddMember, Change, ReplaceMember
from elect.core.configuration import Configuration
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.testing.membership.change_request import ask
from elect.testing.simulation.simulation_options import Span

if TYPE_CHECKING:
    from elect.testing.world.process import Process

_RETRY = Span(low=0.05, high=0.5)
_POLL_NS = 5_000_000
_POLLS_MAX = 400
"""A leader whose change no quorum has after two seconds answers nothing; the node asks again."""


class SimulatedJoiner:
    """Asks until the process has a configuration.

    Args:
        process: that wants to join.
    """

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._world = process.world
        self._leader: str | None = None

    def start(self) -> None:
        """Ask now, and again until there is an answer."""
        process, world = self._process, self._world
        if not process.is_alive or process.links.configuration.members or not process.host.is_joining:
            return
        world.scheduler.after(_RETRY.draw(world.rng), process.gate.run, self, self.start)
        others = [node_id for node_id in world.node_ids if node_id != process.node_id]
        node_id = self._leader or world.rng.choice(others)
        self._leader = None
        path = world.network.path(process.node_id, node_id)
        server = world.hosts[node_id].process
        if server is not None and self._arrives(path.source, path.target):
            world.scheduler.after(2 * path.delay.draw(world.rng), server.gate.run, self, self._serve, server)

    def _arrives(self, source: str, target: str) -> bool:
        """Return whether something that is sent now reaches its target."""
        there, back = self._world.network.path(source, target), self._world.network.path(target, source)
        return not (there.is_cut or back.is_cut) and self._world.rng.random() >= there.loss

    # At the node that is asked.

    def _serve(self, server: "Process") -> None:
        change = self._change(server.links.configuration)
        if change is None:
            self._answer(server, _POLLS_MAX)
            return
        refusal = ask(server, change)
        if refusal is None:
            self._answer(server, _POLLS_MAX)
        elif DEFAULT_ELECTION in server.elector.state.elections:
            leader, _ = server.elector.state.elections[DEFAULT_ELECTION].leader
            self._leader = leader if leader != self._process.node_id else None

    def _change(self, configuration: Configuration) -> Change | None:
        """Return the change that makes this node a member, or None: it is one."""
        process = self._process
        member = configuration.member(process.node_id)
        if member is None:
            return AddMember(node_id=process.node_id, kind=process.host.kind, store_id=process.store_id)
        if member.store_id == process.store_id:
            return None
        return ReplaceMember(node_id=process.node_id, store_id=process.store_id)

    def _answer(self, server: "Process", polls: int) -> None:
        """Send the configuration once it is on the disks of the node that was asked and of a quorum."""
        if not server.is_alive:
            return
        stored, world = server.host.disk.configuration, self._world
        if self._change(stored) is not None or not self._has_quorum(stored):
            if polls:
                world.scheduler.after(_POLL_NS, server.gate.run, self, self._answer, server, polls - 1)
        elif self._arrives(server.node_id, self._process.node_id):
            delay = world.network.path(server.node_id, self._process.node_id).delay.draw(world.rng)
            world.scheduler.after(delay, self._process.gate.run, self, self._install, stored)

    def _has_quorum(self, configuration: Configuration) -> bool:
        """Return whether a quorum has it: before that the next leader may undo it, and refuse the store in it."""
        disks = [self._world.hosts[voter].disk for voter in configuration.voters]
        return sum(disk.configuration.id == configuration.id for disk in disks) >= configuration.quorum

    def _install(self, configuration: Configuration) -> None:
        if not self._process.links.configuration.members:
            self._process.do(lambda elector, now: elector.install(now, configuration))
