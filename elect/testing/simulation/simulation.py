"""A whole cluster in one thread, in virtual time, from one seed.

The Electors and Orchestrators are the real ones. The network, disks, clocks and threads are simulated, with every fault
that real ones have. Observers check every promise after every step.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NoReturn, get_args

from elect.clock import NS_PER_S
from elect.config import rules
from elect.core.changes import AddMember, Change
from elect.core.configuration import Configuration, MemberKind
from elect.core.elector import Elector
from elect.core.messages import OFFSET_MAX, PRIORITY_MAX
from elect.core.ready import Ready
from elect.testing.checkers import watch_all
from elect.testing.faults.nemesis import Nemesis
from elect.testing.faults.presets import changing, hostile
from elect.testing.membership.change_request import ask
from elect.testing.membership.cluster_operator import ClusterOperator
from elect.testing.membership.site_operator import SiteOperator
from elect.testing.simulation.network_controls import NetworkControls, duration, share_of
from elect.testing.simulation.simulation_options import NODES_MAX, Options, Span, nanoseconds
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.world.host import Host, add_host
from elect.testing.world.simulated_network import SimulatedNetwork
from elect.testing.world.world import Record, World
from elect.testing.world.world_observer import Observer, noting
from wire.common import arguments

_LAST_WORD = 0.05
"""The time between a last resignation that no node receives and the healing, s."""

_FAILURES_MAX = 1_000_000


class Simulation(NetworkControls):
    """A cluster that starts at once; its time moves only in `run`.

    Args:
        options: the world; a seed fixes everything.
    """

    def __init__(self, options: Options) -> None:
        arguments.check_type("options", options, Options, "an Options")
        self._world = world = World(options)
        world.is_hostile = options in (hostile(options.seed, options.nodes), changing(options.seed, options.nodes))
        world.network = SimulatedNetwork(world)
        world.hosts = {node_id: Host(world, node_id) for node_id in options.node_ids}
        self._met, self._stores, self._liveness = watch_all(world)
        self._observer_error: Exception | None = None
        for host in world.hosts.values():
            late = nanoseconds(options.starts.get(host.node_id, 0.0))
            world.scheduler.after(late + world.rng.randrange(1_000_000), host.start)
        self._nemesis = None if options.faults is None else Nemesis(world, options.faults)
        self._operator = ClusterOperator(world, 1 / options.changes) if options.changes else None
        self._site_operator = SiteOperator(world) if options.seals or options.promotions else None

    # Time.

    @property
    def now(self) -> float:
        """Return the virtual seconds since the start."""
        return self._world.now / NS_PER_S

    def run(self, seconds: float) -> None:
        """Run for some virtual seconds.

        Raises:
            InvariantViolation: a promise was broken, or an Elector raised an exception.
            Exception: from an observer; its notes have the transcript.
        """
        until = self._world.now + duration("seconds", seconds)
        try:
            self._world.scheduler.run_until(until)
        except InvariantViolation:
            raise
        except Exception as error:
            if error is self._observer_error:
                error.add_note(str(self._world.violation("an observer raised", repr(error))))
                raise
            raise self._world.violation("electors never raise", repr(error)) from error

    def run_until(self, is_met: Callable[[], bool], timeout: float) -> bool:
        """Run in steps of a millisecond until a condition is met; return False if it is not after `timeout` s."""
        arguments.check_callable("is_met", is_met)
        end = self.now + arguments.number("timeout", timeout)
        while not is_met():
            if self.now >= end:
                return False
            self.run(0.001)
        return True

    def fail(self, invariant: str, detail: str) -> NoReturn:
        """Fail the run, for an expectation of the caller.

        Raises:
            InvariantViolation: always, with the transcript.
        """
        self._world.fail(invariant, detail)

    def settle(self) -> None:
        """Undo every fault, and check that each election gets its leader in time and keeps it.

        The nemesis strikes last: a leader may resign unheard just before, and some nodes stay unwilling.

        Raises:
            InvariantViolation: an election has no leader in time, or its leader changes.
        """
        self._world.end_faults()
        quitter = None if self._nemesis is None else self._nemesis.strike_last()
        if quitter is not None:
            self.run(_LAST_WORD)
        self._restore([] if self._nemesis is None else self._nemesis.draw_unwilling(quitter))
        if self._liveness.members_changed:
            self.run_until(self._liveness.are_members_settled, self._world.options.members_seconds)
            self._liveness.check_members()
        self.run(self._liveness.rest_seconds + self._world.options.settle_seconds)
        self._liveness.check_leaders()
        self.run(self._world.options.failback_seconds)
        self._liveness.settle()
        self.run(2 * self._world.options.support_duration)
        self._liveness.check_followers()
        self._liveness.unsettle()

    # Questions.

    def leader(self, election: str = "default") -> str | None:
        """Return the node that holds a valid lease now, or None.

        Raises:
            ValueError: no node is a candidate in an election of that name.
        """
        holders = self._world.holders(self._election(election))
        return next((process.node_id for process in holders), None)

    def _election(self, election: str) -> str:
        if arguments.text("election", election) in (elections := self._world.options.elections):
            return election
        processes = [host.process for host in self._world.hosts.values()]
        if any(process and election in process.elector.state.elections for process in processes):
            return election
        raise ValueError(f"no election has the name {election!r}; the elections are {', '.join(elections)}")

    def elector(self, node_id: str) -> Elector:
        """Return the real Elector of a running node.

        Raises:
            LookupError: the node does not run.
        """
        return self._process(node_id).elector

    def is_running(self, node_id: str) -> bool:
        """Return whether the node's process is alive, paused or not."""
        return self._host(node_id).process is not None

    def term(self, node_id: str, election: str = "default") -> int:
        """Return the term of a running node."""
        elections = self.elector(node_id).state.elections
        election = self._election(election)
        return elections[election].term if election in elections else 0

    @property
    def events(self) -> list[Record]:
        """Return all events of all nodes, in order."""
        return self._world.records

    @property
    def transcript(self) -> str:
        """Return the transcript of the run, one line a change."""
        return "\n".join(self._world.lines)

    @property
    def met(self) -> Counter[str]:
        """Return the number of times that each hard case of PROTOCOL.md, section 9, was met."""
        return self._met.report()

    @property
    def strikes(self) -> Counter[str]:
        """Return the number of strikes of each kind of fault."""
        return Counter() if self._nemesis is None else self._nemesis.strikes

    # Members.

    def add_node(self, node_id: str, *, kind: MemberKind = MemberKind.VOTER) -> None:
        """Start a new node, which joins the cluster and becomes a `kind` when it is ready.

        Raises:
            ValueError: a node has that id, or had it, or there are too many; or no node can have it; or there is no
                such `kind`.
        """
        node_id, kind = arguments.text("node_id", node_id), MemberKind(kind)
        rules.check_id("node_id", node_id)
        if node_id in self._world.hosts:
            raise ValueError(f"node_id is {node_id!r}, which a node has; take another id")
        if len(self._world.hosts) >= NODES_MAX:
            raise ValueError(f"there are {len(self._world.hosts)} nodes, as many as there can be")
        add_host(self._world, node_id, kind=kind).start()

    def change(self, change: Change) -> None:
        """Ask the leader of `default` for a change of the members.

        Raises:
            TypeError: `change` is none of `elect.core.changes`.
            ValueError: it adds a node that was never started: `add_node` starts one, which joins.
            ChangeRefused: it refused.
            LookupError: no node leads `default`.
        """
        arguments.check_type("change", change, get_args(Change), "a change, such as RemoveMember")
        leader = next(iter(self._world.holders("default")), None)
        if leader is None:
            raise LookupError("no node leads default; run until one does")
        if isinstance(change, AddMember) and change.node_id not in self._world.hosts:
            raise ValueError(f"change adds {change.node_id!r}, and no node has that id; call add_node, and it joins")
        refused = ask(leader, change)
        if refused is not None:
            raise refused

    def members(self) -> Configuration:
        """Return the newest configuration that is on a disk."""
        return self._world.newest

    # Nodes.

    def crash(self, node_id: str, *, closes: bool = True) -> None:
        """Kill a node: its sockets close, as with kill -9, or its host dies and closes nothing."""
        self._host(node_id).crash(closes=arguments.flag("closes", closes))

    def restart(self, node_id: str) -> None:
        """Start a node again with its disk."""
        self._host(node_id).start()

    def pause(self, node_id: str) -> None:
        """Stop a node as SIGSTOP does: its clock runs on."""
        self._process(node_id).pause()

    def resume(self, node_id: str) -> None:
        """Continue a paused node, as SIGCONT does."""
        self._process(node_id).resume()

    def stall(self, node_id: str, seconds: float) -> None:
        """Stall the orchestrator thread of a node, as a busy interpreter may.

        Its other threads run: frames are read into the inbox, handshakes answered, writes done, `is_leader` answered.
        """
        process, stalled_ns = self._process(node_id), duration("seconds", seconds)
        process.stall()
        self._world.scheduler.after(stalled_ns, process.end_stall)

    def suspend(self, node_id: str, seconds: float) -> None:
        """Suspend a node's machine: nothing on it runs, nothing reaches it, and its clock is ahead when it wakes."""
        host, suspended_ns = self._process(node_id).host, duration("seconds", seconds)
        host.halt(stops_clock=False)
        self._world.scheduler.after(suspended_ns, host.wake)

    def freeze(self, node_id: str) -> None:
        """Stop a node's machine and its clock, as a hypervisor does; then its lease may be one of two.

        Source: PROTOCOL.md, section 1; `Host.halt` names the leases that checkers excuse.
        """
        self._process(node_id).host.halt(stops_clock=True)

    def thaw(self, node_id: str) -> None:
        """Continue a frozen machine; its clock runs on from its reading."""
        self._process(node_id).host.wake()

    def health(self, node_id: str, *, is_healthy: bool) -> None:
        """Set the answer of the application's health hook, for later processes of this node as well."""
        self._host(node_id).set_healthy(is_healthy=arguments.flag("is_healthy", is_healthy))

    def raising(self, share: float) -> None:
        """Make applications raise in this share of the leaderships that begin from now on."""
        self._world.raising = share_of(share)

    def acknowledgement(self, low: float, high: float) -> None:
        """Set the duration of the applications' callbacks from `low` to `high` s."""
        self._world.acknowledgement = Span(low=low, high=high)

    def wipe(self, node_id: str) -> None:
        """Kill a node and lose its disk."""
        self._host(node_id).wipe()

    def list_voters(self, node_id: str, voters: Iterable[str]) -> None:
        """Change the list of voters in a node's settings, itself included. A store that has a configuration keeps it.

        Raises:
            TypeError: `voters` is a text.
            ValueError: there is no such node, or the node itself is not listed.
        """
        host = self._host(node_id)
        if isinstance(voters, str):
            raise TypeError(f"voters is {voters!r}; several texts are needed, as in [{voters!r}]")
        listed = tuple(sorted({self._host(voter).node_id for voter in voters}))
        if node_id not in listed:
            raise ValueError(f"voters is {listed}; {node_id!r} itself is needed, too")
        host.list_voters(listed)

    def forget(self, node_id: str, peer: str) -> None:
        """Make a running node accept a voter that has lost its votes."""
        process = self._process(node_id)
        process.links.forget(peer)
        self._stores.forget(node_id, peer)
        process.do(lambda elector, now: elector.forget(now, peer))

    def disk(self, node_id: str, *, stall: float = 0.0, is_failing: bool = False, failures: int = 0) -> None:
        """Stall a disk for `stall` s; fail its writes from now on, or only the next `failures` ones.

        Some of the writes that fail are on the disk nevertheless.
        """
        disk, stalled_ns = self._host(node_id).disk, duration("stall", stall)
        arguments.flag("is_failing", is_failing)
        disk.fails_left = arguments.integer("failures", failures, 0, _FAILURES_MAX)
        disk.stalled_until = self._world.now + stalled_ns
        disk.is_failing = is_failing

    def drift(self, node_id: str, share: float) -> None:
        """Make a node's clock run fast (above 0) or slow.

        Raises:
            ValueError: the share is beyond `clock_drift`, where no promise holds.
        """
        self._host(node_id).set_drift(arguments.number("share", share, -1, 1))

    def tell(self, node_id: str, call: Callable[[Elector, int], Ready]) -> None:
        """Give a node's Elector any input: `sim.tell("a", lambda elector, now: elector.resign(now, "default"))`."""
        arguments.check_callable("call", call)
        self._process(node_id).do(call)

    def set_standing(self, node_id: str, *, priority: int = 1, offset: int = 0) -> None:
        """Change a node's priority and offset: in its next step, and for its later starts. Priority 0 is a step."""
        host = self._host(node_id)
        priority = arguments.integer("priority", priority, 0, PRIORITY_MAX)
        offset = arguments.integer("offset", offset, 0, OFFSET_MAX)
        host.standing = replace(host.standing, priority=priority, offset=offset)
        if host.process is not None:
            host.process.set_standing(priority=priority, offset=offset)

    def watch(self, observer: Observer) -> None:
        """Add an observer; an exception of it ends `run`, which raises it."""
        arguments.check_type("observer", observer, Observer, "an Observer")
        self._world.watch(noting(observer, self._note_observer_error))

    def _note_observer_error(self, error: Exception) -> None:
        self._observer_error = error

    def restore(self) -> None:
        """Stop the nemesis and undo every fault of network, disks, processes and applications."""
        self._restore([])

    def _restore(self, unwilling: list[str]) -> None:
        for strikes in (self._nemesis, self._operator, self._site_operator):
            if strikes is not None:
                strikes.stop()
        world = self._world
        world.calm()
        world.note("net", f"all is restored, but {unwilling} lead nothing" if unwilling else "all is restored")
        for host in world.hosts.values():
            host.wake()
        self.heal()
        for host in world.hosts.values():
            host.restore(is_willing=host.node_id not in unwilling)
