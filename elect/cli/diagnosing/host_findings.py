"""The findings about this machine, given what was measured."""

import math
import os

from elect.cli.diagnosing.finding import Finding, Severity, good
from elect.cli.diagnosing.measurements import Mount, WriteTimes
from elect.clock import NS_PER_S
from elect.config.config import Config
from elect.config.durations import format_ns

SLOW_SOURCES = ("hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit")
"""Sources that are read over a bus, or count in steps of milliseconds."""

READING_NS_MAX = 2_000
"""A reading of a good clock takes 50 ns, and in this language three times that."""

NETWORK_KINDS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "virtiofs", "fuse"}
)
"""With "fuse.sshfs" and the like; "fuseblk" is a local disk."""
FLEETING_KINDS = frozenset({"tmpfs", "ramfs"})

BYTES_WARNED, BYTES_NEEDED = 256 << 20, 16 << 20
"""A log of writes grows to some MB; below the second number the next write may fail."""

DESCRIPTORS_OWN, DESCRIPTORS_PER_PEER = 64, 4
"""The database, HTTP, listeners and streams; and the links to a peer, also while they are renewed."""

CLIENT_SHARE = 2
"""Clients get a half of the descriptors."""

CERTIFICATE_S_MIN = 14 * 86_400
"""The time before its end at which a certificate should be replaced; the node warns from then on, too."""


def judge_clock(source: str | None, reading_ns: int) -> Finding:
    """Judge the clock source of the kernel, and the time of a reading."""
    subject, measured = "clock source", f"{source or 'not told'}; a reading takes {format_ns(reading_ns)}"
    if source not in SLOW_SOURCES and reading_ns <= READING_NS_MAX:
        return good(subject, measured)
    return Finding(
        severity=Severity.WARNING,
        subject=subject,
        measured=measured,
        why="each message and each is_leader reads the clock; the kernel leaves tsc when it found that unstable, so"
        " this clock may drift, too",
        remedy="see dmesg for 'clocksource'; on a virtual machine use kvm-clock, hyperv_clocksource_tsc_page or tsc",
    )


def judge_writes(times: WriteTimes, config: Config) -> Finding:
    """Judge the times of synced writes to the data directory: a campaign waits for one at each voter."""
    interval_ns = config.heartbeat_interval_ns
    subject = "data_dir writes"
    measured = f"a synced write takes {_ms(times.median_ns)} (median), {_ms(times.most_ns)} at most"
    if times.most_ns < interval_ns:
        return good(subject, measured)
    is_always = times.median_ns >= interval_ns
    return Finding(
        severity=Severity.ERROR if is_always else Severity.WARNING,
        subject=subject,
        measured=measured,
        why=f"a vote is on disk before it counts, and has to be there within one heartbeat_interval,"
        f" {format_ns(interval_ns)}; {'no' if is_always else 'at such a moment no'} leader can be elected with it",
        remedy="put data_dir on a disk of its own, or one with a write cache that survives a power loss; or set"
        f" heartbeat_interval to {_rounded(4 * times.median_ns)} or more, and support_duration to three times that",
    )


def judge_mount(mount: Mount | None) -> Finding:
    """Judge the file system of the data directory."""
    subject = "data_dir file system"
    if mount is None:
        return good(subject, "not told")
    place = os.fsencode(mount.place).decode(errors="backslashreplace")
    measured = f"{mount.kind}, mounted at {place}"
    if mount.kind in NETWORK_KINDS or mount.kind.startswith("fuse."):
        return Finding(
            severity=Severity.WARNING,
            subject=subject,
            measured=measured,
            why="when the network fails the votes cannot be written, at the moment that needs them; and its locks may"
            " not keep two processes from one data_dir",
            remedy="put data_dir on a local disk",
        )
    if mount.kind in FLEETING_KINDS:
        return Finding(
            severity=Severity.WARNING,
            subject=subject,
            measured=measured,
            why="the votes are in memory: after a restart of the machine the others refuse this node",
            remedy="put data_dir on a disk",
        )
    if mount.kind == "overlay":
        return Finding(
            severity=Severity.NOTICE,
            subject=subject,
            measured=measured,
            why="this is the layer of a container: the votes are gone with it, and the others refuse the next one",
            remedy="mount a volume at data_dir",
        )
    return good(subject, measured)


def judge_space(free: int) -> Finding:
    """Judge the free space for the data directory."""
    subject, measured = "data_dir space", f"{free >> 20:,} MB are free"
    if free >= BYTES_WARNED:
        return good(subject, measured)
    return Finding(
        severity=Severity.WARNING if free >= BYTES_NEEDED else Severity.ERROR,
        subject=subject,
        measured=measured,
        why="a node that cannot write its votes is no candidate and does not vote",
        remedy="free some space, or put data_dir on another file system",
    )


def unwritable(error: OSError) -> Finding:
    """Return the finding about a data directory that cannot be written."""
    return Finding(
        severity=Severity.ERROR,
        subject="data_dir writes",
        measured=f"nothing can be written: {error.strerror or error}",
        why="the node cannot start",
        remedy="let the user of the node write there, or set another data_dir",
    )


def judge_descriptors(limit: int | None, config: Config, peers: int, *, is_running: bool = False) -> Finding:
    """Judge the number of descriptors that the running node may have, or a process that is started here."""
    subject = "file descriptors"
    needed = DESCRIPTORS_OWN + DESCRIPTORS_PER_PEER * peers
    holder = "the running node" if is_running else "a process started here"
    measured = f"{holder} may have {limit or 'any number'}; {needed} are needed without clients"
    if limit is None:
        return good(subject, measured)
    remedy = f"raise the limit to {needed + CLIENT_SHARE * config.clients_max}: LimitNOFILE= of a unit, or ulimit -n"
    if limit < needed:
        return Finding(
            severity=Severity.ERROR,
            subject=subject,
            measured=measured,
            why="links to peers cannot be opened when it is reached",
            remedy=remedy,
        )
    if limit // CLIENT_SHARE < config.clients_max:
        return Finding(
            severity=Severity.NOTICE,
            subject=subject,
            measured=f"{holder} may have {limit}, enough for {limit // CLIENT_SHARE} clients",
            why=f"the settings let in {config.clients_max}; the node lets in fewer",
            remedy=f"{remedy}; or set clients_max to {limit // CLIENT_SHARE}",
        )
    return good(subject, measured)


def judge_pauses(config: Config, *, wake_ns: int, lag_ns: int | None, round_trip_ns: int) -> Finding:
    """Judge `support_duration` by the measured pauses.

    Args:
        config: of the node.
        wake_ns: the longest delay with which a thread of the doctor woke.
        lag_ns: the longest delay of the running node in the last minutes, or None: it was not asked.
        round_trip_ns: the longest of the peers, with the time until the peer's next heartbeat.
    """
    subject = "support_duration"
    pause_ns = max(wake_ns, lag_ns or 0)
    spare_ns = config.support_duration_ns - config.heartbeat_interval_ns - round_trip_ns
    own = "" if lag_ns is None else f", the running node up to {_ms(lag_ns)}"
    measured = f"{format_ns(config.support_duration_ns)}; a thread woke up to {_ms(wake_ns)} late{own}"
    if pause_ns < spare_ns / 2:
        return good(subject, measured)
    ending = f"a pause of {_ms(spare_ns)} ends the leadership of a node that is well"
    if spare_ns <= 0:
        ending = f"the next one is answered {_ms(config.heartbeat_interval_ns + round_trip_ns)} later: too late"
    return Finding(
        severity=Severity.ERROR if pause_ns >= spare_ns else Severity.WARNING,
        subject=subject,
        measured=measured,
        why=f"support lasts for {format_ns(config.support_duration_ns)} after a heartbeat was sent: {ending}",
        remedy=f"find the cause (a busy machine, garbage collection, a stolen processor), or set support_duration to"
        f" {_rounded(3 * pause_ns + config.heartbeat_interval_ns + round_trip_ns)} or more on all nodes",
    )


def judge_certificate(left_s: float) -> Finding:
    """Judge the time until the first certificate ends."""
    days = f"{abs(left_s) / 86_400:.0f} days"
    subject, measured = "certificate", f"ends in {days}" if left_s >= 0 else f"ended {days} ago"
    if left_s >= CERTIFICATE_S_MIN:
        return good(subject, measured)
    return Finding(
        severity=Severity.WARNING,
        subject=subject,
        measured=measured,
        why="no link can be opened once it has ended",
        remedy="replace the file; the node reads it again by itself",
    )


def judge_authentication(config: Config) -> Finding:
    """Judge whether the node demands a proof of its peers."""
    subject = "security"
    if not config.insecure:
        return good(subject, "tls" if config.tls else "a shared key" if config.key_file else "loopback only")
    return Finding(
        severity=Severity.NOTICE,
        subject=subject,
        measured="insecure = true",
        why=f"each program that reaches {config.listen} can take part in the elections",
        remedy="set tls or key_file, unless only the cluster can reach this network",
    )


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / 1e6:.1f} ms" if duration_ns < NS_PER_S else f"{duration_ns / NS_PER_S:.2f} s"


def _rounded(duration_ns: int) -> str:
    """Return a duration for a setting, rounded up to 100 ms."""
    return format_ns(math.ceil(duration_ns / 100_000_000) * 100_000_000)
