"""`elect resign`, `transfer`, `pause`, `resume`, `forget`: an operator's levers, over HTTP."""

import argparse
from http import HTTPStatus

from elect.cli import client
from elect.cli.outcome import Failure

TIMEOUT_S = 10.0
MARGIN_S = 2.0
"""The node answers first that it took too long; then this end need not guess."""

TOKEN_HELP = f"""The node takes this from its own machine; from elsewhere the operator's token is needed,
in the environment: {client.TOKEN_VARIABLE}.

"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments, which depend on the command."""
    command = parser.prog.split()[-1]
    parser.epilog = TOKEN_HELP + (parser.epilog or "")
    if command == "forget":
        parser.description = (
            f"{parser.description} Do so on every other node, and only when nothing that the voter voted for leads any"
            " more: it may vote a second time in a term. To start it under a new id is always safe."
        )
        parser.add_argument("voter", metavar="ID", help="the voter that has lost its votes")
    parser.add_argument("address", type=client.address, metavar="ADDRESS", help="the node's HTTP address, host:port")
    if command in ("pause", "resume", "forget"):
        return
    if command == "transfer":
        parser.add_argument("to", metavar="NODE", help="who should lead")
    else:
        parser.add_argument("--to", metavar="NODE", help="who should lead; default: whoever stands best")
    parser.add_argument("--election", default="default", metavar="E", help="in which (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Pull the lever and say what came of it."""
    command: str = arguments.command
    fields: dict[str, object] = {}
    if command in ("resign", "transfer"):
        fields = {"election": arguments.election, "timeout": TIMEOUT_S, "to": arguments.to}
    if command == "forget":
        fields = {"voter": arguments.voter}
    answer = client.ask(arguments.address, "POST", f"/{command}", fields, timeout=TIMEOUT_S + MARGIN_S)
    if answer.status != HTTPStatus.OK:
        raise Failure(f"{arguments.address}: {answer.content.get('error', 'it refused')}")
    print(_sentence(command, answer.content))
    return 0


def _sentence(command: str, content: object) -> str:
    said = content if isinstance(content, dict) else {}
    match command:
        case "pause":
            return f"{said['node']} takes no part as a candidate until resumed"
        case "forget":
            return f"{said['node']} takes voter {said['forgot']} under whatever store it has next"
        case "resume":
            return f"{said['node']} takes part again"
        case _:
            successor = f"; {said['to']} is asked to lead" if said.get("to") else ""
            return f"{said['node']} resigned from {said['election']!r}, term {said['resigned']}{successor}"
