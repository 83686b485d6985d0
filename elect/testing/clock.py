"""A node's own clock: it starts anywhere and runs a little fast or slow."""

_PPM = 1_000_000


class VirtualClock:
    """Maps the true time to a node's, and back."""

    __slots__ = ("_local", "_rate", "_true")

    def __init__(self, *, now: int, reading: int, rate_ppm: int = 0) -> None:
        self._true = now
        self._local = reading
        self._rate = _PPM + rate_ppm

    def read(self, now: int) -> int:
        """What the clock shows at the true time `now`."""
        return self._local + (now - self._true) * self._rate // _PPM

    def when(self, reading: int) -> int:
        """The first true time at which the clock shows `reading`."""
        return self._true - (self._local - reading) * _PPM // self._rate

    def set_rate(self, now: int, rate_ppm: int) -> None:
        """Run faster or slower from now on; what it shows does not jump."""
        self._local = self.read(now)
        self._true = now
        self._rate = _PPM + rate_ppm
