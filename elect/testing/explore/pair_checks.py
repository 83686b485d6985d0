"""The promises that span two nodes: what is seen of each node, and which two must never be together.

Source: PROTOCOL.md, sections 3 and 8.
"""

from dataclasses import dataclass, replace

from elect.core.configuration import Configuration
from elect.core.messages import Number
from elect.testing.explore.explored_node import ELECTION, MOMENT_NS, ExploredNode
from elect.testing.explore.in_flight import LinkNumber
from elect.testing.explore.renaming import NODES, Places, inverse, names, renamed
from elect.testing.explore.steps import Broken


@dataclass(frozen=True, slots=True)
class Facts:
    """The links, promises and leases of one node, as seen from outside; peers by place.

    Attributes:
        opened: its own links.
        dialing: numbers of the next ones.
        writes: number of writes that have not ended.
        candidacy: the term of its campaign, or 0.
        is_leading: the node can resign.
        is_resigning: the node resigned, and its application has not acknowledged it.
        lease_until: end of its published lease (ns), or 0.
        lease_term: term of that lease.
        counted: for each peer, session and end of the support that the node counts (ns).
        promised: for each peer, session and end of the support that the node promises (ns).
        fence_until: end of its boot fence (ns), 0 after it.
        vote: term and candidate of the vote on its disk, or None.
        due_at: when it has something to do without an input (ns).
        configuration: for which it has decided, and `disk`: the one on its disk.
        has_peer: for each place, whether it dials that node.
        may_change: it leads, and no change waits.
    """

    incarnation: int
    opened: tuple[LinkNumber | None, ...]
    dialing: tuple[LinkNumber, ...]
    writes: int
    candidacy: int
    is_leading: bool
    is_resigning: bool
    lease_until: int
    lease_term: int
    counted: tuple[tuple[LinkNumber | None, int], ...]
    promised: tuple[tuple[LinkNumber | None, int], ...]
    fence_until: int
    vote: tuple[int, str] | None
    due_at: int
    configuration: Configuration
    disk: Configuration
    has_peer: tuple[bool, ...]
    may_change: bool

    def placed(self, places: Places) -> "Facts":
        """Return the same by the places of a world."""
        back = inverse(places)
        return replace(
            self,
            opened=tuple([self.opened[index] for index in back]),
            dialing=tuple([self.dialing[index] for index in back]),
            counted=tuple([self.counted[index] for index in back]),
            promised=tuple([self.promised[index] for index in back]),
            vote=renamed(self.vote, names(places)),
            configuration=renamed(self.configuration, names(places)),
            disk=renamed(self.disk, names(places)),
            has_peer=tuple([self.has_peer[index] for index in back]),
        )


def see(node: ExploredNode, voters: str) -> Facts:
    """Return the facts about a node."""
    state, table = node.elector.state, node.table
    election = state.elections[ELECTION]
    leadership, claim = election.leadership, table.claims.get(ELECTION)
    ballot = node.ballots.get(ELECTION)
    is_leading = leadership is not None and leadership.resigning is None
    peers = [state.support.peers.get(name) for name in voters]
    return Facts(
        incarnation=node.incarnation,
        opened=tuple([None if peer is None else _pair(peer.opened) for peer in peers]),
        dialing=tuple([(node.incarnation, node.dialed.get(name, 0) + 1) for name in voters]),
        writes=len(node.writes),
        candidacy=0 if election.campaign is None else election.campaign.term,
        is_leading=is_leading,
        is_resigning=leadership is not None and leadership.resigning is not None,
        lease_until=table.until(ELECTION),
        lease_term=0 if claim is None else claim.term,
        counted=tuple(
            [
                (None, 0) if peer is None else (_pair(peer.counted_session), table.counted.get(peer.id, 0))
                for peer in peers
            ]
        ),
        promised=tuple([(None, 0) if peer is None else (_pair(peer.session), peer.promised_until) for peer in peers]),
        fence_until=state.fence_until if state.is_fenced else 0,
        vote=None if ballot is None or ballot.voted_for is None else (ballot.term, ballot.voted_for),
        due_at=node.elector.due_at,
        configuration=state.configuration,
        disk=node.configuration,
        has_peer=tuple([peer is not None for peer in peers]),
        may_change=is_leading and state.membership.pending is None,
    )


def _pair(number: Number | None) -> LinkNumber | None:
    return None if number is None else (number.incarnation, number.counter)


class Checks:
    """Checks each pair of conditions once for each moment."""

    def __init__(self, facts: list[Facts]) -> None:
        self._facts = facts
        self._passed: set[tuple[int, int, int]] = set()

    def check(self, place: int, condition: int, other: int, other_condition: int, now: int) -> None:
        """Check one pair.

        Raises:
            Broken: a promise is broken.
        """
        key = (condition, other_condition, now)
        if key not in self._passed:
            one, two = self._facts[condition], self._facts[other_condition]
            _check_leases(place, one, other, two, now)
            _check_counted(place, one, other, two, now)
            _check_counted(other, two, place, one, now)
            self._passed.add(key)


def _check_leases(place: int, one: Facts, other: int, two: Facts, now: int) -> None:
    if one.lease_until > now and two.lease_until > now:
        holders = f"{NODES[place]} (term {one.lease_term}) and {NODES[other]} (term {two.lease_term})"
        raise Broken("one lease", f"{holders} hold one")


def _check_counted(counter: int, counting: Facts, promiser: int, promising: Facts, now: int) -> None:
    session, until = counting.counted[promiser]
    if until <= now:
        return
    live, promised_until = promising.promised[counter]
    if session is not None and session[0] != promising.incarnation:
        promised_until = promising.fence_until
    elif session is None or session != live:
        promised_until = 0
    if promised_until < until:
        late = f"{(until - promised_until) / MOMENT_NS:g} moments too long" if promised_until else "without a promise"
        raise Broken("counted support is promised", f"{NODES[counter]} counts {NODES[promiser]} {late}")
