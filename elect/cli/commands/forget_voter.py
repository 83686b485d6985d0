"""`elect forget`: take a voter back that has lost its votes, at a running node or in the store of a stopped one."""

import argparse

from elect.cli import http_client
from elect.cli.commands import operate_node
from elect.cli.exit_codes import ExitCode, Failure
from elect.config.config import Config
from elect.core.ready import Meeting
from elect.monitoring import audit
from elect.storage.sqlite import SqliteStore


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        f"{parser.description} Do so on every other node, and only when nothing that the voter voted for leads any"
        " more: it may vote a second time in a term. To start it under a new id is always safe."
    )
    parser.epilog = operate_node.TOKEN_HELP + (parser.epilog or "")
    parser.add_argument("voter", metavar="ID", help="the voter that has lost its votes")
    node = parser.add_mutually_exclusive_group(required=True)
    node.add_argument(
        "address", nargs="?", type=http_client.address, metavar="ADDRESS", help="a running node's HTTP address"
    )
    node.add_argument("-c", "--config", metavar="FILE", help="the configuration of a node that does not run")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Have the node forget, and say what it did."""
    if arguments.config is None:
        content = operate_node.ask(arguments.address, "forget", {"voter": arguments.voter})
        node, voter = content["node"], content["forgot"]
    else:
        config = Config.load(arguments.config)
        node, voter = config.node, arguments.voter
        _forget(config, voter)
    print(f"{node} takes voter {voter} under whatever store it has next")
    return ExitCode.OK


def _forget(config: Config, voter: str) -> None:
    if voter not in config.peers:
        raise Failure(f"{voter!r} is not another voter of {config.node}; {', '.join(sorted(config.peers))} are")
    store = SqliteStore(config.data_dir)
    store.open(cluster=config.cluster, node_id=config.node, promise_ns=config.support_duration_ns, voters=config.voters)
    try:
        store.write({}, None, {voter: Meeting()})
    finally:
        store.close()
    audit.record(config.data_dir, f"node {config.node} forgot the store of voter {voter}")
