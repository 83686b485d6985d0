"""The checks of leases, votes and terms over all nodes, each by its own clock.

Source: PROTOCOL.md, section 9.
"""

from collections.abc import Mapping

from elect.core.events import Elected, Event, Lost, Role, RoleChanged
from elect.core.messages import Batch, Grant, Resign
from elect.core.quorum import majority
from elect.core.ready import Ballot, Lease
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

_Held = dict[str, tuple[int, int, int]]
"""By election, on the holder's clock: term and end of the lease that it has published, and as of when.

As of an earlier time than that of publishing it, if a heartbeat waited: such a lease may be over when it is extended.
"""


class Safety(Observer):
    """Checks leases, votes, terms, and what applications are told.

    Attributes:
        votes: every durable vote ever, by election and term, then by store: its node, and which of its stores.
        elected: the process that was elected, by election and term.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.votes: dict[tuple[str, int], dict[tuple[str, int], str]] = {}
        self.elected: dict[tuple[str, int], str] = {}
        self._granted: dict[tuple[str, int, str, int], str] = {}
        self._elected_latest: dict[str, int] = {}
        self._terms: dict[tuple[str, int, str], int] = {}
        self._held: dict[str, _Held] = {}
        self._ended: dict[tuple[str, str], int] = {}
        self._tokens: dict[str, tuple[int, str]] = {}
        self._told: dict[str, dict[str, int]] = {}

    # Leases.

    def published(
        self,
        process: Process,
        leases: Mapping[str, Lease | None],
        counted: Mapping[str, int] | None,  # noqa: ARG002 (the observer's signature)
    ) -> None:
        """Check what the claims rest on, and every lease that begins."""
        for election, lease in leases.items():
            if lease is not None:
                self._check_claim(process, election, lease)
        table = process.table
        before = self._held.get(process.node_id)
        if not table.claims and not before:
            return
        now = process.now
        taken_at = process.elector.state.now
        held = {election: (lease.term, table.until(election), taken_at) for election, lease in table.claims.items()}
        for election, (term, until, _) in held.items():
            term_before, until_before, _ = (before or {}).get(election, (0, 0, 0))
            is_new = until_before <= now or term_before != term
            is_sound_again = until_before <= process.host.stale_until < until
            if until > now and (is_new or is_sound_again):
                self._check_beginning(process, election, term, until)
        for election, (_, until, published_at) in (before or {}).items():
            until_now = held.get(election, (0, 0, 0))[1]
            if until > published_at and (until <= now or until_now <= now):
                extended = 0 if election in leases else until_now
                self._ended[process.node_id, election] = min(max(until, extended), now)
        self._held[process.node_id] = held

    def _check_claim(self, process: Process, election: str, lease: Lease) -> None:
        voters, node_id = process.elector.state.voters, process.node_id
        if not lease.followers <= set(voters) - {node_id}:
            self._world.fail("only voters count", f"{process} counts {sorted(lease.followers)} in {election}")
        if node_id not in voters or lease.quorum != majority(len(voters)):
            self._world.fail("only voters count", f"{process} claims {election} on {lease}")
        if self.elected.get((election, lease.term), str(process)) != str(process):
            self._world.fail("one elected a term", f"{process} claims {election} in term {lease.term}")

    def _check_beginning(self, process: Process, election: str, term: int, until: int) -> None:
        """Compare a lease with all others, before and now; of two, only the older may be a frozen machine's."""
        world, is_stale = self._world, process.host.is_stale(until)
        for other in world.hosts.values():
            rival = other.process
            if rival is None or rival is process:
                continue
            rival_until = rival.table.until(election)
            if rival_until > rival.now:
                rival_term = rival.table.claims[election].term
                if (is_stale and term < rival_term) or (rival.host.is_stale(rival_until) and rival_term < term):
                    continue
                world.fail("one lease", f"{election}: {process} (term {term}) and {rival} (term {rival_term})")
        highest, holder = self._tokens.get(election, (0, ""))
        if term < highest and is_stale:
            return
        if term < self._elected_latest.get(election, 0) and not is_stale:
            world.fail("no lease below an elected term", f"{election}: {process} begins term {term}")
        if term < highest or (term == highest and holder != str(process)):
            world.fail("tokens rise", f"{election}: {process} begins term {term} after {holder}'s term {highest}")
        self._tokens[election] = (term, str(process))

    # Votes.

    def stored(self, node_id: str, store_id: int, ballots: Mapping[str, Ballot]) -> None:
        """Check that terms rise and votes stay."""
        for election, ballot in ballots.items():
            key = (node_id, store_id, election)
            if ballot.term < self._terms.get(key, 0):
                self._world.fail("durable terms never fall", f"{node_id}: {election} falls to {ballot}")
            self._terms[key] = ballot.term
            if ballot.voted_for is not None:
                votes = self.votes.setdefault((election, ballot.term), {})
                was = votes.setdefault((node_id, store_id), ballot.voted_for)
                if was != ballot.voted_for:
                    self._world.fail("one vote a term", f"{node_id}: {election} {ballot} after a vote for {was}")

    def sent(self, process: Process, peer: str, batch: Batch) -> None:
        """Check that grants are durable and single, and that Resign comes last."""
        for entry in batch.entries:
            if isinstance(entry, Grant):
                self._check_grant(process, peer, entry)
            elif isinstance(entry, Resign):
                claim = process.table.claims.get(entry.election)
                if claim is not None and claim.term == entry.term:
                    self._world.fail("resigned is given up", f"{process} sends {entry} and holds {claim}")

    def _check_grant(self, process: Process, peer: str, grant: Grant) -> None:
        voter = process.node_id
        store_id = process.host.disk.store_id if self._world.options.changes else 1
        if self._granted.setdefault((voter, store_id, grant.election, grant.term), peer) != peer:
            self._world.fail("one grant a term", f"{process} grants {grant.election} term {grant.term} to {peer} too")
        votes = self.votes.get((grant.election, grant.term), {})
        if votes.get((voter, process.host.disk.store_id)) != peer:
            self._world.fail("grants are durable", f"{process} grants {peer} {grant}, which is not on its disk")

    # What applications and logs are told.

    def told(self, process: Process, event: Event) -> None:
        """Check winners, and that elected and lost alternate."""
        if isinstance(event, RoleChanged) and event.role is Role.LEADER:
            self._check_elected(process, event.election, event.term)
        elif isinstance(event, Elected):
            told = self._told.setdefault(process.node_id, {})
            is_known = told.setdefault(event.election, event.term) != event.term
            is_empty = process.table.until(event.election) == 0 and not self._is_given_up(process, event)
            if is_known or is_empty:
                self._world.fail("elected and lost alternate", f"{process} is told {event}")
        elif isinstance(event, Lost):
            self._check_lost(process, event)

    def _check_lost(self, process: Process, event: Lost) -> None:
        if self._told.get(process.node_id, {}).pop(event.election, None) != event.term:
            self._world.fail("elected and lost alternate", f"{process} is told {event}")
        ended_at = self._ended.get((process.node_id, event.election))
        if ended_at != event.at and not self._is_given_up(process, event):
            self._world.fail("lost says when", f"{process} is told {event}; the lease ended at {ended_at}")

    @staticmethod
    def _is_given_up(process: Process, event: Elected | Lost) -> bool:
        """Return whether the application ended this leadership before the orchestrator thread was told."""
        return event.term <= process.table.given_up.get(event.election, 0)

    def _check_elected(self, process: Process, election: str, term: int) -> None:
        rival = self.elected.setdefault((election, term), str(process))
        if rival != str(process):
            self._world.fail("one elected a term", f"{election} term {term}: {rival} and {process}")
        votes, voters = self.votes.get((election, term), {}), process.elector.state.voters
        granted = sorted({voter for (voter, _), candidate in votes.items() if candidate == process.node_id})
        granted = [voter for voter in granted if voter in voters]
        if process.node_id not in voters or len(granted) < majority(len(voters)):
            self._world.fail("leaders have majorities", f"{process} leads {election} term {term} by {granted}")
        self._elected_latest[election] = max(term, self._elected_latest.get(election, 0))
        self._check_unopposed(process, election, term)

    def _check_unopposed(self, process: Process, election: str, term: int) -> None:
        """A majority voted, and none of it was bound: no older lease is valid any more (section 4, "Why P3 holds")."""
        for host in self._world.hosts.values():
            rival = host.process
            claim = None if rival is None else rival.table.claims.get(election)
            if rival is None or claim is None or claim.term >= term:
                continue
            until = rival.table.until(election)
            if until > rival.now and not host.is_stale(until):
                detail = f"{election}: {process} in term {term} while {rival} holds the lease of term {claim.term}"
                self._world.fail("nobody is elected over a lease", detail)

    def died(self, process: Process) -> None:
        """Forget what a process held."""
        self._held.pop(process.node_id, None)
        self._told.pop(process.node_id, None)
