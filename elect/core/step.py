"""One step: what every input to the Elector has in common, before its own rule and after it.

`_begin` brings the clock forward: promises that are over end their sessions, leases that are over are suspended, and
campaigns time out. Then the rule of the input runs, and changes elections and peers; the index notes which. `_finish`
considers each of these elections once (follow a refused leader, campaign, tell who leads), and packs the effects into a
Ready.

Source: PROTOCOL.md, section 2, "Order of sending"; section 4, "One step".
"""

from itertools import chain
from random import Random

from elect.core import outgoing
from elect.core.options import Durable, ElectorOptions
from elect.core.ready import Ready, Send, Write
from elect.core.rules import (
    agreement,
    boot_fence,
    campaigning,
    expiry,
    failback,
    following,
    heartbeats,
    installing,
    leading,
    membership,
)
from elect.core.state.effects import Effects
from elect.core.state.node_state import NodeState
from elect.core.state.scale import CONSIDERED_MAX, LEADERLESS_MAX, rotate


class ElectorStep:
    """The state of one node, and the two halves of a step."""

    def __init__(self, *, options: ElectorOptions, durable: Durable, rng: Random, now: int) -> None:
        self.state = NodeState(options=options, durable=durable, rng=rng, now=now)
        self._writes: dict[int, Write] = {}
        self._write_latest = 0
        self._heartbeat_at = now
        self._failback_at = now
        self._is_failing_back = False
        self._ends_at = now
        self._new_links: list[str] = []
        agreement.begin(self.state)

    def _begin(self, now: int) -> None:
        state = self.state
        # Two threads may have read the clock in one order and hand it over in the other.
        state.now = max(state.now, now)
        if state.now >= self._ends_at:
            expiry.end_what_is_over(state)

    def _finish(self, *, is_past: bool = False) -> Ready:
        """End the step; `is_past`: its time may lie before this moment, so no lease is given up of its own accord."""
        state = self.state
        is_interval_over = state.now >= self._heartbeat_at
        if not is_past and (is_interval_over or state.now >= state.membership.due_at):
            membership.review(state)
        leading.review_leases(state)
        if is_interval_over:
            # Once an interval: work that is not urgent.
            following.review_observed(state)
            following.lower_votes(state)
            boot_fence.strike_off(state)
            installing.dismiss_former(state)
            if state.strangers:
                agreement.review(state)
        heartbeats.announce_rank(state, is_interval_over=is_interval_over)
        campaigning.review(state)
        failback.note_contenders(state)
        if state.now >= self._failback_at and not is_past:
            self._is_failing_back = failback.review(state)
            timing = state.timing
            self._failback_at = state.now + (timing.turn_ns if self._is_failing_back else timing.heartbeat_interval_ns)
        waiting, unreviewed = state.index.campaigns.waiting, state.index.unreviewed
        for _ in range(CONSIDERED_MAX):  # the rest is due at once, after inputs that wait
            # Campaigns first: peers can vote while this node considers the other elections.
            is_next = bool(waiting) and campaigning.may_begin(state)
            names = waiting if is_next else unreviewed
            if not names:
                break
            name, _ = names.popitem(last=False)
            campaigning.consider(state, state.elections[name], is_next=is_next)
        heartbeats.report_support(state)
        return self._pack(self._sends())

    def _sends(self) -> tuple[Send, ...]:
        """Return what leaves at once, in the order in which the peer has to read it."""
        state, effects = self.state, self.state.effects
        receivers, resync = self._new_links, self._new_links
        if state.now >= self._heartbeat_at:
            # Heartbeats that are sent early do not move the next ones. Otherwise peers that come and go would put off
            # everything that is repeated each interval, for good.
            self._heartbeat_at = state.now + state.timing.heartbeat_interval_ns
            resync = resync + heartbeats.repeat(state)
            effects.is_heartbeat_due = True
            for name in rotate(state.leaderless, LEADERLESS_MAX):
                del state.leaderless[name]
                effects.known[name] = state.known(state.elections[name])
        if effects.is_heartbeat_due:
            receivers = list(state.support.peers)
        self._new_links = []
        # Before heartbeats: in a failover a node waits for these, and reads one message after the other.
        urgent = [outgoing.batches(state, effects.entries), outgoing.heartbeats(state, receivers)]
        if effects.is_rank_new:
            # A Vote rests on the rank that was announced: with the one before, both of two candidates may seem better.
            urgent.reverse()
        return (
            # First: a Vote in this configuration may follow.
            *(outgoing.membership(state) if effects.messages else ()),
            # Before the first heartbeat on a new link: it may bring the support with which the peer may campaign, and
            # until then the peer must have read who leads.
            *outgoing.knowledge(state, resync),
            *chain(*urgent),
            # Last: rule 3 and the application use it, and no failover waits for it.
            *outgoing.changes(state, resync),
        )

    def _pack(self, sends: tuple[Send, ...]) -> Ready:
        effects, self.state.effects = self.state.effects, Effects()
        return Ready(
            write=self._write(effects),
            send=sends,
            send_when_written=tuple(outgoing.batches(self.state, effects.entries_when_written)),
            leases=effects.leases,
            counted=self.state.support.counted if effects.is_count_changed else None,
            events=tuple(effects.events),
            wake_at=self._wake_at(),
        )

    def _write(self, effects: Effects) -> Write | None:
        if not (effects.ballots or effects.meetings or effects.is_promise_due or effects.configuration):
            return None
        self._write_latest += 1
        promise_ns = self.state.support.promise_ns if effects.is_promise_due else None
        write = Write(
            number=self._write_latest,
            ballots=effects.ballots,
            promise_ns=promise_ns,
            meetings=effects.meetings,
            configuration=effects.configuration,
        )
        self._writes[write.number] = write  # until it ends: `written` has to know what is on disk then
        return write

    def _wake_at(self) -> int:
        """Return when the next tick is due: with the next heartbeats, or when something ends before."""
        ends_at, self._ends_at = expiry.next_ends(self.state)
        due_at = min(self._heartbeat_at, ends_at, self.state.membership.due_at)
        return min(due_at, self._failback_at) if self._is_failing_back else due_at
