"""`elect run`: a node in the foreground."""

import argparse
import logging
import sys
from contextlib import nullcontext
from dataclasses import replace

from elect import Config, Node
from elect.cli.exit_codes import ExitCode, Failure
from elect.cli.json_events import JsonEvents
from elect.cli.signals import StopSignals, lifecycle
from elect.clock import now_ns

LEVELS = ("debug", "info", "warning", "error")
STOP_MARGIN_S = 2.0
"""On top of the grace that the application has, for threads to end."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="the node's configuration, TOML")
    parser.add_argument("--events", action="store_true", help="print each event as a line of JSON on stdout")
    parser.add_argument(
        "--election", action="append", metavar="E", help="stand in this election; may be repeated (default: default)"
    )
    parser.add_argument(
        "--new-peers",
        action="store_true",
        help="let [peers] differ from the list that the data directory was used with; only after every node of the"
        " former list was stopped",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="on stderr (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal; then resign, then stop."""
    config = replace(Config.load(arguments.config), replace_peers=arguments.new_peers)
    logging.basicConfig(  # noqa: TID251 - the command is the application
        level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    node = Node(config)
    lines = JsonEvents(config.node, sys.stdout) if arguments.events else None
    if lines is not None:
        node.observe(lines.take)
    with lifecycle(sys.stdout.fileno() if lines is not None else None) as end:
        with lines.first("started") if lines is not None else nullcontext():
            node.start()
        try:
            for name in arguments.election or ["default"]:
                node.election(name)
            return _await_end(node, end)
        finally:
            _tell(lines, "stopping")
            node.stop(timeout=config.grace_ns / 1e9 + STOP_MARGIN_S)
            _tell(lines, "stopped")


def _await_end(node: Node, end: StopSignals) -> ExitCode:
    while node.is_alive:
        match end.wait():
            case "signal":
                return ExitCode.OK
            case "reader":
                return ExitCode.BROKEN_PIPE
    raise Failure("the node died; its log says why")


def _tell(lines: JsonEvents | None, name: str) -> None:
    if lines is not None:
        lines.write(name, now_ns())
