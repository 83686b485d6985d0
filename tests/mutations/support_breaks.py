"""Breaks of support: promises, sessions, and what a closed socket proves.

Source: PROTOCOL.md, sections 3 and 5.
"""

from contextlib import ExitStack, contextmanager
from dataclasses import replace

from elect.core.options import Timing
from elect.core.rules import heartbeats
from elect.core.state.peer_support import Support
from elect.runtime.orchestrator import Orchestrator
from tests.mutations import worlds
from tests.mutations.breaking import Breaks, replaced, wrapped

SUPPORT = Breaks()


@SUPPORT.add("a promise starts before its frame was read", "3 †", worlds.HOSTILE, 3)
def stamp_before_the_frame():
    """Time is read when the reader begins to wait for a frame: a frozen process is late by the whole freeze."""
    read_at = {}

    def receiving(receive):
        def receive_late(self, item, now):
            waited_since = read_at.get(item.link, now)
            read_at[item.link] = now
            receive(self, item, waited_since)

        return receive_late

    return wrapped(Orchestrator, "_receive", receiving)


@SUPPORT.add("the lease is anchored at receipt", "3 †", worlds.HOSTILE, 3)
def lease_from_receipt():
    """Counted support ends a duration after the ack came, not after the heartbeat left."""

    def counting(count):
        def count_from_receipt(state, peer, heartbeat):
            def late(count_ack):
                def count_ack_late(self, peer, ack):
                    before = peer.counted_until
                    is_other = count_ack(self, peer, ack)
                    if is_other or peer.counted_until != before:
                        peer.counted_until = state.now + state.timing.counted_ns(ack.duration)
                    return is_other

                return count_ack_late

            with wrapped(Support, "count", late):
                count(state, peer, heartbeat)

        return count_from_receipt

    return wrapped(heartbeats, "_count", counting)


@SUPPORT.add("an ack counts whatever link it is for", "3 †", worlds.LINKS, 5)
def acks_of_any_link():
    def counting(count):
        return lambda self, peer, ack: peer.opened is not None and count(self, peer, replace(ack, link=peer.opened))

    return wrapped(Support, "count", counting)


@SUPPORT.add("an ack counts after its link was closed", "3 †", worlds.LINKS, 5)
def acks_of_closed_links():
    def closing(close):
        def close_but_listen(self, peer, link):
            is_closed = close(self, peer, link)
            peer.opened = link
            return is_closed

        return close_but_listen

    return wrapped(Support, "close", closing)


@SUPPORT.add("a session goes on over a new link", "3 †", worlds.RESTART, 5)
def sessions_outlive_links():
    def accepting(accept):
        def accept_on(self, peer, link, *, is_trusted):
            session, until = peer.session, peer.promised_until
            accept(self, peer, link, is_trusted=is_trusted)
            peer.session, peer.promised_until = session, until
            return False

        return accept_on

    return wrapped(Support, "accept", accepting)


@SUPPORT.add("an old end of stream ends a new session", "3 †", worlds.LINKS, 5)
def any_end_of_stream():
    def lifecycle(end):
        return lambda self, peer, link, *, is_end_of_stream: end(
            self, peer, peer.accepted or link, is_end_of_stream=is_end_of_stream
        )

    return wrapped(Support, "end", lifecycle)


@SUPPORT.add("a session that ended is revived", "3", worlds.HOSTILE, 5)
def revived_sessions():
    first = {}

    def promising(promise):
        def promise_again(self, now, peer, heartbeat):
            is_opened = promise(self, now, peer, heartbeat)
            if is_opened:
                peer.session = first.setdefault((self, peer.id, peer.accepted), peer.session)
            return is_opened

        return promise_again

    return wrapped(Support, "promise", promising)


@SUPPORT.add("session numbers begin anew at each start", "3", worlds.HOSTILE, 10)
def session_numbers_anew():
    def making(make):
        return lambda self, *, incarnation, **options: make(self, incarnation=1, **options)

    return wrapped(Support, "__init__", making)


@SUPPORT.add("no allowance for drift", "3", worlds.HOSTILE, 15)
@contextmanager
def perfect_clocks():
    with ExitStack() as stack:
        stack.enter_context(promise_without_drift())
        stack.enter_context(count_without_drift())
        yield


@SUPPORT.add("promises make no allowance for drift", "3", worlds.HOSTILE, 25)
def promise_without_drift():
    return replaced(Timing, "promised_ns", lambda self, duration_ns: duration_ns)


@SUPPORT.add("counted support makes no allowance for drift", "3", worlds.HOSTILE, 25)
def count_without_drift():
    return replaced(Timing, "counted_ns", lambda self, duration_ns: duration_ns)


@SUPPORT.add("a reset ends a session", "5", worlds.RESETS, 5)
def resets_end_sessions():
    return wrapped(
        Support,
        "end",
        lambda end: lambda self, peer, link, *, is_end_of_stream: end(self, peer, link, is_end_of_stream=True),
    )


@SUPPORT.add("every close is trusted", "5", worlds.PROXIES, 5)
def trusted_proxies():
    return wrapped(
        Support,
        "accept",
        lambda accept: lambda self, peer, link, *, is_trusted: accept(self, peer, link, is_trusted=True),
    )


@SUPPORT.add("a longer promise is given before it is on disk", "4 †", worlds.LONG_PROMISES, 5)
def hasty_promises():
    return replaced(Support, "may_promise", lambda self, duration_ns: True)
