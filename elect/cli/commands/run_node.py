"""`elect run`: runs a node in the foreground."""

import argparse
import logging
import sys
from dataclasses import replace

from elect import Config, Node
from elect.cli.argument_types import add_config
from elect.cli.exit_codes import ExitCode, Failure
from elect.cli.json_events import JsonEvents
from elect.cli.signals import StopSignals, stop_signals
from elect.clock import now_ns
from elect.core.state.node_state import DEFAULT_ELECTION

LEVELS = ("debug", "info", "warning", "error")
SWITCH_INTERVAL_S = 0.0005
"""The time after which a thread that computes lets another one of this process run, at most: a heartbeat waits for a
few such turns. Python's default, 5 ms, is chosen for throughput."""

STOP_MARGIN_S = 2.0
"""Added to the grace of the application, for threads to end."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect run`."""
    add_config(parser)
    parser.add_argument("--events", action="store_true", help="print each event as one line of JSON on stdout")
    election = "be a candidate in this election; repeatable (default: default)"
    parser.add_argument("--election", action="append", metavar="E", help=election)
    new_peers = "accept another list of [peers] than before; only after every node of the former list has stopped"
    parser.add_argument("--new-peers", action="store_true", help=new_peers)
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="of the log, on stderr (default: info)")


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal, then resign and stop."""
    config = replace(Config.load(arguments.config), replace_peers=arguments.new_peers)
    logging.basicConfig(  # noqa: TID251 - the command is the application
        level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    node = Node(config)
    events = JsonEvents(config.node, sys.stdout if arguments.events else None)
    if arguments.events:
        node.observe(events.write_event)
    with stop_signals(sys.stdout.fileno() if arguments.events else None) as end:
        with events.write_first("started"):
            node.start()
        try:
            for name in arguments.election or [DEFAULT_ELECTION]:
                node.election(name)
            return _await_end(node, end)
        finally:
            events.write("stopping", now_ns())
            node.stop(timeout=config.grace_ns / 1e9 + STOP_MARGIN_S)
            events.write("stopped", now_ns())


def _await_end(node: Node, end: StopSignals) -> ExitCode:
    while node.is_alive:
        match end.wait():
            case "signal":
                return ExitCode.OK
            case "reader":
                return ExitCode.BROKEN_PIPE
    raise Failure("the node has failed; see its log")
