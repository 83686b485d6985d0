"""What may be known of a node from outside: its links, its promises, its claims."""

from dataclasses import dataclass, replace

from elect.core.messages import Number
from elect.testing.explore.explored_node import ELECTION, ExploredNode
from elect.testing.explore.naming import Places, inverse

LinkNumber = tuple[int, int]
"""Of a link, or of a session: incarnation and counter."""

NO_LINK: LinkNumber = (0, 0)


@dataclass(frozen=True, slots=True)
class Facts:
    """One node; its peers by place, with nothing at its own.

    Attributes:
        opened: its own links.
        dialing: numbers of the next ones.
        writes: how many are under way.
        candidacy: the term of its live one, or 0.
        is_leading: it can give up; `is_resigning`: it did, and its application has not heard.
        lease_until: when the lease that it has published ends (ns), 0 without one; `lease_term`: its term.
        counted: of each peer's support the session, and until when (ns).
        promised: of its support for each peer the live session, and until when (ns).
        fence_until: when its boot fence ends (ns).
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

    def placed(self, places: Places) -> "Facts":
        """The same by the places of a world."""
        back = inverse(places)
        return replace(
            self,
            opened=tuple([self.opened[index] for index in back]),
            dialing=tuple([self.dialing[index] for index in back]),
            counted=tuple([self.counted[index] for index in back]),
            promised=tuple([self.promised[index] for index in back]),
        )


def see(actor: ExploredNode, voters: str) -> Facts:
    """What is to be known of a node."""
    state, table = actor.elector.state, actor.table
    election = state.elections[ELECTION]
    leadership, claim = election.leadership, table.claims.get(ELECTION)
    peers = [state.support.peers.get(name) for name in voters]
    return Facts(
        incarnation=actor.incarnation,
        opened=tuple([None if peer is None else _pair(peer.opened) for peer in peers]),
        dialing=tuple([(actor.incarnation, actor.dialed.get(name, 0) + 1) for name in voters]),
        writes=len(actor.writes),
        candidacy=0 if election.campaign is None else election.campaign.term,
        is_leading=leadership is not None and leadership.resigning is None,
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
        fence_until=state.fence_until if state.is_fenced or state.now >= state.fence_until else 0,
    )


def _pair(number: Number | None) -> LinkNumber | None:
    return None if number is None else (number.incarnation, number.counter)
