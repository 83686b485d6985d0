"""Worlds in which everything fails, for `elect simulate`, the soak and the tests over seeds."""

from dataclasses import replace
from random import Random

from elect.testing.faults.catalogue import FAULTS
from elect.testing.simulation.simulation_options import Faults, Options, Span

_DELAYS = (Span(low=0.000_03, high=0.000_3), Span(low=0.000_5, high=0.02), Span(low=0.001, high=0.25))
_DISKS = (Span(low=0.000_1, high=0.001), Span(low=0.001, high=0.05), Span(low=0.005, high=0.4))
_RARE_SHARE = 0.1
_RARE = ("freeze",)
"""Faults that only some worlds have: checkers excuse the leases that these break, and so see less there."""

_APPLICATIONS = (Span(low=0.0, high=0.001), Span(low=0.0, high=0.3), Span(low=0.01, high=3.0))


def hostile(seed: int, nodes: int) -> Options:
    """Return the options of a world in which everything fails, with a mix of faults that depends on the seed.

    >>> hostile(7, 3) == hostile(7, 3) != hostile(8, 3)
    True

    Each seed switches some faults off and makes others frequent, so that rare combinations occur ("swarm testing").

    Source: Groce et al., "Swarm Testing", ISSTA 2012.
    """
    rng = Random(f"options {seed} {nodes}")  # noqa: S311 (chance, no secret)
    names = sorted(FAULTS)
    kinds = tuple(name for name in names if rng.random() < (_RARE_SHARE if name in _RARE else 0.6)) or tuple(names)
    base = Options(nodes=nodes, seed=seed)
    return replace(
        base,
        elections=("default", "jobs", "reports")[: rng.choice((1, 2, 2, 3))],
        drift=rng.choice((0.0, 0.005, 0.01, 0.01)),
        offset_rule=rng.choice(("prefer", "prefer", "require")),
        grace=rng.choice((0.05, 0.5, 5.0)),
        delay=rng.choice(_DELAYS),
        loss=rng.choice((0.0, 0.0, 0.01, 0.1)),
        duplication=rng.choice((0.0, 0.0, 0.02)),
        reordering=rng.choice((0.0, 0.0, 0.02)),
        untrusted=rng.choice((0.0, 0.3, 1.0)),
        disk_latency=rng.choice(_DISKS),
        acknowledgement=rng.choice(_APPLICATIONS),
        lateness=rng.choice((Span(low=0.0, high=0.000_2), Span(low=0.0, high=0.03))),
        faults=Faults(
            every=rng.choice((0.15, 0.4, 0.8, 1.5, 3.0)),
            kinds=kinds,
            crash_at_write=rng.choice((0.0, 0.0, 0.05, 0.2)),
            triggered=rng.choice((0.0, 0.01, 0.03, 0.1)),
            unwilling=rng.choice((0.0, 0.2, 0.5)),
        ),
        raising=rng.choice((0.0, 0.0, 0.1, 0.5)),
        health=rng.choice((None, None, Span(low=0.0, high=1.0))),
        is_encoded=rng.random() < 0.1,
        failback=rng.choice((None, 1.0, 2.0)),
    )
