"""A node's own clock: it starts at any reading, runs a little fast or slow, and may stop with its machine."""

_PPM = 1_000_000
_NEVER = 2**62


class VirtualClock:
    """Converts between the true time and a node's time."""

    __slots__ = ("_local", "_rate", "_running", "_true")

    def __init__(self, *, now: int, reading: int, rate_ppm: int = 0) -> None:
        self._true = now
        self._local = reading
        self._rate = self._running = _PPM + rate_ppm

    def read(self, now: int) -> int:
        """Return the reading at the true time `now`."""
        return self._local + (now - self._true) * self._rate // _PPM

    def when(self, reading: int) -> int:
        """Return the first true time at which the clock shows `reading`; far in the future while it is stopped."""
        rate = self._rate
        if not rate:
            return self._true if reading <= self._local else _NEVER
        return self._true - (self._local - reading) * _PPM // rate

    def set_rate(self, now: int, rate_ppm: int) -> None:
        """Change the rate from now on; the reading does not jump."""
        self._running = _PPM + rate_ppm
        if self._rate:
            self._change_rate(now, self._running)

    def stop(self, now: int) -> None:
        """Stop the clock at its reading."""
        self._change_rate(now, 0)

    def start(self, now: int) -> None:
        """Continue from the reading at which it stopped."""
        self._change_rate(now, self._running)

    def _change_rate(self, now: int, rate: int) -> None:
        self._local = self.read(now)
        self._true = now
        self._rate = rate
