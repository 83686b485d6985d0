"""A node's own clock: it starts anywhere, runs a little fast or slow, and may stand still with its machine."""

_PPM = 1_000_000
_NEVER = 2**62


class VirtualClock:
    """Maps the true time to a node's, and back."""

    __slots__ = ("_local", "_rate", "_running", "_true")

    def __init__(self, *, now: int, reading: int, rate_ppm: int = 0) -> None:
        self._true = now
        self._local = reading
        self._rate = self._running = _PPM + rate_ppm

    def read(self, now: int) -> int:
        """What the clock shows at the true time `now`."""
        return self._local + (now - self._true) * self._rate // _PPM

    def when(self, reading: int) -> int:
        """The first true time at which the clock shows `reading`; far away while it stands still."""
        rate = self._rate
        if not rate:
            return self._true if reading <= self._local else _NEVER
        return self._true - (self._local - reading) * _PPM // rate

    def set_rate(self, now: int, rate_ppm: int) -> None:
        """Run faster or slower from now on; what it shows does not jump."""
        self._running = _PPM + rate_ppm
        if self._rate:
            self._turn(now, self._running)

    def stop(self, now: int) -> None:
        """Stand still."""
        self._turn(now, 0)

    def go(self, now: int) -> None:
        """Run on from where it stands."""
        self._turn(now, self._running)

    def _turn(self, now: int, rate: int) -> None:
        self._local = self.read(now)
        self._true = now
        self._rate = rate
