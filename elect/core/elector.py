"""The election as a state machine: one input and the time go in, one Ready comes out.

Theory of operation. Every input first brings the clock forward (`_begin`): promises that are over end their sessions,
leases that are over lapse. Then the input's own rule runs. Whatever it changed marks elections as touched; at the end
(`_finish`) touched elections are considered once more (may this node campaign, whom does it know to lead, when is it
due), and what piled up in the Effects is packed into a Ready. Nothing here reads a clock, touches a socket or waits.

Source: PROTOCOL.md, sections 3 to 6.
"""

from random import Random
from typing import assert_never

from elect.core import outgoing
from elect.core.messages import Batch, Heartbeat, Knowledge, Message, Number, Standing, check_name
from elect.core.options import Durable, ElectorOptions
from elect.core.ready import LossReason, Objection, Ready, Send, Write
from elect.core.rules import agreement, campaigning, expiry, following, heartbeats, leading, routing
from elect.core.snapshot import ElectorSnapshot, view
from elect.core.state.effects import Effects
from elect.core.state.node_state import NodeState

CONSIDERED_MAX = 1024
"""Elections considered after one input (some 10 ms); the rest follows after the next, so that no heartbeat waits."""


class Elector:
    """The elections of one node.

    Every input takes `now`, the node's clock in ns, and returns a Ready whose fields are carried out in their order.
    One thread owns an Elector.

    Args:
        options: who this node is.
        durable: what its store held.
        rng: draws the waits after failed campaigns; a seeded one makes everything repeatable.
        now: the clock at start, ns.
    """

    def __init__(self, *, options: ElectorOptions, durable: Durable, rng: Random, now: int) -> None:
        self.state = NodeState(options=options, durable=durable, rng=rng, now=now)
        self._turns = campaigning.Turns(self.state)
        self._writes: dict[int, Write] = {}
        self._write_latest = 0
        self._heartbeat_at = now
        self._ends_at = now
        self._new_links: list[str] = []
        agreement.begin(self.state)

    def tick(self, now: int) -> Ready:
        """Time passed; due at the latest at the last Ready's `wake_at`."""
        self._begin(now)
        return self._finish()

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
        if other is not None and agreement.meet(self.state, other, store_id):
            had_session = other.session is not None
            if self.state.support.accept(other, link, is_trusted=is_trusted) and had_session:
                following.release(self.state, (peer,))
            self.state.is_order_stale = True
        return self._finish()

    def link_ended(self, now: int, peer: str, link: Number, is_end_of_stream: bool) -> Ready:
        """A peer's link to this node ended.

        `is_end_of_stream`: the peer's end closed it; False for a reset, an error, or a close of our own.
        """
        self._begin(now)
        other = self.state.support.peers.get(peer)
        if other is not None and self.state.support.end(other, link, is_end_of_stream=is_end_of_stream):
            following.release(self.state, (peer,))
        return self._finish()

    def link_opened(self, now: int, peer: str, link: Number, store_id: bytes | None = None) -> Ready:
        """This node's link to a peer got its Welcome: say everything that is known on it."""
        self._begin(now)
        other = self.state.support.peers.get(peer)
        if other is not None and agreement.meet(self.state, other, store_id):
            agreement.welcome(self.state, other)
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
        """A peer was refused by this node: it came under another store than the one it was met under."""
        self._begin(now)
        if (other := self.state.support.peers.get(peer)) is not None:
            agreement.dismiss(self.state, other)
        return self._finish()

    def stranger_refused(self, now: int, node_id: str) -> Ready:
        """A node of this cluster that is no voter here dialed this one, and was refused."""
        self._begin(now)
        agreement.note_stranger(self.state, node_id)
        return self._finish()

    def forget(self, now: int, peer: str) -> Ready:
        """Meet a peer anew under its next store, and drop its objection.

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
        """This node is about to close its link to a peer: stop counting it, for good.

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
        other = self.state.support.peers.get(peer)
        if other is not None and link == other.accepted and other.is_met:
            match message:
                case Heartbeat():
                    heartbeats.take(self.state, other, message)
                case Batch():
                    for entry in message.entries:
                        routing.take(self.state, other, entry, message.configuration)
                case Knowledge():
                    following.take_knowledge(self.state, other, message)
                case _:
                    assert_never(message)
        return self._finish()

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
            peer = state.support.peers[node_id]
            peer.is_met = peer.is_met or meeting.store_id == peer.store_id
        for name, ballot in write.ballots.items():
            election = state.elections[name]
            election.durable = ballot
            if ballot.voted_for == state.id:
                campaigning.take_grant(state, election, state.id, ballot.term)

    def write_failed(self, now: int, number: int) -> Ready:
        """A Write is not on disk and will not be: what waited for it is never sent; the decision stands."""
        self._begin(now)
        self._writes.pop(number, None)
        return self._finish()

    def set_storing(self, now: int, is_storing: bool) -> Ready:
        """The disk fails, or is good again: while it fails this node is no candidate; nothing else stops."""
        self._begin(now)
        self.state.is_storing = is_storing
        for peer in self.state.support.peers.values():
            if is_storing and not peer.is_met:
                self.state.write_meeting(peer)
        return self._finish()

    # The application.

    def enter(self, now: int, election: str) -> Ready:
        """Stand in an election.

        Raises:
            ValueError: there are too many elections, or this can't be the name of one.
        """
        check_name("election", election)
        self._begin(now)
        entered = self.state.elections.get(election) or self.state.make(election)
        if entered is None:
            raise ValueError(f"election {election!r}: no more than {len(self.state.elections)} elections")
        self.state.entered += not entered.is_entered
        entered.is_entered = True
        self.state.touch(entered)
        return self._finish()

    def leave(self, now: int, election: str, reason: LossReason = LossReason.WITHDRAWN) -> Ready:
        """Stand in it no longer: resign if leading, but go on voting and following."""
        self._begin(now)
        left = self.state.elections.get(election)
        if left is not None and left.is_entered:
            left.is_entered = False
            self.state.entered -= 1
            if left.campaign is not None:
                campaigning.abandon(self.state, left, reason.value)
            leading.resign(self.state, left, reason)
            self.state.touch(left)
        return self._finish()

    def resign(
        self, now: int, election: str, *, to: str | None = None, reason: LossReason = LossReason.RESIGNED
    ) -> Ready:
        """Give up leading: Lost is told at once, Resign leaves after `acknowledge` or the grace.

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
        """The application has heard that it no longer leads in `term`."""
        self._begin(now)
        led = self.state.elections.get(election)
        leadership = None if led is None else led.leadership
        if led is not None and leadership is not None and leadership.term == term and leadership.resigning is not None:
            leading.end(self.state, led, leadership.resigning.reason.value)
        return self._finish()

    def set_standing(self, now: int, *, priority: int | None = None, offset: int | None = None) -> Ready:
        """Change this node's standing; with priority 0 it resigns and never leads.

        Raises:
            ValueError: out of range.
        """
        state = self.state
        standing = Standing(
            priority=state.priority if priority is None else priority,
            offset=state.offset if offset is None else offset,
        )
        self._begin(now)
        state.priority, state.offset = standing.priority, standing.offset
        if state.priority == 0:
            agreement.withdraw(self.state, LossReason.WITHDRAWN)
        state.touch_vacant()
        return self._finish()

    def set_paused(self, now: int, is_paused: bool) -> Ready:
        """Take no part as a candidate until resumed; what is led is resigned."""
        self._begin(now)
        self.state.is_paused = is_paused
        if is_paused:
            agreement.withdraw(self.state, LossReason.PAUSED)
        return self._finish()

    def set_healthy(self, now: int, is_healthy: bool) -> Ready:
        """A hung program should not lead: unhealthy resigns and keeps out of candidacies until it is good again."""
        self._begin(now)
        self.state.is_healthy = is_healthy
        if not is_healthy:
            agreement.withdraw(self.state, LossReason.UNHEALTHY)
        return self._finish()

    @property
    def entered(self) -> int:
        """In how many elections this node stands."""
        return self.state.entered

    @property
    def ignored(self) -> int:
        """How often peers spoke of an election beyond those that one node keeps."""
        return self.state.ignored

    def view(self, now: int) -> ElectorSnapshot:
        """Everything that an operator may ask about, as values; changes nothing."""
        return view(self.state, now)

    # One step.

    def _begin(self, now: int) -> None:
        state = self.state
        state.now = max(state.now, now)
        if state.now >= self._ends_at:
            expiry.end_what_is_over(state)

    def _finish(self) -> Ready:
        state = self.state
        self._turns.review()
        if state.now >= self._heartbeat_at:
            following.review_hearsay(state)
            if state.strangers:
                agreement.review(state)
        for _ in range(CONSIDERED_MAX):
            name = self._turns.next_name()
            if name is None:
                break
            self._turns.consider(state.elections[name])
        heartbeats.tell_support(state)
        return self._pack(self._sends())

    def _sends(self) -> tuple[Send, ...]:
        """What leaves at once.

        On a new link all that is known comes before the first heartbeat, and so before any support to be counted. Then
        comes what somebody waits for: in a failover each message that has to be read first delays the next step.
        """
        state, outcome = self.state, self.state.outcome
        beating, resync = self._new_links, self._new_links
        if state.now >= self._heartbeat_at:
            # Only these move the next: else peers that come and go keep all that is repeated from ever being so.
            self._heartbeat_at = state.now + state.timing.heartbeat_interval_ns
            resync = resync + heartbeats.repeat(state)
            outcome.is_heartbeat_due = True
        if outcome.is_heartbeat_due:
            beating = list(state.support.peers)
        self._new_links = []
        return (
            *outgoing.knowledge(state, resync),
            *outgoing.batches(state, outcome.entries),
            *outgoing.heartbeats(state, beating),
            *outgoing.changes(state, resync),
        )

    def _pack(self, sends: tuple[Send, ...]) -> Ready:
        outcome, self.state.outcome = self.state.outcome, Effects()
        return Ready(
            write=self._write(outcome),
            send=sends,
            send_when_written=tuple(outgoing.batches(self.state, outcome.entries_when_written)),
            leases=outcome.leases,
            counted=outgoing.counted(self.state) if outcome.is_count_changed else None,
            events=tuple(outcome.events),
            wake_at=self._wake_at(),
        )

    def _write(self, outcome: Effects) -> Write | None:
        if not (outcome.ballots or outcome.meetings or outcome.is_promise_due):
            return None
        self._write_latest += 1
        promise_ns = self.state.support.promise_ns if outcome.is_promise_due else None
        write = Write(
            number=self._write_latest, ballots=outcome.ballots, promise_ns=promise_ns, meetings=outcome.meetings
        )
        self._writes[write.number] = write
        return write

    def _wake_at(self) -> int:
        """The next tick: time for heartbeats, or before if something ends before that has to be noticed at once."""
        ends_at, self._ends_at = expiry.next_ends(self.state)
        return min(self._heartbeat_at, ends_at)
