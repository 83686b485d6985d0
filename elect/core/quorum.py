"""Majorities, and the time until which one holds. Imports nothing of the election."""

from collections.abc import Iterable

FOREVER = 2**63 - 1
"""A time that never comes, ns."""


def majority(voters: int) -> int:
    """The least number of `voters` of which any two sets share a voter."""
    return voters // 2 + 1


def is_quorum(votes: int, voters: int) -> bool:
    """Return whether `votes` of `voters` is a majority; 0 of 0 is not."""
    return voters > 0 and votes >= majority(voters)


def nth_largest(values: Iterable[int], n: int) -> int:
    """The time until which `n` of these expiries still hold; 0 if there are fewer than `n`."""
    if n <= 0:
        return FOREVER
    ends = sorted(values, reverse=True)
    return ends[n - 1] if n <= len(ends) else 0
