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


_UNSAFE = ("wipe", "relist")
"""Faults that an operator of changing members causes himself, when the other members can bear it."""


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


def sealing(seed: int, nodes: int) -> Options:
    """Return the options of a world as `hostile`, in which an operator asks for a seal until it is complete.

    >>> sealing(7, 3).seals > 0
    True
    """
    rng = Random(f"seals {seed} {nodes}")  # noqa: S311 (chance, no secret)
    return replace(_bearable(seed, nodes, rng), seals=rng.choice((0.1, 0.3)), changes=rng.choice((0.0, 0.0, 0.6)))


def standing_by(seed: int, nodes: int) -> Options:
    """Return the options of a world as `hostile`, in which a standby cluster is promoted.

    >>> standing_by(7, 3).promotions > 0
    True
    """
    rng = Random(f"promotions {seed} {nodes}")  # noqa: S311 (chance, no secret)
    base = _bearable(seed, nodes, rng)
    promotions, changes = rng.choice((0.3, 1.0)), rng.choice((0.0, 0.3, 1.2))
    return replace(base, is_standby=True, promotions=promotions, changes=changes)


def changing(seed: int, nodes: int) -> Options:
    """Return the options of a world as `hostile`, with fewer faults, in which the members change all the time.

    >>> changing(7, 3).changes > 0
    True
    """
    rng = Random(f"changes {seed} {nodes}")  # noqa: S311 (chance, no secret)
    base = _bearable(seed, nodes, rng)
    return replace(base, changes=rng.choice((0.3, 0.6, 1.2)), learner_lag_max=rng.choice((None, None, 1)))


def _bearable(seed: int, nodes: int, rng: Random) -> Options:
    """Return the options of a hostile world, with fewer faults, and none that an operator has to repair."""
    base = hostile(seed, nodes)
    assert base.faults is not None
    kinds = tuple(kind for kind in base.faults.kinds if kind not in _UNSAFE)
    every = rng.choice((0.8, 2.0, 4.0, 8.0))
    return replace(base, faults=replace(base.faults, every=every, kinds=kinds, unwilling=0.0))
