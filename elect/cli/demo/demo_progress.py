"""The progress of the demo: its headline, its round, and the failover times measured up to now."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class LeaderFailure(StrEnum):
    """The way in which the demo ends a leader."""

    CRASH = "crash"
    HANG = "hang"
    RESIGNATION = "resignation"


class FailoverTimes:
    """Failover times in seconds, by the leader's failure."""

    def __init__(self) -> None:
        self.seconds: dict[LeaderFailure, list[float]] = {failure: [] for failure in LeaderFailure}

    def add(self, failure: LeaderFailure, seconds: float) -> None:
        """Add the time of one failover."""
        self.seconds[failure].append(seconds)

    @property
    def count(self) -> int:
        """The number of times that were added."""
        return sum(map(len, self.seconds.values()))

    def summary(self) -> Iterator[str]:
        """Return a table with one line for each failure."""
        yield f"{'':<14}{'min':>10}{'median':>10}{'max':>10}"
        for failure, seconds in self.seconds.items():
            if seconds:
                numbers = (min(seconds), statistics.median(seconds), max(seconds))
                yield f"{failure:<14}" + "".join(f"{duration(number):>10}" for number in numbers)


@dataclass(slots=True)
class DemoProgress:
    """The text of the picture.

    Attributes:
        headline: one line about the present.
        round: the present part of the demo: "round 1 of 3".
        times: up to now.
    """

    headline: str = ""
    round: str = ""
    times: FailoverTimes = field(default_factory=FailoverTimes)


def duration(seconds: float) -> str:
    """Return a time for a reader: "2.9 ms", "0.93 s"."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"
