"""`elect status`: prints the state of each node, as the node reports it."""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from elect.cli import http_client
from elect.cli.argument_types import address, election
from elect.cli.exit_codes import ExitCode, Failure, complain
from elect.cli.parallel import each
from elect.cli.status_table import StatusRow, election_names, election_rows, table
from elect.cli.terminal import Colors, LiveDisplay, is_live
from wire.protocol.address import Address

WATCH_INTERVAL_S = 1.0

View = Mapping[str, object] | Failure
"""The status of a node, or the reason why there is none."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect status`."""
    help_address = "the HTTP address of a node, host:port"
    parser.add_argument("addresses", nargs="+", type=address, metavar="ADDRESS", help=help_address)
    text = "show this one only; repeatable"
    parser.add_argument("--election", type=election, action="append", default=[], metavar="E", help=text)
    parser.add_argument("--watch", action="store_true", help="repeat every second until interrupted")
    parser.add_argument("--json", action="store_true", help="print the whole status of all nodes as one line of JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the status of all nodes; return 1 if one did not answer, or none of them knows an election."""
    colors = Colors.of(sys.stdout)
    with ExitStack() as stack:
        is_drawn = arguments.watch and not arguments.json and is_live(sys.stdout)
        display = stack.enter_context(LiveDisplay()) if is_drawn else None
        while True:
            views = _ask_all(arguments.addresses)
            width = None if display is None else display.width
            rows = [] if arguments.json else _rows(views, arguments.election)
            lines = [_json(views)] if arguments.json else list(table(rows, colors, width))
            if display is not None:
                display.draw(lines)
            else:
                print(*lines, sep="\n", flush=True)
            if not arguments.watch:
                return _code(views, arguments.election)
            time.sleep(WATCH_INTERVAL_S)


def _ask_all(addresses: Sequence[Address]) -> dict[str, View]:
    return dict(zip(map(str, addresses), each(_ask, addresses), strict=True))


def _ask(node: Address) -> View:
    try:
        return http_client.ask(node, "GET", "/status").content
    except Failure as failure:
        return failure


def _code(views: Mapping[str, View], names: Sequence[str]) -> int:
    answers = [view for view in views.values() if not isinstance(view, Failure)]
    if len(answers) < len(views):
        return ExitCode.FAILED
    if unknown := sorted(set(names).difference(*map(election_names, answers))):
        return complain(f"no asked node knows election {', '.join(map(repr, unknown))}", ExitCode.FAILED)
    return ExitCode.OK


def _json(views: Mapping[str, View]) -> str:
    return json.dumps(
        {node: {"error": str(view)} if isinstance(view, Failure) else view for node, view in views.items()}
    )


def _rows(views: Mapping[str, View], names: Sequence[str]) -> list[StatusRow]:
    shown: list[StatusRow] = []
    for node, view in views.items():
        shown += (
            [StatusRow(node, note=str(view).removeprefix(f"{node} "))]
            if isinstance(view, Failure)
            else election_rows(view, names)
        )
    return shown
