"""The silences of one link: when this end owes a sign of life, and whether the other one still reads.

Time is given, in seconds of any clock that only rises. That nothing *comes* is the reading thread's to notice, by a
timeout of its socket; that nothing *goes*, the writing thread's, likewise. What neither can see is an end that talks
and doesn't read, as long as little is sent to it: the operating systems' buffers take it all. Hence, on two-way links,
the counts of what was read.

Source: FORMAT.md, section 7.
"""

from wire.protocol.limits import Limits


class LivenessTimer:
    """One link's, from the end of its handshake on.

    The writing thread calls all but `note_heard`, which is the reading one's.

    Args:
        limits: the bounds.
        now_s: now.
        is_two_way: signs of life are due whatever else is said, and tell what was read.
    """

    def __init__(self, limits: Limits, now_s: float, *, is_two_way: bool) -> None:
        self._limits = limits
        self._is_two_way = is_two_way
        self._due_s = now_s + limits.keepalive_interval_s
        self._said = 0
        self._heard = 0
        self._progress_s = self._looked_s = now_s

    def left_s(self, now_s: float) -> float:
        """Until the next sign of life is due; 0 when it is."""
        return max(0.0, self._due_s - now_s)

    def note_said(self, frames: int, now_s: float, *, is_sign: bool = False) -> None:
        """So many frames go out now. However late a sign is, the next one is due a whole interval later."""
        if self._said == self._heard:  # what waits to be read now has waited for no time yet
            self._progress_s = now_s
        self._said += frames
        if is_sign or not self._is_two_way:
            self._due_s = now_s + self._limits.keepalive_interval_s

    def note_heard(self, frames: int, now_s: float) -> None:
        """The other end has read so many frames by now."""
        if frames > self._heard:
            self._heard, self._progress_s = frames, now_s

    def is_untaken(self, stalled_s: float) -> bool:
        """Whether writing has waited too long, when nothing was taken for so many seconds."""
        return stalled_s >= self._limits.write_timeout_s

    def is_unread(self, now_s: float) -> bool:
        """Whether the other end of a two-way link has read nothing for too long, although there was something.

        To be asked at every sign of life at least: time in which nobody asked is time in which this end was held up,
        and may not have read yet what the other one had read.
        """
        interval_s = self._limits.keepalive_interval_s
        held_up_s = now_s - self._looked_s - interval_s
        self._looked_s = now_s
        if held_up_s > interval_s:
            self._progress_s = min(self._progress_s + held_up_s, now_s)
        is_waiting = self._is_two_way and self._said > self._heard
        return is_waiting and now_s - self._progress_s >= self._limits.idle_timeout_s
