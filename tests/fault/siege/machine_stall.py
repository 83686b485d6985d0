"""The stalls of the whole machine: a lease that ends in one says nothing about an attack."""

import os
import subprocess
import sys
from contextlib import suppress
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
        ticker: the process that sleeps.
        longest_s: the longest stall, as of the last `update`, or of the end.
    """

    def __enter__(self) -> Self:
        self.longest_s = 0.0
        self.ticker = subprocess.Popen([sys.executable, "-S", "-c", TICKER], stdout=subprocess.PIPE)
        assert self.ticker.stdout is not None
        self._output = self.ticker.stdout
        self._output.readline()
        os.set_blocking(self._output.fileno(), False)
        return self

    def __exit__(self, *_: object) -> None:
        self.ticker.kill()
        self.ticker.wait()
        self.update()
        self._output.close()

    def update(self) -> float:
        """Return the longest stall so far."""
        with suppress(BlockingIOError):
            while lines := os.read(self._output.fileno(), 65_536):
                self.longest_s = max((self.longest_s, *map(float, lines.split())))
        return self.longest_s
