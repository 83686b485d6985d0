"""The stalls of the whole machine: a lease that ends in one says nothing about an attack."""

import subprocess
import sys
from typing import Self

TICKER = """
import sys, time
longest, before = 0.0, time.monotonic()
print("ready", flush=True)
while True:
    time.sleep(0.01)
    now = time.monotonic()
    if now - before > longest:
        longest = now - before
        print(longest, flush=True)
    before = now
"""
"""A process that only sleeps gets a processor at once, however busy the others are."""

STALL_S = 0.2
"""A process that only sleeps waits that long for a processor when the machine stands still, not when it is busy."""


class MachineStall:
    """Measures meanwhile for how long the machine stood still at most.

    Attributes:
        longest_s: known at the end.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0

    def __enter__(self) -> Self:
        command = [sys.executable, "-S", "-c", TICKER]
        self._ticker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._ticker.stdout is not None
        self._ticker.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        self._ticker.kill()
        self.longest_s = max(map(float, self._ticker.communicate()[0].split()), default=0.0)
