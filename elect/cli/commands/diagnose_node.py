"""`elect doctor`: measures a node's machine and its links, and prints findings with their remedies."""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

from elect.cli.argument_types import add_config
from elect.cli.diagnosing import host_findings, measurements
from elect.cli.diagnosing.finding import Finding, Severity, good, paragraphs, worst
from elect.cli.diagnosing.peer_facts import ClusterFacts, gather
from elect.cli.diagnosing.peer_findings import judge_cluster
from elect.cli.exit_codes import DOCTOR_EXIT_CODES, ExitCode
from elect.config.config import Config
from elect.errors import ConfigError
from elect.runtime.node_credentials import load_security
from elect.sites.source_settings import check_source_files
from wire.common.descriptors import descriptors_max
from wire.security.security import Security

CODES = {
    Severity.OK: ExitCode.OK,
    Severity.NOTICE: ExitCode.OK,
    Severity.WARNING: ExitCode.WARNED,
    Severity.ERROR: ExitCode.FAILED,
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect doctor`."""
    add_config(parser)
    parser.description = """\
Measure the machine of a node, and its links, and print what is wrong: the severity, the
measurement, why it matters, and what to do. Run it on the machine of the node and as its
user. A running node is asked over [http] listen; in the place of a stopped one the doctor
listens for some seconds. It changes nothing, and takes up to 15 seconds."""
    parser.epilog = DOCTOR_EXIT_CODES
    parser.add_argument("--all", action="store_true", help="print what is good, too")
    parser.add_argument("--json", action="store_true", help="print all findings as one line of JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; return the exit code of the worst one."""
    config = Config.load(arguments.config)
    findings = list(_findings(config))
    severity = worst(findings)
    if arguments.json:
        content = {"node": config.node, "cluster": config.cluster, "severity": severity}
        print(json.dumps({**content, "findings": [each.to_dict() for each in findings]}))
        return CODES[severity]
    shown = [each for each in findings if arguments.all or each.severity is not Severity.OK]
    print(*paragraphs(shown) if shown else ["no findings"], sep="\n")
    return CODES[severity]


def _findings(config: Config) -> Iterator[Finding]:
    security = load_security(config)
    facts = gather(config, security)
    yield host_findings.judge_clock(measurements.clock_source(), measurements.clock_reading_ns())
    yield from _data_findings(config)
    limit = facts.descriptors_max(own=descriptors_max())
    yield host_findings.judge_descriptors(limit, config, len(facts.peers), is_running=facts.status is not None)
    yield judge_pauses(config, facts)
    yield host_findings.judge_authentication(config)
    yield from _certificate_findings(security)
    if facts.status is None:  # a running node says so itself
        yield from _source_findings(config)
    yield from judge_cluster(config, facts)


def _source_findings(config: Config) -> Iterator[Finding]:
    try:
        check_source_files(config)
    except ConfigError as error:
        yield Finding(
            severity=Severity.WARNING,
            subject="this node",
            measured=str(error),
            why="it will follow no source, and cannot seal it",
            remedy="mend the file, or remove [mirror] once this cluster is promoted",
        )


def _data_findings(config: Config) -> Iterator[Finding]:
    try:
        directory = measurements.existing(Path(config.data_dir).absolute())
        yield host_findings.judge_mount(measurements.mount_of(directory.resolve()))
        yield host_findings.judge_space(measurements.free_bytes(directory))
        yield host_findings.judge_writes(measurements.write_times(directory), config)
    except OSError as error:
        yield host_findings.unwritable(error)


def judge_pauses(config: Config, facts: ClusterFacts) -> Finding:
    """Judge `support_duration`, unless this node leads nothing any more."""
    if facts.is_over:
        return good("support_duration", "this node leads nothing any more, so no pause ends a leadership")
    return host_findings.judge_pauses(
        config,
        wake_ns=measurements.wake_delay_ns(),
        lag_ns=facts.lag_ns,
        round_trip_ns=max((each.round_trip_ns for each in facts.peers.values()), default=0),
    )


def _certificate_findings(security: Security) -> Iterator[Finding]:
    tls = security.credentials.tls
    if tls is not None:
        yield host_findings.judge_certificate(min(tls.ends.values()) - time.time())  # noqa: TID251 - they are dated by it
