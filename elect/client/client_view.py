"""ClientView: the reports of several nodes, merged into one view. Pure: time is given.

Of the terms that the nodes name the highest one counts, and a term that was seen is never gone back from. A report of a
lower term is stale. Among the reports of the highest term one that names a leader counts more than one that names
none: its sender may be cut off. When all of them name none, there is no leader. When the last report of that term is
gone, because its link ended, the view stays as it is until another node reports, or until `forget_leaders`.

A term has one leader. The first one named for a term is believed; another one is ignored.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from elect.clock import NS_PER_S
from elect.core.changes import why_not_active
from elect.errors import LeaderUnavailable
from elect.joining.join_passes import dialable
from elect.leader import Leader
from elect.observing.observer_messages import LeaderReport, MembersReport
from wire.protocol.address import Address

VOUCHED_NS = NS_PER_S
"""The default `support_duration`: for this time a voter that has heard its leader elects no other one."""

FORGOTTEN_MAX = 1_024
"""Elections whose terms are kept while others are watched: a hundred bytes each."""

Link = Hashable
"""The name of an open link, of which this file needs only that it is itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedReport:
    """A report, and the time at which it came, ns."""

    report: LeaderReport
    at_ns: int

    @property
    def as_of_ns(self) -> int:
        """The time at which its sender knew it for certain, ns."""
        return self.at_ns - self.report.age_ns

    @property
    def address(self) -> str | None:
        """The address of the leader, or None: a node may relay any text that another one advertises."""
        return self.report.address if dialable(self.report.address) is not None else None

    def leader(self, address: str | None = None) -> Leader:
        """Return the leader that the report names; its address may be known from another report."""
        return Leader(
            node_id=self.report.leader_id,
            term=self.report.term,
            address=self.address or address,
            metadata=dict(self.report.metadata),
            as_of=max(0, self.as_of_ns) / NS_PER_S,
        )


@dataclass(slots=True)
class _WatchedElection:
    """The view of one election.

    Attributes:
        reports: the latest one of each open link.
        term: the highest term that was seen.
        named: the id of the leader of that term; empty: none was named yet.
        leader: the leader in the view.
        version: counts the changes of that leader.
        doubted_ns: a lease that was reported then or before does not count.
    """

    reports: dict[Link, DatedReport] = field(default_factory=dict)
    term: int = 0
    named: str = ""
    leader: Leader | None = None
    version: int = 0
    doubted_ns: int = -1


SeenTerm = tuple[int, str]
"""The highest term of an election, and the id of its leader; empty: none was named."""


class ClientView:
    """The leaders of the watched elections, and the members, as the nodes report them.

    Args:
        terms: those of a view before.
    """

    def __init__(self, terms: Mapping[str, SeenTerm] | None = None) -> None:
        self._forgotten: dict[str, SeenTerm] = dict(terms or {})
        self._watched: dict[str, _WatchedElection] = {}
        self._nodes: dict[Link, str] = {}
        self._members: dict[Link, MembersReport] = {}
        self._latest: tuple[str, MembersReport] | None = None

    @property
    def elections(self) -> tuple[str, ...]:
        """The names of the watched elections, the one that was asked for last at the end."""
        return tuple(self._watched)

    @property
    def terms(self) -> dict[str, SeenTerm]:
        """The highest terms that were seen, of forgotten elections too."""
        return {**self._forgotten, **{name: (each.term, each.named) for name, each in self._watched.items()}}

    @property
    def members(self) -> tuple[str, MembersReport] | None:
        """The newest report of the members, with the id of its sender; None: none came yet."""
        return self._latest

    def watch(self, election: str) -> bool:
        """Keep the reports of an election from now on; return whether it is a new one."""
        known = self._watched.get(election)
        others = {name: each for name, each in self._watched.items() if name != election}
        term, named = self._forgotten.get(election, (0, ""))
        watched = known or _WatchedElection(term=term, named=named)
        self._watched = {**others, election: watched}  # in one step: Ctrl-C may come in between
        return known is None

    def forget(self, election: str) -> None:
        """Keep nothing of an election but its term."""
        watched = self._watched.get(election)
        if watched is None:
            return
        others = [(name, seen) for name, seen in self._forgotten.items() if name != election]
        self._forgotten = dict([*others, (election, (watched.term, watched.named))][-FORGOTTEN_MAX:])
        del self._watched[election]

    def open_link(self, link: Link, node_id: str) -> None:
        """Note the node at the other end of a link."""
        self._nodes[link] = node_id

    def end_link(self, link: Link) -> None:
        """Note the end of a link: what its node said is not renewed any more."""
        self._nodes.pop(link, None)
        self._members.pop(link, None)
        for election in self._watched.values():
            if election.reports.pop(link, None) is not None:
                _settle(election)

    def receive_leader(self, link: Link, report: LeaderReport, now_ns: int) -> bool:
        """Note a report of an open link; return whether it has the highest term. Those of other elections are dropped.

        Args:
            link: the link.
            report: the report.
            now_ns: the time at which it came, ns.
        """
        election = self._watched.get(report.election)
        if election is None or link not in self._nodes:
            return False
        election.reports[link] = DatedReport(report=report, at_ns=now_ns)
        _settle(election)
        return report.term == election.term

    def receive_members(self, link: Link, report: MembersReport) -> None:
        """Note a report of the members; an older one than another node's does not replace that."""
        if link not in self._nodes:
            return
        self._members[link] = report
        if self._latest is None or not self._latest[1].configuration.is_newer_than(report.configuration):
            self._latest = (self._nodes[link], report)

    def doubt(self, election: str, now_ns: int) -> None:
        """Count no lease of an election that was reported by now: its leader did not act as one."""
        self._watched[election].doubted_ns = now_ns

    def forget_leaders(self) -> bool:
        """Name no leader any more: no node can be reached. The terms stay. Return whether one was named."""
        named = [election for election in self._watched.values() if election.leader is not None]
        for election in named:
            _set_leader(election, None)
        return bool(named)

    def leader(self, election: str) -> Leader | None:
        """Return the leader of an election as far as it is known, ready or not."""
        return self._watched[election].leader

    def change(self, election: str) -> tuple[int, Leader | None]:
        """Return the number of changes of the leader, and the leader."""
        watched = self._watched[election]
        return watched.version, watched.leader

    def ready(self, election: str, now_ns: int) -> tuple[Link, Leader] | None:
        """Return the leader and its link, if the leader itself has reported that it leads on a lease that is valid now.

        It must be a member, and no node may have named a higher term.
        """
        watched = self._watched[election]
        for link, dated in watched.reports.items():
            report, node_id = dated.report, self._nodes[link]
            is_valid = dated.at_ns > watched.doubted_ns and now_ns < dated.at_ns + report.lease_ns
            if report.term == watched.term and report.leader_id == node_id == watched.named and is_valid:
                members = self._members.get(link)
                if members is not None and node_id in members.configuration.node_ids:
                    return link, dated.leader()
        return None

    def vouched(self, election: str, now_ns: int) -> Leader | None:
        """Return the leader if a node was certain of it within VOUCHED_NS; for a client that cannot ask the leader."""
        watched = self._watched[election]
        for link, dated in watched.reports.items():
            members = self._members.get(link)
            is_fresh = dated.at_ns > watched.doubted_ns and now_ns < dated.as_of_ns + VOUCHED_NS
            if is_fresh and self.is_informed(link, election) and members is not None:
                return dated.leader() if watched.named in members.configuration.node_ids else None
        return None

    def worth_keeping(self, links: Sequence[Link], now_ns: int, elections: Iterable[str]) -> set[Link]:
        """Return the links to leaders that are ready, and for each election one to a node that knows its leader.

        If there is none of them, it is the last link: of nodes that know no leader, the one that was asked last.

        Args:
            links: those that may be kept, at least one, in the order in which they were dialed.
            now_ns: now.
            elections: those that are in use.
        """
        ready = [self.ready(election, now_ns) for election in self._watched]
        kept = {found[0] for found in ready if found is not None}
        for election in elections:
            informed = [link for link in links if self.is_informed(link, election)]
            if kept.isdisjoint(informed):
                kept.update(informed[-1:])
        return kept or {links[-1]}

    def is_covered(self, links: Collection[Link], elections: Iterable[str]) -> bool:
        """Return whether for each election one of the links leads to a node that knows its leader."""
        return all(any(self.is_informed(link, election) for link in links) for election in elections)

    def is_informed(self, link: Link, election: str) -> bool:
        """Return whether the node of a link names the leader of an election's highest term."""
        watched = self._watched[election]
        dated = watched.reports.get(link)
        return dated is not None and dated.report.term == watched.term and dated.report.leader_id == watched.named != ""

    def reported_members(self, link: Link) -> MembersReport | None:
        """Return the members as the node of an open link has reported them, or None."""
        return self._members.get(link)

    def said(self, election: str) -> Mapping[Link, DatedReport]:
        """Return the latest report of each open link about an election."""
        return self._watched[election].reports

    def loop(self, election: str) -> tuple[str, ...]:
        """Return the ids of nodes that name each other as the leader in a circle, the first one again at the end."""
        reports = self._watched[election].reports
        named = {self._nodes[link]: dated.report.leader_id for link, dated in reports.items()}
        for start in named:
            path = [start]
            while (following := named.get(path[-1])) and following != path[-1]:
                path.append(following)
                if following == start:
                    return tuple(path)
                if following in path[:-1]:
                    break
        return ()


def in_words(node_id: str, report: LeaderReport) -> str:
    """Return a report as a part of an error."""
    if not report.leader_id:
        return f"node {node_id} knows no leader"
    if report.leader_id != node_id:
        return f"node {node_id} names {report.leader_id} as the leader of term {report.term}"
    return f"node {node_id} leads in term {report.term}" + ("" if report.lease_ns else ", and has no lease")


def unavailable(
    view: ClientView, election: str, timeout: float, said: Mapping[Address, str], *, is_refused: bool
) -> LeaderUnavailable:
    """Return the error of a wait for a leader that was in vain.

    Args:
        view: the view at its end.
        election: the name of the election.
        timeout: the wait, seconds.
        said: what each endpoint said last.
        is_refused: each endpoint refuses this client.
    """
    error = LeaderUnavailable(election, "a leader that is ready", timeout)
    error.tried = {str(address): text for address, text in said.items()}
    error.hint, error.loop = view.leader(election), view.loop(election)
    if view.members is not None:
        error.why = why_not_active(view.members[1].configuration)
    if is_refused:
        error.is_retryable, error.retry_after_s = False, None
    return error


def _settle(election: _WatchedElection) -> None:
    """Set the leader that the reports lead to."""
    highest = max((dated.report.term for dated in election.reports.values()), default=0)
    if highest > election.term:
        election.term, election.named = highest, ""
    current = sorted(
        (dated for dated in election.reports.values() if dated.report.term == election.term),
        key=lambda dated: dated.as_of_ns,
    )
    if not election.named:
        election.named = next((dated.report.leader_id for dated in current if dated.report.leader_id), "")
    naming = [dated for dated in current if election.named and dated.report.leader_id == election.named]
    if naming:
        addresses = [dated.address for dated in naming if dated.address]
        _set_leader(election, naming[-1].leader(addresses[-1] if addresses else None))
    elif current:
        _set_leader(election, None)


def _set_leader(election: _WatchedElection, leader: Leader | None) -> None:
    before = election.leader
    if _shown(before) != _shown(leader):
        election.version += 1
    election.leader = leader


def _shown(leader: Leader | None) -> tuple[object, ...] | None:
    """Return all that a watcher is told of: another date alone is no change."""
    return None if leader is None else (leader.node_id, leader.term, leader.address, leader.metadata)
