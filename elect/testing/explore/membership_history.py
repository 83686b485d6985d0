"""The part of a path that the checks of configurations need: which are in use, and since when.

Source: PROTOCOL.md, section 7, "Changing", "The floor" and "Why it holds".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from elect.core.configuration import Configuration
from elect.core.quorum import majority
from elect.testing.checkers.membership_rules import Place as Version
from elect.testing.checkers.membership_rules import always_meet, place, words
from elect.testing.explore.explored_node import TIMING
from elect.testing.explore.made_configurations import Decision
from elect.testing.explore.renaming import NODES, Places, names, renamed
from elect.testing.explore.steps import Broken

WAIT_NS = TIMING.support_duration_ns
"""After this time no lease is left that rests on a configuration older than the one that a quorum has."""


Disks = Sequence[Configuration]
"""The configuration on each disk, by place."""


@dataclass(frozen=True, slots=True)
class MembershipHistory:
    """Configurations that a path has come to; those older than all disks' are forgotten. Nodes by place.

    Attributes:
        known: those that were on a disk.
        quorum_at: since when a quorum had one or a newer one on disk (ns), if ever.
        terms: the voter, the configuration, and the highest term on the voter's disk when that got there.
    """

    known: tuple[Configuration, ...] = ()
    quorum_at: tuple[tuple[Version, int], ...] = ()
    terms: tuple[tuple[int, Version, int], ...] = ()

    def configured(
        self, voter: int, configuration: Configuration, term: int, *, disks: Disks, now: int
    ) -> "MembershipHistory":
        """Add a configuration that reached a disk.

        Args:
            voter: the node of that disk, by place.
            configuration: is there now.
            term: the highest term on that disk.
            disks: the configuration on each disk now.
            now: ns.

        Raises:
            Broken: another one of its version exists, or two could each elect a leader.
        """
        at, kept_from = place(configuration), min(map(place, disks))
        for each in self.known:
            if place(each) == at and each.id != configuration.id:
                raise Broken("one configuration of a version", f"{words(configuration)} and {words(each)}")
        known = {place(each): each for each in (*self.known, *disks, configuration)}
        quorum_at = dict(self.quorum_at)
        for version, each in known.items():
            if version > (0, 0) and len(_holders(each, disks)) >= each.quorum:
                quorum_at.setdefault(version, now)
        _check_meetings(list(known.values()), disks)
        terms = {(node, version): had for node, version, had in self.terms}
        terms.setdefault((voter, at), term)
        return MembershipHistory(
            known=tuple([known[version] for version in sorted(known) if version >= kept_from]),
            quorum_at=tuple(sorted(each for each in quorum_at.items() if each[0] >= kept_from)),
            terms=tuple(sorted((*key, had) for key, had in terms.items() if key[1] >= kept_from)),
        )

    def check(self, maker: int, decision: Decision, *, disks: Disks, now: int) -> None:
        """Check a configuration that rests on the one before.

        Raises:
            Broken: the one before has not settled, or the floor is too low.
        """
        before, after = decision.before, decision.after
        version = place(before)
        counted = {NODES[maker], *decision.following} & _holders(before, disks)
        # Everybody had the first one from the start, and had not voted.
        since = dict(self.quorum_at).get(version, None if version > (0, 0) else 0)
        had = {NODES[node]: term for node, other, term in self.terms if other == version}
        terms = [had.get(voter, None if version > (0, 0) else 0) for voter in before.voters]
        below = [term for term in terms if term is not None and term <= after.floor]
        problems = {
            "comes before a quorum has the one before, and follows": len(counted) < before.quorum,
            "comes before leases are over": since is None or now - since < WAIT_NS,
            "has a low floor": after.floor < before.floor or len(below) < majority(len(before.voters)),
        }
        found = [problem for problem, is_found in problems.items() if is_found]
        if found:
            text = f"{NODES[maker]} makes {words(after)}, which {' and '.join(found)}; before: {words(before)}"
            raise Broken("changes wait for their turn", text)

    def renamed(self, places: Places) -> "MembershipHistory":
        """Return the same with its places permuted."""
        return replace(
            self,
            known=tuple([renamed(each, names(places)) for each in self.known]),
            terms=tuple(sorted((places[node], version, term) for node, version, term in self.terms)),
        )


NO_CONFIGURATIONS = MembershipHistory()


def _holders(configuration: Configuration, disks: Disks) -> set[str]:
    """Return the voters of a configuration that have it, or a newer one, on disk."""
    return {voter for voter in configuration.voters if place(disks[NODES.index(voter)]) >= place(configuration)}


def _is_usable(configuration: Configuration, disks: Disks) -> bool:
    """Return whether a quorum of it might vote: the others refuse, since they have a newer one."""
    able = [voter for voter in configuration.voters if place(disks[NODES.index(voter)]) <= place(configuration)]
    return len(able) >= configuration.quorum


def _check_meetings(known: list[Configuration], disks: Disks) -> None:
    for one, other in combinations([each for each in known if _is_usable(each, disks)], 2):
        if not always_meet(one, other):
            raise Broken("quorums meet", f"{words(one)}; {words(other)}")
