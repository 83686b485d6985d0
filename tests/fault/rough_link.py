"""Makes a link rough: a proxy whose connections are cut, held up and slowed at random, from a seed."""

import threading
import time
from random import Random
from typing import Self

from tests.fault.proxy import Proxy


class RoughLink:
    """A proxy to `target`, and a thread that disturbs it every few milliseconds.

    Attributes:
        counts: the disturbances so far, by name.
    """

    def __init__(self, target: str, seed: int) -> None:
        self._rng = Random(seed)
        self._pause_s = 0.0
        self.proxy = Proxy(target, watch=self._slow)
        self.address = self.proxy.address
        self.counts = {"drop": 0, "hold": 0, "slow": 0}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._disturb, name="rough-link")
        self._thread.start()

    def _slow(self, _direction: str, _data: bytes) -> None:
        if self._pause_s:
            time.sleep(self._pause_s)

    def _disturb(self) -> None:
        while not self._is_over.wait(self._rng.uniform(0.01, 0.1)):
            what = self._rng.choice([*self.counts])
            self.counts[what] += 1
            if what == "drop":
                self.proxy.drop()
            elif what == "hold":
                self.proxy.cut(*self._rng.choice([("onward",), ("back",), ("onward", "back")]))
                self._is_over.wait(self._rng.uniform(0.01, 0.15))
                self.proxy.heal()
            else:
                self._pause_s = self._rng.choice([0.0, 0.0, 0.005, 0.02])

    def smooth(self) -> None:
        """Disturb the link no more."""
        self._is_over.set()
        self._thread.join(10)
        self._pause_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.smooth()
        self.proxy.stop()
