"""Breaks of the early end of the boot fence, and of the set of peers that it waits for.

Source: PROTOCOL.md, section 4, "Boot fence".
"""

from dataclasses import replace

from elect.core.rules import agreement, boot_fence
from elect.testing.world.process import Process
from elect.testing.world.simulated_disk import SimulatedDisk
from tests.mutations import worlds
from tests.mutations.breaking import Breaks, both, replaced, wrapped

FENCE = Breaks()


def _ends_when(is_enough, is_early=lambda state: not agreement.is_new_voter(state) and not state.former):
    """End the fence when so many peers of the set have dialed."""

    def end(state):
        expected = [peer for peer in state.other_voters if peer.is_acknowledged]
        dialed = sum(boot_fence._has_dialed(state, peer) for peer in expected)
        if state.is_fenced and is_early(state) and is_enough(state, dialed, len(expected)):
            state.fence_until = state.now

    return replaced(boot_fence, "end_early", end)


def _all(state, dialed, expected):
    return dialed == expected


@FENCE.add("the boot fence ends when one peer has dialed", "4 †", worlds.FORGOTTEN_PROMISE, 5)
def one_has_dialed():
    return _ends_when(lambda state, dialed, expected: dialed > 0)


@FENCE.add("the boot fence ends when a quorum has dialed", "4 †", worlds.FORGOTTEN_PROMISE, 5)
def a_quorum_has_dialed():
    return _ends_when(lambda state, dialed, expected: dialed + 1 >= state.configuration.quorum)


@FENCE.add("a link to a former start ends the boot fence", "4 †", worlds.HOSTILE, 30)
def any_start():
    def starting(start):
        def start_with_links(self, host, promise_ns):
            start(self, host, promise_ns)
            self.elector.state.ever_dialed = host.__dict__.setdefault("ever_dialed", set())

        return start_with_links

    def dialing(has_dialed):
        def has_dialed_ever(state, peer):
            if has_dialed(state, peer):
                state.ever_dialed.add(peer.id)
            return peer.id in state.ever_dialed

        return has_dialed_ever

    return both(wrapped(Process, "__init__", starting), wrapped(boot_fence, "_has_dialed", dialing))


@FENCE.add("the peers to wait for are forgotten at a restart", "4 †", worlds.FORGOTTEN_PROMISE, 5)
def forgotten_peers():
    def opening(open_):
        def open_forgetful(self, *given, **named):
            promise_ns = open_(self, *given, **named)
            self.meetings = {peer: replace(each, is_acknowledged=False) for peer, each in self.meetings.items()}
            return promise_ns

        return open_forgetful

    return wrapped(SimulatedDisk, "open", opening)


@FENCE.add("an ack leaves before its peer is waited for on disk", "4 †", worlds.ACKNOWLEDGED_AGAIN, 10)
def acks_before_the_disk():
    def expecting(expect):
        def expect_at_once(state, peer):
            expect(state, peer)
            peer.may_acknowledge = True

        return expect_at_once

    return wrapped(boot_fence, "expect", expecting)


def _struck(is_gone):
    def strike(state):
        for peer in state.other_voters:
            if peer.is_acknowledged and is_gone(state, peer):
                peer.is_acknowledged = peer.may_acknowledge = False
                state.write_meeting(peer)

    return replaced(boot_fence, "strike_off", strike)


@FENCE.add("a peer is struck off while its session lives", "4 †", worlds.STRUCK_OFF, 5)
def struck_off_at_once():
    return _struck(lambda state, peer: peer.accepted is None and not state.is_fenced)


@FENCE.add("a peer is struck off inside the boot fence", "4 †", worlds.FORGOTTEN_PROMISE, 5)
def struck_off_inside():
    return _struck(lambda state, peer: peer.session is None and peer.promised_until == 0)


@FENCE.add("a peer that left the list is not waited for", "4 †", worlds.LEFT_BEHIND, 5)
def former_peers():
    return _ends_when(_all, lambda state: not agreement.is_new_voter(state))


@FENCE.add("the boot fence of a new store ends early", "4 †", worlds.TWO_LISTS, 20)
def new_store():
    return _ends_when(_all, lambda state: not state.former)
