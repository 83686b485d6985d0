"""Measures this machine: its clock, its disk, and how late a thread wakes."""

import os
import re
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from elect.clock import now_ns

CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
MOUNTS = Path("/proc/self/mountinfo")

READINGS, ROUNDS = 100, 20
"""The fastest of some rounds counts: another program may have the processor during the others."""

WRITES = 20
WRITE_BYTES = 4_096
"""A page of the database: a vote is about one."""

NAPS_S = 1.0
"""The time in which naps are taken: a stall that comes once a second is met."""

NAP_S = 0.001

ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")
"""Blanks, line ends and backslashes, in octal.

Source: https://man7.org/linux/man-pages/man3/getmntent.3.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A mounted file system: its type, and where it is mounted."""

    kind: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTimes:
    """The times of writes that were synced, ns."""

    median_ns: int
    most_ns: int


def clock_source(path: Path = CLOCK_SOURCE) -> str | None:
    """Return the name of the kernel's clock source, or None where it is not told."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip() or None
    except OSError:
        return None


def clock_reading_ns() -> int:
    """Return the time that one reading of the clock takes, ns."""
    times: list[int] = []
    for _ in range(ROUNDS):
        began = now_ns()
        for _ in range(READINGS):
            now_ns()
        times.append((now_ns() - began) // READINGS)
    return min(times)


def mount_of(path: Path, mounts: Path = MOUNTS) -> Mount | None:
    """Return the file system of a path, or None where that is not told."""
    try:
        lines = mounts.read_bytes().split(b"\n")
    except OSError:
        return None
    found: Mount | None = None
    # "36 35 98:0 /root /place options shared:1 - kind source options"; later ones cover earlier ones
    for line in lines:
        before, dash, after = line.partition(b" - ")
        fields = before.split(b" ")
        if not dash or len(fields) < 5:
            continue
        place = os.fsdecode(ESCAPE.sub(lambda escaped: bytes([int(escaped[1], 8)]), fields[4]))
        is_nearer = found is None or len(place) >= len(found.place)
        if is_nearer and path.is_relative_to(place):
            found = Mount(kind=os.fsdecode(after.split(b" ")[0]), place=place)
    return found


def existing(path: Path) -> Path:
    """Return the path, or the nearest directory above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def write_times(directory: Path) -> WriteTimes:
    """Measure synced writes to a file in a directory, which is removed.

    Raises:
        OSError: nothing can be written there.
    """
    times: list[int] = []
    with tempfile.NamedTemporaryFile(dir=directory, prefix="elect-doctor-", buffering=0) as file:
        for _ in range(WRITES):
            began = now_ns()
            file.write(b"\0" * WRITE_BYTES)
            os.fsync(file.fileno())
            times.append(now_ns() - began)
    return WriteTimes(median_ns=round(statistics.median(times)), most_ns=max(times))


def free_bytes(directory: Path) -> int:
    """Return the bytes that can be written to the file system of a directory."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def wake_delay_ns() -> int:
    """Return the longest delay with which this thread woke, of naps for NAPS_S."""
    most, ends = 0, now_ns() + round(NAPS_S * 1e9)
    while (began := now_ns()) < ends:
        time.sleep(NAP_S)
        most = max(most, now_ns() - began - round(NAP_S * 1e9))
    return most
