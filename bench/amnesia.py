"""Wipe each of three nodes in turn, in every order, while the others elect: no term may have two leaders.

A cluster of three real processes for each order, of two kinds. Nodes with `[join]` come back by themselves. Nodes with
`[peers]` are refused until an operator calls `elect members replace`.

In each turn a node is killed, loses its data directory, and is started again at once. Meanwhile the leader resigns
again and again. In half of the turns one of the two others is killed, too, and started again: then only the wiped node
could give a second vote, and the term must not be won with it. After each turn all three vote again.

Printed are the number of elections, the highest term, and each term with two leaders. The program fails if there is
one, or if two leases overlap.

Usage: python bench/amnesia.py [--rounds 1] [--kind join|peers] [--seed 0]
"""

import argparse
import itertools
import sys
from random import Random

from growing.shown_members import shared_terms
from growing.wiped_cluster import NODES, play

from elect.testing.real_processes import overlaps, tenures


def main() -> None:
    """Play all orders, and print the account of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="how often each order is played")
    parser.add_argument("--kind", choices=("join", "peers"), action="append", help="default: both")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    rng, bad = Random(arguments.seed), 0
    for kind in arguments.kind or ("join", "peers"):
        for order in itertools.permutations(NODES):
            for _ in range(arguments.rounds):
                events = play(order, rng, is_joining=kind == "join")
                elected = [event for event in events if event.event == "elected"]
                twice, overlapping = shared_terms(events), overlaps(tenures(events))
                bad += bool(twice or overlapping)
                highest = max(event.term or 0 for event in elected)
                print(
                    f"{kind:<7}{' '.join(order)}: {len(elected)} elections, the last in term {highest};"
                    f" terms with two leaders: {twice or 'none'}; overlapping leases: {len(overlapping)}",
                    flush=True,
                )
    if bad:
        sys.exit(f"{bad} runs had a term with two leaders, or overlapping leases")


if __name__ == "__main__":
    main()
