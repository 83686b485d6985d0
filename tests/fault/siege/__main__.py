"""Besieges clusters, one attack after the other; prints what each did and what it cost, and a table of all in the end.

Each attack has a cluster of its own. The last ones are no attacks: links that are full both ways
(`tests.fault.saturation`).

Usage: python -m tests.fault.siege [--seconds 60] [--only NAME ...]
"""

import argparse
import logging
import os
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from elect.testing.soak.interruption import interruption, run
from tests.fault.saturation import KINDS, saturate
from tests.fault.siege import ATTACKS, LETTING_IN
from tests.fault.siege.field import Figures, Result, besiege, besieged

logger = logging.getLogger(__name__)

SATURATED = {f"saturated, {kind}": kind for kind in KINDS}


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: of the attack.
        grown_mb: by how much the memory of a node grew at most.
        threads: how many threads a node had at most.
        problems: what must not be.
    """

    name: str
    grown_mb: float
    threads: int
    problems: list[str]

    def __str__(self) -> str:
        grown, threads = (f"{self.grown_mb:.0f}", str(self.threads)) if self.threads else ("-", "-")
        return (
            f"{self.name:<22}{grown:>10}{threads:>10}{os.getloadavg()[0]:>8.1f}   {'; '.join(self.problems) or 'well'}"
        )


def main() -> int:
    """Run every attack on a cluster of its kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each attack")
    names = [*ATTACKS, *SATURATED]
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    arguments = parser.parse_args()
    table = [f"{'':<22}{'MB more':>10}{'threads':>10}{'load':>8}"]
    problems = 0
    for name in arguments.only:
        row = interruption.attempt(partial(_row, name, arguments.seconds))
        if row is None:
            break
        problems += len(row.problems)
        table.append(str(row))  # with the load of this machine just now
    say("\n".join(["", *table, "", f"{problems} problems"]))
    return bool(problems)


def _row(name: str, seconds: float) -> Row:
    """Run one attack; an exception is a problem of this attack and stops no other."""
    try:
        return _saturated(name, seconds) if name in SATURATED else _besieged(name, seconds)
    except Exception as error:
        logger.exception("%s", name)
        return Row(name, 0, 0, [repr(error)])


def _besieged(name: str, seconds: float) -> Row:
    kind, attack = ATTACKS[name]
    with besieged(kind) as ground:
        result = besiege(ground, attack, seconds, lets_in=name in LETTING_IN)
    say(f"== {name} ({kind} cluster, leader {ground.leader}, {seconds:g} s)")
    say(report(result))
    grown = max(most.resident_mb - result.before[node].resident_mb for node, most in result.most.items())
    return Row(name, grown, max(most.threads for most in result.most.values()), result.problems)


def _saturated(name: str, seconds: float) -> Row:
    say(f"== {name} ({seconds:g} s)")
    with tempfile.TemporaryDirectory() as directory:
        return Row(name, 0, 0, saturate(seconds, SATURATED[name], Path(directory), lambda line: say(f"   {line}")))


def report(result: Result) -> str:
    lines = [f"   done     {_counts(result.done)}", f"   counted  {_counts(result.refused)}"]
    lines.append(f"   {'node':<6}{'MB before/most/after':>24}{'threads':>16}{'descriptors':>16}{'CPU s':>8}")
    for node, before in result.before.items():
        most, after = result.most[node], result.after[node]
        lines.append(
            f"   {node:<6}{_three('resident_mb', before, most, after):>24}{_three('threads', before, most, after):>16}"
            f"{_three('descriptors', before, most, after):>16}{after.cpu_s - before.cpu_s:>8.1f}"
        )
    lines += [f"   PROBLEM: {each}" for each in result.problems] or ["   no change of leader or term"]
    return "\n".join(lines)


def _three(name: str, *figures: Figures) -> str:
    return "/".join(f"{getattr(each, name):.0f}" for each in figures)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()) if count) or "nothing"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(main)
