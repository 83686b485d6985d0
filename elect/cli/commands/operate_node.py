"""`elect resign`, `transfer`, `pause`, `resume`: an operator's levers, over HTTP."""

import argparse
from collections.abc import Mapping
from http import HTTPStatus

from elect.cli import http_client
from elect.cli.exit_codes import Failure
from wire.protocol.address import Address

TIMEOUT_S = 10.0
MARGIN_S = 2.0
"""The node answers first that it took too long; then this end need not guess."""

TOKEN_HELP = f"""The node takes this from its own machine; from elsewhere the operator's token is needed,
in the environment: {http_client.TOKEN_VARIABLE}.

"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments, which depend on the command."""
    command = parser.prog.split()[-1]
    parser.epilog = TOKEN_HELP + (parser.epilog or "")
    parser.add_argument(
        "address", type=http_client.address, metavar="ADDRESS", help="the node's HTTP address, host:port"
    )
    if command in ("pause", "resume"):
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
    print(_sentence(command, ask(arguments.address, command, fields)))
    return 0


def ask(address: Address, command: str, fields: dict[str, object]) -> Mapping[str, object]:
    """Have a running node do something, and return what it says of it.

    Raises:
        Failure: it does not answer, or refuses.
    """
    answer = http_client.ask(address, "POST", f"/{command}", fields, timeout=TIMEOUT_S + MARGIN_S)
    if answer.status != HTTPStatus.OK:
        raise Failure(f"{address}: {answer.content.get('error', 'it refused')}")
    return answer.content


def _sentence(command: str, said: Mapping[str, object]) -> str:
    match command:
        case "pause":
            return f"{said['node']} takes no part as a candidate until resumed"
        case "resume":
            return f"{said['node']} takes part again"
        case _:
            successor = f"; {said['to']} is asked to lead" if said.get("to") else ""
            return f"{said['node']} resigned from {said['election']!r}, term {said['resigned']}{successor}"
