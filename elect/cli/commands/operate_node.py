"""`elect resign`, `transfer`, `pause`, `resume`, `forget`: an operator's commands for one node.

They go over HTTP to a running node. `forget` also changes the data directory of a stopped one.
"""

import argparse
from collections.abc import Mapping
from http import HTTPStatus

from elect.cli import http_client
from elect.cli.argument_types import address
from elect.cli.exit_codes import Failure
from elect.config.config import Config
from elect.core.ready import Meeting
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.monitoring import audit
from elect.storage.sqlite import SqliteStore

TIMEOUT_S = 10.0
MARGIN_S = 2.0
"""Added to the wait for the answer, so that the node reports a timeout first."""

TOKEN_HELP = f"""A node accepts this command from its own machine. From another machine it needs the operator token,
in the environment variable {http_client.TOKEN_VARIABLE}.

"""

FORGET_HELP = """Run this for every other node, and only when no node that the voter voted for leads any longer:
the voter may vote a second time in a term. Starting it under a new id is always safe.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments, which depend on the command."""
    command = parser.prog.split()[-1]
    parser.epilog = TOKEN_HELP + (parser.epilog or "")
    if command == "forget":
        parser.description = f"{parser.description}\n\n{FORGET_HELP}"
        parser.add_argument("voter", metavar="ID", help="the voter that has lost its votes")
        node = parser.add_mutually_exclusive_group(required=True)
        _add_address(node, nargs="?")
        node.add_argument("-c", "--config", metavar="FILE", help="the configuration file of a stopped node")
        return
    _add_address(parser)
    if command == "transfer":
        parser.add_argument("to", metavar="NODE", help="the next leader")
    elif command == "resign":
        parser.add_argument("--to", metavar="NODE", help="the next leader (default: the node with the best rank)")
    if command in ("resign", "transfer"):
        parser.add_argument("--election", default=DEFAULT_ELECTION, metavar="E", help="its name (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Run the command and print its result."""
    command: str = arguments.command
    if command == "forget" and arguments.config is not None:
        print(_sentence(command, _forget(Config.load(arguments.config), arguments.voter)))
        return 0
    fields: dict[str, object] = {}
    if command == "forget":
        fields = {"voter": arguments.voter}
    elif command in ("resign", "transfer"):
        fields = {"election": arguments.election, "timeout": TIMEOUT_S, "to": arguments.to}
    answer = http_client.ask(arguments.address, "POST", f"/{command}", fields, timeout=TIMEOUT_S + MARGIN_S)
    if answer.status != HTTPStatus.OK:
        raise Failure(f"{arguments.address}: {answer.content.get('error', 'refused')}")
    print(_sentence(command, answer.content))
    return 0


def _add_address(parser: argparse._ActionsContainer, nargs: str | None = None) -> None:
    text = "the HTTP address of a running node, host:port"
    parser.add_argument("address", nargs=nargs, type=address, metavar="ADDRESS", help=text)


def _forget(config: Config, voter: str) -> Mapping[str, object]:
    if voter not in config.peers:
        raise Failure(f"{voter!r} is not another voter of {config.node}; use one of {', '.join(sorted(config.peers))}")
    store = SqliteStore(config.data_dir)
    opened = store.open(
        cluster=config.cluster, node_id=config.node, promise_ns=config.support_duration_ns, voters=config.voters
    )
    met = opened.meetings.get(voter, Meeting())
    try:
        store.write({}, None, {voter: Meeting(is_acknowledged=met.is_acknowledged)})
    finally:
        store.close()
    audit.record(config.data_dir, f"node {config.node} forgot the store of voter {voter}")
    return {"node": config.node, "forgot": voter}


def _sentence(command: str, answer: Mapping[str, object]) -> str:
    node = answer["node"]
    match command:
        case "forget":
            return f"{node} accepts voter {answer['forgot']} with its next data directory"
        case "pause":
            return f"{node} is no candidate until resumed"
        case "resume":
            return f"{node} is a candidate again"
        case _:
            successor = f"; {answer['to']} is asked to lead" if answer.get("to") else ""
            return f"{node} resigned from {answer['election']!r}, term {answer['resigned']}{successor}"
