"""`elect certs`: makes an authority for one cluster and certificates for its nodes and clients, for a start.

They are written into one directory: `ca.pem` and `ca.key`, for each node `ID.pem` and `ID.key`, and for each client
`client-NAME.pem` and `client-NAME.key`. An existing authority is used, and no file is overwritten. The machine of a
node or client needs `ca.pem` and its own two files. All processes of a client may have the same ones.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from elect.cli.argument_types import number
from elect.cli.exit_codes import ExitCode, Failure
from elect.config import rules
from elect.observing.mirror_messages import MIRROR_KIND
from elect.observing.observer_messages import CLIENT_KIND
from elect.observing.observer_settings import check_observer_name

if TYPE_CHECKING:
    from elect.cli.certificate_authority import CertificateAuthority

DAYS = number(float, 0.001, 36_500)

SECRET, PUBLIC = 0o600, 0o644

KINDS = (CLIENT_KIND, MIRROR_KIND)
"""The kinds of ends that are no nodes. Each begins the names of its files, with a hyphen."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect certs`."""
    parser.add_argument("nodes", nargs="*", metavar="ID", help="a node's id")
    text = "the name of a program that looks for the leader from outside; repeatable. It can be no node"
    parser.add_argument("--client", action="append", default=[], dest="clients", metavar="NAME", help=text)
    text = "the name of a mirror at another site; repeatable. It can be no node"
    parser.add_argument("--mirror", action="append", default=[], dest="mirrors", metavar="NAME", help=text)
    parser.add_argument("--cluster", required=True, help="its name; the certificates are valid for this cluster alone")
    parser.add_argument("-d", "--directory", default=Path(), type=Path, metavar="DIR", help="default: the current one")
    parser.add_argument("--days", default=365.0, type=DAYS, help="days until the certificates expire (default: 365)")
    parser.add_argument("--authority-days", default=3650.0, type=DAYS, help="those of a new authority (default: 3650)")


def run(arguments: argparse.Namespace) -> int:
    """Make the files, and print their names and the setting that uses them."""
    directory = Path(rules.expand_home("directory", arguments.directory))
    nodes: list[str] = list(dict.fromkeys(arguments.nodes))
    names: dict[str, list[str]] = {CLIENT_KIND: arguments.clients, MIRROR_KIND: arguments.mirrors}
    observers = list(dict.fromkeys((kind, name) for kind in KINDS for name in names[kind]))
    if not nodes and not observers:
        raise Failure("nobody to make a certificate for; name nodes, or use --client or --mirror", ExitCode.USAGE)
    rules.check_id("cluster", arguments.cluster)
    for node in nodes:
        rules.check_id("node", node)
    for _, name in observers:
        check_observer_name(name)
    ids = {node: node for node in nodes} | {f"{kind}-{name}": f"{kind}/{name}" for kind, name in observers}
    if len(ids) < len(nodes) + len(observers):
        raise Failure("a node, client or mirror would have the same files as another; call this twice, with two -d")
    _check_absent([directory / f"{stem}{suffix}" for stem in ids for suffix in (".pem", ".key")])
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(directory, arguments.cluster, arguments.authority_days)
    for stem, certified in ids.items():
        issued = authority.issue(certified, arguments.cluster, arguments.days)
        _write(directory / f"{stem}.key", issued.key, SECRET)
        _write(directory / f"{stem}.pem", issued.certificate, PUBLIC)
    print("\n\n".join(_uses(nodes, observers, arguments.cluster)))
    return ExitCode.OK


def _uses(nodes: Sequence[str], observers: Sequence[tuple[str, str]], cluster: str) -> Iterator[str]:
    """Yield the settings that use the files of the first node, the first client and the first mirror."""
    for node in nodes[:1]:
        files = f'certificate = "{node}.pem", key = "{node}.key", ca = "ca.pem"'
        yield f"settings of node {node}, with {node}.pem, {node}.key and ca.pem beside its file:"
        yield f"[security]\ntls = {{ {files} }}"
    for kind, name in dict(observers[::-1]).items():
        stem = f"{kind}-{name}"
        files = f'{{"certificate": "{stem}.pem", "key": "{stem}.key", "ca": "ca.pem"}}'
        yield f"a program that is {kind} {name}, with these files in its directory:"
        if kind == CLIENT_KIND:
            yield f'Client([…], cluster="{cluster}", name="{name}", tls={files})'
        else:
            yield f'Mirror([…], cluster="{cluster}", data_dir=…, name="{name}", security={{"tls": {files}}})'


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
