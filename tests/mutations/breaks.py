"""Deliberate breaks of the protocol, one rule each, applied to the real code while seeds are searched.

`make mutations` prints how many seeds each break needed until a checker noticed it. A checker notices every break but
those of hints: rules that save time only, which no promise rests on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from os import cpu_count
from sys import stdout
from time import process_time

from elect.testing import InvariantViolation
from elect.testing.soak.interruption import run
from elect.testing.soak.workers import Workers, in_order
from tests.mutations.agreement_breaks import AGREEMENT
from tests.mutations.breaking import Applied, Break
from tests.mutations.campaign_breaks import CAMPAIGN, HINTS
from tests.mutations.change_breaks import CHANGES
from tests.mutations.failback_breaks import FAILBACK
from tests.mutations.fence_breaks import FENCE
from tests.mutations.following_breaks import FOLLOWING
from tests.mutations.grant_breaks import GRANTS
from tests.mutations.leading_breaks import LEADING
from tests.mutations.shell_breaks import SHELL
from tests.mutations.site_breaks import SITES
from tests.mutations.support_breaks import SUPPORT
from tests.mutations.voting_breaks import VOTING

BREAKS: tuple[Break, ...] = (
    *SUPPORT,
    *SHELL,
    *VOTING,
    *GRANTS,
    *FENCE,
    *CAMPAIGN,
    *FOLLOWING,
    *LEADING,
    *AGREEMENT,
    *FAILBACK,
    *CHANGES,
    *SITES,
)


def broken(name: str) -> Applied:
    """Return the break of that name, to enter."""
    return next(each for each in (*BREAKS, *HINTS) if each.name == name).apply()


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """The first seed that found a break.

    Attributes:
        seeds: how many it took, 0 if none of them did.
        seconds: of one core.
    """

    seeds: int
    seconds: float
    violation: InvariantViolation | None


def hunt(one: Break) -> Find:
    """Run worlds of the broken protocol until a checker notices."""
    began = process_time()
    with one.apply():
        for seed in range(one.seeds_max):
            try:
                one.world.run(seed)
            except InvariantViolation as violation:
                return Find(seeds=seed + 1, seconds=process_time() - began, violation=violation)
    return Find(seeds=0, seconds=process_time() - began, violation=None)


def _hunt(place: int) -> Find:
    return hunt((*BREAKS, *HINTS)[place])


def table(finds: Iterator[Find]) -> Iterator[str]:
    """Yield one line for each break, as soon as it is found, and then for each hint."""
    yield f"{'break':<54}{'rule':<7}{'found in':<23}{'seeds':>6}{'at most':>9}{'s':>6}  noticed by"
    for one, find in zip((*BREAKS, *HINTS), finds, strict=False):
        by = "no checker: a hint" if one in HINTS else "NO CHECKER"
        by = by if find.violation is None else find.violation.invariant
        yield (
            f"{one.name:<54}{one.rule:<7}{one.world.name:<23}"
            f"{find.seeds or 'none':>6}{one.seeds_max:>9}{find.seconds:6.1f}  {by}"
        )


def main() -> int:
    """Print which seed found each break; return 1 if one was not found, or if a hint was."""
    found = []
    with Workers(_hunt, cpu_count() or 1) as workers:

        def noted() -> Iterator[Find]:
            for find in in_order(workers.each(range(len(BREAKS) + len(HINTS)))):
                found.append(find)
                yield find

        for line in table(noted()):
            stdout.write(f"{line}\n")
            stdout.flush()
    missed = [find.violation is None for find in found[: len(BREAKS)]].count(True)
    noticed = [find.violation is None for find in found[len(BREAKS) :]].count(False)
    stdout.write(f"{len(BREAKS)} breaks, {missed} not found; {len(HINTS)} hints, {noticed} noticed; ")
    stdout.write(f"{sum(find.seconds for find in found):.0f} s of one core\n")
    return int(missed + noticed > 0)


if __name__ == "__main__":
    run(main)
