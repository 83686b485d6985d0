"""Deliberate breaks of the protocol, one rule each, applied to the real code while seeds are searched.

`python -m tests.mutations.breaks` prints how many seeds each needed until a checker noticed; `make mutations` as well.
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
from tests.mutations.campaign_breaks import CAMPAIGN
from tests.mutations.following_breaks import FOLLOWING
from tests.mutations.leading_breaks import LEADING
from tests.mutations.shell_breaks import SHELL
from tests.mutations.support_breaks import SUPPORT
from tests.mutations.voting_breaks import VOTING

BREAKS: tuple[Break, ...] = (*SUPPORT, *SHELL, *VOTING, *CAMPAIGN, *FOLLOWING, *LEADING, *AGREEMENT)

UNFOUND = {
    "a live candidate follows a lower term": "not needed: following ends its candidacy, for good",
    "a campaign that can't be won goes on": "a hint: saves at most two intervals",
    "terms told of are not stepped over": "a hint: saves campaigns that are refused",
    "no random wait after a failed campaign": "a hint: the candidates' order parts them already",
    "the own vote is not needed": "no checker tells two starts of one node, elected in one term, apart; the boot fence"
    " leaves others time to go on",
    "a vote while leading on a valid lease": "no checker minds: the lease is given up before the Grant leaves; nobody"
    " asks a leader whom a quorum supports",
}
"""Breaks that these worlds don't show, and why: a rule that is not needed here, or a checker that is missing."""


def broken(name: str) -> Applied:
    """The break of that name, to enter."""
    return next(each for each in BREAKS if each.name == name).apply()


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
    """Live through worlds of the broken protocol until a checker notices."""
    began = process_time()
    with one.apply():
        for seed in range(one.seeds_max):
            try:
                one.world.run(seed)
            except InvariantViolation as violation:
                return Find(seeds=seed + 1, seconds=process_time() - began, violation=violation)
    return Find(seeds=0, seconds=process_time() - began, violation=None)


def _hunt(place: int) -> Find:
    return hunt(BREAKS[place])


def table(finds: Iterator[Find]) -> Iterator[str]:
    """One line a break, as it is found."""
    yield f"{'break':<54}{'rule':<7}{'found in':<23}{'seeds':>6}{'at most':>9}{'s':>6}  noticed by"
    for one, find in zip(BREAKS, finds, strict=False):
        by = "" if find.violation is None else find.violation.invariant
        yield (
            f"{one.name:<54}{one.rule:<7}{one.world.name:<23}"
            f"{find.seeds or 'none':>6}{one.seeds_max:>9}{find.seconds:6.1f}  {by}"
        )


def main() -> int:
    """Print which seed found each break; 1 if one was not found."""
    found = []
    with Workers(_hunt, cpu_count() or 1) as workers:

        def noted() -> Iterator[Find]:
            for find in in_order(workers.each(range(len(BREAKS)))):
                found.append(find)
                yield find

        for line in table(noted()):
            stdout.write(f"{line}\n")
            stdout.flush()
    missed = sum(find.violation is None for find in found)
    stdout.write(f"{len(found)} breaks, {missed} not found, {sum(find.seconds for find in found):.0f} s of one core\n")
    return int(missed > 0)


if __name__ == "__main__":
    run(main)
