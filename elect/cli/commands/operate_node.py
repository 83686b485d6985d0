"""`elect resign`, `transfer`, `pause`, `resume`: an operator's commands for one node, over HTTP."""

import argparse
from collections.abc import Mapping
from http import HTTPStatus

from elect.cli import http_client
from elect.cli.argument_types import address, election, node_id
from elect.cli.exit_codes import Failure
from elect.core.state.node_state import DEFAULT_ELECTION

TIMEOUT_S = 10.0
MARGIN_S = 2.0
"""Added to the wait for the answer, so that the node reports a timeout first."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments, which depend on the command."""
    command = parser.prog.split()[-1]
    parser.epilog = http_client.TOKEN_HELP + (parser.epilog or "")
    parser.add_argument(
        "address", type=address, metavar="ADDRESS", help="the HTTP address of a running node, host:port"
    )
    if command == "transfer":
        parser.add_argument("to", type=node_id, metavar="NODE", help="the next leader")
    elif command == "resign":
        text = "the next leader (default: the node with the best rank)"
        parser.add_argument("--to", type=node_id, metavar="NODE", help=text)
    if command in ("resign", "transfer"):
        text = "its name (default: %(default)s)"
        parser.add_argument("--election", type=election, default=DEFAULT_ELECTION, metavar="E", help=text)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and print its result."""
    command: str = arguments.command
    fields: dict[str, object] = {}
    if command in ("resign", "transfer"):
        fields = {"election": arguments.election, "timeout": TIMEOUT_S, "to": arguments.to}
    answer = http_client.ask(arguments.address, "POST", f"/{command}", fields, timeout=TIMEOUT_S + MARGIN_S)
    if answer.status != HTTPStatus.OK:
        raise Failure(f"{arguments.address}: {answer.content.get('error', 'refused')}")
    print(_sentence(command, answer.content))
    return 0


def _sentence(command: str, answer: Mapping[str, object]) -> str:
    node = answer["node"]
    match command:
        case "pause":
            return f"{node} is no candidate until resumed"
        case "resume":
            return f"{node} is a candidate again"
        case _:
            successor = f"; {answer['to']} is asked to lead" if answer.get("to") else ""
            return f"{node} resigned from {answer['election']!r}, term {answer['resigned']}{successor}"
