"""Check the promises that span the nodes of a cluster, after every input, write and message.

Source: PROTOCOL.md, section 9.
"""

from collections.abc import Mapping

from elect.core.events import Elected, Event, Role, RoleChanged
from elect.core.messages import Batch, Grant
from elect.core.ready import Ballot
from elect.testing.manual.manual_node import ManualNode
from elect.testing.simulation.violation import InvariantViolation


class CrossNodeChecks:
    """Keeps the votes, terms and tokens so far, and checks the promises against them.

    Attributes:
        votes: every durable vote, by election and term, then by node.
    """

    def __init__(self, nodes: Mapping[str, ManualNode]) -> None:
        self._nodes = nodes
        self.votes: dict[tuple[str, int], dict[str, str]] = {}
        self._terms: dict[tuple[str, str], int] = {}
        self._elected: dict[tuple[str, int], str] = {}
        self._tokens: dict[str, int] = {}

    def check(self, now: int) -> None:
        """Check leases and support at the true time `now` (ns).

        Raises:
            InvariantViolation: two leases of one election, or support that is counted and not promised.
        """
        claimed: dict[str, str] = {}
        for node in self._nodes.values():
            for election in node.table.claims:
                if node.table.until(election) <= node.clock.read(now):
                    continue
                if claimed.setdefault(election, node.node_id) != node.node_id:
                    _fail("one lease", f"{election}: {claimed[election]} and {node.node_id}")
            for promiser in self._nodes.values():
                if promiser is not node and promiser.is_alive:
                    _check_support(node, promiser, now)

    def forget_store(self, node_id: str) -> None:
        """Forget the terms of a disk that is lost; its votes stay, under a name that no node has."""
        self._terms = {key: term for key, term in self._terms.items() if key[0] != node_id}
        for votes in self.votes.values():
            if node_id in votes:
                votes[f"{node_id} before"] = votes.pop(node_id)

    def note_stored(self, node_id: str, ballots: Mapping[str, Ballot]) -> None:
        """Check that a disk's terms rise and its votes stay."""
        for election, ballot in ballots.items():
            if ballot.term < self._terms.get((node_id, election), 0):
                _fail("durable terms never fall", f"{node_id}: {election} falls to {ballot}")
            self._terms[node_id, election] = ballot.term
            if ballot.voted_for is not None:
                votes = self.votes.setdefault((election, ballot.term), {})
                if votes.setdefault(node_id, ballot.voted_for) != ballot.voted_for:
                    _fail("one vote a term", f"{node_id}: {ballot} after a vote for {votes[node_id]}")

    def note_sent(self, node_id: str, peer: str, batch: Batch) -> None:
        """Check that each Grant that leaves is the vote on disk."""
        for entry in batch.entries:
            if isinstance(entry, Grant) and self.votes.get((entry.election, entry.term), {}).get(node_id) != peer:
                _fail("grants are durable", f"{node_id} grants {peer} {entry}")

    def note_event(self, node_id: str, event: Event) -> None:
        """Check that a term has one leader, that a leader has a majority, and that tokens rise."""
        if isinstance(event, RoleChanged) and event.role is Role.LEADER:
            if self._elected.setdefault((event.election, event.term), node_id) != node_id:
                _fail("one elected a term", f"{node_id} is elected too: {event}")
            votes, voters = self.votes.get((event.election, event.term), {}), self._nodes[node_id].elector.state.voters
            granted = [voter for voter in voters if votes.get(voter) == node_id]
            if len(granted) * 2 <= len(voters):
                _fail("leaders have majorities", f"{node_id} leads by {granted}: {event}")
        elif isinstance(event, Elected):
            if event.term < self._tokens.get(event.election, 0):
                _fail("tokens rise", f"{node_id}: {event} after term {self._tokens[event.election]}")
            self._tokens[event.election] = event.term


def _check_support(counter: ManualNode, promiser: ManualNode, now: int) -> None:
    """Fail if `counter` counts longer on `promiser` than it is promised."""
    until = counter.table.counted.get(promiser.node_id, 0)
    if until <= counter.clock.read(now):
        return
    state = promiser.elector.state
    given = state.support.peers.get(counter.node_id)
    known = counter.elector.state.support.peers.get(promiser.node_id)
    # Dismissed, no lease counts it. Another store is refused, and the process with the former one is gone.
    if known is None or known.store_id not in (None, promiser.store_id):
        return
    session = known.counted_session
    if session is not None and session.incarnation != promiser.incarnation:
        promised_until = state.fence_until if state.is_fenced else 0
    else:
        promised_until = given.promised_until if given is not None and session == given.session else 0
    if promiser.clock.when(promised_until) < counter.clock.when(until):
        late = counter.clock.when(until) - promiser.clock.when(promised_until)
        excess = f"{late} ns too long" if promised_until else "without a promise"
        _fail("counted support is promised", f"{counter.node_id} counts {promiser.node_id} {excess}")


def _fail(invariant: str, detail: str) -> None:
    raise InvariantViolation(invariant, detail, [], "this test")
