"""The leader election of plain Raft in the virtual time of `elect.testing`: the baseline of figure16.py.

It has followers, candidates and leaders, RequestVote, and AppendEntries as the heartbeat. The election timeout is drawn
anew at every reset. A higher term makes any server a follower. A vote goes only to a log that is no shorter. An answer
waits until term and vote are on disk. A candidate sends RequestVote while its own vote is being written, and counts
that vote once it is: both orders are safe, this one is faster. There is no pre-vote and no lease, and closed sockets
mean nothing. Logs do not grow and have entries of one term, so votes depend on their length. A request is sent once:
use it on a network without loss.

Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (extended version), figure 2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from random import Random

from elect.testing.simulation.simulation_options import Options, Span
from elect.testing.world.scheduler import Scheduler

BURST_NS = 2_000_000
"""Frames sent within this time before a crash may be lost with the process, as in the simulated links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestVote:
    """The request of a candidate for a vote."""

    term: int
    log_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """The answer to a RequestVote message."""

    term: int
    is_granted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendEntries:
    """The heartbeat of a leader, without entries."""

    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """The answer to an AppendEntries message."""

    term: int


Message = RequestVote | Vote | AppendEntries | Appended


class Role(Enum):
    """The role of a server."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """An election timeout is drawn evenly from `timeout_low_ns` to `timeout_high_ns`."""

    timeout_low_ns: int
    timeout_high_ns: int
    heartbeat_interval_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """The term and vote that a server keeps on disk."""

    term: int = 0
    voted_for: int | None = None


class Server:
    """One server.

    Attributes:
        ballot: term and vote in memory.
        durable: term and vote on disk.
        is_alive: the server has not crashed.
        crashed_at: time of the latest crash, ns.
    """

    def __init__(self, cluster: "Cluster", number: int, log_length: int) -> None:
        self._cluster = cluster
        self.number = number
        self.log_length = log_length
        self.ballot = self.durable = Ballot()
        self.role = Role.FOLLOWER
        self.is_alive = True
        self.crashed_at = -BURST_NS
        self._votes: set[int] = set()
        self._timer = 0
        self._waiting: list[Callable[[], None]] = []
        self._writing = 0

    # The disk: one transaction at a time writes for all actions that wait.

    def _when_durable(self, action: Callable[[], None]) -> None:
        if self.ballot == self.durable:
            action()
            return
        self._waiting.append(action)
        if not self._writing:
            self._write()

    def _write(self) -> None:
        cluster = self._cluster
        self._writing = cluster.next_number()
        actions, self._waiting = self._waiting, []
        cluster.after(cluster.options.disk_latency, self._written, self._writing, self.ballot, actions)

    def _written(self, number: int, ballot: Ballot, actions: list[Callable[[], None]]) -> None:
        if number != self._writing:
            return
        self._writing = 0
        self.durable = ballot
        for action in actions:
            action()
        if self._waiting:
            self._write()

    # Timers: setting one cancels the one before.

    def _set_timer(self, wait_ns: int, action: Callable[[], None]) -> None:
        self._timer = number = self._cluster.next_number()
        self._cluster.after(self._cluster.options.lateness, self._ring, number, action, wait_ns=wait_ns)

    def _ring(self, number: int, action: Callable[[], None]) -> None:
        if number == self._timer:
            action()

    def await_leader(self) -> None:
        """Draw an election timeout, and campaign after it."""
        timing = self._cluster.timing
        wait_ns = self._cluster.rng.randint(timing.timeout_low_ns, timing.timeout_high_ns)
        self._set_timer(wait_ns, self._campaign)

    # Roles.

    def _campaign(self) -> None:
        self.role = Role.CANDIDATE
        self.ballot = Ballot(term=self.ballot.term + 1, voted_for=self.number)
        self._votes = set()
        self.await_leader()
        self._when_durable(partial(self._count, self.number, self.ballot.term))
        self._broadcast(RequestVote(term=self.ballot.term, log_length=self.log_length))

    def _count(self, voter: int, term: int) -> None:
        if self.role is not Role.CANDIDATE or term != self.ballot.term:
            return
        self._votes.add(voter)
        if len(self._votes) > len(self._cluster.servers) // 2 and self.number in self._votes:
            self.lead()

    def lead(self) -> None:
        """Become the leader of the current term."""
        self.role = Role.LEADER
        self._cluster.won(self)
        self._beat()

    def _beat(self) -> None:
        self._broadcast(AppendEntries(term=self.ballot.term))
        self._set_timer(self._cluster.timing.heartbeat_interval_ns, self._beat)

    def _step_down(self, term: int) -> None:
        """Become a follower in the term of a message; a leader starts its election timeout."""
        had_led = self.role is Role.LEADER
        self.role = Role.FOLLOWER
        if term > self.ballot.term:
            self.ballot = Ballot(term=term)
        if had_led:
            self.await_leader()

    # Messages.

    def _broadcast(self, message: Message) -> None:
        for server in self._cluster.servers:
            if server is not self:
                self._cluster.send(self, server, message)

    def _answer(self, target: "Server", message: Message) -> None:
        self._when_durable(partial(self._cluster.send, self, target, message))

    def receive(self, source: "Server", message: Message) -> None:
        """Handle a message of another server."""
        if message.term > self.ballot.term:
            self._step_down(message.term)
        match message:
            case RequestVote():
                self._vote(source, message)
            case Vote():
                if message.is_granted:
                    self._count(source.number, message.term)
            case AppendEntries():
                if message.term == self.ballot.term:
                    self._step_down(message.term)
                    self.await_leader()
                self._answer(source, Appended(term=self.ballot.term))
            case Appended():
                pass

    def _vote(self, candidate: "Server", request: RequestVote) -> None:
        is_current = request.term == self.ballot.term
        is_free = self.ballot.voted_for in (None, candidate.number)
        is_granted = is_current and is_free and request.log_length >= self.log_length
        if is_granted:
            self.ballot = Ballot(term=request.term, voted_for=candidate.number)
            self.await_leader()
        self._answer(candidate, Vote(term=self.ballot.term, is_granted=is_granted))

    # Stops.

    def crash(self) -> None:
        """Stop; everything that is not on disk is lost."""
        self.is_alive = False
        self.crashed_at = self._cluster.scheduler.now
        self._timer = self._writing = 0
        self._waiting = []

    def restart(self) -> None:
        """Start again with the disk."""
        self.is_alive = True
        self.ballot = self.durable
        self.role = Role.FOLLOWER
        self.await_leader()


@dataclass(frozen=True, slots=True, kw_only=True)
class Win:
    """An election won, at the true time `at` (ns)."""

    at: int
    server: Server
    term: int


class Cluster:
    """Servers and the links between them, which keep the order of frames, as TCP does.

    Args:
        options: `nodes`, `seed`, `delay`, `disk_latency` and `lateness` are used.
        timing: of the protocol.
        log_lengths: by server.
    """

    def __init__(self, options: Options, timing: Timing, log_lengths: Sequence[int]) -> None:
        self.options = options
        self.timing = timing
        self.rng = Random(options.seed)
        self.scheduler = Scheduler()
        self.wins: list[Win] = []
        self._arrivals: dict[tuple[int, int], int] = {}
        self._numbers = 0
        self.servers = tuple(
            Server(self, number, length) for number, length in zip(range(options.nodes), log_lengths, strict=True)
        )
        for server in self.servers:
            server.await_leader()

    def install(self, leader: Server) -> None:
        """Make a server the leader of term 1, elected by all."""
        for server in self.servers:
            server.ballot = server.durable = Ballot(term=1, voted_for=leader.number)
        leader.lead()

    def next_number(self) -> int:
        """Return a number that no other write or timer has."""
        self._numbers += 1
        return self._numbers

    def after(self, span: Span, action: Callable[..., None], *arguments: object, wait_ns: int = 0) -> None:
        """Call `action` after `wait_ns` and a time drawn from `span`."""
        self.scheduler.after(wait_ns + span.draw(self.rng), action, *arguments)

    def send(self, source: Server, target: Server, message: Message) -> None:
        """Send a message, which arrives after a delay."""
        wire = (source.number, target.number)
        at = max(self.scheduler.now + self.options.delay.draw(self.rng), self._arrivals.get(wire, 0))
        self._arrivals[wire] = at
        self.scheduler.at(at, self._arrive, source, target, message, self.scheduler.now)

    def _arrive(self, source: Server, target: Server, message: Message, sent_at: int) -> None:
        was_last = sent_at <= source.crashed_at <= sent_at + BURST_NS
        is_lost = was_last and self.rng.random() < 0.5
        if target.is_alive and not is_lost:
            target.receive(source, message)

    def won(self, server: Server) -> None:
        """Record that a server won an election."""
        assert all(win.term != server.ballot.term for win in self.wins), "two leaders in one term"
        self.wins.append(Win(at=self.scheduler.now, server=server, term=server.ballot.term))
