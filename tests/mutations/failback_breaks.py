"""Breaks of failback.

Source: PROTOCOL.md, section 6, "Failback".
"""

from elect.core.rules import failback, ranking
from elect.core.state.failback_lists import Contender
from tests.mutations import worlds
from tests.mutations.breaking import Breaks, nothing, replaced, wrapped

FAILBACK = Breaks()


@FAILBACK.add("no election is handed back", "6", worlds.FAILBACKS, 5)
def never_handed_back():
    return replaced(failback, "_hand_over", nothing)


@FAILBACK.add("the offset decides a failback", "6", worlds.MANY_FAILBACKS, 3)
def by_offset():
    def head(state, election):
        offsets = {node_id: standing.offset for node_id, standing in state.electable}
        offsets[state.id] = state.offset
        _, _, _, voter = min(
            (-highest, -offsets.get(voter, 0), ranking.spread(election, voter), voter)
            for voter, highest in state.failbacks.order
        )
        return voter

    return replaced(failback, "_head", head)


@FAILBACK.add("one that comes first gets an election at once", "6", worlds.FAILBACKS, 5)
def at_once():
    return replaced(Contender, "is_steady", lambda self, now, failback_ns: True)


@FAILBACK.add("an election is handed to one that would not lead", "6", worlds.FAILBACKS, 10)
def to_the_unwilling():
    def noting(note):
        def note_all(state):
            found = state.electable
            state.electable = tuple(
                (peer.id, peer.heartbeat.standing) for peer in state.other_voters if peer.heartbeat is not None
            )
            note(state)
            state.electable = found

        return note_all

    return wrapped(failback, "note_contenders", noting)


@FAILBACK.add("all elections are handed back at once", "6", worlds.MANY_FAILBACKS, 3)
def all_at_once():
    return replaced(failback, "FAILBACKS_MAX", 1_000_000)


@FAILBACK.add("a head that cannot follow keeps the next waiting", "6", worlds.STUCK_HEAD, 3)
def nobody_passed_over():
    def successor(state, election, head, names):
        peer = state.support.peers[head]
        return peer if failback._would_take(election, peer, state.id) else None

    return replaced(failback, "_successor", successor)
