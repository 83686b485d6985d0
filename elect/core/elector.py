"""The inputs of the election: links, messages, the disk, the application, and the passing of time.

Each method is one input. It begins a step, calls the rule of its input, and finishes the step: see `step`.

Source: PROTOCOL.md, sections 3 to 7.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, assert_never

from elect.core.changes import Change
from elect.core.configuration import Configuration
from elect.core.events import LossReason, Objection
from elect.core.membership_messages import Install, InstallReport, Message
from elect.core.messages import Batch, Heartbeat, Knowledge, Number, Standing, check_name
from elect.core.ready import Meeting, Ready, Write
from elect.core.rules import (
    agreement,
    boot_fence,
    campaigning,
    failback,
    following,
    heartbeats,
    installing,
    leading,
    membership,
    routing,
    sites,
)
from elect.core.snapshot import ElectorSnapshot, take_snapshot
from elect.core.state.election_state import ElectionState
from elect.core.state.peer_support import Peer
from elect.core.step import ElectorStep


class TimedHeartbeat(NamedTuple):
    """A heartbeat of a peer on its link, and the time at which its bytes were read (ns)."""

    read_at: int
    peer: str
    link: Number
    heartbeat: Heartbeat


class Elector(ElectorStep):
    """The elections of one node.

    Every input takes `now`, the node's clock in ns, and returns a Ready whose fields are carried out in their order.
    One thread owns an Elector.

    Args:
        options: the identity and the settings of this node.
        durable: the content of its store.
        rng: draws the waits after failed campaigns; a seeded one makes everything repeatable.
        now: the clock at start, ns.
    """

    def tick(self, now: int, heard: Sequence[TimedHeartbeat] = ()) -> Ready:
        """Time passed; due at the latest at the last Ready's `wake_at`.

        `heard`: heartbeats received before that, oldest first, if these peers are steady.
        """
        for each in heard:
            self._begin(each.read_at)
            self._receive(each.peer, each.link, each.heartbeat)
        self._begin(now)
        return self._finish(is_past=bool(heard) and now == heard[-1].read_at)

    def are_steady(self, peers: Iterable[str], now: int) -> bool:
        """Return whether nothing ends by `now`, even if heartbeats of these peers are received before.

        Support that had ended would be counted anew, perhaps not until `now`: a lease has to be published before it
        lapses.
        """
        found = map(self.state.support.peers.get, peers)
        return now < self._ends_at and all(peer and peer.session and peer.is_supporting for peer in found)

    # Links.

    def link_accepted(
        self, now: int, peer: str, link: Number, is_trusted: bool, store_id: bytes | None = None
    ) -> Ready:
        """A peer's link to this node finished its handshake; ignored unless it is its highest so far.

        Args:
            now: ns.
            peer: the dialing node.
            link: its number for the link.
            is_trusted: both ends see the same addresses, so its end of stream proves something.
            store_id: of the peer's store; None: stores are not compared.
        """
        self._begin(now)
        other = self.state.support.peers.get(peer)
        if other is not None and agreement.remember_store(self.state, other, store_id):
            boot_fence.accept(self.state, other, link, is_trusted=is_trusted)
        return self._finish()

    def link_ended(
        self, now: int, peer: str, link: Number, is_end_of_stream: bool, is_announced: bool = False
    ) -> Ready:
        """A peer's link to this node ended.

        Args:
            now: ns.
            peer: the node that dialed it.
            link: its number for the link.
            is_end_of_stream: the peer's end closed it; False for a reset, an error, or a close by this node.
            is_announced: the peer said before that it closes the link, so its process has not died.
        """
        self._begin(now)
        other = self.state.support.peers.get(peer)
        if other is not None and self.state.support.end(other, link, is_end_of_stream=is_end_of_stream):
            following.release(self.state, (peer,), is_dead=not is_announced)
        return self._finish()

    def link_opened(self, now: int, peer: str, link: Number, store_id: bytes | None = None) -> Ready:
        """This node's link to a peer got its Welcome: send everything that is known on it."""
        self._begin(now)
        other = self.state.support.peers.get(peer)
        if other is not None and agreement.remember_store(self.state, other, store_id):
            agreement.receive_welcome(self.state, other)
            self.state.support.open(other, link)
            leading.restart_counting(self.state, other)
            self._new_links.append(peer)
        return self._finish()

    def dial_refused(self, now: int, peer: str, objection: Objection, detail: str = "") -> Ready:
        """A peer refused this node's dial, for a reason that keeps this node from every election."""
        self._begin(now)
        other = self.state.support.peers.get(peer)
        if other is not None:
            agreement.object_to(self.state, other, objection, detail)
        return self._finish()

    def store_lost(self, now: int, peer: str) -> Ready:
        """This node refused a peer: it has another store than when it was met first."""
        self._begin(now)
        if (other := self.state.support.peers.get(peer)) is not None:
            agreement.drop_objection(self.state, other)
        return self._finish()

    def stranger_refused(self, now: int, node_id: str) -> Ready:
        """A node of this cluster that is no voter here dialed this one, and was refused."""
        self._begin(now)
        agreement.note_stranger(self.state, node_id)
        return self._finish()

    def forget(self, now: int, peer: str) -> Ready:
        """Accept a peer under its next store, and drop its objection.

        Raises:
            ValueError: `peer` is not another voter, or is supported now.
        """
        other = self.state.support.peers.get(peer)
        if other is None:
            raise ValueError(f"{peer!r} is not another voter; {', '.join(self.state.support.peers)} are")
        self._begin(now)
        if other.session is not None:  # a promise to it is not over
            raise ValueError(f"{peer!r} is supported now, under the store that it was met under; stop it first")
        agreement.forget(self.state, other)
        return self._finish()

    def link_closing(self, now: int, peer: str, link: Number) -> Ready:
        """This node is about to close its link to a peer: stop counting the link for good.

        The caller closes only after it has published this Ready, and dials again only after that.
        """
        self._begin(now)
        other = self.state.support.peers.get(peer)
        if other is not None and self.state.support.close(other, link):
            leading.restart_counting(self.state, other)
        return self._finish()

    def receive(self, now: int, peer: str, link: Number, message: Message) -> Ready:
        """A message came on a peer's link; what an older link still holds is discarded.

        `now` is read after the message's bytes were.
        """
        self._begin(now)
        self._receive(peer, link, message)
        return self._finish(is_past=True)

    def _receive(self, peer: str, link: Number, message: Message) -> None:
        other = self.state.support.peers.get(peer)
        if other is not None and link == other.accepted and other.is_met:
            match message:
                case Heartbeat():
                    heartbeats.receive_heartbeat(self.state, other, message)
                case Batch():
                    for entry in message.entries:
                        routing.receive_entry(self.state, other, entry, message.configuration)
                case Knowledge():
                    following.receive_knowledge(self.state, other, message)
                case Install():
                    installing.receive_install(self.state, other, message)
                case InstallReport():
                    membership.receive_report(self.state, other, message)
                case _:
                    assert_never(message)

    # The disk.

    def written(self, now: int, number: int) -> Ready:
        """A Write is on disk; the caller has sent, or sends now, what was held back for it."""
        self._begin(now)
        write = self._writes.pop(number, None)
        if write is not None:
            self._take_written(write)
        return self._finish()

    def _take_written(self, write: Write) -> None:
        state = self.state
        if write.promise_ns is not None:
            state.support.promise_ns_durable = max(state.support.promise_ns_durable, write.promise_ns)
        for node_id, meeting in write.meetings.items():
            if (peer := state.support.peers.get(node_id)) is not None:
                peer.is_met = peer.is_met or meeting.store_id == peer.store_id
                self._take_acknowledged(peer, meeting)
        for name, ballot in write.ballots.items():
            election = state.elections[name]
            election.durable = ballot
            if ballot.voted_for == state.id:
                state.index.campaigns.own_window.answer(name, state.now)
                campaigning.count_grant(state, election, state.id, ballot.term)
        if write.configuration is not None:
            installing.note_written(state, write.configuration)
            membership.note_settling(state)

    def _take_acknowledged(self, peer: Peer, meeting: Meeting) -> None:
        """Let acks to a peer leave once the last of its writes says that it may count on a promise."""
        is_last = not any(peer.id in write.meetings for write in self._writes.values())
        if is_last and meeting.is_acknowledged and not peer.may_acknowledge:
            peer.may_acknowledge = True
            self.state.effects.is_heartbeat_due |= peer.session is not None

    def write_failed(self, now: int, number: int) -> Ready:
        """A Write failed: what waited for it is never sent. The decision holds: another may rest on it already."""
        self._begin(now)
        self._writes.pop(number, None)
        return self._finish()

    def set_storing(self, now: int, is_storing: bool) -> Ready:
        """Note whether the disk works: while it fails this node is no candidate; nothing else stops."""
        self._begin(now)
        self.state.is_storing = is_storing
        for peer in self.state.support.peers.values():
            is_written = peer.is_met and peer.may_acknowledge == peer.is_acknowledged
            if is_storing and not is_written:
                self.state.write_meeting(peer)
        if is_storing and not self.state.membership.is_written:
            self.state.effects.configuration = self.state.configuration
        return self._finish()

    # The members.

    def install(self, now: int, configuration: Configuration) -> Ready:
        """Install a configuration that a member handed over, if it is newer than this node's own."""
        self._begin(now)
        installing.install(self.state, configuration)
        return self._finish()

    def change_members(self, now: int, change: Change) -> Ready:
        """Begin a change, as the leader of `default`; one that is in force or under way already changes nothing.

        The first change of a term waits until a quorum has the configuration with this term: see `Installed`.

        Raises:
            ChangeRefused: it cannot be made now; the text says why, and what to do.
        """
        self._begin(now)
        membership.propose(self.state, change)
        return self._finish()

    def promote(self, now: int, floor: int) -> Ready:
        """Make a standby cluster an active one, in which all terms are above `floor`; done already, nothing changes.

        Raises:
            PromotionRefused: it cannot be promoted; the text says why.
        """
        self._begin(now)
        sites.promote(self.state, floor)
        return self._finish()

    # The application.

    def enter(self, now: int, election: str) -> Ready:
        """Become a candidate in an election, from now on.

        Raises:
            ValueError: there are too many elections, or this can't be the name of one.
        """
        check_name("election", election)
        self._begin(now)
        entered = self.state.elections.get(election) or self.state.make(election)
        if entered is None:
            raise ValueError(f"election {election!r}: no more than {len(self.state.elections)} elections")
        self.state.entered += not entered.is_entered
        entered.set_entered(is_entered=True)
        self._say_whether_it_stands(entered)
        return self._finish()

    def leave(self, now: int, election: str, reason: LossReason = LossReason.WITHDRAWN) -> Ready:
        """Stop being a candidate: resign if leading, but go on voting and following."""
        self._begin(now)
        left = self.state.elections.get(election)
        if left is not None and left.is_entered:
            left.set_entered(is_entered=False)
            self.state.entered -= 1
            if left.campaign is not None:
                campaigning.abandon(self.state, left, reason.value)
            leading.resign(self.state, left, reason)
            self._say_whether_it_stands(left)
        return self._finish()

    def _say_whether_it_stands(self, election: ElectionState) -> None:
        if election.following is not None:  # its leader should know whether to hand the election over to this node
            self.state.queue_known(election)

    def resign(
        self, now: int, election: str, *, to: str | None = None, reason: LossReason = LossReason.RESIGNED
    ) -> Ready:
        """Give up leading: the application is told at once, and Resign leaves after `acknowledge` or the grace.

        `to` names who should campaign first.

        Raises:
            ValueError: `to` is no voter.
        """
        if to is not None and to not in self.state.voters:
            raise ValueError(f"{to!r} is no voter; {', '.join(self.state.voters)} are")
        self._begin(now)
        led = self.state.elections.get(election)
        if led is not None:
            leading.resign(self.state, led, reason, to)
        return self._finish()

    def acknowledge(self, now: int, election: str, term: int) -> Ready:
        """The application acknowledges that it no longer leads in `term`: Resign leaves."""
        self._begin(now)
        led = self.state.elections.get(election)
        leadership = None if led is None else led.leadership
        if led is not None and leadership is not None and leadership.term == term and leadership.resigning is not None:
            failback.acknowledge(self.state, led, leadership.resigning.reason.value)
        return self._finish()

    def set_rank(self, now: int, *, priority: int | None = None, offset: int | None = None) -> Ready:
        """Change this node's rank, from its next heartbeats on; with priority 0 it resigns at once and never leads.

        Raises:
            ValueError: out of range.
        """
        self.note_rank(priority=priority, offset=offset)
        self._begin(now)
        if self.state.priority == 0:
            agreement.withdraw(self.state, LossReason.WITHDRAWN)
        return self._finish()

    def note_rank(self, *, priority: int | None = None, offset: int | None = None) -> None:
        """Change this node's rank, from its next heartbeats on. No time passes: an input follows.

        Raises:
            ValueError: out of range.
        """
        state = self.state
        standing = Standing(
            priority=state.priority if priority is None else priority,
            offset=state.offset if offset is None else offset,
        )
        state.priority, state.offset = standing.priority, standing.offset

    def set_paused(self, now: int, is_paused: bool) -> Ready:
        """Stop being a candidate until resumed, and resign every election that this node leads."""
        self._begin(now)
        self.state.is_paused = is_paused
        if is_paused:
            agreement.withdraw(self.state, LossReason.PAUSED)
        return self._finish()

    def set_healthy(self, now: int, is_healthy: bool) -> Ready:
        """Note whether the program is healthy: while it is not, this node neither leads nor is a candidate."""
        self._begin(now)
        self.state.is_healthy = is_healthy
        if not is_healthy:
            agreement.withdraw(self.state, LossReason.UNHEALTHY)
        return self._finish()

    @property
    def entered(self) -> int:
        """The number of elections that this node has entered."""
        return self.state.entered

    @property
    def ignored(self) -> int:
        """The number of entries about elections beyond those that one node keeps."""
        return self.state.ignored

    def snapshot(self, now: int, elections: Collection[str] | None = None) -> ElectorSnapshot:
        """Return the state of this node as values, for operators, with these elections or all; nothing changes."""
        return take_snapshot(self.state, now, elections)
