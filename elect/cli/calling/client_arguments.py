"""The arguments of the commands that are clients of a cluster, and the Client that is made of them."""

import argparse
import os
from collections.abc import Mapping

from elect import Client, Config
from elect.cli.exit_codes import ExitCode, Failure
from elect.client.endpoints import endpoints_of

CLUSTER_VARIABLE = "ELECT_CLUSTER"
TLS_FILES = ("certificate", "key", "ca")


def add_client(parser: argparse.ArgumentParser) -> None:
    """Declare the addresses, the cluster, the election and the security."""
    text = "the address of a node, host:port or unix:/path; several are asked at the same time"
    parser.add_argument("addresses", nargs="*", metavar="ADDRESS", help=text)
    text = f"the name of the cluster (default: that of -c FILE, or ${CLUSTER_VARIABLE})"
    parser.add_argument("--cluster", metavar="NAME", help=text)
    parser.add_argument("--election", default="default", metavar="E", help="its name (default: default)")
    text = "the configuration file of a node: use its cluster, addresses and security, unless options replace them"
    parser.add_argument("-c", "--config", metavar="FILE", help=text)
    parser.add_argument("--key-file", metavar="FILE", help="the shared key of the cluster")
    for name in TLS_FILES:
        whose = "of the authority of the cluster" if name == "ca" else "of this client"
        parser.add_argument(f"--tls-{name}", metavar="FILE", help=f"the {_LONG[name]} {whose}, PEM")
    text = "the certificate must name client/NAME (default: client); see `elect certs --client`"
    parser.add_argument("--name", default="client", metavar="NAME", help=text)
    text = "permit nodes on other machines without authentication"
    parser.add_argument("--insecure", action="store_true", help=text)


def make_client(arguments: argparse.Namespace) -> Client:
    """Return the client, which has connected to nothing yet.

    Raises:
        Failure: an argument is missing, or they cannot be combined.
        ConfigError: a value breaks a rule.
    """
    tls = _tls_files(arguments)
    config = None if arguments.config is None else Config.load(arguments.config)
    cluster: str | None = arguments.cluster or (config and config.cluster) or os.environ.get(CLUSTER_VARIABLE)
    if not cluster:
        raise Failure(f"the cluster is unknown: set --cluster, -c or {CLUSTER_VARIABLE}", ExitCode.USAGE)
    addresses: list[str] = arguments.addresses or ([] if config is None else endpoints_of(config))
    if not addresses:
        raise Failure("no address: name some nodes, or their configuration file with -c", ExitCode.USAGE)
    key_file: str | os.PathLike[str] | None = arguments.key_file
    is_insecure: bool = arguments.insecure
    pins: Mapping[str, str] = {}
    if config is not None:
        if key_file is None and tls is None and not is_insecure:
            key_file, tls, is_insecure = config.key_file, config.tls, config.insecure
        pins = config.pins if tls is not None else {}
    return Client(
        addresses,
        cluster=cluster,
        name=arguments.name,
        key_file=key_file,
        tls=tls,
        pins=pins,
        insecure=is_insecure,
    )


_LONG = {"certificate": "certificate", "key": "private key", "ca": "certificate"}


def _tls_files(arguments: argparse.Namespace) -> Mapping[str, str | os.PathLike[str]] | None:
    given: dict[str, str | None] = {name: getattr(arguments, f"tls_{name}") for name in TLS_FILES}
    files: dict[str, str | os.PathLike[str]] = {name: path for name, path in given.items() if path is not None}
    if files and len(files) < len(TLS_FILES):
        missing = ", ".join(f"--tls-{name}" for name in TLS_FILES if name not in files)
        raise Failure(f"TLS needs three files; add {missing}", ExitCode.USAGE)
    return files or None
