"""A cluster of real Electors in which the test delivers every frame, ends every write and moves the time.

It is for tests in which the order of two messages matters. Each node has its own clock. The promises that span nodes
are checked after every input.
"""

from collections.abc import Callable

from elect.clock import NS_PER_S
from elect.core.elector import Elector
from elect.core.events import Event
from elect.core.invariants import check
from elect.core.messages import Batch, ConfigurationId, Entry, Heartbeat, Number
from elect.core.options import Durable
from elect.core.quorum import FOREVER
from elect.core.ready import Ready, Send, Write
from elect.testing.manual.cluster_settings import ELECTION, ClusterSettings
from elect.testing.manual.cross_node_checks import CrossNodeChecks
from elect.testing.manual.manual_node import HeldFrame, Kind, ManualNode, StepListener
from elect.testing.world.lease_record import LeaseRecord

START_NS = 100 * NS_PER_S


class ManualCluster:
    """A connected cluster of nodes that support each other; none is willing to lead yet.

    >>> cluster = ManualCluster()
    >>> cluster.elect("a")
    >>> cluster.holders()
    ['a']

    Args:
        settings: nodes, disks, clocks and timing.
        listener: told of every input, message and write.

    Attributes:
        now: the true time, ns.
        nodes: by node id.
        cuts: pairs (source, target) between which everything sent is lost.
        checks: the promises that span nodes.
    """

    def __init__(self, settings: ClusterSettings | None = None, *, listener: StepListener | None = None) -> None:
        self.settings = settings or ClusterSettings()
        self.timing = self.settings.timing
        self.now = START_NS
        self.cuts: set[tuple[str, str]] = set()
        self._listener = listener or StepListener()
        self._inputs = 0
        self.nodes = {
            node_id: self.settings.node(node_id, self.now) for node_id in self.settings.voters + self.settings.learners
        }
        self.checks = CrossNodeChecks(self.nodes)
        for node in self.nodes.values():
            self.checks.note_stored(node.node_id, node.ballots)
            self._enter(node.node_id)
        for source, target in self._pairs():
            self.dial(source, target)
        self.beat(2)

    def _enter(self, node_id: str) -> None:
        self.input(node_id, lambda elector, now: elector.set_paused(now, is_paused=True))
        for election in self.settings.elections:
            self.enter(node_id, election)

    def enter(self, node_id: str, election: str = ELECTION) -> None:
        """Make a node a candidate in an election."""
        self.input(node_id, lambda elector, now: elector.enter(now, election))

    def _pairs(self) -> list[tuple[str, str]]:
        return [(source, target) for source in self.nodes for target in self.nodes if source != target]

    # Inputs.

    def input(self, node_id: str, call: Callable[[Elector, int], Ready]) -> None:
        """Give a node an input now.

        Raises:
            LookupError: the node is dead or suspended.
        """
        node = self.nodes[node_id]
        if not node.is_present:
            raise LookupError(f"{node_id} is {'suspended' if node.is_alive else 'dead'}")
        self._carry_out(node, call(node.elector, node.clock.read(self.now)))

    def _carry_out(self, node: ManualNode, ready: Ready) -> None:
        self._listener.stepped(node, ready)
        node.wake_at = ready.wake_at
        if ready.write is not None:
            node.writes.append((ready.write, ready.send_when_written))
        node.table.publish(ready.leases, ready.counted)
        for send in ready.send:
            self._send(node, send)
        for event in ready.events:
            self.checks.note_event(node.node_id, event)
            self._heed(node, event)
        self._check(node)
        if not node.is_disk_slow:
            self.write(node.node_id)

    def _heed(self, node: ManualNode, event: Event) -> None:
        """Change the links as an event asks: here no member comes or goes."""

    def _check(self, node: ManualNode) -> None:
        """Check a node and the promises after an input; with many elections, after some inputs only, to save time."""
        self._inputs += 1
        if self._inputs % (1 + len(self.settings.elections) // 4):
            return
        check(node.elector.state)
        self.checks.check(self.now)

    def _send(self, node: ManualNode, send: Send) -> None:
        is_open = node.links.get(send.peer) == send.link
        if is_open and isinstance(send.message, Batch):
            self.checks.note_sent(node.node_id, send.peer, send.message)
        is_lost = not is_open or (node.node_id, send.peer) in self.cuts
        self._listener.sent(node.node_id, send, is_lost=is_lost)
        if not is_lost:
            node.under_way.setdefault(send.peer, []).append(HeldFrame(link=send.link, message=send.message))

    def be_willing(self, node_id: str) -> None:
        """Make a node willing to lead. It campaigns at once if no other node leads."""
        self.input(node_id, lambda elector, now: elector.set_paused(now, is_paused=False))

    # Disks and deaths.

    def write(self, node_id: str) -> None:
        """End every write that a node has begun, and send what waited for it."""
        node = self.nodes[node_id]
        while node.writes:
            write, held = node.writes.pop(0)
            self._store(node, write)
            for send in held:
                self._send(node, send)
            self._written(node_id, write.number)

    def _written(self, node_id: str, number: int) -> None:
        self.input(node_id, lambda elector, now: elector.written(now, number))

    def _store(self, node: ManualNode, write: Write) -> None:
        self.checks.note_stored(node.node_id, write.ballots)
        node.ballots.update(write.ballots)
        node.meetings.update(write.meetings)
        node.configuration = write.configuration or node.configuration
        self._listener.written(node.node_id, write)

    def fail_write(self, node_id: str) -> None:
        """Fail every write that a node has begun."""
        node = self.nodes[node_id]
        while node.writes:
            self._write_failed(node_id, node.writes.pop(0)[0].number)

    def _write_failed(self, node_id: str, number: int) -> None:
        self.input(node_id, lambda elector, now: elector.write_failed(now, number))

    def crash(self, node_id: str, *, is_written: bool = False, closes: bool = True) -> None:
        """Kill a node. The frames that it sent stay under way.

        Args:
            node_id: of the node.
            is_written: the writes that it had begun are on disk.
            closes: its links end, as those of a killed process; False: its host is gone, and nothing closes.
        """
        node = self.nodes[node_id]
        for write, _ in node.writes if is_written else ():
            self._store(node, write)
        node.writes.clear()
        node.table = LeaseRecord()
        for peer, link in node.links.items():
            if closes and (node_id, peer) not in self.cuts:
                node.under_way.setdefault(peer, []).append(HeldFrame(link=link, message=None))
        node.links.clear()
        node.is_alive = False

    def restart(self, node_id: str) -> None:
        """Start a dead node again with its disk, and dial every node that is not cut off, both ways.

        Raises:
            LookupError: the node is alive.
        """
        node = self.nodes[node_id]
        if node.is_alive:
            raise LookupError(f"{node_id} is alive")
        node.incarnation += 1
        node.link_count = 0
        durable = Durable(
            incarnation=node.incarnation,
            promise_ns=self.timing.support_duration_ns,
            ballots=dict(node.ballots),
            meetings=dict(node.meetings),
            store_id=node.store_id,
        )
        node.elector = self.settings.elector(node_id, durable, node.configuration, node.clock.read(self.now))
        node.is_alive = True
        self._enter(node_id)
        for peer, other in self.nodes.items() if node.configuration.members else ():
            if peer == node_id or not other.is_present or self.cuts & {(peer, node_id), (node_id, peer)}:
                continue
            if node_id in other.links:
                self.close(peer, node_id)
            self.dial(peer, node_id)
            self.dial(node_id, peer)

    # Links.

    def dial(self, source: str, target: str, *, is_trusted: bool = True) -> Number:
        """Open a new link. Frames on older links stay under way."""
        node = self.nodes[source]
        node.link_count += 1
        number = node.links[target] = Number(node.incarnation, node.link_count)
        self.input(target, lambda elector, now: elector.link_accepted(now, source, number, is_trusted, node.store_id))
        self.input(source, lambda elector, now: elector.link_opened(now, target, number, self.nodes[target].store_id))
        return number

    def close(self, source: str, target: str, *, is_announced: bool = True) -> None:
        """Tell the Elector that a link is about to close, then close it: its end of stream is under way.

        Args:
            source: the node that dialed it.
            target: the other node.
            is_announced: the source says so before, in a Bye.

        Raises:
            LookupError: no link is open.
        """
        node, number = self.nodes[source], self._link(source, target)
        self.input(source, lambda elector, now: elector.link_closing(now, target, number))
        del node.links[target]
        if (source, target) not in self.cuts:
            node.under_way.setdefault(target, []).append(
                HeldFrame(link=number, message=None, is_announced=is_announced)
            )

    def _link(self, source: str, target: str) -> Number:
        number = self.nodes[source].links.get(target)
        if number is None:
            raise LookupError(f"{source} has no link to {target} open")
        return number

    def deliver_end(self, source: str, target: str, *, is_reset: bool = False) -> None:
        """Deliver the end of a stream, or a reset in its place, before the frames that were sent earlier.

        Raises:
            LookupError: no stream between them ended.
        """
        frames = self.nodes[source].under_way.get(target, [])
        frame = next((frame for frame in frames if frame.message is None), None)
        if frame is None:
            raise LookupError(f"no end of stream is under way from {source} to {target}")
        frames.remove(frame)
        self._listener.arriving(source, target, frame)
        is_end, is_announced = not is_reset, frame.is_announced
        self.input(target, lambda elector, now: elector.link_ended(now, source, frame.link, is_end, is_announced))

    # Frames.

    def deliver(self, source: str, target: str, kind: Kind, term: int | None = None, *, is_copy: bool = False) -> None:
        """Deliver the first frame under way of a kind, or a copy of it.

        Raises:
            LookupError: there is no such frame.
        """
        frame = self.find(source, target, kind, term)
        if not is_copy:
            self.nodes[source].remove_frame(target, frame)
        self._arrive(source, target, frame)

    def find(self, source: str, target: str, kind: Kind, term: int | None = None) -> HeldFrame:
        """Return the first frame under way of a kind.

        Raises:
            LookupError: there is no such frame.
        """
        frame = self.nodes[source].find(target, kind, term)
        if frame is None:
            wanted = kind.__name__ if term is None else f"{kind.__name__} of term {term}"
            raise LookupError(f"no {wanted} is under way from {source} to {target}")
        return frame

    def delay(self, source: str, target: str, kind: Kind, term: int | None = None) -> None:
        """Hold the first frame under way of a kind until `deliver` names it; other frames overtake it.

        Raises:
            LookupError: there is no such frame.
        """
        node, frame = self.nodes[source], self.find(source, target, kind, term)
        node.remove_frame(target, frame)
        node.delayed.setdefault(target, []).append(frame)

    def _arrive(self, source: str, target: str, frame: HeldFrame) -> None:
        message = frame.message
        if message is not None:
            self._listener.arriving(source, target, frame)
            self.input(target, lambda elector, now: elector.receive(now, source, frame.link, message))

    def say(self, source: str, target: str, entry: Entry, *, configuration: ConfigurationId | None = None) -> None:
        """Send an entry that the source itself did not send.

        Raises:
            LookupError: the source has no open link.
        """
        own = self.nodes[source].elector.state.configuration.id
        message = Batch(configuration=configuration or own, entries=(entry,))
        frame = HeldFrame(link=self._link(source, target), message=message)
        self.nodes[source].under_way.setdefault(target, []).append(frame)

    def lose(self, source: str, target: str) -> None:
        """Lose everything that is under way, except delayed frames."""
        self.nodes[source].under_way[target] = []

    def cut(self, source: str, target: str) -> None:
        """Lose everything that is under way or sent from now on."""
        self.lose(source, target)
        self.cuts.add((source, target))

    def is_under_way(self, source: str, target: str, kind: Kind, term: int | None = None) -> bool:
        """Return whether such a frame was sent and not delivered."""
        return self.nodes[source].find(target, kind, term) is not None

    def deliver_all(self, *, kind: Kind | None = None) -> None:
        """Deliver all frames under way, and those that follow from them, until none is left.

        Args:
            kind: deliver only frames of this kind; None: all frames, and ends of streams.
        """
        is_moving = True
        while is_moving:
            is_moving = False
            for source, target in self._pairs():
                is_moving |= self._deliver_next(source, target, kind)

    def _deliver_next(self, source: str, target: str, kind: Kind | None) -> bool:
        frames = self.nodes[source].under_way.get(target, [])
        frame = next((frame for frame in frames if kind is None or frame.holds(kind)), None)
        if frame is None or not self.nodes[target].is_present:
            return False
        if frame.message is None:
            self.deliver_end(source, target)
        else:
            frames.remove(frame)
            self._arrive(source, target, frame)
        return True

    # Time.

    def wait(self, duration_ns: int) -> None:
        """Move the time, without a tick and without a delivery."""
        self.now += duration_ns
        self.checks.check(self.now)

    def tick(self, *node_ids: str) -> None:
        """Give each of these nodes a tick now."""
        for node_id in node_ids:
            self.input(node_id, lambda elector, now: elector.tick(now))

    def beat(self, count: int = 1) -> None:
        """Run for some heartbeat intervals, and deliver heartbeats only."""
        self.run(count * self.timing.heartbeat_interval_ns, kind=Heartbeat)

    def run(self, duration_ns: int = 0, *, kind: Kind | None = None) -> None:
        """Run for a time: nodes get their ticks when they are due, and frames arrive at once.

        Args:
            duration_ns: the time.
            kind: deliver only frames of this kind; None: all frames.
        """
        end = self.now + duration_ns
        self.deliver_all(kind=kind)
        while (at := min((node.clock.when(node.wake_at) for node in self._present()), default=FOREVER)) <= end:
            self.now = max(self.now, at)
            self.tick(*[node.node_id for node in self._present() if node.clock.when(node.wake_at) <= self.now])
            self.deliver_all(kind=kind)
        self.wait(end - self.now)

    def _present(self) -> list[ManualNode]:
        return [node for node in self.nodes.values() if node.is_present]

    # Questions.

    def holders(self, election: str = ELECTION) -> list[str]:
        """Return the nodes that hold a valid lease now, each by its own clock."""
        nodes = self.nodes.items()
        return [node_id for node_id, node in nodes if node.table.until(election) > node.clock.read(self.now)]

    def following(self, node_id: str, election: str = ELECTION) -> tuple[str, int] | None:
        """Return the leader and the term that a node follows, or None."""
        following = self.nodes[node_id].elector.state.elections[election].following
        return None if following is None else (following.leader, following.term)

    def elect(self, node_id: str) -> None:
        """Make a node win, and deliver all frames until all follow it.

        Raises:
            LookupError: another node leads.
        """
        self.be_willing(node_id)
        self.deliver_all()
        if any(self.holders(election) != [node_id] for election in self.settings.elections):
            raise LookupError(f"{node_id} was to be elected")
