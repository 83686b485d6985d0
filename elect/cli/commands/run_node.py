"""`elect run`: runs a node in the foreground."""

import argparse
import logging
import sys

from elect import Node
from elect.cli.argument_types import add_config, election, load_config
from elect.cli.exit_codes import JOIN_EXIT_CODES, ExitCode, failure_of
from elect.cli.json_events import JsonEvents
from elect.cli.log_format import JsonFormatter
from elect.cli.signals import CHECK_INTERVAL_MS, StopSignals, stop_signals
from elect.clock import now_ns
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.runtime.service_manager import Watchdog, notify, notify_lifecycle

LEVELS = ("debug", "info", "warning", "error")
LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"

SWITCH_INTERVAL_S = 0.0005
"""The time after which a thread that computes lets another one of this process run, at most: a heartbeat waits for a
few such turns. Python's default, 5 ms, is chosen for throughput."""

STOP_MARGIN_S = 2.0
"""Added to the grace of the application, for threads to end."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect run`."""
    add_config(parser, is_required=False)
    parser.epilog = JOIN_EXIT_CODES + (parser.epilog or "")
    parser.add_argument("--events", action="store_true", help="print each event as one line of JSON on stdout")
    text = "be a candidate in this election; repeatable (default: default)"
    parser.add_argument("--election", type=election, action="append", metavar="E", help=text)
    add_log_level(parser)


def add_log_level(parser: argparse.ArgumentParser) -> None:
    """Declare the option for the log of a node."""
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="of the log, on stderr (default: info)")
    format_help = "of the log: lines of text, or of JSON with the fields of --events (default: text)"
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help=format_help)


def prepare(node_id: str, log_level: str, log_format: str) -> None:
    """Prepare this process for a node."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(node_id) if log_format == "json" else logging.Formatter(LINE))
    logging.basicConfig(level=log_level.upper(), handlers=[handler])  # noqa: TID251 - the command is the application
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal, then resign and stop."""
    config = load_config(arguments.config)
    prepare(config.node, arguments.log_level, arguments.log_format)
    node = Node(config)
    events = JsonEvents(config.node, sys.stdout if arguments.events else None)
    if arguments.events:
        node.observe(events.write_event)
        node.watch_lifecycle(events.note_lifecycle)
        events.note_lifecycle(node.lifecycle)
    node.watch_lifecycle(notify_lifecycle)
    with stop_signals(sys.stdout.fileno() if arguments.events else None) as end:
        with events.write_first("started"):
            node.start()
        try:
            for name in arguments.election or [DEFAULT_ELECTION]:
                node.election(name)
            return _await_end(node, end, events)
        finally:
            events.write("stopping", now_ns())
            notify(is_stopping=True)
            node.stop(timeout=config.grace_ns / 1e9 + STOP_MARGIN_S)
            events.write("stopped", now_ns())


def _await_end(node: Node, end: StopSignals, events: JsonEvents) -> ExitCode:
    watchdog = Watchdog(node.visit)
    while node.is_alive:
        watchdog.review()
        events.write_phases()
        match end.wait(watchdog.wait_ms(CHECK_INTERVAL_MS)):
            case "signal":
                return ExitCode.OK
            case "reader":
                return ExitCode.BROKEN_PIPE
    raise failure_of(node.failure)
