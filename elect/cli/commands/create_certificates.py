"""`elect certs`: makes an authority for one cluster and certificates for its nodes, for a start.

They are written into one directory: `ca.pem` and `ca.key`, and for each node `ID.pem` and `ID.key`. An existing
authority is used, and no file is overwritten. The machine of a node needs `ca.pem` and the node's own two files.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from elect.cli.argument_types import number
from elect.cli.exit_codes import ExitCode, Failure
from elect.config import rules

if TYPE_CHECKING:
    from elect.cli.certificate_authority import CertificateAuthority

DAYS = number(float, 0.001, 36_500)

SECRET, PUBLIC = 0o600, 0o644


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect certs`."""
    parser.add_argument("nodes", nargs="+", metavar="ID", help="a node's id")
    parser.add_argument("--cluster", required=True, help="its name; the certificates are valid for this cluster alone")
    parser.add_argument("-d", "--directory", default=Path(), type=Path, metavar="DIR", help="default: the current one")
    parser.add_argument("--days", default=365.0, type=DAYS, help="days until the certificates expire (default: 365)")
    parser.add_argument("--authority-days", default=3650.0, type=DAYS, help="those of a new authority (default: 3650)")


def run(arguments: argparse.Namespace) -> int:
    """Make the files, and print their names and the setting that uses them."""
    directory = Path(rules.expand_home("directory", arguments.directory))
    nodes: list[str] = list(dict.fromkeys(arguments.nodes))
    rules.check_id("cluster", arguments.cluster)
    for node in nodes:
        rules.check_id("node", node)
    _check_absent([directory / f"{node}{suffix}" for node in nodes for suffix in (".pem", ".key")])
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(directory, arguments.cluster, arguments.authority_days)
    for node in nodes:
        issued = authority.issue(node, arguments.cluster, arguments.days)
        _write(directory / f"{node}.key", issued.key, SECRET)
        _write(directory / f"{node}.pem", issued.certificate, PUBLIC)
    print(f"settings of node {nodes[0]}, with {nodes[0]}.pem, {nodes[0]}.key and ca.pem beside its file:\n")
    print(f'[security]\ntls = {{ certificate = "{nodes[0]}.pem", key = "{nodes[0]}.key", ca = "ca.pem" }}')
    return ExitCode.OK


def _authority(directory: Path, cluster: str, days: float) -> "CertificateAuthority":
    """Return the authority in the directory, or a new one."""
    try:
        from elect.cli.certificate_authority import CertificateAndKey, CertificateAuthority  # noqa: PLC0415 - an extra
    except ImportError:
        raise Failure("certs needs the package cryptography: pip install 'elect[certs]'") from None
    certificate, key = directory / "ca.pem", directory / "ca.key"
    if certificate.exists() or key.exists():
        try:
            return CertificateAuthority(CertificateAndKey(certificate=certificate.read_bytes(), key=key.read_bytes()))
        except ValueError as error:
            raise Failure(f"{certificate}, {key}: not an authority's certificate and key: {error}") from None
    authority = CertificateAuthority.create(cluster, days)
    _write(key, authority.own.key, SECRET)
    _write(certificate, authority.own.certificate, PUBLIC)
    return authority


def _check_absent(paths: list[Path]) -> None:
    """Check all names before the first file is written."""
    for path in paths:
        if path.stem == "ca":
            raise Failure("the id ca is reserved for the authority's files")
        if path.exists():
            raise Failure(f"{path} exists and is not overwritten; move it away first")


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    print(path)
