"""The messages to the service manager that started this process: systemd, for a unit with `Type=notify`.

Source: sd_notify(3), https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import os
import socket
from collections.abc import Callable

from elect.bridge.inbox import PendingCommand
from elect.clock import now_ns
from elect.monitoring.member_phase import MemberLifecycle, MemberPhase

WATCHDOG_VARIABLE = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"
"""The longest time between two signs of life, in microseconds; and the process that is to give them."""

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
SIGNS_PER_TIMEOUT = 4
"""One that is lost, or late by a busy machine, does not end the service."""

VARIABLE = "NOTIFY_SOCKET"
"""Set by the service manager: a path, or with a leading @ a name in the abstract namespace."""

STATUS_LENGTH_MAX = 1000
"""The service manager takes at most 4096 bytes; a character has up to four."""


def notify(*, status: str = "", is_ready: bool = False, is_stopping: bool = False, is_working: bool = False) -> bool:
    """Send the service manager a message. Never waits, never raises; any thread may call it.

    Args:
        status: a line for people, as `systemctl status` shows it; empty: unchanged.
        is_ready: the service has started. To say it again changes nothing.
        is_stopping: the service has begun to stop.
        is_working: a sign of life, for a unit with `WatchdogSec`.

    Returns:
        Whether the service manager has got it: not without one, nor while its queue is full.
    """
    place = os.environ.get(VARIABLE, "")
    lines = []
    if is_ready:
        lines.append("READY=1")
    if is_stopping:
        lines.append("STOPPING=1")
    if is_working:
        lines.append("WATCHDOG=1")
    if status:
        lines.append(f"STATUS={' '.join(status.split())[:STATUS_LENGTH_MAX]}")
    if not lines or not place.startswith(("/", "@")):
        return False
    name = os.fsencode(place)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0)  # never wait
            sender.sendto("\n".join(lines).encode(errors="replace"), b"\0" + name[1:] if place[0] == "@" else name)
    except OSError:
        return False
    return True


def notify_lifecycle(lifecycle: MemberLifecycle) -> bool:
    """Send the service manager the phase of the node: it is started when it is ready. As `notify` otherwise."""
    return notify(
        status=str(lifecycle),
        is_ready=lifecycle.phase is MemberPhase.READY,
        is_stopping=lifecycle.phase is MemberPhase.LEAVING,
    )


class Watchdog:
    """Gives the signs of life that a unit with `WatchdogSec` demands, on the orchestrator thread of the node.

    A node whose orchestrator thread hangs gives none, nor does a process whose main thread hangs. The service manager
    ends it then.

    Args:
        visit: calls a function on the orchestrator thread, and returns an event-like object of that call.
    """

    def __init__(self, visit: Callable[[Callable[[], object]], PendingCommand]) -> None:
        self._visit = visit
        self._pending: PendingCommand | None = None
        self._interval_ns = _watchdog_ns() // SIGNS_PER_TIMEOUT
        self._due_at = 0

    def review(self) -> None:
        """Ask for the next sign if it is due, and none is under way; the main thread calls this in its loop."""
        now = now_ns()
        if not self._interval_ns or now < self._due_at:
            return
        if self._pending is None or self._pending.wait(0):
            self._due_at = now + self._interval_ns
            self._pending = self._visit(lambda: notify(is_working=True))

    def wait_ms(self, longest_ms: float) -> float:
        """Return the time until the next review is due, ms, and at most `longest_ms`: the caller waits no longer."""
        if not self._interval_ns:
            return longest_ms
        due_ns = self._due_at - now_ns()
        return min(longest_ms, (due_ns if due_ns > 0 else self._interval_ns) / NS_PER_MS)  # else a sign is under way


def _watchdog_ns() -> int:
    """Return the longest time between two signs of life, ns; 0: none are wanted of this process."""
    text, owner = os.environ.get(WATCHDOG_VARIABLE, ""), os.environ.get(WATCHDOG_PID_VARIABLE, "")
    is_wanted = text.isascii() and text.isdigit() and owner in ("", str(os.getpid()))
    return int(text) * NS_PER_US if is_wanted else 0
