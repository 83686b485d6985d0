"""The observers of a simulated world that check the promises, and count the hard cases that it met."""

from elect.testing.checkers.bound_followers import BoundFollowers
from elect.testing.checkers.candidacy_rules import CandidacyRules
from elect.testing.checkers.change_cases import CHANGE_CASES, ChangeCases
from elect.testing.checkers.failback_rules import FailbackRules
from elect.testing.checkers.hard_cases import HARD_CASES, HardCases
from elect.testing.checkers.liveness import Liveness
from elect.testing.checkers.local_invariants import LocalInvariants
from elect.testing.checkers.membership_rules import MembershipRules
from elect.testing.checkers.resignation_order import ResignationOrder
from elect.testing.checkers.safety import Safety
from elect.testing.checkers.site_rules import SITE_CASES, SiteRules
from elect.testing.checkers.store_identity import StoreIdentity
from elect.testing.checkers.support_promises import SupportPromises
from elect.testing.checkers.term_origins import TermOrigins
from elect.testing.world.world import World

__all__ = [
    "CHANGE_CASES",
    "HARD_CASES",
    "SITE_CASES",
    "BoundFollowers",
    "CandidacyRules",
    "ChangeCases",
    "FailbackRules",
    "HardCases",
    "Liveness",
    "LocalInvariants",
    "MembershipRules",
    "ResignationOrder",
    "Safety",
    "SiteRules",
    "StoreIdentity",
    "SupportPromises",
    "TermOrigins",
    "watch_all",
]


def watch_all(world: World) -> tuple[HardCases, StoreIdentity, Liveness]:
    """Add every checker to a world, and return the three that the simulation calls later."""
    safety = Safety(world)
    changes = ChangeCases(world)
    met, stores, liveness = HardCases(safety, changes.counts), StoreIdentity(world), Liveness(world)
    for observer in (
        safety,
        SupportPromises(world),
        BoundFollowers(world),
        LocalInvariants(world),
        CandidacyRules(world),
        ResignationOrder(world, safety),
        TermOrigins(world, safety),
        FailbackRules(world),
        MembershipRules(world),
        SiteRules(world, changes.counts),
        changes,
        stores,
        met,
        liveness,
    ):
        world.watch(observer)
    return met, stores, liveness
