"""LivenessTimer: when one end of a link owes a keepalive, and whether the other end still reads.

Time is given, in seconds of any clock that only rises. That nothing *arrives* is noticed by the reading thread, by a
timeout of its socket; that nothing can be *written*, by the writing thread, likewise. Neither notices an end that sends
and does not read, when little is sent to it: the buffers of the operating systems take it all. Therefore the keepalives
of two-way links carry the number of frames read.

Source: FORMAT.md, section 7.
"""

from wire.protocol.limits import Limits


class LivenessTimer:
    """The timer of one link, from the end of its handshake on.

    The writing thread calls everything but `note_read`, which the reading thread calls.

    Args:
        limits: the bounds.
        now_s: now.
        is_two_way: whether keepalives are due whatever else is sent, as they tell what was read.
    """

    def __init__(self, limits: Limits, now_s: float, *, is_two_way: bool) -> None:
        self._limits = limits
        self._is_two_way = is_two_way
        self._due_s = now_s + limits.keepalive_interval_s
        self._sent = 0
        self._read = 0
        self._progress_s = self._checked_s = now_s

    def until_keepalive_s(self, now_s: float) -> float:
        """Return the seconds until the next keepalive is due; 0 when it is due now."""
        return max(0.0, self._due_s - now_s)

    def note_sent(self, frames: int, now_s: float, *, is_keepalive: bool = False) -> None:
        """Count frames that are sent now. After a late keepalive the next one is due a whole interval later."""
        if self._sent == self._read:  # nothing waited to be read before: the time without progress begins now
            self._progress_s = now_s
        self._sent += frames
        if is_keepalive or not self._is_two_way:
            self._due_s = now_s + self._limits.keepalive_interval_s

    def note_read(self, frames: int, now_s: float) -> None:
        """Note that the other end has read this many frames since the handshake."""
        if frames > self._read:
            self._read, self._progress_s = frames, now_s

    def is_write_stalled(self, stalled_s: float) -> bool:
        """Return whether writing has waited too long, when no byte was written for `stalled_s` seconds."""
        return stalled_s >= self._limits.write_timeout_s

    def is_unread(self, now_s: float) -> bool:
        """Return whether the other end of a two-way link has read nothing for too long, with something to read.

        Call it at least at every keepalive.
        """
        interval_s = self._limits.keepalive_interval_s
        # Time between two calls beyond the interval is time in which this end was suspended. The other end may have
        # read everything meanwhile, and its keepalives wait here to be read: that time does not count against it.
        held_up_s = now_s - self._checked_s - interval_s
        self._checked_s = now_s
        if held_up_s > interval_s:
            self._progress_s = min(self._progress_s + held_up_s, now_s)
        is_waiting = self._is_two_way and self._sent > self._read
        return is_waiting and now_s - self._progress_s >= self._limits.idle_timeout_s
