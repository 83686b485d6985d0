"""Observers that know the promises, each on its own: what must never be, what must come, what was met."""

from elect.testing.checkers.bound import BoundSafety
from elect.testing.checkers.candidacy import CandidacySafety
from elect.testing.checkers.hard_cases import HARD_CASES, HardCases
from elect.testing.checkers.liveness import Liveness
from elect.testing.checkers.local_invariants import LocalSafety
from elect.testing.checkers.origin import Origin
from elect.testing.checkers.resignation_order import ResignationOrder
from elect.testing.checkers.safety import Safety
from elect.testing.checkers.stores import OneStore
from elect.testing.checkers.support_promises import SupportSafety
from elect.testing.world.world import World

__all__ = [
    "HARD_CASES",
    "BoundSafety",
    "CandidacySafety",
    "HardCases",
    "Liveness",
    "LocalSafety",
    "OneStore",
    "Origin",
    "ResignationOrder",
    "Safety",
    "SupportSafety",
    "watch_all",
]


def watch_all(world: World) -> tuple[HardCases, OneStore, Liveness]:
    """Let every checker watch a world, and return those that are asked or told something later."""
    safety = Safety(world)
    met, stores, liveness = HardCases(safety), OneStore(world), Liveness(world)
    for observer in (
        safety,
        SupportSafety(world),
        BoundSafety(world),
        LocalSafety(world),
        CandidacySafety(world),
        ResignationOrder(world, safety),
        Origin(world, safety),
        stores,
        met,
        liveness,
    ):
        world.watch(observer)
    return met, stores, liveness
