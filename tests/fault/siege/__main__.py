"""Besieges clusters, one attack after the other, and prints what each did and what it cost.

Usage: python -m tests.fault.siege [--seconds 60] [--only NAME ...]
"""

import argparse
import sys

from tests.fault.siege import ATTACKS, LETTING_IN
from tests.fault.siege.field import Figures, Result, besiege, besieged


def main() -> int:
    """Every attack, on a cluster of its kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each attack")
    parser.add_argument("--only", nargs="*", choices=list(ATTACKS), default=list(ATTACKS))
    arguments = parser.parse_args()
    problems = 0
    for kind in dict.fromkeys(ATTACKS[name][0] for name in arguments.only):
        with besieged(kind) as ground:
            for name in [each for each in arguments.only if ATTACKS[each][0] == kind]:
                result = besiege(ground, ATTACKS[name][1], arguments.seconds, lets_in=name in LETTING_IN)
                problems += len(result.problems)
                say(f"== {name} ({kind} cluster, leader {ground.leader}, {arguments.seconds:g} s)")
                say(report(result))
    say(f"{problems} problems")
    return bool(problems)


def report(result: Result) -> str:
    """The result as lines."""
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
    """To whoever waits."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
