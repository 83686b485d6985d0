"""Fuzzes frame, codec, handshake and connection on all cores: nothing may come of any input but a typed error.

The inputs are a function of the seed alone, but for those under TLS, whose keys are fresh; they are made in blocks.
What was interrupted goes on with --from, and a block with a finding is repeated by it, too.

Usage: python -m tests.fuzz.wire [--inputs 1000000] [--seed 1] [--from 0] [--jobs 2]
"""

import argparse
import os
import random
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field

from elect.testing.soak.interruption import run
from elect.testing.soak.workers import Workers, in_order
from tests.fuzz.targets import TARGETS

BLOCK = 5_000
PROGRESS_S = 10.0


@dataclass(slots=True)
class Outcome:
    """The outcome of one block, or of many.

    Attributes:
        counts: inputs by target, and by what came of them.
        findings: what must not be, with its traceback.
        slowest_s: CPU seconds of the slowest input.
        cpu_s: of all.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    cpu_s: float = 0.0

    def add(self, other: "Outcome") -> None:
        """Add the counts of another block."""
        self.counts.update(other.counts)
        self.findings += other.findings
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.cpu_s += other.cpu_s

    def __str__(self) -> str:
        lines = []
        for target in dict.fromkeys(target.__name__ for target in TARGETS):
            found = Counter({reason: count for (name, reason), count in self.counts.items() if name == target})
            lines.append(f"{target:<12}" + "  ".join(f"{reason} {count:,}" for reason, count in found.most_common()))
        lines.append(f"slowest input {1e3 * self.slowest_s:.1f} ms; {len(self.findings)} findings")
        return "\n".join(lines)


def run_block(seed: int, block: int, size: int = BLOCK) -> Outcome:
    """Feed the inputs of one block."""
    rng = random.Random(f"{seed}:{block}")
    outcome = Outcome()
    before = begin = time.process_time()
    for count in range(size):
        target = TARGETS[count % len(TARGETS)]
        try:
            reason = target(rng)
        except Exception:  # noqa: BLE001 - it is what is looked for
            reason = "WRONG"
            where = f"{target.__name__}, --seed {seed} --from {block}, input {count} of the block"
            outcome.findings.append(f"{where}\n{traceback.format_exc()}")
        outcome.counts[target.__name__, reason] += 1
        now = time.process_time()
        outcome.slowest_s = max(outcome.slowest_s, now - before)
        before = now
    outcome.cpu_s = before - begin
    return outcome


def _run(job: tuple[int, int, int]) -> Outcome:
    return run_block(*job)


def main() -> int:
    """Fuzz, print the progress, and show the findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", dest="first", type=int, default=0, help="number of the first block")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    blocks = -(-arguments.inputs // BLOCK)
    jobs = [(arguments.seed, arguments.first + place, BLOCK) for place in range(blocks)]
    outcome = Outcome()
    told = time.monotonic()
    with Workers(_run, arguments.jobs) as workers:
        for done, part in enumerate(in_order(workers.each(jobs)), 1):
            outcome.add(part)
            for finding in part.findings[:3]:
                say(finding)
            if time.monotonic() - told >= PROGRESS_S or done == blocks:
                told = time.monotonic()
                say(
                    f"{done * BLOCK:,} of {blocks * BLOCK:,} inputs, {done * BLOCK / outcome.cpu_s:,.0f} per second of"
                    f" a core, {len(outcome.findings)} findings;"
                    f" to go on: --seed {arguments.seed} --from {arguments.first + done}"
                )
    say(str(outcome))
    return bool(outcome.findings)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(main)
