"""What the demo measured."""

import statistics
from collections.abc import Iterator
from enum import StrEnum


class Kind(StrEnum):
    """How a leader goes."""

    CRASH = "crash"
    HANG = "hang"
    RESIGNATION = "resignation"


class Timings:
    """Failover times by kind, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[Kind, list[float]] = {kind: [] for kind in Kind}

    def add(self, kind: Kind, seconds: float) -> None:
        """Take one in."""
        self.seconds[kind].append(seconds)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.seconds.values()))

    def summary(self) -> Iterator[str]:
        """A table, a line a kind."""
        yield f"{'':<14}{'min':>10}{'median':>10}{'max':>10}"
        for kind, seconds in self.seconds.items():
            if seconds:
                numbers = (min(seconds), statistics.median(seconds), max(seconds))
                yield f"{kind:<14}" + "".join(f"{duration(number):>10}" for number in numbers)


def duration(seconds: float) -> str:
    """As a person reads it: "2.9 ms", "0.93 s"."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"
