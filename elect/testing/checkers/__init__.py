"""Observers that know the promises, each on its own: what must never be, what must come, what was met."""

from elect.testing.checkers.bound import BoundSafety
from elect.testing.checkers.candidacy import Candidacy
from elect.testing.checkers.farewell import Farewell
from elect.testing.checkers.liveness import Liveness
from elect.testing.checkers.local import LocalSafety
from elect.testing.checkers.met import HARD_CASES, Met
from elect.testing.checkers.origin import Origin
from elect.testing.checkers.safety import Safety
from elect.testing.checkers.stores import OneStore
from elect.testing.checkers.support import SupportSafety

__all__ = [
    "HARD_CASES",
    "BoundSafety",
    "Candidacy",
    "Farewell",
    "Liveness",
    "LocalSafety",
    "Met",
    "OneStore",
    "Origin",
    "Safety",
    "SupportSafety",
]
