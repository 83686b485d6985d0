"""Breaks of the duties of a node's shell: the order of closing and dialing, of writing and sending, and the time.

Source: PROTOCOL.md, sections 3 to 5.
"""

from functools import partial

from elect.core.elector import Elector
from elect.runtime.orchestrator import Orchestrator
from elect.testing.world.simulated_dialer import SimulatedDialer
from elect.testing.world.simulated_disk import SimulatedDisk
from tests.mutations import worlds
from tests.mutations.breaking import Breaks, replaced, wrapped

SHELL = Breaks()
_LATE_NS = 50_000_000


@SHELL.add("a link is closed before it counts no more", "5 †", worlds.LINKS, 5)
def close_first():
    def closing(close):
        def close_late(self, link):
            if self.link is link and self.is_open:
                link.finish()
                self._world.scheduler.after(_LATE_NS, self.process.gate.run, self, partial(close, self), link)
            else:
                close(self, link)

        return close_late

    return wrapped(SimulatedDialer, "_close", closing)


@SHELL.add("a peer is dialed again before its link counts no more", "5 †", worlds.LINKS, 5)
def dial_first():
    def closing(close):
        def close_late(self, link):
            if self.link is link and self.is_open:
                self.is_open = False
                self.dial()
            else:
                close(self, link)

        return close_late

    return wrapped(SimulatedDialer, "_close", closing)


@SHELL.add("starts are not counted on disk", "3", worlds.RESTARTS, 10)
def same_incarnation():
    def opening(open_):
        def open_uncounted(self, *given, **named):
            promise_ns = open_(self, *given, **named)
            self.incarnation = 1
            return promise_ns

        return open_uncounted

    return wrapped(SimulatedDisk, "open", opening)


@SHELL.add("what waited for a failed write leaves", "4 †", worlds.DISKS, 5)
def failed_writes_speak():
    def failing(fail):
        def fail_and_send(self, numbers, now):
            held = [send for number in numbers for send in self._held.get(number, ())]
            fail(self, numbers, now)
            for send in held:
                self._links.send(send)

        return fail_and_send

    return wrapped(Orchestrator, "_fail_writes", failing)


@SHELL.add("a held message leaves before its write is durable", "4 †", worlds.DISKS, 5)
def held_messages_leave():
    def applying(apply):
        def apply_and_send(self, ready):
            apply(self, ready)
            for send in ready.send_when_written:
                self._links.send(send)

        return apply_and_send

    return wrapped(Orchestrator, "_apply", applying)


@SHELL.add("a coalesced heartbeat counts from its use", "3", worlds.STALLED, 5)
def heartbeats_at_their_use():
    def taking(take):
        return lambda self: [each._replace(read_at=self._clock()) for each in take(self)]

    return wrapped(Orchestrator, "_take_coalesced", taking)


@SHELL.add("a coalesced heartbeat is one step with the tick, steady or not", "3", worlds.SUSPENDED, 5)
def heartbeats_and_ends_in_one_step():
    return replaced(Elector, "are_steady", lambda self, peers, now: True)
