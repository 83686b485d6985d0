"""Each cause on this machine is made, or its measurement is given, and found."""

import os
from pathlib import Path

import pytest

from elect.cli.commands import diagnose_node
from elect.cli.diagnosing import host_findings, measurements
from elect.cli.diagnosing.finding import Severity, paragraphs, worst
from elect.cli.diagnosing.measurements import Mount, WriteTimes
from elect.cli.diagnosing.peer_facts import ClusterFacts, PeerFacts
from elect.config.config import Config
from tests.nodes import configs

MS = 1_000_000
MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw shared:2 - nfs4 10.0.0.9:/srv rw,vers=4.2
31 30 0:41 / /srv/my\\040data rw shared:3 - tmpfs tmpfs rw
32 22 0:42 / /srv/donn\u00e9es rw shared:4 - nfs4 10.0.0.9:/srv rw
33 22 0:43 / /srv/\u00e9t\u00e9\\0401\u00a0\\134 rw - nfs4 10.0.0.9:/srv rw
nonsense
"""


@pytest.fixture
def config(tmp_path) -> Config:
    return configs(tmp_path, "abc", heartbeat_interval="200ms", support_duration="1s")["a"]


@pytest.mark.parametrize(
    ("source", "reading_ns", "severity"),
    [
        ("tsc", 50, "ok"),
        (None, 50, "ok"),
        ("hpet", 700, "warning"),
        ("acpi_pm", 50, "warning"),
        ("tsc", 5_000, "warning"),
    ],
)
def test_a_slow_clock_source_is_found(tmp_path, source, reading_ns, severity):
    path = tmp_path / "current_clocksource"
    if source is not None:
        path.write_text(f"{source}\n")
    assert host_findings.judge_clock(measurements.clock_source(path), reading_ns).severity == severity
    assert 0 < measurements.clock_reading_ns() < 10**9


@pytest.mark.parametrize(
    ("path", "mount", "severity"),
    [
        ("/var/lib/elect", Mount(kind="ext4", place="/"), "ok"),
        ("/srv/elect", Mount(kind="nfs4", place="/srv"), "warning"),
        ("/srv/my data/elect", Mount(kind="tmpfs", place="/srv/my data"), "warning"),
        ("/srv/donn\u00e9es/elect", Mount(kind="nfs4", place="/srv/donn\u00e9es"), "warning"),
        ("/srv/\u00e9t\u00e9 1\u00a0\\/elect", Mount(kind="nfs4", place="/srv/\u00e9t\u00e9 1\u00a0\\"), "warning"),
        ("/srvs", Mount(kind="ext4", place="/"), "ok"),
    ],
)
def test_the_file_system_of_a_path_is_judged(tmp_path, path, mount, severity):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS, encoding="utf-8")
    found = measurements.mount_of(Path(path), mounts)
    assert found == mount
    assert host_findings.judge_mount(found).severity == severity


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("cifs", "warning"),
        ("9p", "warning"),
        ("fuse", "warning"),
        ("fuse.sshfs", "warning"),
        ("fuseblk", "ok"),
        ("overlay", "notice"),
    ],
)
def test_other_file_systems_are_judged(kind, severity):
    assert host_findings.judge_mount(Mount(kind=kind, place="/")).severity == severity
    assert host_findings.judge_mount(measurements.mount_of(Path("/"), Path("/nowhere"))).severity == "ok"


def test_a_place_that_is_no_unicode_can_be_printed(tmp_path):
    mounts = tmp_path / "mountinfo"
    mounts.write_bytes(b"22 1 0:40 / /srv/\xff rw - nfs4 10.0.0.9:/srv rw\n")
    finding = host_findings.judge_mount(measurements.mount_of(Path(os.fsdecode(b"/srv/\xff/elect")), mounts))
    assert finding.measured == r"nfs4, mounted at /srv/\xff"


@pytest.mark.parametrize(("median_ms", "most_ms", "severity"), [(1, 5, "ok"), (1, 250, "warning"), (250, 900, "error")])
def test_a_slow_disk_is_found(config, median_ms, most_ms, severity):
    finding = host_findings.judge_writes(WriteTimes(median_ns=median_ms * MS, most_ns=most_ms * MS), config)
    assert finding.severity == severity
    if severity == "error":
        assert "heartbeat_interval to 1s" in finding.remedy


def test_writes_are_measured_and_leave_nothing(tmp_path):
    times = measurements.write_times(measurements.existing(tmp_path / "not" / "yet"))
    assert 0 < times.median_ns <= times.most_ns
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_write_is_an_error(monkeypatch, tmp_path):
    def fail(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left") as raised:
        measurements.write_times(tmp_path)
    assert host_findings.unwritable(raised.value).severity == "error"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free", "severity"), [(1 << 40, "ok"), (100 << 20, "warning"), (1 << 20, "error")])
def test_a_full_disk_is_found(free, severity):
    assert host_findings.judge_space(free).severity == severity


@pytest.mark.parametrize(("limit", "severity"), [(None, "ok"), (4_096, "ok"), (1_024, "notice"), (70, "error")])
def test_too_few_descriptors_are_found(config, limit, severity):
    assert host_findings.judge_descriptors(limit, config, 2).severity == severity


@pytest.mark.parametrize(
    ("wake_ms", "lag_ms", "round_trip_ms", "severity"),
    [
        (10, None, 1, "ok"),
        (10, 300, 1, "ok"),
        (10, 450, 1, "warning"),
        (450, None, 1, "warning"),
        (900, 5, 1, "error"),
        (350, 5, 200, "warning"),
        (1, 5, 800, "error"),
        (1, 5, 1_000, "error"),
    ],
)
def test_a_support_duration_too_short_for_the_pauses(config, wake_ms, lag_ms, round_trip_ms, severity):
    lag_ns = None if lag_ms is None else lag_ms * MS
    finding = host_findings.judge_pauses(config, wake_ns=wake_ms * MS, lag_ns=lag_ns, round_trip_ns=round_trip_ms * MS)
    assert finding.severity == severity
    assert " -" not in f"{finding.measured} {finding.why} {finding.remedy}"


@pytest.mark.parametrize(
    ("status", "is_judged"),
    [
        (None, True),
        ({}, True),
        ({"lifecycle": "ready", "membership": {"state": "active"}}, True),
        ({"lifecycle": "ready", "membership": {"state": "standby"}}, True),
        ({"lifecycle": "ready", "membership": {"state": "sealed"}}, False),
        ({"lifecycle": "removed", "membership": {"state": "active"}}, False),
    ],
)
def test_pauses_count_where_a_node_may_lead(config, status, is_judged):
    """A standby cluster leads once it is promoted; the nodes of a sealed one, and a removed node, never again."""
    facts = ClusterFacts(peers={"b": PeerFacts(address="b:1", round_trip_ns=1_000 * MS)}, status=status)
    finding = diagnose_node.judge_pauses(config, facts)
    assert finding.severity == ("error" if is_judged else "ok")


def test_a_pause_of_this_process_is_measured(monkeypatch):
    monkeypatch.setattr(measurements, "NAP_S", 0.02)
    monkeypatch.setattr(measurements, "NAPS_S", 0.02)
    monkeypatch.setattr(measurements, "now_ns", iter([0, 0, 500 * MS, 600 * MS]).__next__)
    assert measurements.wake_delay_ns() == 480 * MS


@pytest.mark.parametrize(("days", "severity"), [(30, "ok"), (3, "warning"), (-1, "warning")])
def test_a_certificate_that_ends_soon_is_found(days, severity):
    finding = host_findings.judge_certificate(days * 86_400)
    assert finding.severity == severity
    assert " -" not in finding.measured


def test_a_node_without_authentication_is_noticed(tmp_path):
    config = Config(node="a", cluster="c", listen="10.0.0.1:1", data_dir=tmp_path, insecure=True)
    assert host_findings.judge_authentication(config).severity == "notice"


def test_findings_are_shown_with_the_worst_first():
    free, certificate = host_findings.judge_space(0), host_findings.judge_certificate(86_400)
    lines = list(paragraphs([certificate, free]))
    assert lines[0] == "error    data_dir space  0 MB are free"
    assert [line[:9] for line in lines[1:3]] == ["    why: ", "    do:  "]
    assert lines[3].startswith("warning  certificate     ends in 1 days")
    assert max(map(len, lines)) <= 100
    assert (worst([certificate, free]), worst([])) == (Severity.ERROR, Severity.OK)
