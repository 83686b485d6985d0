"""Processes that start, crash, lose their disks and join, in simulated time, around an ideal cluster.

The cluster elects and installs without fault: any member leads while a majority of the voters is up. The joining is
elect's own.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

from elect.clock import NS_PER_S
from elect.core.changes import AddMember, ChangeRefusal, ChangeRefused, ReplaceMember
from elect.core.configuration import Configuration, Member
from elect.joining.join_handler import MemberView, conclude, decide, explain
from elect.joining.join_messages import Answer, Join
from elect.joining.join_passes import JoinEnd, JoinPasses, JoinPlan, JoinStep, JoinTry, JoinWait
from elect.joining.start_choice import Reply
from wire.protocol.address import Address
from wire.protocol.wire_errors import ClosedError, ConnectError, HandshakeTimeoutError

MS = NS_PER_S // 1000
ELECTION_NS = 300 * MS
SETTLE_NS = 200 * MS
END_NS = 3_600 * NS_PER_S


@dataclass
class Host:
    """A machine: its disk, its network from some time on, and the process that runs on it."""

    node_id: str
    address: Address
    store_id: bytes = b""
    configuration: Configuration = field(default_factory=Configuration)
    life: int = 0
    is_up: bool = False
    up_since: int = 0
    is_bootstrap: bool = False
    network_from: int = 0


class JoiningWorld:
    """Simulated hosts with the same seeds.

    Args:
        seed: of the run.
        seed_count: the number of hosts whose addresses are seeds.
        silence: the part of the dials that get no answer.
    """

    def __init__(self, seed: int, *, size: int = 5, seed_count: int = 5, silence: float = 0.1) -> None:
        self.rng = random.Random(seed)
        self.now = 0
        self.silence = silence
        ports = self.rng.sample(range(1, 100), size)
        self.hosts = [Host(chr(ord("a") + place), Address("10.0.0.1", port)) for place, port in enumerate(ports)]
        self.seeds = tuple(sorted(host.address for host in self.hosts[:seed_count]))
        self.formed: list[bytes] = []
        self.configuration = Configuration()
        self.busy_until = 0
        self.changes = 0
        self._events: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def after(self, delay_ns: int, act: Callable[[], object]) -> None:
        heapq.heappush(self._events, (self.now + delay_ns, next(self._order), act))

    def run(self, is_over: Callable[[], bool]) -> None:
        """Run until it is over, or nothing happens any more."""
        while self._events and not is_over():
            self.now, _, act = heapq.heappop(self._events)
            assert self.now < END_NS, "an hour was not enough"
            act()

    def smallest(self) -> Host:
        return next(host for host in self.hosts if host.address == self.seeds[0])

    def is_complete(self) -> bool:
        """Whether each host runs, and is the member that its store says."""
        return all(
            host.is_up
            and (member := self.configuration.member(host.node_id)) is not None
            and member.store_id == host.store_id
            and host.configuration.cluster_id == self.configuration.cluster_id
            for host in self.hosts
        )

    def start(self, host: Host) -> None:
        host.life += 1
        host.is_up, host.up_since = True, self.now
        host.store_id = host.store_id or self.rng.randbytes(16)
        if not host.configuration.members:
            plan = JoinPlan(
                request=Join(node_id=host.node_id, store_id=host.store_id, address=str(host.address)),
                own=host.address,
                seeds=self.seeds,
                cluster_id=self.rng.randbytes(16),
                is_bootstrap=host.is_bootstrap,
            )
            self._go_on(host, host.life, JoinPasses(plan, self.rng).steps(), None)

    def crash(self, host: Host, *, is_wiped: bool = False) -> None:
        host.is_up = False
        host.life += 1
        if is_wiped:
            host.store_id, host.configuration = b"", Configuration()

    def _go_on(
        self, host: Host, life: int, steps: Generator[JoinStep, Reply | None, None], reply: Reply | None
    ) -> None:
        if host.life != life:
            return
        step = steps.send(reply)
        match step:
            case JoinWait():
                self.after(step.wait_ns, lambda: self._go_on(host, life, steps, None))
            case JoinTry():
                self._dial(step, host, lambda answer: self._go_on(host, life, steps, answer))
            case JoinEnd():
                self.after(self._delay(), lambda: self._install(host, life, step))

    def _install(self, host: Host, life: int, step: JoinEnd) -> None:
        if host.life != life:
            return
        host.configuration = step.configuration
        if step.progress.is_forming:
            assert step.configuration.cluster_id is not None
            self.formed.append(step.configuration.cluster_id)
            self.configuration = step.configuration
        else:  # a learner that has installed is ready in this world
            member = self.configuration.member(host.node_id)
            assert member is not None
            self._put(replace(member, is_voter=True))

    def _delay(self) -> int:
        return self.rng.randrange(1, 60 * MS)

    def _dial(self, step: JoinTry, host: Host, give: Callable[[Reply], object]) -> None:
        target = next((each for each in self.hosts if each.address == step.address), None)
        if self.rng.random() < self.silence:
            self.after(1_000 * MS, lambda: give(HandshakeTimeoutError("no answer")))
        elif target is None or not target.is_up or self.now < host.network_from:
            self.after(self._delay(), lambda: give(ConnectError("refused")))
        else:
            request = Join(node_id=host.node_id, store_id=host.store_id, address=str(host.address))
            self.after(self._delay(), lambda: self._serve(target, target.life, request, give))

    def _serve(self, host: Host, life: int, request: Join, give: Callable[[Reply], object]) -> None:
        if host.life != life:
            give(ClosedError("it crashed"))
            return
        decision = decide(self._view(host), request)
        if not isinstance(decision, AddMember | ReplaceMember):
            self._send(host, life, decision, give)
            return
        try:
            self._change(decision)
        except ChangeRefused as refused:
            self._send(host, life, explain(request, refused), give)
        else:
            self.after(SETTLE_NS, lambda: self._send(host, life, conclude(request, self.configuration), give))

    def _send(self, host: Host, life: int, answer: Answer, give: Callable[[Reply], object]) -> None:
        self.after(self._delay(), lambda: give(answer if host.life == life else ClosedError("it crashed")))

    def _change(self, change: AddMember | ReplaceMember) -> None:
        present = self.configuration.member(change.node_id)
        if present is not None and isinstance(change, AddMember):
            assert present.store_id == change.store_id
            return
        if self.now < self.busy_until:
            raise ChangeRefused(ChangeRefusal.IN_PROGRESS, "a change is under way")
        self._put(Member(node_id=change.node_id, is_voter=False, store_id=change.store_id, address=change.address))
        self.configuration = replace(self.configuration, version=self.configuration.version + 1)
        self.busy_until = self.now + SETTLE_NS
        self.changes += 1

    def _put(self, member: Member) -> None:
        others = [each for each in self.configuration.members if each.node_id != member.node_id]
        members = tuple(sorted([*others, member], key=lambda each: each.node_id))
        self.configuration = replace(self.configuration, members=members)

    def _leader(self) -> Host | None:
        """The living member with the first id, once it has had the time to be elected by a majority."""
        living = [host for host in self.hosts if host.is_up and self._is_installed(host)]
        settled = [host for host in living if self.now - host.up_since >= ELECTION_NS]
        return settled[0] if len(settled) >= self.configuration.quorum else None

    def _is_installed(self, host: Host) -> bool:
        member = self.configuration.member(host.node_id)
        is_same = host.configuration.cluster_id == self.configuration.cluster_id
        return is_same and member is not None and member.store_id == host.store_id

    def _view(self, host: Host) -> MemberView:
        leader = self._leader() if host.configuration.members else None
        return MemberView(
            node_id=host.node_id,
            configuration=self.configuration if host.configuration.members else Configuration(),
            is_leading=leader is host,
            leader_id=None if leader is None else leader.node_id,
            leader_address=None if leader is None else str(leader.address),
            term=1,
            heard=frozenset(each.node_id for each in self.hosts if each.is_up and self._is_installed(each)),
        )
