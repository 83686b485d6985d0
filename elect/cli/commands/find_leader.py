"""`elect leader`: prints the leader of a cluster, as a program outside of it finds it."""

import argparse
import sys
from collections.abc import Iterator

from elect import Client
from elect.cli.argument_types import number
from elect.cli.calling.client_arguments import add_client, make_client
from elect.cli.calling.leader_variables import FORMATS, VARIABLES_HELP, as_text
from elect.cli.exit_codes import CLIENT_EXIT_CODES, ExitCode, Failure, unavailable
from elect.cli.signals import stop_signals
from elect.errors import LeaderUnavailable, ThreadError
from elect.leader import Leader
from wire.common.reported_thread import ReportedThread

WAIT_S = 10.0
WAIT_S_MAX = 86_400.0
WAIT = number(float, 0.0, WAIT_S_MAX)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect leader`."""
    add_client(parser)
    text = f"wait for a leader that is ready, 0 to {WAIT_S_MAX:g} (default: {WAIT_S:g})"
    parser.add_argument("--wait", type=WAIT, default=WAIT_S, metavar="S", help=text)
    text = "print one line for each change, `none` too, until a signal or the reader ends it"
    parser.add_argument("--watch", action="store_true", help=text)
    parser.add_argument("--format", choices=FORMATS, default="address", help="default: address; env: for `eval`")
    parser.epilog = VARIABLES_HELP + "\n" + CLIENT_EXIT_CODES + (parser.epilog or "")


def run(arguments: argparse.Namespace) -> int:
    """Print the leader, or each one."""
    with make_client(arguments) as client:
        try:
            changes = client.watch(arguments.election)  # checks its name, too
        except ValueError as error:
            raise Failure(str(error), ExitCode.USAGE) from None
        if arguments.watch:
            return _watch(client, arguments, changes)
        try:
            leader = client.leader(arguments.election, arguments.wait)
        except LeaderUnavailable as error:
            raise unavailable(error) from None
        print(_text(leader, arguments))
        return ExitCode.OK


def _text(leader: Leader | None, arguments: argparse.Namespace) -> str:
    return as_text(leader, arguments.format, arguments.election, is_one_line=arguments.watch)


def _watch(client: Client, arguments: argparse.Namespace, changes: Iterator[Leader | None]) -> int:
    """Print the changes until a signal comes, the reader goes, or all nodes refuse this client."""
    watcher = _Watcher(client, arguments, changes)
    thread = ReportedThread(watcher.run, name="elect-watch")
    with stop_signals(sys.stdout.fileno()) as end:
        try:
            thread.start()
        except RuntimeError as error:
            raise ThreadError("elect-watch", str(error)) from None
        while thread.is_alive():
            match end.wait():
                case "signal":
                    return ExitCode.OK
                case "reader":
                    return ExitCode.BROKEN_PIPE
    if watcher.failure is not None:
        raise watcher.failure
    return ExitCode.BROKEN_PIPE


class _Watcher:
    """Prints the changes, on a thread of its own: a slow reader holds up nothing else, and misses leaders between.

    Args:
        client: a client.
        arguments: of the command.
        changes: the leaders.
    """

    def __init__(self, client: Client, arguments: argparse.Namespace, changes: Iterator[Leader | None]) -> None:
        self._client = client
        self._arguments = arguments
        self._changes = changes
        self.failure: Exception | None = None

    def run(self) -> None:
        """Print until the client is closed, or the reader has gone."""
        try:
            self._await_first()
            # A stream of its own: the main thread flushes the other one, and must not wait for this one.
            with open(sys.stdout.fileno(), "w", buffering=1, encoding="utf-8", closefd=False) as stream:
                for leader in self._changes:
                    stream.write(_text(leader, self._arguments) + "\n")
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001 - the main thread reports it
            self.failure = error

    def _await_first(self) -> None:
        """Wait for a leader, so that the first line is seldom `none`."""
        try:
            self._client.leader(self._arguments.election, self._arguments.wait)
        except LeaderUnavailable as error:
            if not error.is_retryable:
                raise unavailable(error) from None
